"""Joins the cuts of one channel into mutes, and says which of them nothing can change any more.

A *cut* is what one span silences. Cuts nearer than the policy's ``merge_ms`` become one mute. A
mute is *settled* once no later cut can join it; a very long one is stated in pieces, so that the
audio before it does not wait for its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipeline.muting.padding import Padding
from pipeline.records.model import Mute, Span

PIECE_S: Final = 30
"""Longest mute that is stated whole: it bounds how much audio waits for a mute's end."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What one span silences on one channel, in call samples."""

    start: int
    end: int
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """A chain of cuts that lie near one another."""

    start: int
    end: int
    cuts: tuple[Cut, ...]


class ChannelMutes:
    """The mutes of one channel of one call, while cuts still come in.

    Args:
        channel: its number.
        padding: of the call's policy.
        sample_rate: Hz.
    """

    def __init__(self, channel: int, padding: Padding, sample_rate: int) -> None:
        self._channel = channel
        self._padding = padding
        self._piece = PIECE_S * sample_rate
        self._cuts: list[Cut] = []
        self._groups: list[Group] = []

    def add(self, cut: Cut) -> None:
        """Add a cut; empty ones are ignored."""
        if cut.start < cut.end:
            self._cuts.append(cut)
            self._regroup()

    def settled(self, start: int, end: int, until: int) -> bool:
        """Whether the samples ``[start, end)`` look the same whatever comes later.

        Args:
            start: first sample.
            end: first sample after them.
            until: no later cut begins before this sample.
        """
        if end + self._padding.ramp > until:
            return False
        return all(
            self._closed(group, until) or end <= self._fixed_until(group, until)
            for group in self._groups
            if group.start < end + self._padding.ramp and group.end + self._padding.merge > start
        )

    def near(self, start: int, end: int) -> list[Mute]:
        """Every mute that touches ``[start, end)`` or whose ramp does, in order."""
        low, high = start - self._padding.ramp, end + self._padding.ramp
        return [
            piece
            for group in self._groups
            if group.start < high and group.end > low
            for piece in self._pieces(group)
            if piece.start < high and piece.end > low
        ]

    def forget(self, before: int) -> None:
        """Drop the groups that cannot touch anything from ``before`` on."""
        margin = self._padding.ramp + self._padding.merge
        gone = [group for group in self._groups if group.end + margin <= before]
        if gone:
            self._groups = self._groups[len(gone) :]
            self._cuts = [cut for group in self._groups for cut in group.cuts]

    def _closed(self, group: Group, until: int) -> bool:
        return group.end + self._padding.merge <= until

    def _fixed_until(self, group: Group, until: int) -> int:
        """End of the last whole piece of a group that is still open."""
        known = min(group.end, until)
        return group.start + max(0, known - group.start) // self._piece * self._piece

    def _regroup(self) -> None:
        groups: list[list[Cut]] = []
        end = 0
        for cut in sorted(self._cuts, key=lambda each: (each.start, each.end)):
            if groups and cut.start - end < self._padding.merge:
                groups[-1].append(cut)
                end = max(end, cut.end)
            else:
                groups.append([cut])
                end = cut.end
        self._groups = [
            Group(cuts[0].start, max(cut.end for cut in cuts), tuple(cuts)) for cuts in groups
        ]

    def _pieces(self, group: Group) -> list[Mute]:
        """A group as mutes of at most ``PIECE_S``, counted from its own start."""
        bounds = [*range(group.start, group.end, self._piece), group.end]
        return [
            Mute(self._channel, low, high, _spans(group, low, high))
            for low, high in pairwise(bounds)
        ]


def _spans(group: Group, low: int, high: int) -> tuple[Span, ...]:
    """The spans behind a piece, each once, in an order that does not depend on their arrival."""
    touching = {cut.span for cut in group.cuts if cut.start < high and cut.end > low}
    return tuple(
        sorted(
            touching,
            key=lambda span: (
                span.start,
                span.end,
                span.channel,
                span.entity,
                span.recognizer,
                span.reason,
                span.score,
            ),
        )
    )
