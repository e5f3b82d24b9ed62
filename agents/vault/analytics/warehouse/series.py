"""The rows behind the charts: calls by day, campaign, number, agent and hour; redactions; topics.

A group with fewer than ``Warehouse.least`` calls keeps its name and loses its numbers (None), so
that nobody is told apart; trends leave such a type out. Days and hours are shown as they are, and
nothing at all where a filter leaves fewer calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from agents.vault.analytics.warehouse.loading import Warehouse
from agents.vault.analytics.warehouse.period import DAYS_MOST, Period, Wanted, spans_of

OUTCOMES: Final = ("answered", "missed", "voicemail", "unknown")


@dataclass(frozen=True, slots=True)
class Series:
    """A table."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    """In DuckDB's words."""
    rows: tuple[tuple[Any, ...], ...]

    def column(self, name: str) -> tuple[Any, ...]:
        """The values of a column."""
        place = self.names.index(name)
        return tuple(row[place] for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Kind:
    sql: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    least: int | None = None
    """Where the column of calls stands, if groups may be too small to be shown."""
    trend: bool = False
    """Whether its first column is the first day of a bucket, and each has to have a row."""


_NUMBER, _TEXT = "BIGINT", "VARCHAR"
_BUCKETS: Final = (
    "ASOF JOIN (SELECT unnest($edges) AS edge, unnest($firsts) AS first) AS buckets "
    "ON facts.started >= edge"
)
"""Each call with the first day of the bucket that it began in."""
_GROUP_SQL: Final = """
SELECT nullif({column}, ''), count(*) AS calls, count_if(outcome = 'answered'),
       count_if(outcome = 'missed'), CAST(round(median(duration_ms)) AS BIGINT),
       CAST(1000 * sum(talk_agent_ms) FILTER (sides = 2) / nullif(
            sum(talk_agent_ms + talk_customer_ms) FILTER (sides = 2), 0) AS BIGINT),
       CAST(1000 * sum(silence_ms) / nullif(sum(duration_ms), 0) AS BIGINT)
FROM facts WHERE {where} GROUP BY 1 ORDER BY calls DESC, 1
"""
_GROUP_NAMES: Final = (
    *("calls", "answered", "missed", "median_ms"),
    *("talk_share_thousandths", "silence_share_thousandths"),
)


def _group(name: str, column: str) -> _Kind:
    return _Kind(
        _GROUP_SQL.replace("{column}", column),
        (name, *_GROUP_NAMES),
        (_TEXT, *[_NUMBER] * len(_GROUP_NAMES)),
        least=1,
    )


KINDS: Final[Mapping[str, _Kind]] = {
    "days": _Kind(
        "SELECT first AS day, count(*), count_if(outcome = 'answered'), "  # noqa: S608 - ours
        "count_if(outcome = 'missed'), count_if(outcome = 'voicemail'), count_if(outcome = '') "
        f"FROM facts {_BUCKETS} WHERE {{where}} GROUP BY 1 ORDER BY 1",
        ("day", "calls", *OUTCOMES),
        ("DATE", *[_NUMBER] * 5),
        trend=True,
    ),
    "campaigns": _group("campaign", "campaign"),
    "lines": _group("tracking_number", "line"),
    "agents": _group("agent", "agent"),
    "redactions": _Kind(
        "SELECT type, count(*) AS calls, CAST(sum(count) AS BIGINT), CAST(sum(ms) AS BIGINT) "
        "FROM facts JOIN redacted ON redacted.call = facts.id "
        "WHERE {where} GROUP BY type ORDER BY calls DESC, type",
        ("type", "calls", "redactions", "ms"),
        (_TEXT, *[_NUMBER] * 3),
        least=1,
    ),
    "redaction-days": _Kind(
        "SELECT first AS day, type, count(*) AS calls, CAST(sum(count) AS BIGINT), "  # noqa: S608
        f"CAST(sum(ms) AS BIGINT) FROM facts {_BUCKETS} JOIN redacted ON redacted.call = facts.id "
        "WHERE {where} GROUP BY 1, 2 "
        "QUALIFY sum(count(*)) OVER (PARTITION BY type) >= $least ORDER BY 1, 2",
        ("day", "type", "calls", "redactions", "ms"),
        ("DATE", _TEXT, *[_NUMBER] * 3),
    ),
    "topics": _Kind(
        "SELECT topic, count(*) AS calls, CAST(sum(count) AS BIGINT) "
        "FROM facts JOIN mentioned ON mentioned.call = facts.id "
        "WHERE {where} GROUP BY topic ORDER BY calls DESC, topic",
        ("topic", "calls", "mentions"),
        (_TEXT, _NUMBER, _NUMBER),
        least=1,
    ),
    "hours": _Kind(
        "SELECT isodow(local) AS weekday, hour(local) AS hour, count(*) FROM (SELECT "
        "make_timestamp(epoch_us(started) + ahead_us) AS local FROM facts ASOF JOIN "
        "(SELECT unnest($begun) AS begun, unnest($ahead_us) AS ahead_us) AS spans "
        "ON facts.started >= begun WHERE {where}) GROUP BY ALL ORDER BY ALL",
        ("weekday", "hour", "calls"),
        (_NUMBER, _NUMBER, _NUMBER),
    ),
}
"""By the name in the address."""


def series_of(warehouse: Warehouse, name: str, wanted: Wanted) -> Series:
    """A series of ``KINDS``.

    Raises:
        KeyError: there is none of that name.
    """
    kind = KINDS[name]
    if wanted.is_filtered and _calls_of(warehouse, wanted) < warehouse.least:
        return Series(kind.names, kind.types, ())
    sql = kind.sql.replace("{where}", wanted.where)
    values = dict(wanted.values)
    if "$edges" in sql:
        edges = wanted.period.edges(wanted.zone)
        values |= {"edges": [edge for edge, _ in edges], "firsts": [day for _, day in edges]}
    if "$begun" in sql:
        spans = [*spans_of(*wanted.period.bounds(wanted.zone), wanted.zone)]
        values["begun"] = [begun for begun, _, _ in spans]
        values["ahead_us"] = [ahead // timedelta(microseconds=1) for _, _, ahead in spans]
    if "$least" in sql:
        values["least"] = warehouse.least
    rows = warehouse.rows(sql, values)
    if kind.trend:
        rows = _whole(rows, wanted.period, len(kind.names))
    if kind.least is not None:
        rows = tuple(_shown(row, kind.least, warehouse.least) for row in rows)
    return Series(kind.names, kind.types, rows)


def choices_of(warehouse: Warehouse) -> dict[str, tuple[str, ...]]:
    """What can be filtered by: campaigns, lines, agents, directions that any call has."""
    return {
        name: tuple(
            row[0]
            for row in warehouse.rows(
                f"SELECT DISTINCT {name} FROM facts WHERE {name} <> '' ORDER BY 1",  # noqa: S608
                {},
            )
        )
        for name in ("campaign", "line", "agent", "direction")
    }


def latest_day(warehouse: Warehouse, zone: ZoneInfo, today: date) -> date | None:
    """The day of the latest call up to today, if there is any: a recorder's clock may be wrong."""
    values = Wanted(Period(today - timedelta(days=DAYS_MOST - 1), today), zone).values
    ((latest_us,),) = warehouse.rows(
        "SELECT epoch_us(max(started)) FROM facts WHERE started >= $since AND started < $until",
        values,
    )
    if latest_us is None:
        return None
    latest = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=latest_us)
    return latest.astimezone(zone).date()


def _calls_of(warehouse: Warehouse, wanted: Wanted) -> int:
    ((calls,),) = warehouse.rows(
        f"SELECT count(*) FROM facts WHERE {wanted.where}",  # noqa: S608 - ours
        wanted.values,
    )
    return int(calls)


def _whole(
    rows: tuple[tuple[Any, ...], ...], period: Period, width: int
) -> tuple[tuple[Any, ...], ...]:
    there = {row[0]: row for row in rows}
    return tuple(there.get(day, (day, *[0] * (width - 1))) for day in period.buckets())


def _shown(row: tuple[Any, ...], place: int, least: int) -> tuple[Any, ...]:
    enough = row[place] >= least
    return row if enough else (*row[:place], *[None] * (len(row) - place))
