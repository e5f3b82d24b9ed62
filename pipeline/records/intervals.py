"""Intervals of samples: joined, taken out of one another, and measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pipeline.records.model import Interval


class Stretch(Protocol):
    """Whatever lies at samples ``[start, end)``, such as a word."""

    @property
    def start(self) -> int:
        """The first sample."""
        ...

    @property
    def end(self) -> int:
        """The sample after the last one."""
        ...


def shared(one: Stretch, other: Stretch) -> int:
    """Samples that two stretches share; below 0: how far they lie apart."""
    return min(one.end, other.end) - max(one.start, other.start)


def length(intervals: Iterable[Interval]) -> int:
    """Samples of all intervals together; they do not overlap."""
    return sum(map(len, intervals))


def merge_intervals(intervals: Iterable[Interval], nearer_than: int = 1) -> list[Interval]:
    """Sort and join intervals that touch, overlap, or lie nearer than so many samples."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start - merged[-1].end < nearer_than:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def subtract_intervals(intervals: Iterable[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """What is left of ``intervals`` outside ``holes``, merged and in order."""
    left: list[Interval] = []
    cuts = merge_intervals(holes)
    for interval in merge_intervals(intervals):
        start = interval.start
        for hole in cuts:
            if hole.end <= start or hole.start >= interval.end:
                continue
            if hole.start > start:
                left.append(Interval(start, hole.start))
            start = max(start, hole.end)
        if start < interval.end:
            left.append(Interval(start, interval.end))
    return left


def uncovered(
    intervals: Iterable[Interval], covers: Iterable[Interval], *, at_least: int
) -> list[Interval]:
    """The parts of ``intervals`` outside ``covers`` that are at least so many samples long."""
    left = subtract_intervals(intervals, list(covers))
    return [part for part in left if len(part) >= at_least]
