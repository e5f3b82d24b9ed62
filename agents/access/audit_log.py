"""The audit log: an append-only, hash-chained table in the ledger's database, with checkpoints.

Every audit event is written here first, before it goes to its topic and before what it tells of
becomes final, so that no crash and no broker can lose one. There is one chain for an installation:
writers lock the row that names the last entry, so they come one after the other.

Outcomes: ``append`` says whether the event was new (a repeat changes nothing); ``checkpoint`` and
``prune`` raise ``TamperError`` rather than sign over a chain that does not hold, ``RewrittenError``
where it does not extend what the key signed last, ``ForgottenError`` where nobody knows what that
is; every method raises ``StoreError`` where the database is away.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.access.audit_events import is_listed
from agents.access.hash_chain import (
    BEGINNING,
    END,
    PRUNED,
    START,
    Checkpoint,
    Entry,
    Head,
    Stated,
    Verified,
    contains,
    fingerprint_of,
    frontier_facts,
    start_of,
    statement,
    tree_of,
    verify_chain,
    walk,
)
from agents.access.merkle_tree import Tree
from agents.crypto.ed25519 import PublicKey, SigningKey
from agents.crypto.signed_head import SignedHead
from agents.database.engine import Database
from agents.database.tables import CATALOGUE, CHECKPOINTS, ENTRIES, HEAD
from agents.system.clock import stamp
from pipeline.errors import ForgottenError, InputError, RewrittenError, TamperError
from pipeline.evidence.canonical_json import canonical_json

EVERY: Final = 100
"""Entries behind the last checkpoint from which on a new one is due."""
ADOPTED: Final = "hushwire.audit.log-adopted.v1"
_FACT_LENGTH: Final = 256
_FACT_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Event:
    """What happened; no content.

    Raises:
        ValueError: a fact is more than a short JSON value with a plain name, or the kind is not
            listed in ``agents.access.audit_events``.
    """

    event_id: str
    subject: str
    """Call id, or empty."""
    kind: str
    """CloudEvents type, of the list in ``agents.access.audit_events``."""
    facts: Mapping[str, object]

    def __post_init__(self) -> None:
        """Keep everything out that could be content: long texts, structures, odd names."""
        if not is_listed(self.kind):
            raise ValueError(
                "this kind of audit event is not listed in agents/access/audit_events.py"
            )
        for name, value in self.facts.items():
            if not _FACT_NAME.fullmatch(name):
                raise ValueError("a fact of an audit event has a plain name")
            if not isinstance(value, str | int | None) or len(str(value)) > _FACT_LENGTH:
                raise ValueError(f"audit fact {name}: a short text, whole number, truth or null")

    @property
    def fingerprint(self) -> str:
        """See ``fingerprint_of``."""
        return fingerprint_of(self.event_id, self.kind, self.facts)


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
            same = select(ENTRIES).where(ENTRIES.c.fingerprint == event.fingerprint)
            row = connection.execute(same).mappings().one_or_none()
            if row is not None:
                if not entry_of(row).changes():
                    return False
                # Somebody changed that entry to keep this event out. It comes in, and what stands
                # in the other one's fingerprint stays wrong, so that ``verify`` tells.
                other = update(ENTRIES).where(ENTRIES.c.seq == row["seq"])
                connection.execute(other.values(fingerprint=secrets.token_hex(32)))
            _append(connection, head, event, self.database.stamp())
        return True

    def unsigned(self, key: PublicKey) -> int:
        """How many entries stand behind the last checkpoint that a key signed.

        A row that it did not sign counts for nothing: anybody who writes to the database can make
        one. Below 0 where the log was cut back behind what it signed.
        """
        newest = select(CHECKPOINTS).order_by(CHECKPOINTS.c.seq.desc())
        with self.database.reading() as connection:
            rows = connection.execute(newest.execution_options(yield_per=_BATCH)).mappings()
            made = (_checkpoint(row) for row in rows)
            last = next((one.seq for one in made if key.signed(one.document)), 0)
            return _head(connection).seq - last

    def head(self) -> Head:
        """The last entry."""
        with self.database.reading() as connection:
            return _head(connection)

    def start(self, key: PublicKey) -> Head:
        """The last entry that was pruned, as a key signed it."""
        with self.database.reading() as connection:
            return _start(checkpoints_of(connection), key)

    def checkpoint(self, key: SigningKey) -> Checkpoint | None:
        """Sign the last entry; the checkpoint that states it, None for an empty log.

        Raises:
            TamperError: what came after the entry that the key signed last does not follow from it.
            RewrittenError: that entry is another one now, or gone.
            ForgottenError: nobody knows which one that was.
        """
        with self.database.writing() as connection, key.memory.locked():
            head = _locked_head(connection)
            stated = checkpoints_of(connection)
            since = _since(connection, key, stated, head)
            _refuse_broken(connection, key, stated, since, head)
            if not head.seq:
                return None
            at = self.database.stamp()
            if since != head:
                _remember(key, head, at)
            for one in stated:
                if (one.seq, one.kind) == (head.seq, END) and key.public.signed(one.document):
                    return one
            return _signed(connection, key, END, head, at)

    def adopt(self, key: SigningKey, *, by: str, before: Collection[PublicKey] = ()) -> Checkpoint:
        """Let a key go on from the log as it is, and note what it signed last before that.

        For a key that lost its memory, and for a database that was restored from a backup.

        Args:
            key: signs the log from now on.
            by: who says so, for the audit log.
            before: keys that were in use before: where one of them signed where the log begins
                after a pruning, ``key`` signs it too.

        Raises:
            TamperError: the log does not hold in itself, or no known key signed where it begins:
                nothing is signed.
        """
        with self.database.writing() as connection, key.memory.locked():
            head = _locked_head(connection)
            stated = checkpoints_of(connection)
            start = _start(stated, key.public, *before)
            _refuse_broken(connection, key, stated, start, head)
            at = self.database.stamp()
            if start != _start(stated, key.public):
                _signed(connection, key, START, start, at)
            facts: dict[str, object] = {"at": at, "what": "log-adopted"}
            facts |= {"by": by, "until": head.seq, "hash": head.hash, **_remembered(key)}
            _append(connection, head, Event(f"log/{ADOPTED}/{head.seq}", "", ADOPTED, facts), at)
        with key.memory.locked():
            _remember(key, head, self.database.stamp())
        signed = self.checkpoint(key)
        if signed is None:
            raise TamperError("audit log: the entry of its adoption is gone")
        return signed

    def older(self, key: PublicKey, keep_days: int, now: datetime) -> tuple[int, int]:
        """How many entries ``prune`` would remove, and how many there are.

        By their numbers behind where the key signed that the log begins: whoever removes rows does
        not make what goes at once look smaller.
        """
        limit = now - timedelta(days=keep_days)
        with self.database.reading() as connection:
            start, until = (
                _start(checkpoints_of(connection), key).seq,
                _last_older(connection, limit),
            )
            old = connection.scalar(select(ENTRIES.c.seq).where(ENTRIES.c.seq <= until).limit(1))
            return 0 if old is None else until - start, _head(connection).seq - start

    def prune(self, key: SigningKey, *, keep_days: int, now: datetime) -> int:
        """Remove the entries that are older, and sign where the log now begins; how many went.

        ``agents.upkeep.audit_keeper.prune`` asks first whether the clock is believed.

        Raises:
            HushwireError: as ``checkpoint`` does; nothing is removed.
        """
        limit = now - timedelta(days=keep_days)
        with self.database.writing() as connection, key.memory.locked():
            head = _locked_head(connection)
            stated = checkpoints_of(connection)
            _since(connection, key, stated, head)
            until = _last_older(connection, limit)
            old = ENTRIES.c.seq <= until
            if connection.scalar(select(ENTRIES.c.seq).where(old).limit(1)) is None:
                return 0
            _refuse_broken(connection, key, stated, _start(stated, key.public), head)
            at = self.database.stamp()
            _remember(key, head, at)
            facts: dict[str, object] = {"at": at, "what": "log-pruned"}
            with suppress(InputError):  # pruned before by a version that kept nothing
                mine = [one for one in stated if key.public.signed(one.document)]
                facts |= frontier_facts(tree_of(_entries(connection), mine), until)
            last = connection.scalar(select(ENTRIES.c.hash).where(ENTRIES.c.seq == until)) or ""
            gone = connection.execute(delete(ENTRIES).where(old)).rowcount
            connection.execute(delete(CHECKPOINTS).where(CHECKPOINTS.c.seq <= until))
            _signed(connection, key, START, Head(until, last), at)
            facts |= {"until": until, "entries": gone}
            _append(connection, head, Event(f"log/{PRUNED}/{until}", "", PRUNED, facts), at)
        return int(gone)

    def verify(
        self,
        keys: Mapping[str, PublicKey],
        *,
        kept: Sequence[Checkpoint] = (),
        outside: Sequence[Stated] = (),
        calls: int = 0,
        seen: Callable[[int], None] = lambda _: None,
    ) -> Verified:
        """Go through the whole log.

        Args:
            keys: public keys by their id.
            kept: checkpoints that were kept elsewhere; they have to be in the chain too.
            outside: what else is known of entries from elsewhere.
            calls: how many calls are stored, where somebody counted; the catalogue's are counted.
            seen: told now and then which entry was reached.
        """
        with self._snapshot() as connection:
            entered = connection.scalar(select(func.count()).select_from(CATALOGUE))
            return verify_chain(
                _told(_entries(connection), seen),
                (*checkpoints_of(connection), *kept),
                keys,
                head=_head(connection),
                outside=outside,
                calls=max(calls, int(entered or 0)),
                now=self.now(),
            )

    def holds(self, stated: Head, keys: Mapping[str, PublicKey]) -> bool:
        """Whether an entry is in the log, or so old that it was pruned.

        Args:
            stated: number and hash of the entry.
            keys: public keys by their id: whose word counts for what was pruned.
        """
        with self._snapshot() as connection:
            entry = select(ENTRIES).where(ENTRIES.c.seq == stated.seq)
            found = [entry_of(row) for row in connection.execute(entry).mappings()]
            return contains(found, checkpoints_of(connection), keys, stated)

    def tree(self) -> Tree:
        """The Merkle tree over the entries.

        Raises:
            InputError: a version that kept nothing of the tree pruned the log.
        """
        with self._snapshot() as connection:
            return tree_of(_entries(connection), checkpoints_of(connection))

    def export(self) -> Iterator[bytes]:
        """The log as JSON lines: every entry in order, every checkpoint behind its entry."""
        with self._snapshot() as connection:
            waiting = checkpoints_of(connection)
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


def _start(stated: Iterable[Checkpoint], *keys: PublicKey) -> Head:
    """Behind which entry the log begins, as one of the keys signed it; anybody can write a row."""
    return start_of(one for one in stated if any(key.signed(one.document) for key in keys))


def _since(connection: Connection, key: SigningKey, stated: list[Checkpoint], head: Head) -> Head:
    """From which entry the log has to lead to its end: the one that the key signed last.

    Where a process with another copy of the key removed it, because its time was over, that
    process signed where the log now begins.
    """
    last = key.memory.read()
    start = _start(stated, key.public)
    if last.seq < start.seq:
        return start
    since = Head(last.seq, last.hash)
    # As an entry, or as where the log begins.
    there = connection.scalar(select(ENTRIES.c.hash).where(ENTRIES.c.seq == since.seq))
    known = there == since.hash if there is not None else since == start
    if not known or head.seq < since.seq:
        raise RewrittenError(
            f"audit log: it does not extend entry {since.seq}, which this key signed last on "
            f"{last.at}: it was rewritten or cut back, and is not signed. `hushwire audit verify` "
            "tells more; where a backup was restored, `hushwire audit adopt` goes on from it"
        )
    return since


def _remember(key: SigningKey, head: Head, at: str) -> None:
    """Before anything is signed."""
    key.memory.write(SignedHead(head.seq, head.hash, at))


def _remembered(key: SigningKey) -> dict[str, object]:
    """What the key signed last, as facts of an event."""
    try:
        last = key.memory.read()
    except ForgottenError:
        return {"signed": None, "signed_hash": None}
    return {"signed": last.seq, "signed_hash": last.hash}


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
    behind = [one.stated for one in mine if one.seq >= since.seq]
    end, _, broken = walk(_entries(connection, behind=since.seq), since, behind)
    problems += broken
    if end != head:
        problems.append(f"entry {end.seq}: not the end of the log, which is entry {head.seq}")
    if problems and any(one.kind == START and one.seq > since.seq for one in stated):
        problems[0] += " (where another key pruned it: `hushwire audit adopt --public-key`)"
    if problems:
        raise TamperError(f"audit log: {problems[0]}; `hushwire audit verify` tells more")


def _signed(connection: Connection, key: SigningKey, kind: str, head: Head, at: str) -> Checkpoint:
    signature = key.sign(statement(kind, head, at))
    made = Checkpoint(
        head.seq, kind, head.hash, at, signature.algorithm, signature.key_id, signature.value
    )
    row = {**asdict(made), "signature": made.value}
    del row["value"]
    # Another key may have signed the same entry, or somebody have written what nobody signed.
    same = (CHECKPOINTS.c.seq == head.seq, CHECKPOINTS.c.kind == kind)
    connection.execute(delete(CHECKPOINTS).where(*same))
    connection.execute(insert(CHECKPOINTS).values(row))
    return made


def _entries(connection: Connection, *, behind: int = 0) -> Iterator[Entry]:
    query = select(ENTRIES).where(ENTRIES.c.seq > behind).order_by(ENTRIES.c.seq)
    for row in connection.execute(query.execution_options(yield_per=_BATCH)).mappings():
        yield entry_of(row)


def _told(entries: Iterable[Entry], seen: Callable[[int], None]) -> Iterator[Entry]:
    for entry in entries:
        if entry.seq % _BATCH == 0:
            seen(entry.seq)
        yield entry


def entry_of(row: RowMapping) -> Entry:
    """An entry as its row has it."""
    columns: dict[str, Any] = dict(row)
    try:
        facts = json.loads(row["facts"])
    except ValueError:
        facts = None
    # What somebody changed into no JSON object gets a hash that no entry has.
    return Entry(**{**columns, "facts": facts if isinstance(facts, dict) else {"": None}})


def checkpoints_of(connection: Connection) -> list[Checkpoint]:
    """Every checkpoint, by the entry that it states."""
    rows = connection.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.seq, CHECKPOINTS.c.kind))
    return [_checkpoint(row) for row in rows.mappings()]


def _checkpoint(row: RowMapping) -> Checkpoint:
    return Checkpoint(
        int(row["seq"]),
        row["kind"],
        row["hash"],
        row["at"],
        row["algorithm"],
        row["key_id"],
        row["signature"],
    )
