"""Compares two sets of spans of one call by place, without content: what both have, what one has.

A span of either side counts as found by both where the other side silences any of it under the
same entity type; ``ALL`` is the comparison whatever the type, which is what decides what is heard.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.records.intervals import length, merge_intervals, subtract_intervals
from pipeline.records.model import Action, Interval, Span

ALL: Final = "ALL"
"""The comparison whatever the type."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One entity type of one call."""

    entity: str
    both_ms: int
    only_first_ms: int
    only_second_ms: int
    both: int
    """Stretches of the first that the second silences too, at least in part."""
    only_first: int
    """Stretches of the first that the second leaves."""
    only_second: int

    @property
    def differs(self) -> bool:
        """Whether one side silences anything that the other leaves."""
        return bool(self.only_first_ms or self.only_second_ms)


def agreements(
    first: Iterable[Span], second: Iterable[Span], sample_rate: int
) -> tuple[Agreement, ...]:
    """Compare the spans of a call that mute.

    Args:
        first: of one policy.
        second: of another one.
        sample_rate: Hz.

    Returns:
        ``ALL``, also where nothing was found at all, then the types by name.
    """
    sides = [_muted(first), _muted(second)]
    names = sorted({entity for side in sides for entity, _ in side} - {ALL})
    return tuple(_agreement(entity, sides, sample_rate) for entity in (ALL, *names))


_Places: TypeAlias = Mapping[tuple[str, int], Sequence[Interval]]


def _muted(spans: Iterable[Span]) -> _Places:
    """Merged stretches by entity type and channel."""
    found: defaultdict[tuple[str, int], list[Interval]] = defaultdict(list)
    for span in spans:
        if span.action is Action.MUTE and span.start < span.end:
            for entity in (ALL, span.entity):
                found[entity, span.channel].append(Interval(span.start, span.end))
    return {key: merge_intervals(intervals) for key, intervals in found.items()}


def _agreement(entity: str, sides: Sequence[_Places], rate: int) -> Agreement:
    samples, counts = [0, 0, 0], [0, 0, 0]
    for channel in {channel for side in sides for name, channel in side if name == entity}:
        one, other = (side.get((entity, channel), ()) for side in sides)
        left, right = subtract_intervals(one, other), subtract_intervals(other, one)
        samples[1] += length(left)
        samples[2] += length(right)
        samples[0] += length(one) - length(left)
        shared = _touching(one, other)
        counts[0] += shared
        counts[1] += len(one) - shared
        counts[2] += len(other) - _touching(other, one)
    both, only_first, only_second = (round(count * 1_000 / rate) for count in samples)
    return Agreement(entity, both, only_first, only_second, *counts)


def _touching(one: Sequence[Interval], other: Sequence[Interval]) -> int:
    """How many of one overlap any of the other; both are merged, so in order."""
    starts = [interval.start for interval in other]
    before = ((each, bisect_left(starts, each.end)) for each in one)
    return sum(at > 0 and other[at - 1].end > each.start for each, at in before)
