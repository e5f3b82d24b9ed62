"""From single keys to the stretches in which they were typed.

People type in a row, and one key of a row may not be heard: under a voice, behind a codec. So all
from one key to the next is one stretch, and a bit before the first and after the last: as much as
a key takes that was missed there, by the rests between the others.

Outcomes of ``KeyRuns``: ``take`` and ``finish`` return, for each key, where it begins to where the
next one begins; for a key that has no other near it, the key. Each once, as soon as it is certain;
none that is returned later begins before ``settled``. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipeline.records.model import Interval

NEAR_S: Final = 4.0
"""Keys that are no further apart are of one run. What is doubtful counts so near to a firm one."""
_LEAD_S: Final = 2.5
"""At most so much is taken before the first key of a run, and after its last one;"""
_KEY_S: Final = 0.3
"""of which so much is for a key, the rest as long as the rests between others."""


class KeyRuns:
    """Runs of one channel, in call samples; see the module's text for the outcomes.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.near = round(NEAR_S * sample_rate)
        self._lead = round(_LEAD_S * sample_rate)
        self._key = round(_KEY_S * sample_rate)
        self._sure: list[Interval] = []
        self._firm: list[Interval] = []
        self._doubtful: list[Interval] = []
        self._last: Interval | None = None
        """The last key that was found; whether another follows is not known."""
        self._rests: list[int] = []
        """Rests of its run so far: the longest one counts."""
        self._known = 0
        self._decided = 0
        """Of all that begins before this it is decided whether it is a key."""

    @property
    def settled(self) -> int:
        """Nothing that begins before this call sample will be returned."""
        if self._last is not None and self._rests:
            return self._last.start
        first = self._known - self.near if self._last is None else self._last.start
        return max(0, first - self._lead)

    def take(
        self,
        sure: Iterable[Interval],
        firm: Iterable[Interval],
        doubtful: Iterable[Interval],
        known: int,
    ) -> list[Interval]:
        """Take what was heard.

        Args:
            sure: keys.
            firm: those of them of which there is more than one proof.
            doubtful: what counts only near firm ones.
            known: all sure and firm ones that begin before this call sample were handed over, and
                all doubtful ones that are near firm ones and begin ``near`` before it.
        """
        self._sure = sorted([*self._sure, *sure])
        self._firm += firm
        self._doubtful = sorted([*self._doubtful, *doubtful])
        self._known = max(self._known, known)
        return self._tell(self._known - self.near)

    def finish(self) -> list[Interval]:
        """The rest, after the channel's last sample; it may end after that."""
        told = self._tell(None)
        self._sure = []
        if self._last is not None:
            told.append(self._end(self._last))
        return told

    def _tell(self, until: int | None) -> list[Interval]:
        """What is certain once all is known of what begins before a sample; None: of everything."""
        told: list[Interval] = []
        ready = [one for one in self._doubtful if until is None or one.start < until]
        self._doubtful = self._doubtful[len(ready) :]
        keys = [one for one in ready if one.start >= self._decided and self._beside(one)]
        keys += [
            one
            for one in self._sure
            if one.start >= self._decided and (until is None or one.start < until)
        ]
        for key in sorted(keys):
            told += self._follow(key)
        if until is not None:
            self._decided = max(self._decided, until)
            # Those before may still be near what comes.
            self._sure = [one for one in self._sure if one.end + self.near >= until]
            self._firm = [one for one in self._firm if one.end + self.near >= until]
            if self._last is not None and self._last.end + self.near < until:
                told.append(self._end(self._last))
        return told

    def _beside(self, one: Interval) -> bool:
        """Whether a doubtful key counts: near a firm one, and within no sure one."""
        return any(
            each.start - self.near <= one.end and one.start <= each.end + self.near
            for each in self._firm
        ) and not any(each.start <= _middle(one) < each.end for each in self._sure)

    def _follow(self, key: Interval) -> list[Interval]:
        """The last key, now that the next one is known."""
        last = self._last
        if last is None:
            self._last = key
            return []
        rest = max(0, key.start - last.end)
        if rest > self.near:
            told = self._end(last)
            self._last = key
            return [told]
        start = last.start
        if not self._rests:
            start = max(0, start - min(rest + self._key, self._lead))
        self._rests = [max([rest, *self._rests])]
        # A key may begin within one that is held on.
        self._last = Interval(key.start, max(key.end, last.end))
        return [Interval(start, max(key.start, start + 1))]

    def _end(self, last: Interval) -> Interval:
        """A key that none follows."""
        tail = min(self._rests[0] + self._key, self._lead) if self._rests else 0
        self._last, self._rests = None, []
        return Interval(last.start, last.end + tail)


def _middle(one: Interval) -> int:
    return (one.start + one.end) // 2
