"""The parts of an overview: types that the API publishes, and what the database knows of each.

Outcomes: ``StoreError`` where the database is away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select

from agents.database.call_ledger import CallState
from agents.database.engine import Database
from agents.database.tables import CALLS, CATALOGUE, PROGRESS
from agents.database.webhook_queue import WebhookQueue
from agents.system.clock import stamp

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage, over all workers."""

    name: str
    workers: int
    """That run it and were seen just now."""
    away: int
    """That ran it, and were not seen since."""
    behind: int | None
    """Records that the broker has for it and that it has not acknowledged; those of a call that is
    still running count until it ends. None: the broker does not say."""
    in_flight: int
    """Calls that it works on."""
    oldest_seconds: float | None
    """Age of the oldest open call that is not through; None: there is none, or nobody notes it."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Calls that were stored within an hour."""

    calls: int
    audio_hours: float
    quarantined: int
    """Of the same hour."""
    refused: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored, and what waits for somebody or for its time."""

    stored: int
    quarantined: int
    held: int
    due: int
    """Calls whose time is over and that nothing holds: the sweeper's next ones."""
    earliest: str
    """When the next one's time is over; empty: there is none."""
    open_calls: int
    quarantine_keys: int
    """Quarantined calls whose key lives."""
    webhooks_waiting: int
    webhooks_dead: int


def oldest(database: Database, stages: Sequence[str], now: datetime) -> dict[str, float]:
    """Age in seconds of the oldest open call that each stage is not done with."""
    found = {}
    with database.reading() as connection:
        for stage in stages:
            through = select(PROGRESS.c.call_id).where(
                PROGRESS.c.call_id == CALLS.c.call_id, PROGRESS.c.stage == stage
            )
            created = connection.scalar(
                select(func.min(CALLS.c.created)).where(
                    CALLS.c.state == CallState.OPEN.value, ~through.exists()
                )
            )
            if created:
                age = now - datetime.fromisoformat(created)
                found[stage] = max(0.0, round(age.total_seconds(), 1))
    return found


def throughput(database: Database, now: datetime) -> Throughput:
    """What was stored within the last hour."""
    since = stamp(now - HOUR)
    with database.reading() as connection:
        row = connection.execute(
            select(func.count(), func.coalesce(func.sum(CATALOGUE.c.duration_ms), 0)).where(
                CATALOGUE.c.stored >= since, CATALOGUE.c.passed.is_(True)
            )
        ).one()
        quarantined = connection.scalar(
            select(func.count()).where(CATALOGUE.c.stored >= since, CATALOGUE.c.passed.is_(False))
        )
        # There is no index by the end of a call; of those that began within two days there is.
        refused = connection.scalar(
            select(func.count()).where(
                CALLS.c.state == CallState.REFUSED.value,
                CALLS.c.created >= stamp(now - 48 * HOUR),
                CALLS.c.closed >= since,
            )
        )
    return Throughput(
        int(row[0]), round(int(row[1]) / 3_600_000, 3), int(quarantined or 0), int(refused or 0)
    )


def kept(database: Database, now: datetime, quarantine_keys: int) -> Kept:
    """What is stored and waits."""
    table = CATALOGUE.c
    free = (table.held.is_(None), table.erasing.is_(None))
    with database.reading() as connection:

        def count(*where: ColumnElement[bool]) -> int:
            return int(
                connection.scalar(select(func.count()).select_from(CATALOGUE).where(*where)) or 0
            )

        earliest = connection.scalar(select(func.min(table.retain_until)).where(*free))
        opened = connection.scalar(
            select(func.count()).where(CALLS.c.state == CallState.OPEN.value)
        )
        counts = {
            "stored": count(table.passed.is_(True), table.erasing.is_(None)),
            "quarantined": count(table.passed.is_(False), table.erasing.is_(None)),
            "held": count(table.held.is_not(None)),
            "due": count(table.retain_until <= stamp(now), *free),
        }
    waiting, dead = WebhookQueue(database).counts()
    return Kept(
        **counts,
        earliest=earliest or "",
        open_calls=int(opened or 0),
        quarantine_keys=quarantine_keys,
        webhooks_waiting=waiting,
        webhooks_dead=dead,
    )
