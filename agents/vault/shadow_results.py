"""What a candidate policy found beside the live one, per call, in the ledger's database.

Durations and counts only. All workers write to one database, so a report covers them all, and a
restart loses nothing. A call that is read again replaces its own rows.

Outcomes: ``StoreError`` where the database is away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, case, delete, func, insert, or_, select

from agents.database.engine import Database
from agents.database.tables import SHADOW
from agents.system.clock import stamp
from pipeline.evaluation.figures.span_agreement import ALL, Agreement
from pipeline.policy.model import Policy

KEEP_DAYS: Final = 90
"""How long a comparison is kept; a candidate is decided on sooner."""
_NAME_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Pair:
    """The two policies that are compared, by digest and by name."""

    live: str
    live_name: str
    candidate: str
    candidate_name: str

    @classmethod
    def of(cls, live: Policy, candidate: Policy) -> Pair:
        """From the policies."""
        names = (f"{one.name} {one.version}"[:_NAME_LENGTH] for one in (live, candidate))
        return cls(live.digest, next(names), candidate.digest, next(names))


@dataclass(frozen=True, slots=True)
class EntityShadow:
    """One entity type over all calls of a pair."""

    entity: str
    calls: int
    """In which either policy mutes it."""
    differing: int
    """In which one policy silences what the other leaves."""
    both_ms: int
    live_ms: int
    """Silenced by the live policy only."""
    candidate_ms: int
    both_spans: int
    live_spans: int
    candidate_spans: int


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """All that was gathered of a pair of policies."""

    pair: Pair
    calls: int
    first: str
    """When the first of them was compared; ISO 8601 in UTC."""
    last: str
    entities: tuple[EntityShadow, ...]
    """``ALL`` first, then by name."""


class ShadowResults:
    """The results in a ledger's database.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, call_id: str, pair: Pair, found: Iterable[Agreement]) -> bool:
        """Write a call's comparison; what is there of it and the same pair is replaced.

        Returns:
            Whether there was none of it yet.
        """
        at = self._database.stamp()
        rows = [
            {
                "call_id": call_id,
                "live": pair.live,
                "candidate": pair.candidate,
                "entity": one.entity,
                "live_name": pair.live_name,
                "candidate_name": pair.candidate_name,
                "compared": at,
                "both_ms": one.both_ms,
                "live_ms": one.only_first_ms,
                "candidate_ms": one.only_second_ms,
                "both_spans": one.both,
                "live_spans": one.only_first,
                "candidate_spans": one.only_second,
            }
            for one in found
        ]
        mine = and_(
            SHADOW.c.call_id == call_id,
            SHADOW.c.live == pair.live,
            SHADOW.c.candidate == pair.candidate,
        )
        with self._database.writing() as connection:
            replaced = connection.execute(delete(SHADOW).where(mine)).rowcount
            connection.execute(insert(SHADOW), rows)
        return replaced == 0

    def reports(self, since: datetime | None = None) -> list[ShadowReport]:
        """Every pair of policies that was compared, the latest first.

        Args:
            since: only calls that were compared then or later.
        """
        table = SHADOW.c
        differs = or_(table.live_ms > 0, table.candidate_ms > 0)
        # Of a pair whose name changed and whose rules did not, one name is as good as the other.
        query = select(
            table.live, table.candidate, table.entity,
            func.max(table.live_name).label("live_name"),
            func.max(table.candidate_name).label("candidate_name"),
            func.min(table.compared).label("first"),
            func.max(table.compared).label("last"),
            func.count().label("calls"),
            func.sum(case((differs, 1), else_=0)).label("differing"),
            *(func.sum(column).label(column.name) for column in _AMOUNTS),
        ).group_by(table.live, table.candidate, table.entity)  # fmt: skip
        if since is not None:
            query = query.where(table.compared >= stamp(since))
        found: dict[tuple[str, str], list[EntityShadow]] = {}
        heads: dict[tuple[str, str], tuple[Pair, int, str, str]] = {}
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(table.entity)).mappings().all()
        for row in rows:
            key = (row["live"], row["candidate"])
            amounts = {column.name: int(row[column.name]) for column in _AMOUNTS}
            calls = int(row["calls"])
            one = EntityShadow(row["entity"], calls, int(row["differing"]), **amounts)
            found.setdefault(key, []).append(one)
            if one.entity == ALL:
                pair = Pair(key[0], row["live_name"], key[1], row["candidate_name"])
                heads[key] = (pair, calls, row["first"], row["last"])
        reports = [
            ShadowReport(*heads[key], tuple(sorted(each, key=lambda one: one.entity != ALL)))
            for key, each in found.items()
        ]
        return sorted(reports, key=lambda one: one.last, reverse=True)

    def forget(self, candidate: str) -> int:
        """Remove all that was gathered of a candidate; of how many calls.

        Args:
            candidate: its digest, or the beginning of it.
        """
        mine = SHADOW.c.candidate.startswith(candidate, autoescape=True)
        with self._database.writing() as connection:
            calls = connection.scalar(select(func.count(SHADOW.c.call_id.distinct())).where(mine))
            connection.execute(delete(SHADOW).where(mine))
        return int(calls or 0)

    def drop_old(self, now: datetime) -> None:
        """Remove what is older than ``KEEP_DAYS``: a refused call is in no vault to be erased."""
        limit = stamp(now - timedelta(days=KEEP_DAYS))
        old = SHADOW.c.compared < limit
        with self._database.reading() as connection:
            if connection.scalar(select(SHADOW.c.call_id).where(old).limit(1)) is None:
                return
        with self._database.writing() as connection:
            connection.execute(delete(SHADOW).where(old))

    def remove(self, call_id: str) -> None:
        """Remove what there is of a call, as it is erased."""
        with self._database.writing() as connection:
            connection.execute(delete(SHADOW).where(SHADOW.c.call_id == call_id))


_AMOUNTS: Final = (
    SHADOW.c.both_ms,
    SHADOW.c.live_ms,
    SHADOW.c.candidate_ms,
    SHADOW.c.both_spans,
    SHADOW.c.live_spans,
    SHADOW.c.candidate_spans,
)
