"""Precision and recall over thresholds on recorded calls, from spans of any score.

Amounts are milliseconds. Spans count as they are found, before padding and muting, so a curve lies
below what is silent in the end; it shows what a threshold changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.evaluation.corpora.call_manifest import TruthCall
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.scoring.leak_scoring import COLLAR_MS
from pipeline.evaluation.scoring.results import STEPS, Point
from pipeline.records.intervals import length, merge_intervals, subtract_intervals
from pipeline.records.model import Interval, Span


@dataclass(frozen=True, slots=True)
class HeardCall:
    """A call's truth, and the spans of any score that were found in it."""

    truth: TruthCall
    spans: tuple[Span, ...]
    rate: int
    """Samples per second."""


def heard_curve(calls: Sequence[HeardCall]) -> tuple[Point, ...]:
    """Precision and recall of each type that the truth has.

    Recall: the type's own words that its spans cover. Precision: of what its spans cover of words
    and harmless speech, the share that is sensitive at all.
    """
    whole: defaultdict[str, int] = defaultdict(int)
    hits: defaultdict[tuple[str, float], int] = defaultdict(int)
    right: defaultdict[tuple[str, float], int] = defaultdict(int)
    wrong: defaultdict[tuple[str, float], int] = defaultdict(int)
    for call in calls:
        for channel, side in enumerate(call.truth.channels):
            words, optional = _words(call.truth, side), _optional(call.truth, side)
            every = merge_intervals(each for own in words.values() for each in own)
            harmless = _harmless(call.truth, side, [*every, *optional])
            for entity, own in words.items():
                whole[entity] += length(own)
            for entity, threshold, spans in _found(call, channel):
                key = (entity, threshold)
                hits[key] += _shared(words.get(entity, ()), spans)
                right[key] += _shared(every, spans)
                wrong[key] += _shared(harmless, spans)
    return tuple(
        Point(
            entity,
            threshold,
            precision=_share(right[entity, threshold], wrong[entity, threshold]),
            recall=hits[entity, threshold] / whole[entity],
        )
        for entity in sorted(whole)
        if whole[entity]
        for threshold in STEPS
    )


def _found(call: HeardCall, channel: int) -> Iterator[tuple[str, float, list[Interval]]]:
    """Stretches of each type at each threshold, in milliseconds."""
    own = [span for span in call.spans if span.channel == channel]
    for entity in sorted({span.entity for span in own}):
        for threshold in STEPS:
            yield (
                entity,
                threshold,
                merge_intervals(
                    _ms(span.start * 1_000 / call.rate, span.end * 1_000 / call.rate)
                    for span in own
                    if span.entity == entity and span.score >= threshold
                ),
            )


def _words(truth: TruthCall, side: str) -> dict[str, list[Interval]]:
    found: defaultdict[str, list[Interval]] = defaultdict(list)
    for entity in truth.entities:
        if entity.channel == side and not entity.optional:
            found[entity_name(entity.type)] += [
                _ms(word.start_ms, word.end_ms) for word in entity.words
            ]
    return {name: merge_intervals(each) for name, each in found.items()}


def _optional(truth: TruthCall, side: str) -> list[Interval]:
    return [
        _ms(word.start_ms, word.end_ms)
        for entity in truth.entities
        if entity.channel == side and entity.optional
        for word in entity.words
    ]


def _harmless(truth: TruthCall, side: str, sensitive: Iterable[Interval]) -> list[Interval]:
    """Harmless speech that is not near an entity."""
    near = [Interval(max(0, each.start - COLLAR_MS), each.end + COLLAR_MS) for each in sensitive]
    return subtract_intervals((_ms(*each) for each in truth.speech.get(side, ())), near)


def _ms(start: float, end: float) -> Interval:
    first = max(0, round(start))
    return Interval(first, max(first, round(end)))


def _shared(places: Sequence[Interval], spans: Sequence[Interval]) -> int:
    return length(places) - length(subtract_intervals(places, spans))


def _share(good: int, bad: int) -> float:
    return good / (good + bad) if good + bad else 1.0
