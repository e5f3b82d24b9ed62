"""How long was muted for which reason, so that the reasons add up to the whole.

A mute joins spans of several reasons, with padding around and between them. Each of its samples
counts once: for the strongest reason of the spans that cover it, or of the span nearest to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from pipeline.records.intervals import merge_intervals, subtract_intervals
from pipeline.records.model import Interval, Mute, Reason

STRONGEST_FIRST: Final = (
    Reason.GAP,
    Reason.PAUSED,
    Reason.CONSENT,
    Reason.RECOGNISED,
    Reason.VERIFICATION,
    Reason.ECHO,
    Reason.UNEXPLAINED,
    Reason.NOT_UNDERSTOOD,
    Reason.UNHEARD,
)
"""What was muted on suspicion alone counts only where nothing better explains it."""


def muted_by_reason(mutes: Sequence[Mute], sample_rate: int) -> dict[str, int]:
    """Milliseconds over all channels, by reason; reasons that silenced nothing are left out.

    Args:
        mutes: of a call; they may overlap. Those without spans count for no reason.
        sample_rate: Hz.
    """
    shares = [(mute.channel, *share) for mute in mutes for share in _shares(mute)]
    claimed: dict[int, list[Interval]] = {}
    counted: dict[str, int] = {}
    for reason in STRONGEST_FIRST:
        total = 0
        for channel in sorted({channel for channel, _, _ in shares}):
            own = [place for at, place, why in shares if at == channel and why is reason]
            before = claimed.setdefault(channel, [])
            total += sum(len(each) for each in subtract_intervals(own, before))
            claimed[channel] = merge_intervals([*before, *own])
        if total:
            counted[reason.value] = total * 1_000 // sample_rate
    return counted


def _shares(mute: Mute) -> Iterable[tuple[Interval, Reason]]:
    """A mute in pieces, each with its reason."""
    spans = [
        (max(span.start, mute.start), min(span.end, mute.end), span.reason) for span in mute.spans
    ]
    # A span that lies outside its piece of a long mute stands at the piece's edge.
    spans = [(min(start, mute.end), max(end, mute.start), reason) for start, end, reason in spans]
    if not spans:
        return
    edges = {point for start, end, _ in spans for point in (start, max(start, end))}
    points = sorted({mute.start, mute.end, *edges, *_middles(spans)})
    for low, high in pairwise(points):
        away = [(max(start - low, high - end, 0), reason) for start, end, reason in spans]
        nearest = min(distance for distance, _ in away)
        found = {reason for distance, reason in away if distance == nearest}
        yield Interval(low, high), next(one for one in STRONGEST_FIRST if one in found)


def _middles(spans: Sequence[tuple[int, int, Reason]]) -> list[int]:
    """Where padding between two spans changes from one to the other."""
    covered = merge_intervals(Interval(start, max(start, end)) for start, end, _ in spans)
    return [(left.end + right.start) // 2 for left, right in pairwise(covered)]
