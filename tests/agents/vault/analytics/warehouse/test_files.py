"""CSV, JSON lines and Parquet of literal rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from agents.vault.analytics.warehouse.files import csv_of, in_memory, json_of, parquet_of

pytestmark = pytest.mark.unit
NAMES, TYPES = ("day", 'a "name"', "calls"), ("DATE", "VARCHAR", "BIGINT")
ROWS = ((date(2026, 3, 1), "x, y", 3), (date(2026, 3, 2), None, None))


def test_csv_quotes_and_leaves_out_what_nobody_knows() -> None:
    assert b"".join(csv_of(NAMES, ROWS)) == (
        b'day,"a ""name""",calls\r\n2026-03-01,"x, y",3\r\n2026-03-02,,\r\n'
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_text_is_a_formula(text: str) -> None:
    (line,) = b"".join(csv_of(["a"], [[text]])).split(b"\r\n", 1)[1:]
    assert line.strip(b'"').startswith(b"'")
    assert b"".join(csv_of(["a"], [[-1]])).endswith(b"-1\r\n")


def test_json_lines() -> None:
    assert b"".join(json_of(("day", "n"), [(date(2026, 3, 1), None)])) == (
        b'{"day": "2026-03-01", "n": null}\n'
    )


def test_parquet_keeps_types(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes(parquet_of(NAMES, TYPES, ROWS))
    assert duckdb.sql(f"from '{file}'").fetchall() == list(ROWS)
    file.write_bytes(parquet_of(NAMES, TYPES, ()))
    assert duckdb.sql(f"from '{file}'").fetchall() == []
    assert [one[1] for one in duckdb.sql(f"describe from '{file}'").fetchall()] == list(TYPES)


def test_bytes_in_memory_are_gone_afterwards() -> None:
    with in_memory(b"a\n1\n") as path:
        assert Path(path).read_bytes() == b"a\n1\n"
    with pytest.raises(OSError, match="No such file"):
        Path(path).read_bytes()
