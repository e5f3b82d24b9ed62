"""What the clock says of a call's audio: how long pauses were, and whether its rate is true.

A protocol that says when audio was spoken shows a wrong rate by itself. One that says nothing does
not: speech at twice its pace is understood by nobody, and nothing in it is found. And some counts
stand still in a pause, while the recording's time runs on.

Outcomes: ``Pace.heard`` raises ``GatewayError`` (``BAD_AUDIO``) over the first seconds; a stall of
the network and the burst behind it are no wrong rate. ``PauseClock`` gives places.
"""

from __future__ import annotations

from typing import Final

from pipeline.gateways.events import GatewayError, Reason

JUDGED_S: Final = 15.0
"""After this time the rate is what it was said to be."""
SETTLED_S: Final = 2.0
"""Before this time nothing is judged."""
FAST: Final = 1.2
"""Seconds of audio a second; two rates of telephony differ by a third at least."""
SLOW: Final = 0.85
SLACK_S: Final = 1.0
"""By which audio may be ahead, or behind."""
_STALL_S: Final = 0.25
"""Without audio for longer, the sender is held up; what is longer isn't counted against it."""
LACK_S: Final = 5.0
LACK: Final = 0.1
"""Of the time since the call began: what more than both is missing was not sent."""


class Pace:
    """Of one call.

    Args:
        rate: samples a second.
    """

    __slots__ = ("_began", "_coming", "_end", "_last", "_rate", "judging")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._began: float | None = None
        self._last = self._coming = 0.0
        self._end = 0
        self.judging = True
        """Whether ``heard`` still may raise."""

    def heard(self, now: float, end: int) -> None:
        """Audio came.

        Args:
            now: seconds, by a clock that only goes up.
            end: first sample after it.

        Raises:
            GatewayError: see the module's text.
        """
        self._end = end
        if self._began is None:
            self._began = self._last = now
        if not self.judging:
            return
        self._coming += min(now - self._last, _STALL_S)
        self._last = now
        passed, seconds = now - self._began, end / self._rate
        if passed < SETTLED_S:
            return
        self.judging = passed < JUDGED_S
        if seconds > passed * FAST + SLACK_S:
            raise GatewayError(Reason.BAD_AUDIO, "audio comes faster than time: another rate?")
        if seconds < self._coming * SLOW - SLACK_S:
            raise GatewayError(Reason.BAD_AUDIO, "audio comes slower than time: another rate?")

    def lacks(self, now: float) -> bool:
        """Whether the call, over now, lasted clearly longer than its audio."""
        if self._began is None:
            return False
        passed = now - self._began
        return passed - self._end / self._rate > max(LACK_S, LACK * passed)


class PauseClock:
    """The pauses of one call.

    Args:
        rate: samples a second.
    """

    __slots__ = ("_at", "_rate", "_since", "paused", "shift", "waits")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._at = 0
        self._since = 0.0
        """When the first of the pauses began that no audio came between."""
        self.shift = 0
        """Samples of pauses in which the platform's own count stood still."""
        self.paused = False
        self.waits = 0
        """Samples that a pause lasted, until the next piece says its place; 0: nothing waits."""

    def pause(self, at: int, now: float) -> int:
        """The recorder stops sending; where it did.

        Args:
            at: by the platform's count.
            now: seconds, by a clock that only goes up.
        """
        if not self.paused and not self.waits:
            self._at, self._since = at + self.shift, now
        self.paused = True
        return self._at

    def resume(self, now: float) -> None:
        """It sends again."""
        if self.paused:
            self.waits = self.reached(now) - self._at
            self.paused = False

    def reached(self, now: float) -> int:
        """How far a pause has come."""
        return self._at + max(1, round((now - self._since) * self._rate))

    def placed(self, start: int, told: int) -> int:
        """Where the first piece after a pause lies; later ones lie as far from it as they say.

        Args:
            start: by the platform's count, and the shift.
            told: up to where the pause was told; that stays, whatever the platform counts.
        """
        counted = start - self._at
        if counted < 0:
            return start  # a piece of before the pause, too late
        place = self._at + self.waits if counted < self.waits // 2 else start
        place = max(place, told)
        self.waits = 0
        self.shift += place - start
        return place

    def ended(self, at: int, now: float, told: int) -> int:
        """Where a call ends that is over now.

        Args:
            at: by the platform's count; 0: it says nothing.
            now: as above.
            told: as above.
        """
        self.resume(now)
        end = at + self.shift if at else 0
        return self.placed(max(end, self._at), told) if self.waits else end
