"""What is destroyed when, and what a legal hold keeps: from the catalogue, without content.

Outcomes: ``Plan``; ``StoreError`` where the database is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, case, func, select

from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.settings.model import Settings
from agents.system.clock import stamp
from agents.upkeep.retention import REFUSED_KEPT

DAYS: Final = 14
"""So many days are told one by one; what comes later, by month."""
HELD_MOST: Final = 200
_UTC: Final = ZoneInfo("UTC")
_EDGES_MOST: Final = 400
"""Days and months that are told apart: a database has a limit of columns."""


@dataclass(frozen=True, slots=True)
class Due:
    """Calls whose time is over within a stretch."""

    title: str
    """A day or a month."""
    calls: int


@dataclass(frozen=True, slots=True)
class HeldCall:
    """A call under a legal hold."""

    call_id: str
    held: str
    retain_until: str
    over: bool
    """Whether it would be gone without the hold."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What else is kept, and for how long."""

    what: str
    kept: str
    then: str
    setting: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes when."""

    over: int
    """Whose time is over and that nothing holds: the next sweep's."""
    days: tuple[Due, ...]
    months: tuple[Due, ...]
    held: tuple[HeldCall, ...]
    held_all: int
    rules: tuple[Rule, ...]


def plan(database: Database, settings: Settings, now: datetime, zone: ZoneInfo = _UTC) -> Plan:
    """The plan as it is now, in days and months of a zone."""
    table = CATALOGUE.c
    free = (table.held.is_(None), table.erasing.is_(None))
    with database.reading() as connection:
        days, months = _due(connection, now, zone)
        over = connection.scalar(
            select(func.count())
            .select_from(CATALOGUE)
            .where(*free, table.retain_until <= stamp(now))
        )
        held = connection.execute(
            select(table.call_id, table.held, table.retain_until)
            .where(table.held.is_not(None))
            .order_by(table.held, table.call_id)
            .limit(HELD_MOST)
        ).all()
        held_all = connection.scalar(
            select(func.count()).select_from(CATALOGUE).where(table.held.is_not(None))
        )
    return Plan(
        over=int(over or 0),
        days=days,
        months=months,
        held=tuple(
            HeldCall(row.call_id, row.held, row.retain_until, row.retain_until <= stamp(now))
            for row in held
        ),
        held_all=int(held_all or 0),
        rules=rules(settings),
    )


def _due(
    connection: Connection, now: datetime, zone: ZoneInfo
) -> tuple[tuple[Due, ...], tuple[Due, ...]]:
    """Calls by each of the next days, and by each later month that has some."""
    table = CATALOGUE.c
    free = (table.held.is_(None), table.erasing.is_(None), table.retain_until > stamp(now))
    latest = connection.scalar(select(func.max(table.retain_until)).where(*free))
    today = now.astimezone(zone).date()
    edges = [today + timedelta(days=number) for number in range(DAYS + 1)]
    names = [f"{day}" for day in edges[:-1]]
    end = datetime.fromisoformat(latest).astimezone(zone).date() if latest else today
    while edges[-1] <= end and len(edges) < _EDGES_MOST:
        names.append(f"{edges[-1]:%Y-%m}")
        edges.append((edges[-1].replace(day=1) + timedelta(days=31)).replace(day=1))
    at = [stamp(datetime.combine(day, time.min, zone).astimezone(UTC)) for day in edges]
    if edges[-1] <= end:
        names.append(f"{edges[-1]:%Y-%m} or later")
        at.append(stamp(datetime.max.replace(tzinfo=UTC)))
    counted = [
        func.sum(case((and_(table.retain_until >= low, table.retain_until < high), 1), else_=0))
        for low, high in pairwise(at)
    ]
    row = connection.execute(select(*counted).where(*free)).one()
    due = [Due(name, int(count or 0)) for name, count in zip(names, row, strict=True)]
    return tuple(due[:DAYS]), tuple(one for one in due[DAYS:] if one.calls)


def rules(settings: Settings) -> tuple[Rule, ...]:
    """How long what is beside stored calls is kept."""
    raw = f"{settings.raw_retention_seconds / 3600:g} hours"
    return (
        Rule(
            "Sealed records of a call on the broker",
            raw,
            "the broker deletes them; without the call's key they open for nobody",
            "raw_retention_seconds",
        ),
        Rule(
            "Key of an open call",
            "until it is stored or refused",
            "destroyed, which the audit log says before",
            "",
        ),
        Rule(
            "Key of a quarantined call",
            f"{settings.quarantine_hours} hours",
            "destroyed; the certificate stays",
            "quarantine_hours",
        ),
        Rule(
            "Stored calls",
            "as policy and places say",
            "keys, files and catalogue entry are destroyed",
            "policy",
        ),
        Rule(
            "Audit log",
            f"{settings.audit_days} days",
            "older entries are pruned; a signed entry says so",
            "audit_days",
        ),
        Rule(
            "Recorder's id of a refused call",
            f"{REFUSED_KEPT.days} days",
            "forgotten",
            "",
        ),
    )
