"""Chooses what of the redacted audio is listened to again, within a budget.

The neighbourhood of every mute comes first: what a first pass overlooks most often stands next to
what it found. A share of the rest is drawn by the call id, so that a repeat draws the same. The
budget grows with the speech that has gone by; every choice depends on the redacted audio and the
order of its chunks alone, not on how fast the listening is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from pipeline.intervals import merge_intervals, subtract_intervals
from pipeline.policy import VerificationRule
from pipeline.records import Interval, Mute

ADVANCE_SPEECH_S: Final = 40
"""Every call is taken to hold this much speech, so that its first mutes are looked at too."""
SLOT_S: Final = 4
"""Length of a drawn stretch."""
_LEAST_SIDE_MS: Final = 500
"""Less than this beside a mute is not worth a look: no word is recognised in it."""
_LEAST_AUDIBLE_MS: Final = 120
"""Shorter than the shortest digit."""
_SHARE_OF_CREDIT: Final = 2
"""One cluster takes at most this part of the budget, so that the next one gets some too."""
_WIDTHS: Final = (1.0, 0.75, 0.5, 0.25)
"""Shares of the neighbourhood that are tried, widest first."""
_NEAR_MS: Final = 3_000
"""Mutes of a channel nearer than this are looked at together: a number read in parts."""
_HOLE_MS: Final = 4_000
"""Silence up to this length stays inside a window: the words around it give context."""
_LONGEST_S: Final = 12
"""What a recogniser hears at once; longer windows cost more and tell no more."""
_MARGIN_MS: Final = 100
"""Kept around the audible part of a window."""

Audible: TypeAlias = Callable[[int, int, int], list[Interval]]
"""``(channel, start, end)`` to the audible stretches there."""


@dataclass(frozen=True, slots=True)
class Look:
    """One stretch of one channel to be listened to."""

    channel: int
    start: int
    end: int
    cost: int
    """Audible samples in it."""


class Planner:
    """Plans the looks of one call, chunk by chunk.

    Args:
        rule: of the policy.
        call_id: seeds the drawn share.
        sample_rate: Hz.
        channels: how many.
        ahead: how many samples after a look have to be there before it is planned.
        audible: says where something can be heard.
    """

    def __init__(
        self,
        rule: VerificationRule,
        call_id: str,
        *,
        sample_rate: int,
        channels: int,
        ahead: int,
        audible: Audible,
    ) -> None:
        self._rule = rule
        self._call_id = call_id
        self._rate = sample_rate
        self._channels = channels
        self._audible = audible
        self._beside = rule.neighbourhood_ms * sample_rate // 1_000
        self._slot = SLOT_S * sample_rate
        self._ahead = self._beside + ahead
        self._margin = _MARGIN_MS * sample_rate // 1_000
        self._position = 0
        self._waiting: list[Mute] = []
        self._mutes: list[list[Interval]] = [[] for _ in range(channels)]
        self._planned: list[list[Interval]] = [[] for _ in range(channels)]
        self._next_slot = 0
        self.spent = 0
        """Samples planned so far."""
        self.sides = 0
        """Neighbourhoods with something audible in them."""
        self.passed_over = 0
        """Neighbourhoods left out because the budget was used up."""

    def add(self, mute: Mute) -> None:
        """Note a mute, once."""
        self._mutes[mute.channel].append(mute.interval)
        self._waiting.append(mute)

    def advance(self, position: int, speech: int, *, over: bool) -> list[Look]:
        """Plan what can be planned now.

        Args:
            position: first sample that has not come yet.
            speech: audible samples so far, over all channels.
            over: whether the call has ended.
        """
        self._position = position
        looks: list[Look] = []
        still: list[Mute] = []
        for cluster in self._clusters():
            if over or cluster[-1].end + self._ahead <= position:
                looks += self._neighbourhood(cluster, position, speech)
            else:
                still += cluster
        self._waiting = still
        while over or (self._next_slot + 1) * self._slot + self._ahead <= position:
            if self._next_slot * self._slot >= position:
                break
            looks += self._draw(self._next_slot, position, speech)
            self._next_slot += 1
        return looks

    def earliest(self, position: int) -> int:
        """No look that is still to be planned begins before this sample."""
        waiting = [mute.start for mute in self._waiting]
        begin = min([position, *waiting]) - self._beside - self._margin
        return min(begin, self._next_slot * self._slot)

    def forget(self, before: int) -> None:
        """Drop what lies before a sample."""
        for channel in range(self._channels):
            self._mutes[channel] = [one for one in self._mutes[channel] if one.end > before]
            self._planned[channel] = [one for one in self._planned[channel] if one.end > before]

    def _credit(self, speech: int) -> int:
        counted = max(speech, ADVANCE_SPEECH_S * self._rate)
        return int(self._rule.max_cost * counted) - self.spent

    def _clusters(self) -> list[list[Mute]]:
        """The waiting mutes of each channel, together where they lie near one another."""
        near = _NEAR_MS * self._rate // 1_000
        clusters: list[list[Mute]] = []
        for mute in sorted(self._waiting, key=lambda each: (each.channel, each.start, each.end)):
            last = clusters[-1][-1] if clusters else None
            if (
                last is not None
                and last.channel == mute.channel
                and mute.start - last.end < near
                and not self._long(clusters[-1])
            ):
                clusters[-1].append(mute)
            else:
                clusters.append([mute])
        return clusters

    def _long(self, cluster: list[Mute]) -> bool:
        """Whether a cluster fills a window, so that the next mute begins another one."""
        whole = cluster[-1].end - cluster[0].start >= _LONGEST_S * self._rate
        return whole and len(cluster) > 1

    def _neighbourhood(self, cluster: list[Mute], position: int, speech: int) -> list[Look]:
        """Both sides of every mute of a cluster, as wide as the budget allows."""
        channel = cluster[0].channel
        wide = [self._sides(mute, self._beside, position) for mute in cluster]
        count = sum(1 for sides in wide for side in sides if self._free(channel, [side]))
        self.sides += count
        credit = self._credit(speech)
        least = _LEAST_SIDE_MS * self._rate // 1_000
        for share in _WIDTHS:
            length = max(least, int(share * self._beside))
            sides = [one for mute in cluster for one in self._sides(mute, length, position)]
            pieces = self._free(channel, sides)
            cost = sum(len(piece) for piece in pieces)
            allowed = credit if share == _WIDTHS[-1] else credit // _SHARE_OF_CREDIT
            if cost <= allowed:
                return self._windows(channel, pieces)
        self.passed_over += count
        return []

    def _sides(self, mute: Mute, length: int, position: int) -> list[Interval]:
        """What lies on both sides of a mute."""
        before = Interval(max(0, mute.start - length), mute.start)
        after = Interval(mute.end, max(mute.end, min(position, mute.end + length)))
        return [side for side in (before, after) if len(side)]

    def _windows(self, channel: int, pieces: list[Interval]) -> list[Look]:
        """Looks over the pieces; several share one where little silence lies between them."""
        hole, longest = _HOLE_MS * self._rate // 1_000, _LONGEST_S * self._rate
        groups: list[list[Interval]] = []
        for piece in pieces:
            last = groups[-1] if groups else None
            if (
                last is not None
                and piece.start - last[-1].end < hole
                and piece.end - last[0].start <= longest
            ):
                last.append(piece)
            else:
                groups.append([piece])
        return [self._plan(channel, group) for group in groups]

    def _free(self, channel: int, sides: list[Interval]) -> list[Interval]:
        """The audible parts of some stretches that are neither muted nor planned yet."""
        heard = [one for side in sides for one in self._audible(channel, side.start, side.end)]
        free = subtract_intervals(heard, self._mutes[channel] + self._planned[channel])
        least = _LEAST_AUDIBLE_MS * self._rate // 1_000
        return merge_intervals(
            Interval(max(0, one.start - self._margin), min(self._position, one.end + self._margin))
            for one in free
            if len(one) >= least
        )

    def _draw(self, slot: int, position: int, speech: int) -> list[Look]:
        """A drawn stretch of every channel that has nothing muted or planned in it."""
        start, end = slot * self._slot, min(position, (slot + 1) * self._slot)
        looks: list[Look] = []
        for channel in range(self._channels):
            seed = hashlib.sha256(f"{self._call_id}/{channel}/{slot}".encode()).digest()
            drawn = int.from_bytes(seed[:8], "big") < self._rule.sample_share * 2**64
            if not drawn or self._credit(speech) < end - start:
                continue
            whole = Interval(start, end)
            taken = self._mutes[channel] + self._planned[channel]
            heard = self._audible(channel, start, end)
            if any(one.overlaps(whole) for one in taken) or not heard:
                continue
            looks.append(self._plan(channel, heard))
        return looks

    def _plan(self, channel: int, pieces: list[Interval]) -> Look:
        self._planned[channel] += pieces
        cost = sum(len(piece) for piece in pieces)
        self.spent += cost
        return Look(channel, pieces[0].start, pieces[-1].end, cost)
