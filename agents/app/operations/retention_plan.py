"""What is destroyed when, and what a legal hold keeps: from the catalogue, without content.

Outcomes: ``Plan``; ``StoreError`` where the database is away.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.settings.model import Settings
from agents.system.clock import stamp
from agents.upkeep.retention import REFUSED_KEPT

DAYS: Final = 14
"""So many days are told one by one; what comes later, by month."""
HELD_MOST: Final = 200


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


def plan(database: Database, settings: Settings, now: datetime) -> Plan:
    """The plan as it is now, in UTC."""
    table = CATALOGUE.c
    day = func.substr(table.retain_until, 1, 10)
    free = (table.held.is_(None), table.erasing.is_(None))
    with database.reading() as connection:
        by_day = connection.execute(
            select(day, func.count())
            .where(*free, table.retain_until > stamp(now))
            .group_by(day)
            .order_by(day)
        ).all()
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
    last = (now.date() + timedelta(days=DAYS)).isoformat()
    months: Counter[str] = Counter()
    for name, count in by_day:
        if str(name) >= last:
            months[str(name)[:7]] += int(count)
    found = {str(name): int(count) for name, count in by_day if str(name) < last}
    return Plan(
        over=int(over or 0),
        days=tuple(Due(one, found.get(one, 0)) for one in _days(now.date())),
        months=tuple(Due(name, count) for name, count in sorted(months.items())),
        held=tuple(
            HeldCall(row.call_id, row.held, row.retain_until, row.retain_until <= stamp(now))
            for row in held
        ),
        held_all=int(held_all or 0),
        rules=rules(settings),
    )


def _days(first: date) -> list[str]:
    return [(first + timedelta(days=number)).isoformat() for number in range(DAYS)]


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
