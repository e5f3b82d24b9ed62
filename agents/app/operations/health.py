"""What ``hushwire doctor`` found last: it takes its time, so it is looked for in the background.

``latest`` answers at once. A look begins where there is none yet, or the last one is old; one at a
time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from agents.app.operations.background import Background
from agents.app.operations.findings import Finding, Grade
from agents.system.clock import Clock

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
        examine: ``hushwire doctor``.
        now: the time.
    """

    examine: Callable[[], list[Finding]]
    now: Clock
    _known: Health = field(default_factory=Health)
    _work: Background = field(default_factory=lambda: Background("health"))

    def latest(self) -> Health:
        """What was found last; a look begins where that is old."""
        known = self._known
        if known.at is None or self.now() - known.at >= OLD:
            self._work.start(self._look, self._failed)
            return replace(known, looking=True)
        return replace(known, looking=self._work.running)

    def until_known(self, within_s: float) -> Health:
        """The same, once a look that is going on has ended, or after a time."""
        self.latest()
        self._work.wait(within_s)
        return self.latest()

    def _look(self) -> None:
        self._known = Health(self.now(), findings=tuple(self.examine()))

    def _failed(self, why: str) -> None:
        """What could not be looked at is not in order."""
        found = Finding(Grade.WEAK, "health", f"not looked at: {why}", "run `hushwire doctor`")
        self._known = Health(self.now(), findings=(found,))
