"""When the next recording of an archive may be sent: at a rate, and not too many at once."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pacing:
    """A bounded rate. Time in which nothing was sent is not made up for.

    Args:
        rate: seconds of calls that may be sent in a second.
        clock: seconds, such as ``time.monotonic``.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._due = clock()

    @property
    def wait_s(self) -> float:
        """Seconds until the next may be sent; 0: now."""
        return max(0.0, self._due - self._clock())

    def began(self) -> None:
        """A recording is about to be sent."""
        self._due = max(self._due, self._clock())

    def sent(self, seconds: float) -> None:
        """So many seconds of calls were sent since ``began``."""
        self._due += seconds / self._rate
