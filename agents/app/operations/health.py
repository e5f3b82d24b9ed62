"""What ``hushwire doctor`` found last: it takes its time, so it is looked for in the background.

``latest`` answers at once. A look begins where there is none yet, or the last one is old; one at a
time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agents.app.checks.findings import Finding
from agents.system.clock import Clock
from agents.system.logging import get_logger, place_of

OLD: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Health:
    """What was found, and when."""

    at: datetime | None = None
    """None: nobody has looked yet."""
    looking: bool = False
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class HealthWatch:
    """Looks, and remembers.

    Args:
        examine: ``hushwire doctor``; it raises nothing.
        now: the time.
    """

    examine: Callable[[], list[Finding]]
    now: Clock
    _known: Health = field(default_factory=Health)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def latest(self) -> Health:
        """What was found last; a look begins where that is old."""
        with self._lock:
            looking = self._thread is not None and self._thread.is_alive()
            at = self._known.at
            if not looking and (at is None or self.now() - at >= OLD):
                self._thread = threading.Thread(
                    target=self._look, name="hushwire-health", daemon=True
                )
                self._thread.start()
                looking = True
            return Health(at, looking, self._known.findings)

    def until_known(self, within_s: float) -> Health:
        """The same, once a look that is going on has ended, or after a time."""
        self.latest()
        thread = self._thread
        if thread is not None:
            thread.join(within_s)
        return self.latest()

    def _look(self) -> None:
        try:
            findings = tuple(self.examine())
        except Exception as error:  # noqa: BLE001 - a thread that ends must not show its text
            get_logger().error(
                "health not looked at",
                error_type=type(error).__name__,
                place=place_of(error.__traceback__),
            )
            findings = ()
        with self._lock:
            self._known = Health(self.now(), findings=findings)
