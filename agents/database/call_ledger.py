"""The ledger: which calls are open, their wrapped transit keys, and which stage is done with them.

SQLite embedded (WAL, mode 0600, deleted content is overwritten), PostgreSQL deployed. Every call
is a short transaction; async code goes through ``asyncio.to_thread``.

Outcomes: ``seal`` raises ``UnknownCallError`` for a call that is not open, ``open_call`` also
``OtherRecordingError``; every method raises ``StoreError`` where the database is away. The key of a
quarantined call outlives the call, for nobody but ``quarantined_seal``, until ``end_quarantine``
destroys it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.crypto.envelope import (
    KeyEncryptionKey,
    Seal,
    wrapping_key_id,
)
from agents.database import migrate
from agents.database.engine import Database
from agents.database.tables import (
    CALLS,
    CATALOGUE,
    DOOR_CALLS,
    PROGRESS,
    TRANSIT_KEYS,
    VAULT_KEYS,
    WRAPPING_KEYS,
)
from agents.database.wrapped_keys import (
    destroy_keys,
    note_wrapping_key,
    refuse_damaged,
    wrapping_key_in_force,
)
from agents.system.clock import Clock, stamp, system_clock
from agents.system.owners import ARCHIVE
from agents.system.private_files import private_folder
from pipeline.errors import (
    HeldError,
    OtherRecordingError,
    RecordError,
    SealError,
    StoreError,
    UnknownCallError,
)
from pipeline.records.call_names import holds_number
from pipeline.records.cloudevents import valid_call_id

_ATTEMPTS = 5
"""A key that is replaced while a call is read: how often it is taken anew."""


class CallState(StrEnum):
    """Where a call stands."""

    OPEN = "open"
    STORED = "stored"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class KnownCall:
    """What the ledger knows of a call."""

    call_id: str
    state: CallState
    created: datetime
    """When it was opened."""
    recording: str | None
    """sha256 of the recorder's file, in hex; None where nobody named it."""
    owner: str | None
    """Who opened it; None where nobody named themselves."""
    erased: datetime | None

    @property
    def standing(self) -> str:
        """How it stands, in a word: its state, or ``erased``."""
        return self.state.value if self.erased is None else "erased"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A quarantined call whose key was not destroyed yet."""

    call_id: str
    since: datetime | None
    """When it was closed; ``None``: the database does not say."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open call's seal, and whether this call to ``open_call`` created it."""

    seal: Seal
    created: bool


class Ledger:
    """The ledger over a database.

    Args:
        url: SQLAlchemy URL; ``sqlite:///FILE`` is created with its folder where missing.
        kek: wraps the transit keys.
        clock: see ``Database``.

    Raises:
        StoreError: the database cannot be opened, or its keys were wrapped with other key files.
    """

    def __init__(self, url: str, kek: KeyEncryptionKey, clock: Clock = system_clock) -> None:
        self.kek = kek
        self.database = Database(url, clock)
        migrate.ready(self.database)
        self._check_key_file()

    @classmethod
    def embedded(cls, folder: Path, clock: Clock = system_clock) -> Ledger:
        """The ledger and its key file in a folder (``ledger.db``, ``kek.json``)."""
        private_folder(folder)
        kek = KeyEncryptionKey.load_or_create(folder / "kek.json")
        return cls(f"sqlite:///{(folder / 'ledger.db').absolute()}", kek, clock)

    def _check_key_file(self) -> None:
        """Refuse another key file than the ledger's: calls that it opens are lost to all others."""
        in_force = select(WRAPPING_KEYS.c.key_id).where(WRAPPING_KEYS.c.retired.is_(None))
        tried: frozenset[int] = frozenset()
        while tried != self.kek.ids:
            tried = self.kek.ids
            with self.database.reading() as connection:
                known = set(connection.scalars(in_force))
            if not known or known & tried:
                return
            # Rotations may have replaced the key since the file was read: while the file stays
            # as it is, one of its keys is in force.
            self.kek.reload()
        self.dispose()
        raise StoreError(
            f"key file {self.kek.path}: it holds no wrapping key of this ledger; put the file "
            "in its place that the ledger's calls were opened with"
        )

    def dispose(self) -> None:
        """Close all connections."""
        self.database.dispose()

    def open_call(
        self, call_id: str, *, recording: str | None = None, owner: str | None = None
    ) -> Opened:
        """Create a call with a fresh key, or return the one that is open already.

        Args:
            call_id: which.
            recording: sha256 of the recorder's file, in hex, where there is one.
            owner: who opens it, such as ``owners.owner`` says.

        Raises:
            RecordError: the call id is not allowed, or may hold a number.
            OtherRecordingError: the call is another recording's.
            UnknownCallError: the call was closed before; its key is gone for good.
        """
        if not valid_call_id(call_id):
            raise RecordError("a call id has 1 to 128 of the characters A-Z a-z 0-9 . _ -")
        known = self.call(call_id)
        if known is None:
            if holds_number(call_id):
                raise RecordError(
                    "the call id may hold a telephone or card number; use its pseudonym, as "
                    "agents.crypto.party_pseudonyms.Pseudonyms makes it"
                )
            try:
                return Opened(self._create(call_id, recording, owner), created=True)
            except IntegrityError:
                known = self.call(call_id)  # another process opened it meanwhile: use its key
        if known is not None and _differ(known.recording, recording):
            raise OtherRecordingError(f"call id {call_id} belongs to another recording")
        return Opened(self.seal(call_id), created=False)

    def _create(self, call_id: str, recording: str | None, owner: str | None) -> Seal:
        """Insert a call, with a key that is wrapped by a wrapping key in force.

        A key that was retired by ``agents.upkeep.kek_rotation`` may be removed at any moment. So
        its row is locked against the rotation until the call is there for the rotation to see.
        """
        while True:
            wrapped, seal = self.kek.new_transit_key(call_id)
            key_id = wrapping_key_id(wrapped)
            with self.database.writing() as connection:
                in_force = wrapping_key_in_force(connection, key_id)
                if in_force:
                    connection.execute(
                        insert(CALLS).values(
                            call_id=call_id,
                            state=CallState.OPEN.value,
                            created=self.database.stamp(),
                            recording=recording,
                            owner=owner,
                        )
                    )
                    connection.execute(
                        insert(TRANSIT_KEYS).values(call_id=call_id, wrapped_key=wrapped)
                    )
                    return seal
            if in_force is None:
                note_wrapping_key(self.database, key_id)
                continue
            self.kek.reload()
            if self.kek.primary == key_id:
                break
        raise StoreError("ledger: the key file is older than the ledger: its key was retired")

    def seal(self, call_id: str) -> Seal:
        """The seal of an open call.

        Raises:
            UnknownCallError: never opened, or closed.
            DamagedKeyError: the key was damaged; others unwrap.
            SealError: the key was wrapped with another key file.
        """
        return self._seal_in(CallState.OPEN, call_id)

    def quarantined_seal(self, call_id: str) -> Seal:
        """The seal of a quarantined call: opens what the broker still holds of it.

        Raises:
            UnknownCallError: not quarantined, or the quarantine has ended.
            DamagedKeyError: see ``seal``.
            SealError: the key was wrapped with another key file.
        """
        return self._seal_in(CallState.QUARANTINED, call_id)

    def _seal_in(self, state: CallState, call_id: str) -> Seal:
        query = (
            select(TRANSIT_KEYS.c.wrapped_key)
            .join(CALLS)
            .where(CALLS.c.call_id == call_id, CALLS.c.state == state.value)
        )
        tried: list[bytes] = []
        while True:
            with self.database.reading() as connection:
                wrapped = connection.scalar(query)
            if not wrapped:
                raise UnknownCallError(
                    f"no key of this call: it is not {state.value}, or destroyed"
                )
            try:
                return self.kek.unwrap(wrapped, call_id)
            except SealError:
                # A rotation may have wrapped it anew between the two lines above.
                if wrapped in tried or len(tried) >= _ATTEMPTS:
                    refuse_damaged(self.database, self.kek, wrapped)
                    raise
                tried.append(wrapped)

    def state(self, call_id: str) -> CallState | None:
        """Where a call stands; ``None`` for one that was never opened."""
        with self.database.reading() as connection:
            state = connection.scalar(select(CALLS.c.state).where(CALLS.c.call_id == call_id))
        return None if state is None else CallState(state)

    def call(self, call_id: str) -> KnownCall | None:
        """What is known of a call; ``None`` for one that was never opened."""
        with self.database.reading() as connection:
            row = connection.execute(select(CALLS).where(CALLS.c.call_id == call_id)).one_or_none()
        return None if row is None else _known(row)

    def of_recording(self, recording: str) -> list[KnownCall]:
        """Calls of a recording's sha256 that were not refused, the oldest first, 100 at most."""
        mine = (CALLS.c.recording == recording) & (CALLS.c.state != CallState.REFUSED.value)
        query = select(CALLS).where(mine).order_by(CALLS.c.created, CALLS.c.call_id).limit(100)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        return [_known(row) for row in rows]

    def opened_by(self, owner: str) -> bool:
        """Whether there ever was a call of an owner."""
        query = select(CALLS.c.call_id).where(CALLS.c.owner == owner).limit(1)
        with self.database.reading() as connection:
            return connection.scalar(query) is not None

    def open_calls(self, *, before: datetime | None = None) -> list[KnownCall]:
        """Open calls, the oldest first; with ``before`` those that were opened earlier."""
        query = select(CALLS).where(CALLS.c.state == CallState.OPEN.value)
        if before is not None:
            query = query.where(CALLS.c.created < stamp(before))
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(CALLS.c.created, CALLS.c.call_id)).all()
        return [_known(row) for row in rows]

    def note_erased(self, call_id: str) -> None:
        """Note that nothing of a call is kept any more; a repeat changes nothing."""
        mine = (CALLS.c.call_id == call_id) & CALLS.c.erased.is_(None)
        with self.database.writing() as connection:
            connection.execute(update(CALLS).where(mine).values(erased=self.database.stamp()))

    def count(self, state: CallState) -> int:
        """How many calls stand there."""
        with self.database.reading() as connection:
            query = select(func.count()).select_from(CALLS).where(CALLS.c.state == state.value)
            return int(connection.scalar(query) or 0)

    def finish(self, call_id: str, stage: str) -> None:
        """Note that a stage is done with a call; a repeat changes nothing."""
        if self.finished(call_id, stage):
            return
        try:
            with self.database.writing() as connection:
                connection.execute(insert(PROGRESS).values(call_id=call_id, stage=stage))
        except IntegrityError:
            return  # another process was first

    def finished(self, call_id: str, stage: str) -> bool:
        """Whether a stage is done with a call."""
        with self.database.reading() as connection:
            query = select(PROGRESS.c.stage).where(
                PROGRESS.c.call_id == call_id, PROGRESS.c.stage == stage
            )
            return connection.scalar(query) is not None

    def close_call(self, call_id: str, state: CallState) -> bool:
        """Close a call and destroy its key: overwritten, cleared, and gone from SQLite's log.

        The key of a call that is closed as quarantined lives on until ``end_quarantine``.

        Returns:
            Whether this call did it: ``False`` for one that was closed before.

        Raises:
            ValueError: ``state`` is ``OPEN``.
            UnknownCallError: the call was never opened.
        """
        if state is CallState.OPEN:
            raise ValueError("a call is closed as stored, quarantined or refused")
        known = self.state(call_id)
        if known is None:
            raise UnknownCallError("the call was never opened")
        if known is not CallState.OPEN:
            # Also after a repeat: the first time may have ended between the two.
            self.database.scrub(TRANSIT_KEYS)
            return False
        mine = (CALLS.c.call_id == call_id) & (CALLS.c.state == CallState.OPEN.value)
        with self.database.writing() as connection:
            closed = connection.execute(
                update(CALLS).where(mine).values(state=state.value, closed=self.database.stamp())
            )
            won = closed.rowcount > 0
            if won and state is not CallState.QUARANTINED:
                destroy_keys(connection, TRANSIT_KEYS, TRANSIT_KEYS.c.call_id == call_id)
        self.database.scrub(TRANSIT_KEYS)
        return won

    def quarantined(self) -> list[Quarantined]:
        """Quarantined calls whose key lives, the oldest first."""
        query = (
            select(CALLS.c.call_id, CALLS.c.closed)
            .join(TRANSIT_KEYS)
            .where(CALLS.c.state == CallState.QUARANTINED.value)
            .order_by(CALLS.c.closed, CALLS.c.call_id)
        )
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        return [Quarantined(call_id, _moment(closed)) for call_id, closed in rows]

    def end_quarantine(self, call_id: str) -> bool:
        """Destroy the key of a quarantined call, as ``close_call`` does.

        Returns:
            Whether this call did it: ``False`` where no such key was there any more.

        Raises:
            HeldError: a legal hold is on the call; none comes while the key goes.
        """
        quarantined = select(CALLS.c.call_id).where(
            CALLS.c.call_id == call_id, CALLS.c.state == CallState.QUARANTINED.value
        )
        row = select(CATALOGUE.c.held).where(CATALOGUE.c.call_id == call_id).with_for_update()
        with self.database.writing() as connection:
            if connection.scalar(row) is not None:
                raise HeldError(f"call {call_id} is under a legal hold: its key stays")
            destroyed = destroy_keys(
                connection, TRANSIT_KEYS, TRANSIT_KEYS.c.call_id.in_(quarantined)
            )
        self.database.scrub(TRANSIT_KEYS)
        return destroyed > 0

    def expire_open(self, call_id: str) -> bool:
        """Refuse an open call that the vault does not have, and destroy its key; whether it did.

        ``Catalogue.enter`` locks the call's row too, so that a call is either entered or refused.
        """
        mine = CALLS.c.call_id == call_id
        with self.database.writing() as connection:
            state = connection.scalar(select(CALLS.c.state).where(mine).with_for_update())
            row = select(CATALOGUE.c.call_id).where(CATALOGUE.c.call_id == call_id)
            if state != CallState.OPEN.value or connection.scalar(row) is not None:
                return False
            refused = {"state": CallState.REFUSED.value, "closed": self.database.stamp()}
            connection.execute(update(CALLS).where(mine).values(refused))
            destroy_keys(connection, TRANSIT_KEYS, TRANSIT_KEYS.c.call_id == call_id)
        self.database.scrub(TRANSIT_KEYS)
        return True

    def forget_open(self, calls: Collection[str]) -> int:
        """Forget open calls whose records a memory-only broker lost; how many were open.

        Their keys are destroyed, and they may be opened anew. None of them is in the catalogue.
        """
        gone = 0
        for call_id in calls:
            mine = CALLS.c.call_id == call_id
            with self.database.writing() as connection:
                still = connection.scalar(select(CALLS.c.state).where(mine).with_for_update())
                if still != CallState.OPEN.value:
                    continue
                for table in (PROGRESS, DOOR_CALLS):
                    connection.execute(delete(table).where(table.c.call_id == call_id))
                destroy_keys(connection, TRANSIT_KEYS, TRANSIT_KEYS.c.call_id == call_id)
                destroy_keys(connection, VAULT_KEYS, VAULT_KEYS.c.call_id == call_id)
                gone += int(connection.execute(delete(CALLS).where(mine)).rowcount)
        if calls:
            for table in (TRANSIT_KEYS, VAULT_KEYS):
                self.database.scrub(table)
        return gone


def _known(row: Row[Any]) -> KnownCall:
    return KnownCall(
        row.call_id,
        CallState(row.state),
        datetime.fromisoformat(row.created),
        row.recording,
        row.owner,
        datetime.fromisoformat(row.erased) if row.erased else None,
    )


def _differ(known: str | None, recording: str | None) -> bool:
    """Whether two recordings are known not to be the same."""
    return known is not None and recording is not None and known != recording


def open_since(database: Database) -> list[datetime]:
    """When each open call was opened, the oldest first."""
    query = select(CALLS.c.created).where(CALLS.c.state == CallState.OPEN.value)
    with database.reading() as connection:
        opened = connection.scalars(query.order_by(CALLS.c.created)).all()
    return [datetime.fromisoformat(one) for one in opened]


def oldest_open(database: Database, *, archive: bool) -> datetime | None:
    """When the oldest open call was opened, of an archive's or of all others."""
    mine = CALLS.c.owner.startswith(ARCHIVE, autoescape=True)
    query = select(func.min(CALLS.c.created)).where(
        CALLS.c.state == CallState.OPEN.value, mine if archive else CALLS.c.owner.is_(None) | ~mine
    )
    with database.reading() as connection:
        return _moment(connection.scalar(query))


def _moment(stored: str | None) -> datetime | None:
    """A time of the database; ``None`` where it holds none that can be read, as after damage."""
    try:
        moment = datetime.fromisoformat(stored or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
