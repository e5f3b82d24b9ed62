"""Reports of months: made in the background, one at a time, and kept while they tell how it is.

What a report rests on is told in the audit log, except time: one is made anew when somebody asks
for it and it is older than ``AGE``, or than ``CHANGED_AGE`` where anything but looks was written
since. Until the new one is there, the old one is shown with its time.

Outcomes: a ``Standing``; ``StoreError`` where the database is away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from agents.access.audit_log import AuditLog
from agents.access.log_search import changed_behind
from agents.app.operations.background import Background
from agents.reports.compliance.model import Month
from agents.reports.compliance.page import body
from agents.reports.compliance.report import STEPS, Report, Told

AGE: Final = timedelta(hours=1)
CHANGED_AGE: Final = timedelta(minutes=10)
MONTHS_MOST: Final = 12
"""Reports that are kept, each some hundred kilobytes; the one that was made first goes first."""
_ENDS_S: Final = 5.0

Make = Callable[[Month, Told], Report]


@dataclass(frozen=True, slots=True)
class Kept:
    """A report, and how long it took to make it."""

    report: Report
    body: str = field(repr=False)
    """The inside of its page, which takes longer to write than the rest of the page."""
    entry: int
    """Last entry of the audit log before it was begun."""
    took_s: float


@dataclass(frozen=True, slots=True)
class Making:
    """A report that is being made."""

    month: Month
    began: datetime
    what: str = STEPS[0]
    """What is being read."""
    done: int = 0
    total: int = 0

    @property
    def percent(self) -> int:
        """How far it is, each step alike."""
        here = min(1.0, self.done / self.total) if self.total else 0.0
        return int(100 * (STEPS.index(self.what) + here) / len(STEPS))


@dataclass(frozen=True, slots=True)
class Standing:
    """How the report of a month stands."""

    kept: Kept | None
    making: Making | None
    """What is being made now, of this month or another one, which goes first."""
    problem: str = ""
    """Why it could not be made."""
    changed: bool = False
    """Whether anything but looks was written down since."""


@dataclass(slots=True)
class KeptReports:
    """The reports of one server.

    Args:
        make: makes one, and is told how far it is.
        log: the audit log.
    """

    make: Make
    log: AuditLog
    _kept: dict[Month, Kept] = field(default_factory=dict)
    _problems: dict[Month, str] = field(default_factory=dict)
    _making: Making | None = None
    _lock: Lock = field(default_factory=Lock)
    _work: Background = field(default_factory=lambda: Background("compliance"))

    def ask(self, month: Month, *, anew: bool = False, within_s: float = 0.0) -> Standing:
        """How a report stands; begins to make it where there is none, or it is too old.

        Args:
            month: of which.
            anew: whether it is made anew whatever its age.
            within_s: how long to wait for one where there is none.
        """
        with self._lock:
            self._problems.pop(month, None)
            kept = self._kept.get(month)
        changed = kept is not None and changed_behind(self.log.database, kept.entry)
        if anew or kept is None or self._too_old(kept, changed=changed):
            self._begin(month)
        if kept is None:
            self._work.wait(within_s)
        return self.look(month, changed=changed)

    def look(self, month: Month, *, changed: bool = False) -> Standing:
        """How a report stands, without beginning one; one that waited for another goes on."""
        with self._lock:
            kept, making = self._kept.get(month), self._making
            problem = self._problems.get(month, "")
        if kept is None and making is None and not problem:
            self._begin(month)
            making = self._making
        return Standing(kept, making, problem, changed)

    def _too_old(self, kept: Kept, *, changed: bool) -> bool:
        age = self.log.now() - kept.report.made
        return age >= (CHANGED_AGE if changed else AGE)

    def _begin(self, month: Month) -> None:
        entry = self.log.head().seq
        with self._lock:
            if self._making is not None:
                return
            self._work.wait(_ENDS_S)  # the thread of the one before, which has nothing left to do
            self._making = Making(month, self.log.now())
            self._work.start(lambda: self._go(month, entry), lambda why: self._failed(month, why))

    def _go(self, month: Month, entry: int) -> None:
        began = time.monotonic()
        report = self.make(month, self._note)
        inside = body(report)
        with self._lock:
            self._kept.pop(month, None)
            self._kept[month] = Kept(report, inside, entry, time.monotonic() - began)
            while len(self._kept) > MONTHS_MOST:
                del self._kept[next(iter(self._kept))]
            self._making = None

    def _failed(self, month: Month, why: str) -> None:
        with self._lock:
            self._problems[month], self._making = why, None

    def _note(self, what: str, done: int, total: int) -> None:
        with self._lock:
            at = self._making
            if at is not None:
                self._making = Making(at.month, at.began, what, done, total)
