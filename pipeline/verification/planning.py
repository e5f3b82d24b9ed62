"""Chooses what of the redacted audio is listened to again, within a budget.

What lies beside a muted number comes first, on every channel: what a first pass overlooks most
often stands there, and both sides read numbers. A share of the rest is drawn by
the call id, so that a repeat draws the same. The budget grows with the speech that has gone by;
every choice depends on the redacted audio and the order of its chunks alone, not on how fast the
listening is.

A recogniser costs as much for a word as for ten seconds, and hears a word badly that stands alone.
So pieces of a channel are collected and handed over together, as one ``ReviewRequest``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pipeline.policy.model import VerificationRule
from pipeline.records.entities import SPOKEN_NUMBERS
from pipeline.records.intervals import merge_intervals, subtract_intervals
from pipeline.records.model import Interval, Mute

ADVANCE_SPEECH_S: Final = 40
"""Every call is taken to hold this much speech, so that its first mutes are looked at too."""
SLOT_S: Final = 4
"""Length of a drawn stretch."""
LOOK_COST_S: Final = 1.2
SECOND_COST: Final = 0.16
"""What a look costs, in seconds of first-pass speech: so much in any case, and so much for each
audible second. Measured: the first pass takes 0.085 CPU seconds a second of speech, the check
0.012 and 0.1 for each look."""
_LEAST_AUDIBLE_MS: Final = 80
"""Shorter than the shortest digit."""
_FULL_S: Final = 18
"""Audible seconds from which on a look is handed over: the recogniser takes 28 at once."""
_OLDEST_S: Final = 30
"""A look spans no more than about this, because its audio is held until it is answered."""
_PAUSE_MS: Final = 400
"""A look ends in a pause, so that no number is torn in two."""
_MARGIN_MS: Final = 200
"""Kept around the audible parts of a look."""
_RESERVE: Final = 0.25
"""Part of the budget that draws leave to what lies beside later mutes."""

Audible: TypeAlias = Callable[[int, int, int], list[Interval]]
"""``(channel, start, end)`` to the audible stretches there."""


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """Stretches of one channel to be listened to together."""

    channel: int
    start: int
    end: int
    pieces: tuple[Interval, ...]
    """What can be heard in it, in order; the rest of it is not listened to."""

    def cost(self, sample_rate: int) -> int:
        """Samples of first-pass speech that listening to it costs as much as."""
        audible = sum(len(piece) for piece in self.pieces)
        return int(LOOK_COST_S * sample_rate + SECOND_COST * audible)


@dataclass(slots=True)
class _Batch:
    """Pieces of a channel that wait to be handed over."""

    pieces: list[Interval] = field(default_factory=list)
    audible: int = 0


class Planner:
    """Plans the looks of one call, chunk by chunk.

    Args:
        rule: of the policy.
        call_id: seeds the drawn share.
        sample_rate: Hz.
        channels: how many.
        ahead: how many samples after a stretch have to be there before it is planned.
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
        self.beside = rule.neighbourhood_ms * sample_rate // 1_000
        """How many samples beside a mute are looked at."""
        self._slot = SLOT_S * sample_rate
        self._ahead = self.beside + ahead
        self._margin = _MARGIN_MS * sample_rate // 1_000
        self._mutes: list[list[Interval]] = [[] for _ in range(channels)]
        self._numbers: list[Interval] = []
        self._batches = [_Batch() for _ in range(channels)]
        self._next_slot = 0
        self._planned = 0
        """What the first looks cost; the budget is theirs."""
        self.spent = 0
        """Samples of first-pass speech that all looks together cost as much as."""
        self.sides = 0
        """Stretches beside mutes with something audible in them."""
        self.passed_over = 0
        """Those of them that were left out because the budget was used up."""

    def add(self, mute: Mute) -> None:
        """Note a mute, once."""
        self._mutes[mute.channel].append(mute.interval)
        if any(span.entity in SPOKEN_NUMBERS for span in mute.spans):
            self._numbers.append(mute.interval)

    def advance(self, position: int, speech: int, *, over: bool) -> list[ReviewRequest]:
        """Plan what can be planned now.

        Args:
            position: first sample that has not come yet.
            speech: samples of speech so far, over all channels.
            over: whether the call has ended.
        """
        requests: list[ReviewRequest] = []
        while self._next_slot * self._slot < position and (
            over or (self._next_slot + 1) * self._slot + self._ahead <= position
        ):
            start = self._next_slot * self._slot
            slot = Interval(start, min(position, start + self._slot))
            for channel in range(self._channels):
                self._take(channel, slot, speech)
            self._next_slot += 1
            requests += self._full(slot.end, position)
        if over:
            requests += [self._hand_over(c, position) for c in range(self._channels)]
        return [request for request in requests if request.pieces]

    def again(
        self,
        request: ReviewRequest,
        found: list[Interval],
        muted: list[Interval],
        reach: Interval,
    ) -> ReviewRequest:
        """What is listened to once more after something was found in a look; perhaps nothing.

        It goes beyond the look, because a number that begins in it may end elsewhere. What it costs
        takes nothing from what is planned: that would depend on when an answer came.

        Args:
            request: where something was found.
            found: the new mutes.
            muted: all mutes of the channel that are known, the new ones too.
            reach: how far it may go.
        """
        low = max(reach.start, min(one.start for one in found) - self.beside)
        high = min(reach.end, min(request.end, max(one.end for one in found)) + self.beside)
        if low >= high:
            return ReviewRequest(request.channel, request.start, request.start, ())
        pieces = tuple(
            self._free(request.channel, _within([Interval(low, high)], found, self.beside), muted)
        )
        if not pieces:
            return ReviewRequest(request.channel, request.start, request.start, ())
        start = max(reach.start, pieces[0].start - self._margin)
        end = min(reach.end, pieces[-1].end + self._margin)
        once_more = ReviewRequest(request.channel, start, end, pieces)
        self.spent += once_more.cost(self._rate)
        return once_more

    def earliest(self, position: int) -> int:
        """No look that is still to be planned begins before this sample."""
        waiting = [batch.pieces[0].start for batch in self._batches if batch.pieces]
        return min([position, self._next_slot * self._slot, *waiting]) - self._margin

    def forget(self, before: int) -> None:
        """Drop what lies before a sample."""
        padding = before - self.beside - self._slot
        self._mutes = [[one for one in each if one.end > padding] for each in self._mutes]
        self._numbers = [one for one in self._numbers if one.end > padding]

    def _take(self, channel: int, slot: Interval, speech: int) -> None:
        """Collect what is to be listened to in a slot of a channel."""
        open_parts = self._free(channel, [slot], self._mutes[channel])
        near = _within(open_parts, self._numbers, self.beside)
        if near:
            self.sides += 1
            if not self._add(channel, near, self._credit(speech)):
                self.passed_over += 1
        if near == open_parts or not self._drawn(channel, slot):
            return
        rest = subtract_intervals(open_parts, near)
        reserve = int(_RESERVE * self._rule.max_cost * ADVANCE_SPEECH_S * self._rate)
        self._add(channel, rest, self._credit(speech) - reserve)

    def _add(self, channel: int, pieces: list[Interval], credit: int) -> bool:
        """Put pieces into the channel's batch if the credit allows."""
        batch = self._batches[channel]
        audible = sum(len(piece) for piece in pieces)
        cost = int(SECOND_COST * audible + (0 if batch.pieces else LOOK_COST_S * self._rate))
        if cost > credit:
            return False
        batch.pieces = merge_intervals([*batch.pieces, *pieces])
        batch.audible += audible
        self._planned += cost
        self.spent += cost
        return True

    def _free(
        self, channel: int, stretches: list[Interval], muted: list[Interval]
    ) -> list[Interval]:
        """The audible parts of some stretches that are not muted."""
        heard = [one for each in stretches for one in self._audible(channel, each.start, each.end)]
        least = _LEAST_AUDIBLE_MS * self._rate // 1_000
        return [one for one in subtract_intervals(heard, muted) if len(one) >= least]

    def _drawn(self, channel: int, slot: Interval) -> bool:
        number = slot.start // self._slot
        seed = hashlib.sha256(f"{self._call_id}/{channel}/{number}".encode()).digest()
        return int.from_bytes(seed[:8], "big") < self._rule.sample_share * 2**64

    def _credit(self, speech: int) -> int:
        counted = max(speech, ADVANCE_SPEECH_S * self._rate)
        return int(self._rule.max_cost * counted) - self._planned

    def _full(self, until: int, position: int) -> list[ReviewRequest]:
        """Hand over the batches that are full, or whose audio is held for long."""
        pause = _PAUSE_MS * self._rate // 1_000
        due: list[int] = []
        for channel, batch in enumerate(self._batches):
            if not batch.pieces:
                continue
            held = until - batch.pieces[0].start
            full = batch.audible >= _FULL_S * self._rate or held >= _OLDEST_S * self._rate
            paused = until - batch.pieces[-1].end >= pause
            if full and (paused or held >= 2 * _OLDEST_S * self._rate):
                due.append(channel)
        return [self._hand_over(channel, position) for channel in due]

    def _hand_over(self, channel: int, position: int) -> ReviewRequest:
        pieces = tuple(self._batches[channel].pieces)
        self._batches[channel] = _Batch()
        if not pieces:
            return ReviewRequest(channel, 0, 0, ())
        start = max(0, pieces[0].start - self._margin)
        return ReviewRequest(channel, start, min(position, pieces[-1].end + self._margin), pieces)


def _within(parts: list[Interval], mutes: list[Interval], padding: int) -> list[Interval]:
    """What of some parts lies no further than ``padding`` from a mute."""
    near = [
        Interval(max(part.start, mute.start - padding), min(part.end, mute.end + padding))
        for part in parts
        for mute in mutes
        if part.start < mute.end + padding and part.end > mute.start - padding
    ]
    return merge_intervals(near)
