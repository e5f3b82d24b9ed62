"""The audit log: an append-only, hash-chained table in the ledger's database, with checkpoints.

Every audit event is written here first, before it goes to its topic and before what it tells of
becomes final, so that no crash and no broker can lose one. There is one chain for an installation:
writers lock the row that names the last entry, so they come one after the other.

Outcomes: ``append`` says whether the event was new (a repeat changes nothing); ``checkpoint`` and
``prune`` raise ``TamperError`` rather than sign over a chain that does not hold; every method
raises ``StoreError`` where the database is away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.auditchain import (
    BEGINNING,
    END,
    START,
    Checkpoint,
    Entry,
    Head,
    Verified,
    digest,
    start_of,
    statement,
    verify_chain,
    walk,
)
from agents.auditkinds import is_listed
from agents.audittables import CHECKPOINTS, ENTRIES, HEAD
from agents.clock import stamp
from agents.database import Database
from agents.signing import PublicKey, SigningKey
from pipeline.errors import TamperError
from pipeline.signatures import canonical_json

EVERY: Final = 100
"""Entries behind the last checkpoint from which on a new one is due."""
PRUNED: Final = "hushwire.audit.log-pruned.v1"
_FACT_LENGTH: Final = 256
_FACT_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Event:
    """What happened; no content.

    Raises:
        ValueError: a fact is more than a short JSON value with a plain name, or the kind is not
            listed in ``agents.auditkinds``.
    """

    event_id: str
    subject: str
    """Call id, or empty."""
    kind: str
    """CloudEvents type, of the list in ``agents.auditkinds``."""
    facts: Mapping[str, object]

    def __post_init__(self) -> None:
        """Keep everything out that could be content: long texts, structures, odd names."""
        if not is_listed(self.kind):
            raise ValueError("this kind of audit event is not listed in agents/auditkinds.py")
        for name, value in self.facts.items():
            if not _FACT_NAME.fullmatch(name):
                raise ValueError("a fact of an audit event has a plain name")
            if not isinstance(value, str | int | None) or len(str(value)) > _FACT_LENGTH:
                raise ValueError(f"audit fact {name}: a short text, whole number, truth or null")

    @property
    def fingerprint(self) -> str:
        """The same for a repeat, whose time alone is another.

        Events of one id that state different facts are different events: two stages may refuse one
        call, and a false event must not keep the true one out.
        """
        facts = {name: value for name, value in self.facts.items() if name != "at"}
        return digest({"event_id": self.event_id, "kind": self.kind, "facts": facts})


class AuditLog:
    """The log in a ledger's database.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        with suppress(IntegrityError), database.writing() as connection:
            # Where two processes make the row at once, the second one's is refused.
            if connection.scalar(select(HEAD.c.id)) is None:
                values = {"id": 1, "seq": BEGINNING.seq, "hash": BEGINNING.hash}
                connection.execute(insert(HEAD).values(values))

    def now(self) -> datetime:
        """The time by which entries are dated and pruned."""
        return self.database.now()

    def stamp(self) -> str:
        """The time, as events state it."""
        return self.database.stamp()

    def append(self, event: Event) -> bool:
        """Write an event; ``False`` for one that is there already."""
        with self.database.writing() as connection:
            head = _locked_head(connection)
            same = select(ENTRIES.c.seq).where(ENTRIES.c.fingerprint == event.fingerprint)
            if connection.scalar(same) is not None:
                return False
            _append(connection, head, event, self.database.stamp())
        return True

    def unsigned(self) -> int:
        """How many entries stand behind the last checkpoint."""
        with self.database.reading() as connection:
            last = connection.scalar(select(func.max(CHECKPOINTS.c.seq)))
            return _head(connection).seq - int(last or 0)

    def checkpoint(self, key: SigningKey) -> Checkpoint | None:
        """Sign the last entry; the checkpoint that states it, None for an empty log.

        Raises:
            TamperError: what came after the last checkpoint does not follow from it.
        """
        with self.database.writing() as connection:
            head = _locked_head(connection)
            stated = _checkpoints(connection)
            last = max(stated, key=lambda one: one.seq, default=None)
            since = Head(last.seq, last.hash) if last else BEGINNING
            _refuse_broken(connection, key, stated, since, head)
            if last is not None and last.seq == head.seq:
                return last
            return _signed(connection, key, END, head, self.database.stamp()) if head.seq else None

    def older(self, keep_days: int, now: datetime) -> tuple[int, int]:
        """How many entries ``prune`` would remove, and how many there are."""
        limit = now - timedelta(days=keep_days)
        with self.database.reading() as connection:
            count = select(func.count()).select_from(ENTRIES)
            old = ENTRIES.c.seq <= _last_older(connection, limit)
            return int(connection.scalar(count.where(old)) or 0), int(connection.scalar(count) or 0)

    def prune(self, key: SigningKey, *, keep_days: int, now: datetime) -> int:
        """Remove the entries that are older, and sign where the log now begins; how many went.

        ``agents.auditkeeper.prune`` asks first whether the clock is believed.

        Raises:
            TamperError: the log does not hold: nothing is removed.
        """
        limit = now - timedelta(days=keep_days)
        with self.database.writing() as connection:
            head = _locked_head(connection)
            until = _last_older(connection, limit)
            old = ENTRIES.c.seq <= until
            if connection.scalar(select(ENTRIES.c.seq).where(old).limit(1)) is None:
                return 0
            stated = _checkpoints(connection)
            _refuse_broken(connection, key, stated, start_of(stated), head)
            last = connection.scalar(select(ENTRIES.c.hash).where(ENTRIES.c.seq == until)) or ""
            gone = connection.execute(delete(ENTRIES).where(old)).rowcount
            connection.execute(delete(CHECKPOINTS).where(CHECKPOINTS.c.seq <= until))
            start = _signed(connection, key, START, Head(until, last), self.database.stamp())
            facts = {"at": start.at, "what": "log-pruned", "until": until, "entries": gone}
            _append(connection, head, Event(f"log/{PRUNED}/{until}", "", PRUNED, facts), start.at)
        return int(gone)

    def verify(
        self, keys: Mapping[str, PublicKey], *, kept: tuple[Checkpoint, ...] = ()
    ) -> Verified:
        """Go through the whole log.

        Args:
            keys: public keys by their id.
            kept: checkpoints that were kept elsewhere; they have to be in the chain too.
        """
        with self._snapshot() as connection:
            head = _head(connection)
            stated = (*_checkpoints(connection), *kept)
            return verify_chain(_entries(connection), stated, keys, head=head)

    def export(self) -> Iterator[bytes]:
        """The log as JSON lines: every entry in order, every checkpoint behind its entry."""
        with self._snapshot() as connection:
            waiting = _checkpoints(connection)
            for entry in _entries(connection):
                while waiting and waiting[0].seq < entry.seq:
                    yield canonical_json(waiting.pop(0).document) + b"\n"
                yield canonical_json({**entry.document, "hash": entry.hash}) + b"\n"
            for one in waiting:
                yield canonical_json(one.document) + b"\n"

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """One state of the log, however long reading takes and whoever writes meanwhile."""
        with self.database.reading() as connection:
            if not self.database.sqlite:  # whose transactions are like that
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection


def _last_older(connection: Connection, limit: datetime) -> int:
    """The last entry before the first that is not older."""
    young = select(func.min(ENTRIES.c.seq)).where(ENTRIES.c.recorded >= stamp(limit))
    kept = connection.scalar(young)
    return _head(connection).seq if kept is None else int(kept) - 1


def _locked_head(connection: Connection) -> Head:
    """The end of the log; every other writer waits until the transaction ends."""
    connection.execute(update(HEAD).values(seq=HEAD.c.seq))
    return _head(connection)


def _head(connection: Connection) -> Head:
    row = connection.execute(select(HEAD.c.seq, HEAD.c.hash)).one()
    return Head(int(row.seq), str(row.hash))


def _append(connection: Connection, head: Head, event: Event, at: str) -> None:
    unhashed = Entry(
        seq=head.seq + 1,
        recorded=at,
        event_id=event.event_id,
        subject=event.subject,
        kind=event.kind,
        facts=dict(event.facts),
        previous=head.hash,
        hash="",
    )
    entry = replace(unhashed, hash=unhashed.own_hash())
    row = {name: value for name, value in entry.document.items() if name != "schema"}
    row |= {
        "facts": canonical_json(entry.facts).decode(),
        "fingerprint": event.fingerprint,
        "hash": entry.hash,
    }
    connection.execute(insert(ENTRIES).values(row))
    connection.execute(update(HEAD).values(seq=entry.seq, hash=entry.hash))


def _refuse_broken(
    connection: Connection, key: SigningKey, stated: list[Checkpoint], since: Head, head: Head
) -> None:
    """Raise unless the log leads from an entry to its end, past all that this key signed."""
    mine = [one for one in stated if one.key_id == key.public.key_id]
    problems = [
        f"checkpoint of entry {one.seq}: changed after it was signed"
        for one in mine
        if not key.public.signed(one.document)
    ]
    behind = [one for one in mine if one.seq >= since.seq]
    end, _, broken = walk(_entries(connection, behind=since.seq), since, behind)
    problems += broken
    if end != head:
        problems.append(f"entry {end.seq}: not the end of the log, which is entry {head.seq}")
    if problems:
        raise TamperError(f"audit log: {problems[0]}; `hushwire audit verify` tells more")


def _signed(connection: Connection, key: SigningKey, kind: str, head: Head, at: str) -> Checkpoint:
    signature = key.sign(statement(kind, head, at))
    connection.execute(
        insert(CHECKPOINTS).values(
            seq=head.seq,
            kind=kind,
            hash=head.hash,
            at=at,
            algorithm=signature.algorithm,
            key_id=signature.key_id,
            signature=signature.value,
        )
    )
    return Checkpoint(
        head.seq, kind, head.hash, at, signature.algorithm, signature.key_id, signature.value
    )


def _entries(connection: Connection, *, behind: int = 0) -> Iterator[Entry]:
    query = select(ENTRIES).where(ENTRIES.c.seq > behind).order_by(ENTRIES.c.seq)
    for row in connection.execute(query.execution_options(yield_per=_BATCH)).mappings():
        yield _entry(row)


def _entry(row: RowMapping) -> Entry:
    columns: dict[str, Any] = {name: row[name] for name in row if name != "fingerprint"}
    try:
        facts = json.loads(row["facts"])
    except ValueError:
        facts = None
    # What somebody changed into no JSON object gets a hash that no entry has.
    return Entry(**{**columns, "facts": facts if isinstance(facts, dict) else {"": None}})


def _checkpoints(connection: Connection) -> list[Checkpoint]:
    rows = connection.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.seq, CHECKPOINTS.c.kind))
    return [
        Checkpoint(
            int(row["seq"]),
            row["kind"],
            row["hash"],
            row["at"],
            row["algorithm"],
            row["key_id"],
            row["signature"],
        )
        for row in rows.mappings()
    ]
