"""Whether a stage of this process still moves by itself: what liveness goes by.

It never waits for others: a stage without records, one whose broker or ledger is slow, and one
whose window is being listened to all move on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Pulse:
    """Signs of life of one stage."""

    def __init__(self) -> None:
        self._beat = time.monotonic()
        self._working_since: float | None = None

    def beat(self) -> None:
        """The stage's loop came by."""
        self._beat = time.monotonic()

    def timed(self, work: Callable[[], T]) -> Callable[[], T]:
        """The same work for the stage's own thread, and seen while it runs there."""

        def run() -> T:
            self._working_since = time.monotonic()
            try:
                return work()
            finally:
                self._working_since = None

        return run

    @property
    def still_s(self) -> float:
        """For how long nothing of the stage has moved, in seconds; from any thread."""
        now, since = time.monotonic(), self._working_since
        return max(now - self._beat, now - since if since is not None else 0.0)
