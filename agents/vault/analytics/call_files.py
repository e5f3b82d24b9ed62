"""Facts of stored calls as a file that others open: a row per call, no word.

CSV goes out while it is read; Parquet is made whole, in memory, since its end says what stands
where: one at a time. Rows come from the database in batches, so that nobody who writes waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Final

from sqlalchemy import ColumnElement, select

from agents.database.analytics_tables import CALL_FACTS
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.vault.analytics.warehouse.files import csv_of, parquet_of

Row = Sequence[object]
_BATCH: Final = 1_000
_MILLION: Final = 1e6
_OF_CATALOGUE: Final = (
    *("call_id", "stored", "duration_ms", "policy", "policy_version", "purpose", "retain_until"),
    *("held", "marks"),
)
_OF_FACTS: Final = (
    *("started", "direction", "campaign", "line", "agent", "outcome", "jurisdiction", "caller"),
    *("talk_agent_ms", "talk_customer_ms", "talk_mixed_ms", "silence_ms", "interruptions"),
    *("sides", "hold_ms", "turns", "words", "muted_ms", "muted_share", "precaution_ms"),
    *("caught_ms", "disclosed"),
)
COLUMNS: Final = (*_OF_CATALOGUE, *_OF_FACTS, "types")
"""Names of the columns; what only facts know is empty for calls without."""
_MOMENTS: Final = frozenset({"stored", "started", "retain_until", "held"})
_NUMBERS: Final = frozenset({"turns", "words", "interruptions", "sides"})
_SOURCES: Final[tuple[ColumnElement[Any], ...]] = (
    *(CATALOGUE.c[name] for name in _OF_CATALOGUE),
    *(
        CALL_FACTS.c[name] / _MILLION if name == "muted_share" else CALL_FACTS.c[name]
        for name in _OF_FACTS
    ),
    CALL_FACTS.c.entities,
)
_JOINED: Final = frozenset({COLUMNS.index("marks"), COLUMNS.index("types")})
_ONE: Final = Lock()


def rows_of(database: Database, calls: Sequence[str]) -> Iterator[Row]:
    """The rows of calls by their ids, in this order; those that are being erased are left out."""
    both = CATALOGUE.outerjoin(CALL_FACTS, CALL_FACTS.c.call_id == CATALOGUE.c.call_id)
    there = select(*_SOURCES).select_from(both).where(CATALOGUE.c.erasing.is_(None))
    for start in range(0, len(calls), _BATCH):
        batch = calls[start : start + _BATCH]
        with database.reading() as connection:
            query = there.where(CATALOGUE.c.call_id.in_(batch))
            found = {row[0]: row for row in connection.execute(query)}
        yield from (_row(found[one]) for one in batch if one in found)


def csv_of_calls(rows: Iterable[Row]) -> Iterator[bytes]:
    """CSV in pieces, its head first."""
    return csv_of(COLUMNS, rows)


def parquet_of_calls(rows: Iterable[Row]) -> bytes:
    """A Parquet file; times are such, what nobody knows is null."""
    with _ONE:
        return parquet_of(COLUMNS, [_type(name) for name in COLUMNS], rows)


def _row(found: Sequence[Any]) -> Row:
    row = list(found)
    for place in _JOINED:
        row[place] = row[place].strip(",") if row[place] else row[place]
    return row


def _type(name: str) -> str:
    if name in _MOMENTS:
        return "TIMESTAMPTZ"
    if name == "muted_share":
        return "DOUBLE"
    return "BIGINT" if name in _NUMBERS or name.endswith("_ms") else "VARCHAR"
