"""Reports of months: made in the background, one at a time, and kept while they tell how it is.

What a report rests on is told in the audit log, except time: one is made anew when somebody asks
for it and it is older than ``AGE``, or than ``CHANGED_AGE`` where anything but looks was written
since, or than ``SPOILT_AGE`` where a part could not be read. Months that are wanted while another
one is made follow in the order of asking.

Outcomes: a ``Standing``; ``Refusal`` 503 where too many months wait; ``StoreError`` where the
database is away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Condition
from typing import Final

from agents.access.audit_log import AuditLog
from agents.access.log_search import changed_behind
from agents.app.operations.background import FAULT, Background
from agents.reports.compliance.model import Month
from agents.reports.compliance.page import body
from agents.reports.compliance.report import STEPS, Report, Told
from console.http.errors import UNAVAILABLE, Refusal

AGE: Final = timedelta(hours=1)
CHANGED_AGE: Final = timedelta(minutes=10)
SPOILT_AGE: Final = timedelta(minutes=1)
"""The failure may have passed."""
MONTHS_MOST: Final = 12
"""Reports that are kept, each some hundred kilobytes; the one that was made first goes first.
No more wait to be made."""

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
    ended: datetime
    """Its age counts from here: one that takes longer than an age would be too old at once."""

    @property
    def spoilt(self) -> bool:
        """Whether a part could not be read."""
        return bool(self.report.parts.unread)


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
    """What is being made now where this month is, or waits: of it, or of another one before it."""
    problem: str = ""
    """Why it could not be made."""
    changed: bool = False
    """Whether anything but looks was written down since."""
    fresh: bool = False
    """Whether the report that is kept is not too old."""


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
    _wanted: dict[Month, None] = field(default_factory=dict)
    """Months that wait, in the order of asking."""
    _making: Making | None = None
    _lock: Condition = field(default_factory=Condition)
    """Is told of each end."""

    def ask(self, month: Month, *, anew: bool = False, within_s: float = 0.0) -> Standing:
        """How a report stands; begins to make it where there is none, or it is too old.

        Args:
            month: of which.
            anew: whether it is made anew whatever its age.
            within_s: how long to wait for one that is begun.
        """
        with self._lock:
            self._problems.pop(month, None)
        if not anew and self._stands(month).fresh:
            return self.look(month)
        with self._lock:
            if not self._want(month):
                told = "too many reports wait to be made: ask again"
                raise Refusal(UNAVAILABLE, "busy", told, {"Retry-After": "5"})
            self._lock.wait_for(lambda: not self._goes(month), within_s)
        return self._stands(month)

    def look(self, month: Month) -> Standing:
        """How a report stands; one that is nowhere is begun, one that is too old is not."""
        with self._lock:
            if month not in self._kept and month not in self._problems:
                self._want(month)
        return self._stands(month)

    def _stands(self, month: Month) -> Standing:
        with self._lock:
            kept, problem = self._kept.get(month), self._problems.get(month, "")
            making = self._making if self._goes(month) else None
        changed = kept is not None and changed_behind(self.log.database, kept.entry)
        fresh = kept is not None and not self._too_old(kept, changed=changed)
        return Standing(kept, making, problem, changed, fresh)

    def _too_old(self, kept: Kept, *, changed: bool) -> bool:
        age = CHANGED_AGE if changed else AGE
        return self.log.now() - kept.ended >= (SPOILT_AGE if kept.spoilt else age)

    def _goes(self, month: Month) -> bool:
        making = self._making
        return month in self._wanted or (making is not None and making.month == month)

    def _want(self, month: Month) -> bool:
        """Make one, or after those that wait; False where too many do."""
        if not self._goes(month):
            if len(self._wanted) >= MONTHS_MOST:
                return False
            self._wanted[month] = None
            if self._making is None:
                self._next()
        return True

    def _next(self) -> None:
        """Begin the next one that waits; the lock is held."""
        self._making = None
        while self._wanted and self._making is None:
            month = next(iter(self._wanted))
            del self._wanted[month]
            self._making = Making(month, self.log.now())
            if not self._started(month):
                self._problems[month], self._making = FAULT, None
        self._lock.notify_all()

    def _started(self, month: Month) -> bool:
        # A thread of its own for each: the one before may be the one that asks for the next.
        work = Background("compliance")
        try:
            return work.start(lambda: self._go(month), lambda why: self._failed(month, why))
        except RuntimeError:  # the system gives no thread
            return False

    def _go(self, month: Month) -> None:
        began, entry = time.monotonic(), self.log.head().seq
        report = self.make(month, self._note)
        inside = body(report)
        with self._lock:
            took_s = time.monotonic() - began
            self._kept.pop(month, None)
            self._kept[month] = Kept(report, inside, entry, took_s, self.log.now())
            while len(self._kept) > MONTHS_MOST:
                del self._kept[next(iter(self._kept))]
            self._next()

    def _failed(self, month: Month, why: str) -> None:
        with self._lock:
            self._problems[month] = why
            self._next()

    def _note(self, what: str, done: int, total: int) -> None:
        with self._lock:
            at = self._making
            if at is not None:
                self._making = Making(at.month, at.began, what, done, total)
