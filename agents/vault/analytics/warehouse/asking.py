"""A stranger's SELECT over the facts: one statement, read-only, bounded in memory and rows.

The database of ``loading.opened`` is locked first: no file, network, extension or setting can be
reached from SQL, and only the views of ``schema`` and what they stand on are there. ``apart`` ends
what takes too long.

Outcomes: an ``Answer``; ``InputError`` for what is no single SELECT, for a mistake in it (DuckDB's
own words), for one that takes too much memory, and for what fails on rows, which are not told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb

from agents.vault.analytics.warehouse.files import in_memory
from pipeline.errors import InputError

ROWS_MOST: Final = 1_000_000
SQL_MOST: Final = 100_000
"""Characters of a statement."""
_WORDS_MOST: Final = 500
"""Characters of DuckDB's words that are told."""
_ANSWER: Final = "answer_of_the_query"
_HEAD: Final = f"CREATE TEMP TABLE {_ANSWER} AS FROM (\n"
_OF_TEXT: Final = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
"""Mistakes that are seen before any row is read: their words hold none."""
NO_MEMORY: Final = "the query needs more memory than it may have: ask for less"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a SELECT gave."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    """In DuckDB's words."""
    rows: tuple[tuple[Any, ...], ...] = field(repr=False)
    cut: bool
    """Whether there are more rows than were asked for."""
    parquet: bytes = field(default=b"", repr=False)
    """As a file, where that was asked for; ``rows`` are empty then."""
    count: int = 0


def asked(made: duckdb.DuckDBPyConnection, sql: str, *, most: int, parquet: bool = False) -> Answer:
    """Answer a SELECT; the database can't be used for anything else afterwards.

    Args:
        made: of ``loading.opened``.
        sql: one SELECT.
        most: rows that are given.
        parquet: whether as a Parquet file instead of rows.

    Raises:
        InputError: see the module's text.
    """
    refuse_other(sql)
    with in_memory() as file:
        made.execute("SET errors_as_json = true")
        made.execute(f"SET allowed_paths = ['{file}']")
        made.execute("SET enable_external_access = false")
        made.execute("SET lock_configuration = true")
        try:
            answer = _answered(made, sql, most, file if parquet else "")
        except duckdb.OutOfMemoryException:
            raise InputError(NO_MEMORY) from None
        except duckdb.Error as error:
            raise InputError(_told(error, sql)) from None
        finally:
            made.close()
    return answer


def _answered(made: duckdb.DuckDBPyConnection, sql: str, most: int, file: str) -> Answer:
    # In brackets nothing but a query can stand: what changes data is refused by the parser.
    made.execute(f"{_HEAD}{_without_end(sql)}\n) LIMIT {most + 1}")
    count = made.execute(f"SELECT count(*) FROM {_ANSWER}").fetchall()[0][0]  # noqa: S608 - ours
    given = f"(FROM {_ANSWER} LIMIT {most})"
    columns = made.execute(f"DESCRIBE {_ANSWER}").fetchall()
    rows: list[tuple[Any, ...]] = []
    data = b""
    if file:
        made.execute(f"COPY {given} TO '{file}' (FORMAT parquet, USE_TMP_FILE false)")
        with open(file, "rb") as written:  # noqa: PTH123 - no path of a disk
            data = written.read()
    else:
        rows = made.execute(f"FROM {given}").fetchall()
    return Answer(
        names=tuple(one[0] for one in columns),
        types=tuple(one[1] for one in columns),
        rows=tuple(rows),
        cut=count > most,
        parquet=data,
        count=min(count, most),
    )


def _without_end(sql: str) -> str:
    """The statement without the semicolons around it; what else there are stand in texts."""
    letters = [*sql]
    for at, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.operator and letters[at] == ";":
            letters[at] = " "
    return "".join(letters)


def refuse_other(sql: str) -> None:
    """Refuse what is no single SELECT.

    Raises:
        InputError: it is none.
    """
    if len(sql) > SQL_MOST:
        raise InputError(f"a query has at most {SQL_MOST} characters")
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise InputError(f"the query can't be answered: {_cut(str(error))}") from None
    kinds = [one.type for one in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        raise InputError(
            "one SELECT can be asked, and nothing that changes something: `hushwire query "
            "--schema` lists what there is"
        )


def _told(error: duckdb.Error, sql: str) -> str:
    """What is wrong, and where; what fails on rows is told without its words, which hold them."""
    kind, _, said = str(error).partition(": ")
    try:
        told = json.loads(said)
        words, at = str(told["exception_message"]), int(told.get("position", 0))
    except (ValueError, KeyError, TypeError):
        words, at = "", 0
    if not isinstance(error, _OF_TEXT):
        kind, words = type(error).__name__.removesuffix("Exception"), ""
    before = sql.encode()[: max(0, at - len(_HEAD))].decode("utf-8", "ignore")
    place = f" in line {before.count(chr(10)) + 1}" if at >= len(_HEAD) else ""
    column = f", character {len(before.rpartition(chr(10))[2]) + 1}" if place else ""
    return f"the query can't be answered: {kind}{place}{column}{_cut(words) and f': {_cut(words)}'}"


def _cut(words: str) -> str:
    return " ".join(words.split())[:_WORDS_MOST]
