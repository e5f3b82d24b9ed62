"""Searches the audit log, newest first, by pages; and hands it out without holding it open.

Each page is a transaction of its own: a reader that held the database open would hold up the end of
keys. A search that no index serves looks through a bounded number of entries at a time and says how
far it came. Outcomes: pages; ``TamperError`` where the log loses entries while it is handed out;
every function raises ``StoreError`` where the database is away.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select

from agents.access.audit_log import checkpoints_of, entry_of
from agents.access.hash_chain import Entry
from agents.database.engine import Database
from agents.database.tables import ENTRIES, HEAD
from agents.system.clock import stamp
from agents.system.owners import name_and_number
from pipeline.errors import TamperError
from pipeline.evidence.canonical_json import canonical_json

LOOKED_MOST: Final = 100_000
"""Entries that one page looks through."""
BATCH: Final = 1_000
LOOKS: Final = tuple(f"hushwire.audit.{name}.v1" for name in ("looked", "denied", "login-refused"))
"""Kinds of entries that change nothing but the log."""
APART: Final = ("login", "export", "analytics-export", "audit-export", "replay-dead-letters")
"""What of looks is more than that somebody saw a page or a call."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which entries are wanted; all conditions hold at once."""

    since: datetime | None = None
    """Written at or after."""
    until: datetime | None = None
    """Written before."""
    kind: str = ""
    """Short name, such as ``call-erased``."""
    who: tuple[str, ...] = ()
    """Any of these in ``who`` or ``by``; a user of a host also by name or ``uid:1000`` alone."""
    call: str = ""
    looks: bool = True
    """Whether looks at pages and calls are among them; those of ``APART`` always are."""

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == LogQuery()


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries, the newest first."""

    entries: tuple[Entry, ...]
    following: int | None
    """``before`` of the next page; None: this was the last one."""
    looked_to: int
    """The number of the oldest entry that was looked at."""
    left_out: int
    """Looks between these that fit but for ``LogQuery.looks``."""


def search(
    database: Database,
    query: LogQuery,
    *,
    before: int | None = None,
    limit: int = 100,
    most: int = LOOKED_MOST,
) -> LogPage:
    """One page.

    Args:
        database: the ledger's.
        query: which entries.
        before: older than this one.
        limit: entries on the page.
        most: so many are looked through.
    """
    with database.reading() as connection:
        low, high = _bounds(connection, query)
        high = high if before is None else min(high, before)
        bottom = low if query.call else max(low, high - most)
        found = (
            select(ENTRIES)
            .where(ENTRIES.c.seq < high, ENTRIES.c.seq >= bottom, *_wanted(database, query))
            .order_by(ENTRIES.c.seq.desc())
            .limit(limit)
        )
        rows = connection.execute(found).mappings().all()
        entries = tuple(entry_of(row) for row in rows)
        full = len(entries) == limit
        bottom = entries[-1].seq if full else bottom
        left_out = 0
        if not query.looks:
            counted = select(func.count()).where(
                ENTRIES.c.seq < high,
                ENTRIES.c.seq >= bottom,
                _look(database),
                *_wanted(database, replace(query, looks=True)),
            )
            left_out = connection.scalar(counted) or 0
    return LogPage(entries, bottom if full or bottom > low else None, bottom, left_out)


def facts_of(database: Database, kind: str, calls: Collection[str]) -> Iterator[dict[str, Any]]:
    """Facts of the entries of one kind that are about some calls, the oldest first of each batch.

    Args:
        database: the ledger's.
        kind: short name, such as ``record-replayed``.
        calls: their ids.
    """
    wanted = sorted(calls)
    for start in range(0, len(wanted), BATCH):
        some = wanted[start : start + BATCH]
        query = select(ENTRIES.c.facts).where(
            ENTRIES.c.subject.in_(some), ENTRIES.c.kind == f"hushwire.audit.{kind}.v1"
        )
        with database.reading() as connection:
            found = connection.scalars(query.order_by(ENTRIES.c.seq)).all()
        yield from map(json.loads, found)


def after(database: Database, seq: int, *, limit: int) -> tuple[Entry, ...]:
    """The entries that follow one, the oldest first.

    Args:
        database: the ledger's.
        seq: number of the entry; 0: from the first on.
        limit: at most so many.
    """
    found = select(ENTRIES).where(ENTRIES.c.seq > seq).order_by(ENTRIES.c.seq).limit(limit)
    with database.reading() as connection:
        return tuple(entry_of(row) for row in connection.execute(found).mappings())


def export(database: Database, query: LogQuery) -> Iterator[bytes]:
    """Batches of JSON lines, the oldest first; of the whole log, each checkpoint behind its entry.

    The whole log as ``hushwire audit verify`` takes it, as it was when the export began.

    Raises:
        TamperError: entries went meanwhile; what was handed out is not whole.
    """
    with database.reading() as connection:
        low, high = _bounds(connection, query)
        stated = checkpoints_of(connection) if query.everything else []
    waiting = [one for one in stated if one.seq < high]
    at = low
    while at < high:
        stop = min(high, at + BATCH)
        rows = (
            select(ENTRIES)
            .where(ENTRIES.c.seq >= at, ENTRIES.c.seq < stop, *_wanted(database, query))
            .order_by(ENTRIES.c.seq)
        )
        with database.reading() as connection:
            entries = [entry_of(row) for row in connection.execute(rows).mappings()]
        if query.everything and len(entries) != stop - at:
            raise TamperError("audit log: entries went while it was handed out: export it again")
        lines = []
        for entry in entries:
            while waiting and waiting[0].seq < entry.seq:
                lines.append(canonical_json(waiting.pop(0).document) + b"\n")
            lines.append(canonical_json({**entry.document, "hash": entry.hash}) + b"\n")
        if lines:
            yield b"".join(lines)
        at = stop
    if waiting:
        yield b"".join(canonical_json(one.document) + b"\n" for one in waiting)


def _bounds(connection: Connection, query: LogQuery) -> tuple[int, int]:
    """Numbers ``[low, high)`` that may fit: entries are written in the order of their times."""
    seq, recorded = ENTRIES.c.seq, ENTRIES.c.recorded
    first = connection.scalar(select(func.min(seq)))
    last = connection.scalar(select(HEAD.c.seq))
    low, high = int(first or 1), int(last or 0) + 1
    if query.since is not None:
        begin = connection.scalar(select(func.min(seq)).where(recorded >= stamp(query.since)))
        low = high if begin is None else max(low, int(begin))
    if query.until is not None:
        end = connection.scalar(select(func.max(seq)).where(recorded < stamp(query.until)))
        high = low if end is None else min(high, int(end) + 1)
    return low, max(low, high)


def _wanted(database: Database, query: LogQuery) -> Iterator[ColumnElement[bool]]:
    if query.since is not None:
        yield ENTRIES.c.recorded >= stamp(query.since)
    if query.until is not None:
        yield ENTRIES.c.recorded < stamp(query.until)
    if query.kind:
        yield ENTRIES.c.kind == f"hushwire.audit.{query.kind}.v1"
    if not query.looks:
        yield not_(_look(database))
    if query.call:
        yield ENTRIES.c.subject == query.call
    if query.who:
        yield or_(*(one for who in query.who for one in _who(database, who)))


def _look(database: Database) -> ColumnElement[bool]:
    """Whether an entry is a look at a page or a call."""
    apart = or_(*(_says(database, "what", what) for what in APART))
    return and_(ENTRIES.c.kind == "hushwire.audit.looked.v1", not_(apart))


def _who(database: Database, who: str) -> Iterator[ColumnElement[bool]]:
    for field in ("who", "by"):
        yield _says(database, field, who)
        yield _says(database, field, f"{who} (uid ", whole=False)
    name, number = name_and_number(who)
    if number and not name:
        yield _holds(database, f' (uid {number})"')


def _says(database: Database, field: str, text: str, *, whole: bool = True) -> ColumnElement[bool]:
    """Whether a fact is this text, or begins so: case counts, and nothing in it is a wildcard."""
    said = json.dumps(text, ensure_ascii=False)
    return _holds(database, f'"{field}":{said if whole else said[:-1]}')


def _holds(database: Database, piece: str) -> ColumnElement[bool]:
    place = func.instr if database.sqlite else func.strpos
    return place(ENTRIES.c.facts, piece) > 0


def changed_behind(database: Database, seq: int) -> bool:
    """Whether anything but looks was written behind an entry."""
    query = select(ENTRIES.c.seq).where(ENTRIES.c.seq > seq, ENTRIES.c.kind.not_in(LOOKS)).limit(1)
    with database.reading() as connection:
        return connection.scalar(query) is not None
