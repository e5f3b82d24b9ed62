"""A call's facts in the ledger's database: entered once it is stored, gone with its catalogue row.

Outcomes: ``UnknownCallError`` where the call is not in the catalogue (any more), or did not pass;
``StoreError`` where the database is away. Entering again replaces what was counted; what the
recorder said is never replaced by nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from agents.database.analytics_tables import (
    CALL_FACTS,
    CALL_PAIRS,
    CALL_REDACTIONS,
    CALL_TOPICS,
    CHANGED,
    SEARCH_TERMS,
)
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.vault.analytics.search_index import IndexedWords
from pipeline.analytics.facts import SAID, CallFacts, Redacted
from pipeline.errors import UnknownCallError

_LISTS: Final = {"redactions", "topics"}
_PLAIN: Final = tuple(one.name for one in fields(CallFacts) if one.name not in {*_LISTS, "marks"})
_MILLION: Final = 1_000_000
_BATCH: Final = 500
"""Calls that one statement asks for."""
NO_WORDS: Final = IndexedWords()


class FactStore:
    """The facts of one installation's calls.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, facts: CallFacts, words: IndexedWords = NO_WORDS, *, made: str = "") -> None:
        """Enter a call's facts, in place of those that are there.

        Args:
            facts: of a call of the catalogue.
            words: as ``agents.vault.analytics.search_index`` hashes them.
            made: digest of by what they were made.

        Raises:
            UnknownCallError: see the module's text.
        """
        if not self.enter_all([(facts, words)], made=made):
            raise UnknownCallError("no such call in the catalogue: its facts are not kept")

    def enter_all(
        self,
        calls: Sequence[tuple[CallFacts, IndexedWords]],
        *,
        made: str = "",
        counted: bool = False,
    ) -> int:
        """Enter the facts of many calls in one transaction; how many of them are still there.

        Args:
            calls: facts and words, as ``enter`` takes them.
            made: digest of by what they were made.
            counted: whether they were only counted anew: what the recorder said stays as it is.
        """
        by_id = {facts.call_id: (facts, words) for facts, words in calls}
        with self._database.writing() as connection:
            # Locked: an erasure that removes the row waits, and takes these rows with it.
            there = _in_batches(
                connection,
                lambda ids: (
                    select(CATALOGUE.c.call_id, CATALOGUE.c.stored, CATALOGUE.c.purpose)
                    .where(
                        CATALOGUE.c.call_id.in_(ids),
                        CATALOGUE.c.passed.is_(True),
                        CATALOGUE.c.erasing.is_(None),
                    )
                    .with_for_update()
                ),
                list(by_id),
            )
            entered = {row.call_id: row._asdict() for row in there}
            found = sorted(entered)
            known = _in_batches(connection, _known, found)
            before = {row.call_id: row.id for row in known}
            rows = [_row(by_id[one][0]) | entered[one] | {"made": made or None} for one in found]
            _keep_said(rows, {row.call_id: row for row in known}, counted=counted)
            for row in rows:
                if row["call_id"] in before:
                    mine = CALL_FACTS.c.id == before[row["call_id"]]
                    connection.execute(update(CALL_FACTS).where(mine).values(row))
            _insert(connection, CALL_FACTS, [row for row in rows if row["call_id"] not in before])
            for table in (CALL_REDACTIONS, CALL_TOPICS, SEARCH_TERMS, CALL_PAIRS):
                old = list(before.values())
                for start in range(0, len(old), _BATCH):
                    mine = table.c.call.in_(old[start : start + _BATCH])
                    connection.execute(delete(table).where(mine))
            new = [one for one in found if one not in before]
            numbers = before | {one.call_id: one.id for one in _in_batches(connection, _known, new)}
            self._insert_lists(connection, [(numbers[one], *by_id[one]) for one in found])
            self._note(connection, new)
            if before:
                connection.execute(CHANGED)
        return len(found)

    def _note(self, connection: Connection, calls: Sequence[str]) -> None:
        """That the catalogue's rows have facts: those without are found by it at once."""
        for start in range(0, len(calls), _BATCH):
            mine = CATALOGUE.c.call_id.in_(calls[start : start + _BATCH])
            counted = update(CATALOGUE).where(mine).values(counted=self._database.stamp())
            connection.execute(counted)

    @staticmethod
    def _insert_lists(
        connection: Connection, calls: Sequence[tuple[int, CallFacts, IndexedWords]]
    ) -> None:
        _insert(
            connection,
            CALL_REDACTIONS,
            (
                {"call": number, "type": one.type, "count": one.count, "ms": one.ms}
                for number, facts, _ in calls
                for one in facts.redactions
            ),
        )
        _insert(
            connection,
            CALL_TOPICS,
            (
                {"call": number, "topic": topic, "count": count}
                for number, facts, _ in calls
                for topic, count in facts.topics
            ),
        )
        # In the order of the table: pages of a B-tree are filled once.
        terms = sorted((term, number) for number, _, words in calls for term in set(words.terms))
        _insert(connection, SEARCH_TERMS, ({"term": term, "call": one} for term, one in terms))
        _insert(
            connection,
            CALL_PAIRS,
            ({"call": number, "filter": words.pairs} for number, _, words in calls if words.pairs),
        )

    def outdated(self, made: str, *, after: str = "", limit: int = _BATCH) -> list[str]:
        """Stored calls without facts, or with such as were made by something else, by their ids.

        Args:
            made: digest of by what facts are made today.
            after: those behind this id.
            limit: how many at most.
        """
        query = _outdated(select(CATALOGUE.c.call_id), made).where(CATALOGUE.c.call_id > after)
        with self._database.reading() as connection:
            return list(connection.scalars(query.order_by(CATALOGUE.c.call_id).limit(limit)))

    def count_outdated(self, made: str) -> int:
        """How many calls ``outdated`` would name in all."""
        query = _outdated(select(func.count()).select_from(CATALOGUE), made)
        with self._database.reading() as connection:
            return int(connection.scalar(query) or 0)

    def find(self, call_id: str) -> CallFacts | None:
        """A call's facts, or None where there are none, or it is being erased."""
        query = (
            select(CALL_FACTS)
            .join(CATALOGUE, CATALOGUE.c.call_id == CALL_FACTS.c.call_id)
            .where(CALL_FACTS.c.call_id == call_id, CATALOGUE.c.erasing.is_(None))
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            redactions, topics = lists_of(connection, [row["id"]])
        return facts_of(row, redactions[row["id"]], topics[row["id"]])


def facts_of(
    row: RowMapping, redactions: tuple[Redacted, ...], topics: tuple[tuple[str, int], ...]
) -> CallFacts:
    """The facts of a row of ``call_facts``."""
    return CallFacts(
        **{**{name: row[name] for name in _PLAIN}, "muted_share": row["muted_share"] / _MILLION},
        marks=listed(row["marks"]),
        redactions=redactions,
        topics=topics,
    )


def lists_of(
    connection: Connection, numbers: Sequence[int]
) -> tuple[dict[int, tuple[Redacted, ...]], dict[int, tuple[tuple[str, int], ...]]]:
    """Redactions and topics of some calls, by ``call_facts.id``; those without have empty ones."""
    redactions: dict[int, tuple[Redacted, ...]] = defaultdict(tuple)
    topics: dict[int, tuple[tuple[str, int], ...]] = defaultdict(tuple)
    wanted = CALL_REDACTIONS.c.call.in_(numbers)
    for row in connection.execute(
        select(CALL_REDACTIONS).where(wanted).order_by(CALL_REDACTIONS.c.type)
    ).mappings():
        redactions[row["call"]] += (Redacted(row["type"], row["count"], row["ms"]),)
    wanted = CALL_TOPICS.c.call.in_(numbers)
    for row in connection.execute(
        select(CALL_TOPICS).where(wanted).order_by(CALL_TOPICS.c.topic)
    ).mappings():
        topics[row["call"]] += ((row["topic"], row["count"]),)
    return redactions, topics


def listed(text: str) -> tuple[str, ...]:
    """The entries of a column such as ``marks``."""
    return tuple(one for one in text.split(",") if one)


def _outdated(query: Select[Any], made: str) -> Select[Any]:
    other = CALL_FACTS.c.made.is_distinct_from(made)  # also where there is no row
    joined = query.outerjoin(CALL_FACTS, CALL_FACTS.c.call_id == CATALOGUE.c.call_id)
    return joined.where(CATALOGUE.c.passed.is_(True), CATALOGUE.c.erasing.is_(None), other)


def _row(facts: CallFacts) -> dict[str, Any]:
    row = {name: getattr(facts, name) for name in _PLAIN}
    return row | {
        "muted_share": round(facts.muted_share * _MILLION),
        "marks": _joined(facts.marks),
        "entities": _joined(facts.entities),
    }


def _joined(entries: Iterable[str]) -> str:
    text = ",".join(sorted(set(entries)))
    return f",{text}," if text else ""


def _known(calls: Sequence[str]) -> Select[Any]:
    columns = (CALL_FACTS.c[name] for name in ("id", "call_id", *SAID))
    return select(*columns).where(CALL_FACTS.c.call_id.in_(calls))


def _keep_said(rows: Sequence[dict[str, Any]], known: Mapping[str, Any], *, counted: bool) -> None:
    """Put what was said before into rows that say nothing; where only counted, into all."""
    for row in rows:
        old = known.get(row["call_id"])
        for name in SAID if old is not None else ():
            said = getattr(old, name)
            # A campaign may stand in the certificate, which an older version did not read.
            kept = counted and (said or name != "campaign")
            row[name] = said if kept else row[name] or said


def _in_batches(connection: Connection, query: Any, ids: Sequence[str]) -> list[Any]:  # noqa: ANN401 - a statement of any row
    rows: list[Any] = []
    for start in range(0, len(ids), _BATCH):
        rows += connection.execute(query(ids[start : start + _BATCH])).all()
    return rows


def _insert(connection: Connection, table: Any, rows: Iterable[dict[str, Any]]) -> None:  # noqa: ANN401 - any table
    values = list(rows)
    if values:
        connection.execute(insert(table), values)
