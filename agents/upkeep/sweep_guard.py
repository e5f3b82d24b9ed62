"""What stands between a wrong clock and the end of calls: every sweep asks before it destroys.

A sweep destroys what its time has come for: keys of quarantines, stored calls, audit entries. It is
refused where the clock that says so is not believed, and where it would destroy a great part of
all there is at once. Then somebody looks, and confirms it by a command (``Confirmed``).

What is dated goes by the same: see ``Database.dated``.

A clock is believed within ``Bounds.clock_hours`` of PostgreSQL's. SQLite has no clock of its own:
there it is the last time that a sweep believed, which is noted, and before the first the newest
entry of the audit log. What a wrong clock writes into the log meanwhile makes it no more credible.

Outcomes: ``allow`` returns, or raises ``SweepRefusedError``; ``InputError`` for a confirmation of
another number, or of none; ``StoreError`` where the database is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import Counter, Gauge
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.access.audit_log import AuditLog, Event
from agents.database.engine import Database
from agents.database.tables import ENTRIES, SWEEP_CLOCK
from agents.system.clock import stamp
from agents.system.logging import get_logger
from pipeline.errors import HeldError, HushwireError, InputError, StoreError, SweepRefusedError

if TYPE_CHECKING:
    from agents.settings.model import Settings

CONFIRMED: Final = "hushwire.audit.sweep-confirmed.v1"
NOTED: Final = timedelta(minutes=10)
"""A believed time is noted again when it is this much later."""
GIVE_UP: Final = 20
"""Rows of one sweep that fail before it ends: then it is not the rows."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a sweep is refused."""

    clock_hours: int = 72
    """How far the clock may be from the database's, or from the last time that was believed."""
    percent: int = 25
    """What part of all there is may go at once."""
    least: int = 20
    """Up to this many go whatever part that is."""

    @classmethod
    def of(cls, settings: Settings) -> Bounds:
        """As the settings say."""
        return cls(settings.sweep_clock_hours, settings.sweep_percent, settings.sweep_least)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Somebody looked at a sweep that was refused, and wants it."""

    count: int
    """How many are to be destroyed; it has to be what is due."""
    by: str


class Counts(Protocol):
    """Metrics on which sweeps show."""

    @property
    def sweep_refused(self) -> Gauge:
        """1 while a sweep is refused, by sweep."""
        ...

    @property
    def sweep_failed(self) -> Counter:
        """Rows that a sweep could not work on, by sweep."""
        ...


class SweepGuard:
    """Allows the sweeps of one installation; see the module's text.

    Args:
        database: the ledger's, with its schema up to date; sweeps go by its clock.
        bounds: when a sweep is refused.
        metrics: where refusals and failures show.
    """

    def __init__(
        self, database: Database, bounds: Bounds | None = None, metrics: Counts | None = None
    ) -> None:
        self._database, self._bounds = database, bounds or Bounds()
        self._within = timedelta(hours=self._bounds.clock_hours)
        self._metrics = metrics
        self._told = get_logger("vault")

    def allow(
        self, sweep: str, now: datetime, due: int, total: int, confirmed: Confirmed | None = None
    ) -> None:
        """Return where a sweep may go on.

        Args:
            sweep: its name, for metrics and the audit log.
            now: the time by which they are due.
            due: how many it would destroy.
            total: how many there are.
            confirmed: makes it go on whatever the clock and the share, and the clock be believed.
        """
        problem = self._problem(now, due, total)
        if self._metrics is not None:
            self._metrics.sweep_refused.labels(sweep).set(bool(problem) and confirmed is None)
        if confirmed is not None:
            self._confirm(sweep, now, due, confirmed)
        elif problem:
            raise SweepRefusedError(
                f"{sweep}: nothing was destroyed: {problem}. Look at the clock and at what is due; "
                f"where both are right, confirm with --confirm {due} (docs/operate/retention.md)"
            )
        self._note(now, moved_back=confirmed is not None)

    def believes(self, now: datetime) -> bool:
        """Whether the clock may be right."""
        return not self._apart(now)

    def each(self, sweep: str, rows: Iterable[str], work: Callable[[str], bool]) -> list[str]:
        """Do a sweep's work on one call after the other; those on which it was done.

        A call that fails is told and counted, and does not keep the others.

        Raises:
            StoreError: ``GIVE_UP`` failed.
        """
        done: list[str] = []
        failed = 0
        for call_id in rows:
            try:
                if work(call_id):
                    done.append(call_id)
            except HeldError:
                continue  # the hold came between the look and the end
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are due too
                self.failed(sweep, call_id, error)
                failed += 1
                if failed >= GIVE_UP:
                    raise StoreError(f"{sweep}: {failed} calls failed one after another") from None
        return done

    def failed(self, sweep: str, call_id: str, error: Exception) -> None:
        """Tell and count a row that could not be worked on."""
        code = error.code if isinstance(error, HushwireError) else "internal"
        kind = type(error).__name__
        self._told.error("call not swept", call_id=call_id, code=code, error_type=kind)
        if self._metrics is not None:
            self._metrics.sweep_failed.labels(sweep).inc()

    def _problem(self, now: datetime, due: int, total: int) -> str:
        """Why a sweep is refused; empty where it is not."""
        if due and (apart := self._apart(now)):
            return apart
        if due > self._bounds.least and due * 100 > total * self._bounds.percent:
            return f"it would be {due} of {total} at once"
        return ""

    def _apart(self, now: datetime) -> str:
        """How far the clock is from what it should be; empty where it is near."""
        server = self._database.server_time()
        known = server or self.believed()
        if known is None:
            return ""
        self._database.know(known, self._within)
        if abs(now - known) <= self._within:
            return ""
        whose = "the database's" if server else "the last time that was known to be right"
        return f"the clock says {now:%Y-%m-%d %H:%M}, {whose} is {known:%Y-%m-%d %H:%M} (UTC)"

    def believed(self) -> datetime | None:
        """The last time that was believed, by which SQLite has to do; None where nothing is."""
        with self._database.reading() as connection:
            seen = connection.scalar(select(SWEEP_CLOCK.c.seen))
            if seen is None:
                newest = select(ENTRIES.c.recorded).order_by(ENTRIES.c.seq.desc()).limit(1)
                seen = connection.scalar(newest)
        return datetime.fromisoformat(seen) if seen else None

    def _note(self, now: datetime, *, moved_back: bool) -> None:
        """Note a time that was believed: it only moves on, unless somebody confirmed it."""
        if not moved_back and self._apart(now):
            return
        with self._database.reading() as connection:
            seen = connection.scalar(select(SWEEP_CLOCK.c.seen))
        if seen is not None:
            later = now - datetime.fromisoformat(seen)
            if later < NOTED and not moved_back:
                return
        try:
            with self._database.writing() as connection:
                change = update(SWEEP_CLOCK).values(seen=stamp(now))
                if not connection.execute(change).rowcount:
                    connection.execute(insert(SWEEP_CLOCK).values(id=1, seen=stamp(now)))
        except IntegrityError:
            return  # another worker was first

    def _confirm(self, sweep: str, now: datetime, due: int, confirmed: Confirmed) -> None:
        if confirmed.count != due:
            raise InputError(
                f"{sweep}: {due} are due now, not {confirmed.count}; nothing was destroyed"
            )
        if not due:
            # Nobody looked at anything, and yet every other sweep would go by this clock.
            raise InputError(f"{sweep}: nothing is due now; there is nothing to confirm")
        self._database.know(now, self._within)
        at = self._database.stamp()
        facts = {
            "at": at, "what": "sweep-confirmed", "sweep": sweep, "count": due, "by": confirmed.by
        }  # fmt: skip
        log = AuditLog(self._database)
        log.append(Event(f"sweep/{CONFIRMED}/{at}", "", CONFIRMED, facts))


async def sweep_forever(
    sweep: Callable[[], Collection[str]], *, done: str = "", failed: str, look_s: float
) -> None:
    """Sweep until cancelled; one that is refused or fails is told, and tried again.

    Args:
        sweep: names what is gone; runs in a thread.
        done: what a line of the log says when something is; empty: there is none.
        failed: what it says otherwise.
        look_s: seconds between two sweeps.
    """
    told = get_logger("vault")
    while True:
        try:
            gone = await asyncio.to_thread(sweep)
            if gone and done:
                told.info(done, count=len(gone))
        except HushwireError as error:
            told.error(failed, code=error.code)
        await asyncio.sleep(look_s)
