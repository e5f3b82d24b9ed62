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
_SHARE_OF_CREDIT: Final = 4
"""One side takes at most this part of the budget, so that the next mute gets some too."""
_HOLE_MS: Final = 1_500
"""Mutes up to this length stay inside a window as silence: words around them give context."""
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

    @property
    def cost(self) -> int:
        """Samples that are listened to."""
        return self.end - self.start


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
        looks: list[Look] = []
        still: list[Mute] = []
        for mute in sorted(self._waiting, key=lambda each: (each.end, each.channel, each.start)):
            if over or mute.end + self._ahead <= position:
                looks += self._neighbourhood(mute, position, speech)
            else:
                still.append(mute)
        self._waiting = still
        while over or (self._next_slot + 1) * self._slot + self._ahead <= position:
            if self._next_slot * self._slot >= position:
                break
            looks += self._draw(self._next_slot, position, speech)
            self._next_slot += 1
        return looks

    def earliest(self, position: int) -> int:
        """No look that is still to be planned begins before this sample."""
        waiting = [mute.start - self._beside for mute in self._waiting]
        return min([position - self._beside, self._next_slot * self._slot, *waiting])

    def forget(self, before: int) -> None:
        """Drop what lies before a sample."""
        for channel in range(self._channels):
            self._mutes[channel] = [one for one in self._mutes[channel] if one.end > before]
            self._planned[channel] = [one for one in self._planned[channel] if one.end > before]

    def _credit(self, speech: int) -> int:
        counted = max(speech, ADVANCE_SPEECH_S * self._rate)
        return int(self._rule.max_cost * counted) - self.spent

    def _neighbourhood(self, mute: Mute, position: int, speech: int) -> list[Look]:
        """Both sides of a mute, as wide as the budget allows."""
        least = _LEAST_SIDE_MS * self._rate // 1_000
        wide = [
            Interval(max(0, mute.start - self._beside), mute.start),
            Interval(mute.end, min(position, mute.end + self._beside)),
        ]
        sides = [side for side in wide if side.start < side.end and self._free(mute, side)]
        self.sides += len(sides)
        credit = self._credit(speech)
        length = min(self._beside, max(least, credit // _SHARE_OF_CREDIT))
        if not sides or credit < least * len(sides):
            self.passed_over += len(sides)
            return []
        pieces: list[Interval] = []
        for side in sides:
            before = side.end == mute.start
            near = (
                Interval(max(side.start, side.end - length), side.end)
                if before
                else Interval(side.start, min(side.end, side.start + length))
            )
            pieces += self._free(mute, near)
        joined = merge_intervals(pieces, _HOLE_MS * self._rate // 1_000)
        return [self._plan(mute.channel, piece) for piece in joined]

    def _free(self, mute: Mute, side: Interval) -> list[Interval]:
        """The audible parts of a side that are neither muted nor planned yet."""
        channel = mute.channel
        heard = self._audible(channel, side.start, side.end)
        free = subtract_intervals(heard, self._mutes[channel] + self._planned[channel])
        least = _LEAST_AUDIBLE_MS * self._rate // 1_000
        margin = _MARGIN_MS * self._rate // 1_000
        return [
            Interval(max(side.start, one.start - margin), min(side.end, one.end + margin))
            for one in free
            if len(one) >= least
        ]

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
            looks.append(self._plan(channel, Interval(heard[0].start, heard[-1].end)))
        return looks

    def _plan(self, channel: int, piece: Interval) -> Look:
        self._planned[channel].append(piece)
        self.spent += len(piece)
        return Look(channel, piece.start, piece.end)
