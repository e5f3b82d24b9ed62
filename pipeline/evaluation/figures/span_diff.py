"""What two evaluations silence differently, stretch by stretch: places and types, never words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.evaluation.figures.span_agreement import ALL, Agreement, agreements
from pipeline.evaluation.scoring.results import FoundSpan
from pipeline.records.intervals import merge_intervals, subtract_intervals
from pipeline.records.model import Interval, Span

_MS: Final = 1_000
"""Places are milliseconds here: as if there were a thousand samples a second."""


@dataclass(frozen=True, slots=True)
class StretchChange:
    """A stretch that only one of the two silences, whatever the type."""

    call: str
    channel: int
    start_ms: int
    end_ms: int
    only: Literal["first", "second"]
    entities: tuple[str, ...]
    """What it was taken for."""


def span_agreement(
    first: Sequence[FoundSpan], second: Sequence[FoundSpan]
) -> tuple[Agreement, ...]:
    """Agreement by type, summed over the calls: ``ALL`` first, then by name."""
    ours, theirs = _by_call(first), _by_call(second)
    sums: dict[str, list[int]] = {}
    for call in sorted(ours.keys() | theirs.keys()):
        pair = [[_span(one) for one in side.get(call, ())] for side in (ours, theirs)]
        for one in agreements(pair[0], pair[1], _MS):
            row = sums.setdefault(one.entity, [0] * 6)
            amounts = (
                one.both_ms, one.only_first_ms, one.only_second_ms,
                one.both, one.only_first, one.only_second,
            )  # fmt: skip
            sums[one.entity] = [a + b for a, b in zip(row, amounts, strict=True)]
    names = sorted(sums, key=lambda name: (name != ALL, name))
    return tuple(Agreement(name, *sums[name]) for name in names)


def changed_stretches(
    first: Sequence[FoundSpan], second: Sequence[FoundSpan]
) -> tuple[StretchChange, ...]:
    """Stretches that only one of the two silences, by call, channel and time."""
    ours, theirs = _by_call(first), _by_call(second)
    found: list[StretchChange] = []
    for call in ours.keys() | theirs.keys():
        one, other = ours.get(call, []), theirs.get(call, [])
        for channel in {span.channel for span in (*one, *other)}:
            found += _left(call, channel, one, other, "first")
            found += _left(call, channel, other, one, "second")
    return tuple(sorted(found, key=lambda each: (each.call, each.channel, each.start_ms)))


def _left(
    call: str,
    channel: int,
    spans: Sequence[FoundSpan],
    others: Sequence[FoundSpan],
    only: Literal["first", "second"],
) -> Iterator[StretchChange]:
    own = [span for span in spans if span.channel == channel]
    theirs = [_place(span) for span in others if span.channel == channel]
    for left in subtract_intervals(map(_place, own), merge_intervals(theirs)):
        names = {span.entity for span in own if _place(span).overlaps(left)}
        yield StretchChange(call, channel, left.start, left.end, only, tuple(sorted(names)))


def _by_call(spans: Iterable[FoundSpan]) -> Mapping[str, list[FoundSpan]]:
    found: defaultdict[str, list[FoundSpan]] = defaultdict(list)
    for span in spans:
        found[span.call].append(span)
    return found


def _place(span: FoundSpan) -> Interval:
    return Interval(span.start_ms, max(span.end_ms, span.start_ms + 1))


def _span(one: FoundSpan) -> Span:
    place = _place(one)
    return Span(one.entity, one.channel, place.start, place.end, one.score, "")
