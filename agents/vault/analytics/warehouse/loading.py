"""From the ledger's tables into DuckDB's columns, in memory and without a way out.

``opened`` makes a database for a stranger's SELECT: no caller's pseudonym, and no key that stands
for one, ever gets into it; of callers it holds groups of at least ``least`` alone. ``Warehouse`` is
the console's, which asks only what ``figures`` and ``series`` say: it knows which calls have one
caller, follows the ledger, and is made anew where more than new calls came.

Outcomes: ``StoreError`` where the ledger is away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Column, ColumnElement, Connection, Text, cast, func, select

from agents.database.analytics_tables import (
    ANALYTICS_CHANGES,
    CALL_FACTS,
    CALL_REDACTIONS,
    CALL_TOPICS,
)
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.system.clock import stamp
from agents.vault.analytics.warehouse.files import in_memory
from agents.vault.analytics.warehouse.schema import VIEWS

if TYPE_CHECKING:
    import duckdb

MEMORY: Final = "1GB"
THREADS: Final = 2
LOOK_AGAIN_S: Final = 2.0
"""The console looks this often at most whether calls came or went."""
KEPT_MOST: Final = 1_000
"""Answers that are kept."""
_FACTS: Final[tuple[Column[Any], ...]] = tuple(
    column for column in CALL_FACTS.c if column.name not in {"caller", "made", "stored", "purpose"}
)
_CALLERS: Final[tuple[Column[Any], ...]] = (
    CALL_FACTS.c.id,
    CALL_FACTS.c.caller,
    CALL_FACTS.c.started,
)
_THERE: Final = CALL_FACTS.c.call_id.not_in(
    select(CATALOGUE.c.call_id).where(CATALOGUE.c.erasing.is_not(None))
)
_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": MEMORY,
    "threads": THREADS,
    "temp_directory": "",  # nothing is spilled to a disk
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,  # a name in a SELECT is no variable of ours
}
_FACTS_SQL: Final = """
SELECT * EXCLUDE (local), CAST(local AS DATE) AS day, hour(local) AS hour, isodow(local) AS weekday
FROM (SELECT *, started AT TIME ZONE '{zone}' AS local FROM {rows})
"""
_GROUPS_SQL: Final = """
SELECT month, calls AS calls_each, count(*) AS callers
FROM (SELECT date_trunc('month', CAST(started AT TIME ZONE '{zone}' AS DATE)) AS month, caller,
             count(*) AS calls FROM {rows} GROUP BY ALL)
GROUP BY ALL HAVING count(*) >= {least} ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class State:
    """What a copy of the ledger was made of."""

    changes: int
    """Of ``ANALYTICS_CHANGES``."""
    calls: int
    last: int
    """The largest id."""


def opened(database: Database, zone: ZoneInfo, least: int) -> duckdb.DuckDBPyConnection:
    """A database with the views of ``schema``, for one stranger's SELECT.

    Args:
        database: the ledger's.
        zone: of days.
        least: fewer callers are no group.
    """
    made = _empty()
    with database.reading() as connection:
        _fill(made, connection, zone)
        groups = _groups(connection, zone, least, database.now())
    if groups:
        made.executemany("INSERT INTO caller_groups VALUES (?, ?, ?)", groups)
    made.execute("DROP TABLE callers_of")
    for view in VIEWS:
        made.execute(view.sql)
    return made


class Warehouse:
    """The facts of the ledger, kept for the console; safe to use from several threads.

    Args:
        database: the ledger's.
        zone: of days where nobody names another.
        least: what is fewer is no group that may be shown.
    """

    def __init__(self, database: Database, zone: ZoneInfo, least: int) -> None:
        self._database = database
        self.zone, self.least = zone, least
        self._lock = Lock()
        self._held: tuple[duckdb.DuckDBPyConnection, State] | None = None
        self._looked = 0.0
        self._kept: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[tuple[Any, ...], ...]] = {}
        self._kept_of = 0
        self.version = 0
        """Goes up with every change."""

    def rows(self, sql: str, values: Mapping[str, object]) -> tuple[tuple[Any, ...], ...]:
        """The answer of one of our own queries; a repeat costs nothing while no call came or went.

        Args:
            sql: with named parameters.
            values: of the parameters.
        """
        cursor, version = self._current()
        key = (sql, tuple(sorted((name, str(value)) for name, value in values.items())))
        with self._lock:
            if self._kept_of != version:
                self._kept.clear()
                self._kept_of = version
            if key in self._kept:
                return self._kept[key]
        found = tuple(cursor.execute(sql, dict(values)).fetchall())
        with self._lock:
            if self._kept_of == version and len(self._kept) < KEPT_MOST:
                self._kept[key] = found
        return found

    def _current(self) -> tuple[duckdb.DuckDBPyConnection, int]:
        """A connection to what the ledger holds, at most ``LOOK_AGAIN_S`` old, and its version."""
        with self._lock:
            if self._held is None or time.monotonic() - self._looked > LOOK_AGAIN_S:
                self._follow()
                self._looked = time.monotonic()
            assert self._held is not None  # noqa: S101 - for the type checker
            return self._held[0].cursor(), self.version

    def _follow(self) -> None:
        with self._database.reading() as connection:
            now = _state(connection)
            if self._held is not None and self._held[1] == now:
                return
            if self._held is None or not self._added(connection, *self._held, now):
                made = _empty()
                _fill(made, connection, self.zone, callers=True)
                self._held = (made, now)
        self.version += 1

    def _added(
        self, connection: Connection, made: duckdb.DuckDBPyConnection, then: State, now: State
    ) -> bool:
        """Add new calls to what is held; false where it may not be what the ledger holds then."""
        if then.changes != now.changes:
            return False
        made.begin()
        try:
            _fill(made, connection, self.zone, then.last, callers=True)
            (calls,) = made.execute("SELECT count(*) FROM facts").fetchone() or (0,)
            # Another process may have drawn a smaller id, and be done later.
            if calls != now.calls:
                made.rollback()
                return False
            made.commit()
        except BaseException:
            made.rollback()
            raise
        self._held = (made, now)
        return True


def _empty() -> duckdb.DuckDBPyConnection:
    import duckdb  # noqa: PLC0415 - a server that nobody asks for figures does without

    made = duckdb.connect(":memory:", config=dict(_CONFIG))
    made.execute("SET GLOBAL TimeZone = 'UTC'")
    columns = ", ".join(f"{one.name} {_type(one)}" for one in _FACTS)
    made.execute(f"CREATE TABLE facts ({columns}, day DATE, hour BIGINT, weekday BIGINT)")
    made.execute("CREATE TABLE callers_of (call BIGINT, caller UBIGINT)")
    made.execute("CREATE TABLE redacted (call BIGINT, type VARCHAR, count BIGINT, ms BIGINT)")
    made.execute("CREATE TABLE mentioned (call BIGINT, topic VARCHAR, count BIGINT)")
    made.execute("CREATE TABLE caller_groups (month DATE, calls_each BIGINT, callers BIGINT)")
    return made


def _fill(
    made: duckdb.DuckDBPyConnection,
    connection: Connection,
    zone: ZoneInfo,
    after: int = 0,
    *,
    callers: bool = False,
) -> None:
    """Add the calls with an id above ``after``."""
    newer = (CALL_FACTS.c.id > after) & _THERE
    with _rows(connection, _FACTS, newer) as rows:
        made.execute(f"INSERT INTO facts BY NAME {_FACTS_SQL.format(zone=zone.key, rows=rows)}")
    if callers:
        with _rows(connection, _CALLERS[:2], newer & (CALL_FACTS.c.caller != "")) as rows:
            made.execute(f"INSERT INTO callers_of SELECT id, hash(caller) FROM {rows}")  # noqa: S608
    for table, into in ((CALL_REDACTIONS, "redacted"), (CALL_TOPICS, "mentioned")):
        with _rows(connection, tuple(table.c), table.c.call > after) as rows:
            made.execute(f"INSERT INTO {into} BY NAME SELECT * FROM {rows}")  # noqa: S608 - ours


def _groups(
    connection: Connection, zone: ZoneInfo, least: int, now: datetime
) -> list[tuple[date, int, int]]:
    """How many callers called so often in each month that is over, where they are enough.

    A month that goes on would tell with each call whether its caller had called before. Counted in
    a database of its own, so that the one that is asked never knew a caller.
    """
    import duckdb  # noqa: PLC0415 - as in _empty

    apart = duckdb.connect(":memory:", config=dict(_CONFIG))
    month = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    going = select(CATALOGUE.c.call_id).where(CATALOGUE.c.erasing.is_not(None))
    over = (CALL_FACTS.c.started < stamp(month)) & CALL_FACTS.c.call_id.not_in(going)
    with _rows(connection, _CALLERS[1:], over & (CALL_FACTS.c.caller != "")) as rows:
        query = _GROUPS_SQL.format(zone=zone.key, least=int(least), rows=rows)
        found = apart.execute(query).fetchall()
    apart.close()
    return found


@contextmanager
def _rows(
    connection: Connection, columns: Sequence[Column[Any]], wanted: ColumnElement[bool]
) -> Iterator[str]:
    """What DuckDB reads rows of the ledger from: JSON that the ledger writes, in memory.

    Python would spend most of the time on values one by one.
    """
    array = func.json_array if connection.dialect.name == "sqlite" else func.json_build_array
    lines = connection.scalars(select(cast(array(*columns), Text)).where(wanted)).all()
    values = ", ".join(
        f"CAST(one[{place}] AS {_type(column)}) AS {column.name}"
        for place, column in enumerate(columns, start=1)
    )
    with in_memory("\n".join(lines).encode()) as path:
        yield (
            f"(SELECT {values} FROM read_json('{path}', format = 'newline_delimited', "  # noqa: S608
            "records = false, columns = {'one': 'VARCHAR[]'}))"
        )


def _type(column: Column[Any]) -> str:
    if column.name == "started":
        return "TIMESTAMP WITH TIME ZONE"
    return "BIGINT" if column.type.python_type is int else "VARCHAR"


def _state(connection: Connection) -> State:
    changes = connection.scalar(select(ANALYTICS_CHANGES.c.changes))
    query = select(func.count(), func.max(CALL_FACTS.c.id)).where(_THERE)
    calls, last = connection.execute(query).one()
    return State(int(changes or 0), int(calls), int(last or 0))
