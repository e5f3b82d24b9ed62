"""Rows as CSV, JSON lines or Parquet, made in memory.

CSV is for spreadsheets: a text that one would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
PARQUET: Final = "application/vnd.apache.parquet"
CSV: Final = "text/csv; charset=utf-8"
_BATCH: Final = 1_000
_LINES: Final = 10_000
"""Rows that are handed over at once."""


def csv_of(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """CSV (RFC 4180, UTF-8) in pieces; lists with semicolons, nothing for None.

    Args:
        names: of the columns.
        rows: their values.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    for number, row in enumerate(rows, start=1):
        writer.writerow([_cell(value) for value in row])
        if number % _BATCH == 0:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def json_of(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """A JSON object per line; times as ISO 8601."""
    for row in rows:
        line = json.dumps(dict(zip(names, row, strict=True)), default=_plain, ensure_ascii=False)
        yield line.encode() + b"\n"


def parquet_of(
    names: Sequence[str], types: Sequence[str], rows: Iterable[Sequence[object]]
) -> bytes:
    """A Parquet file.

    Args:
        names: of the columns; none twice.
        types: of the columns, in DuckDB's words.
        rows: their values.
    """
    import duckdb  # noqa: PLC0415 - the console starts without it

    made = duckdb.connect(":memory:", config={"temp_directory": "", "threads": 1})
    columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in zip(names, types, strict=True))
    made.execute(f"CREATE TABLE rows ({columns})")
    told = ", ".join(
        f"{_text(name)}: {_text(kind)}" for name, kind in zip(names, types, strict=True)
    )
    lines = json_of(names, rows)
    while batch := b"".join(itertools.islice(lines, _LINES)):
        with in_memory(batch) as path:
            made.execute(
                f"INSERT INTO rows SELECT * FROM read_json('{path}', columns = {{{told}}}, "  # noqa: S608
                "format = 'newline_delimited')"
            )
    return parquet_copy(made, "rows")


def parquet_copy(made: duckdb.DuckDBPyConnection, table: str) -> bytes:
    """A table of a DuckDB as a Parquet file."""
    with in_memory() as path:
        made.execute(f"COPY {table} TO '{path}' (FORMAT parquet, USE_TMP_FILE false)")
        made.close()
        with open(path, "rb") as file:  # noqa: PTH123 - no path of a disk
            return file.read()


@contextmanager
def in_memory(content: bytes = b"") -> Iterator[str]:
    """A path under which DuckDB finds bytes, or leaves some, that are on no disk."""
    number = os.memfd_create("hushwire")
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(number, view) :]
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def _cell(value: object) -> object:
    if isinstance(value, list | tuple):
        value = ";".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
