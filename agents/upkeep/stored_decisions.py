"""Decisions of stored calls, as the catalogue has them, for who judges calls once more.

Outcomes: ``stored_decisions`` yields every call that is not being erased, in the order of call ids;
``StoreError`` where the database is away. A decision that this version can't read is told as such,
and never taken for one that was not made. One that a policy made which asks for no consent counts
as none: the opening was not listened to, so its evidence may not be all that there was.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from agents.access.audit_log import AuditLog, Event
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.system.clock import stamp
from agents.system.owners import user
from agents.vault.call_catalogue import decision_of, flag_of
from pipeline.evaluation.change.stored_calls import Fate, Flag, Judge, Kept, as_stored, fate
from pipeline.records.consent import Decision, Why

LISTED: Final = "hushwire.audit.calls-listed.v1"
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """What is needed of a stored call to judge it once more; no content."""

    call_id: str
    stored: datetime
    purpose: str
    retain_until: datetime
    held: bool
    flag: Flag | None
    decision: Decision | None
    """None: nobody asked, or it can't be read."""
    readable: bool = True
    """False: there is one, and this version can't read it."""

    @property
    def kept(self) -> Kept:
        """How it is kept now."""
        return as_stored(self.decision, self.stored, self.retain_until)


def stored_decisions(database: Database, since: datetime | None = None) -> Iterator[StoredDecision]:
    """Every stored call that is not being erased.

    Args:
        database: the ledger's.
        since: only calls that were stored then or later.
    """
    columns = ("call_id", "stored", "purpose", "retain_until", "held", "flagged", "consent")
    query = select(*(CATALOGUE.c[name] for name in columns)).where(CATALOGUE.c.erasing.is_(None))
    if since is not None:
        query = query.where(CATALOGUE.c.stored >= stamp(since))
    query, last = query.order_by(CATALOGUE.c.call_id).limit(_BATCH), ""
    while True:
        with database.reading() as connection:
            rows = connection.execute(query.where(CATALOGUE.c.call_id > last)).all()
        for row in rows:
            decision, readable = _decision(row.consent)
            yield StoredDecision(
                row.call_id,
                datetime.fromisoformat(row.stored),
                row.purpose,
                datetime.fromisoformat(row.retain_until),
                row.held is not None,
                flag_of(row.flagged),
                decision,
                readable,
            )
        if len(rows) < _BATCH:
            return
        last = rows[-1].call_id


def tell_listed(log: AuditLog, calls: int) -> None:
    """Tell the audit log that somebody listed so many stored calls on the command line."""
    facts = {"at": log.stamp(), "what": "calls-listed", "by": user(), "calls": calls}
    log.append(Event(f"calls/{LISTED}/{uuid.uuid4()}", "", LISTED, facts))


def _decision(text: str | None) -> tuple[Decision | None, bool]:
    decision, readable = decision_of(text)
    if decision is not None and decision.why is Why.NOT_ENFORCED:
        return None, True  # decided without listening to the opening
    return decision, readable


@dataclass(frozen=True, slots=True)
class Row:
    """Calls that are alike now and then: a row of the table that ``simulated`` makes."""

    now: Kept
    then: Kept
    fate: Fate


@dataclass(frozen=True, slots=True)
class Simulated:
    """How stored calls would be kept under something else."""

    rows: dict[Row, int]
    """How many calls of each kind."""
    calls: dict[str, Row]
    """Those that would be treated differently, by call id."""
    held: frozenset[str]
    """Of those, the ones that a legal hold keeps whatever is decided."""
    unasked: int
    """Calls that were stored without a decision: nobody asked."""
    unread: int
    """Calls whose decision can't be read; they are in no row."""

    @property
    def fates(self) -> Counter[Fate]:
        """How many calls fare how."""
        found: Counter[Fate] = Counter()
        for row, count in self.rows.items():
            found[row.fate] += count
        return found


def simulated(
    database: Database,
    new: Judge,
    at: datetime,
    *,
    old: Judge | None = None,
    since: datetime | None = None,
) -> Simulated:
    """How stored calls would be kept under something else.

    Args:
        database: the ledger's.
        new: by what they would be judged.
        at: the time at which it is asked.
        old: what it is compared with; None: what was decided when the call was stored.
        since: only calls that were stored then or later.
    """
    rows: Counter[Row] = Counter()
    calls: dict[str, Row] = {}
    held: set[str] = set()
    unasked = unread = 0
    for one in stored_decisions(database, since):
        if not one.readable:
            unread += 1
            continue
        unasked += one.decision is None
        now = one.kept if old is None else old.kept(one.decision, one.purpose)
        then = new.kept(one.decision, one.purpose)
        row = Row(now, then, fate(now, then, one.stored, at))
        rows[row] += 1
        if row.fate is not Fate.SAME:
            calls[one.call_id] = row
            if one.held:
                held.add(one.call_id)
    return Simulated(dict(rows), calls, frozenset(held), unasked, unread)
