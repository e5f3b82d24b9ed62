"""Facts of stored calls as a file that others open: a row per call, no word.

CSV goes out while it is read; Parquet is made whole, in memory, since its end says what stands
where. A text that a spreadsheet would take for a formula gets an apostrophe before it in CSV.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import duckdb
import numpy as np

from agents.system.clock import stamp
from agents.vault.analytics.call_listing import ListedCall

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_ROWS: Final = 500
_FROM_FACTS: Final = (
    *("started", "direction", "campaign", "line", "agent", "outcome", "jurisdiction", "caller"),
    *("talk_agent_ms", "talk_customer_ms", "talk_mixed_ms", "silence_ms", "interruptions"),
    *("hold_ms", "turns", "words", "muted_ms", "muted_share", "precaution_ms", "caught_ms"),
    "disclosed",
)


def _fact(name: str) -> Callable[[ListedCall], object]:
    return lambda one: getattr(one.facts, name, None)


_COLUMNS: Final[dict[str, Callable[[ListedCall], object]]] = {
    "call_id": lambda one: one.stored.call_id,
    "stored": lambda one: stamp(one.stored.stored),
    "duration_ms": lambda one: one.stored.duration_ms,
    "policy": lambda one: one.stored.policy,
    "policy_version": lambda one: one.stored.policy_version,
    "purpose": lambda one: one.stored.purpose,
    "retain_until": lambda one: stamp(one.stored.retain_until),
    "held": lambda one: stamp(one.stored.held) if one.stored.held else None,
    "marks": lambda one: ",".join(one.stored.marks),
    **{name: _fact(name) for name in _FROM_FACTS},
    "types": lambda one: ",".join(one.facts.entities) if one.facts else None,
}
COLUMNS: Final = tuple(_COLUMNS)
"""Names of the columns; what only facts know is empty for calls without."""
_MOMENTS: Final = frozenset({"stored", "started", "retain_until", "held"})
_NUMBERS: Final = frozenset(
    name for name in COLUMNS if name.endswith("_ms") or name in {"muted_share", "turns", "words"}
) | {"interruptions"}


def csv_of(calls: Iterable[ListedCall]) -> Iterator[bytes]:
    """The file piece by piece, its head first."""
    text = io.StringIO()
    write = csv.writer(text)
    write.writerow(COLUMNS)
    for count, one in enumerate(calls, start=1):
        write.writerow(_plain(read(one)) for read in _COLUMNS.values())
        if count % _ROWS == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def parquet_of(calls: Iterable[ListedCall]) -> Iterator[bytes]:
    """The file piece by piece; times are such, what nobody knows is null."""
    rows = [[read(one) for read in _COLUMNS.values()] for one in calls]
    columns = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    arrays = {name: _array(name, one) for name, one in zip(COLUMNS, columns, strict=True)}
    file = os.memfd_create("calls")  # memory, which no disk sees
    try:
        with duckdb.connect(":memory:") as made:
            made.register("calls", arrays)
            told = ", ".join(_column(name) for name in COLUMNS)
            made.execute(
                f"COPY (SELECT {told} FROM calls) TO '/proc/self/fd/{file}' "  # noqa: S608 - ours
                "(FORMAT parquet, USE_TMP_FILE false)"
            )
        os.lseek(file, 0, os.SEEK_SET)
        while piece := os.read(file, 1 << 20):
            yield piece
    finally:
        os.close(file)


def _plain(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def _column(name: str) -> str:
    if name in _MOMENTS:
        return f"CAST({name} AS TIMESTAMPTZ) AS {name}"
    return f"CAST({name} AS {'BIGINT' if name in _NUMBERS else 'VARCHAR'}) AS {name}"


def _array(name: str, values: Iterable[object]) -> Any:  # noqa: ANN401 - numpy's, of any type
    told = list(values)
    if name not in _NUMBERS:
        return np.array(told, object)
    unknown = np.array([one is None for one in told], bool)
    numbers = np.array([0 if one is None else one for one in told], np.int64)
    return np.ma.MaskedArray(numbers, unknown)
