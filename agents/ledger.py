"""The ledger: which calls are open, their wrapped transit keys, and which stage is done with them.

SQLite embedded (WAL, mode 0600, deleted content is overwritten), any other SQLAlchemy URL
deployed. Every call is a short transaction; async code goes through ``asyncio.to_thread``.

Outcomes: ``seal`` raises ``UnknownCallError`` for a call that is not open; every method raises
``StoreError`` where the database is away. The key of a quarantined call outlives the call, for
nobody but ``quarantined_seal``, until ``end_quarantine`` destroys it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from agents.private import private_folder
from agents.sealing import KeyEncryptionKey, Seal
from pipeline.errors import RecordError, StoreError, UnknownCallError
from pipeline.wire import valid_call_id

BUSY_MS = 30_000
"""How long SQLite waits for another process that writes."""

_META = MetaData()
_CALLS = Table(
    "calls",
    _META,
    Column("call_id", String(128), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=True),
    Column("state", String(16), nullable=False),
    Column("created", String(40), nullable=False),
    Column("closed", String(40), nullable=True),
)
_PROGRESS = Table(
    "progress",
    _META,
    Column("call_id", String(128), ForeignKey("calls.call_id"), primary_key=True),
    Column("stage", String(16), primary_key=True),
)


class CallState(StrEnum):
    """Where a call stands."""

    OPEN = "open"
    STORED = "stored"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A quarantined call whose key was not destroyed yet."""

    call_id: str
    since: datetime
    """When it was closed."""


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

    Raises:
        StoreError: the database cannot be opened.
    """

    def __init__(self, url: str, kek: KeyEncryptionKey) -> None:
        self._kek = kek
        parsed = make_url(url)
        self._sqlite = parsed.get_backend_name() == "sqlite"
        options: dict[str, Any] = {}
        if self._sqlite:
            options["connect_args"] = {"timeout": BUSY_MS / 1000}
        self._engine = create_engine(parsed, **options)
        if self._sqlite:
            event.listen(self._engine, "connect", _harden)
            file = Path(parsed.database or "")
            try:
                private_folder(file.parent)
                # Made by us first: SQLite gives its -wal and -shm files the same mode.
                file.touch(mode=0o600)
            except OSError as error:
                raise StoreError(f"ledger: {error.strerror}") from error
        with self._transaction() as connection:
            _META.create_all(connection)

    @classmethod
    def embedded(cls, folder: Path) -> Ledger:
        """The ledger and its key file in a folder (``ledger.db``, ``kek.json``)."""
        private_folder(folder)
        kek = KeyEncryptionKey.load_or_create(folder / "kek.json")
        return cls(f"sqlite:///{(folder / 'ledger.db').absolute()}", kek)

    def dispose(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def open_call(self, call_id: str) -> Opened:
        """Create a call with a fresh key, or return the one that is open already.

        Raises:
            RecordError: the call id is not allowed.
            UnknownCallError: the call was closed before; its key is gone for good.
        """
        if not valid_call_id(call_id):
            raise RecordError("a call id has 1 to 128 of the characters A-Z a-z 0-9 . _ -")
        if self.state(call_id) is None:
            wrapped, seal = self._kek.new_transit_key(call_id)
            try:
                with self._transaction() as connection:
                    connection.execute(
                        insert(_CALLS).values(
                            call_id=call_id,
                            wrapped_key=wrapped,
                            state=CallState.OPEN.value,
                            created=_now(),
                        )
                    )
            except IntegrityError:
                pass  # another process opened it meanwhile: use its key
            else:
                return Opened(seal, created=True)
        return Opened(self.seal(call_id), created=False)

    def seal(self, call_id: str) -> Seal:
        """The seal of an open call.

        Raises:
            UnknownCallError: never opened, or closed.
            SealError: the key was wrapped with another key file.
        """
        return self._seal_in(CallState.OPEN, call_id)

    def quarantined_seal(self, call_id: str) -> Seal:
        """The seal of a quarantined call: opens what the broker still holds of it.

        Raises:
            UnknownCallError: not quarantined, or the quarantine has ended.
            SealError: the key was wrapped with another key file.
        """
        return self._seal_in(CallState.QUARANTINED, call_id)

    def _seal_in(self, state: CallState, call_id: str) -> Seal:
        query = select(_CALLS.c.wrapped_key).where(
            _CALLS.c.call_id == call_id, _CALLS.c.state == state.value
        )
        with self._transaction() as connection:
            wrapped = connection.scalar(query)
        if not wrapped:
            raise UnknownCallError(f"no key of this call: it is not {state.value}, or destroyed")
        return self._kek.unwrap(wrapped, call_id)

    def state(self, call_id: str) -> CallState | None:
        """Where a call stands; ``None`` for one that was never opened."""
        with self._transaction() as connection:
            state = connection.scalar(select(_CALLS.c.state).where(_CALLS.c.call_id == call_id))
        return None if state is None else CallState(state)

    def count(self, state: CallState) -> int:
        """How many calls stand there."""
        with self._transaction() as connection:
            query = select(func.count()).select_from(_CALLS).where(_CALLS.c.state == state.value)
            return int(connection.scalar(query) or 0)

    def finish(self, call_id: str, stage: str) -> None:
        """Note that a stage is done with a call; a repeat changes nothing."""
        if self.finished(call_id, stage):
            return
        try:
            with self._transaction() as connection:
                connection.execute(insert(_PROGRESS).values(call_id=call_id, stage=stage))
        except IntegrityError:
            return  # another process was first

    def finished(self, call_id: str, stage: str) -> bool:
        """Whether a stage is done with a call."""
        with self._transaction() as connection:
            query = select(_PROGRESS.c.stage).where(
                _PROGRESS.c.call_id == call_id, _PROGRESS.c.stage == stage
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
            return False
        mine = (_CALLS.c.call_id == call_id) & (_CALLS.c.state == CallState.OPEN.value)
        with self._transaction() as connection:
            if state is not CallState.QUARANTINED:
                _destroy_key(connection, mine)
            closed = connection.execute(
                update(_CALLS).where(mine).values(state=state.value, closed=_now())
            )
            won = closed.rowcount > 0
        self._checkpoint()
        return won

    def quarantined(self) -> list[Quarantined]:
        """Quarantined calls whose key lives, the oldest first."""
        query = (
            select(_CALLS.c.call_id, _CALLS.c.closed)
            .where(_CALLS.c.state == CallState.QUARANTINED.value, _CALLS.c.wrapped_key.is_not(None))
            .order_by(_CALLS.c.closed, _CALLS.c.call_id)
        )
        with self._transaction() as connection:
            rows = connection.execute(query).all()
        return [Quarantined(call_id, datetime.fromisoformat(closed)) for call_id, closed in rows]

    def end_quarantine(self, call_id: str) -> bool:
        """Destroy the key of a quarantined call, as ``close_call`` does.

        Returns:
            Whether this call did it: ``False`` where no such key was there any more.
        """
        mine = (
            (_CALLS.c.call_id == call_id)
            & (_CALLS.c.state == CallState.QUARANTINED.value)
            & _CALLS.c.wrapped_key.is_not(None)
        )
        with self._transaction() as connection:
            destroyed = _destroy_key(connection, mine)
        self._checkpoint()
        return destroyed

    def reset_open_calls(self) -> int:
        """Forget every open call: for a broker that lost its records, such as a memory-only one.

        Their keys are destroyed and they may be opened anew. Returns how many there were.
        """
        opened = select(_CALLS.c.call_id).where(_CALLS.c.state == CallState.OPEN.value)
        with self._transaction() as connection:
            connection.execute(delete(_PROGRESS).where(_PROGRESS.c.call_id.in_(opened)))
            gone = connection.execute(
                delete(_CALLS).where(_CALLS.c.state == CallState.OPEN.value)
            ).rowcount
        self._checkpoint()
        return int(gone)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            # The statement and its parameters are cut off.
            raise StoreError(f"ledger: {type(error).__name__}") from None

    def _checkpoint(self) -> None:
        """Move SQLite's log into the file and empty it, so that no old page stays in the log."""
        if not self._sqlite:
            return
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        except SQLAlchemyError as error:
            raise StoreError(f"ledger: {type(error).__name__}") from None


def _destroy_key(connection: Connection, where: ColumnElement[bool]) -> bool:
    """Overwrite a call's key, then clear it; says whether there was one."""
    length = connection.scalar(select(func.length(_CALLS.c.wrapped_key)).where(where)) or 0
    if not length:
        return False
    connection.execute(update(_CALLS).where(where).values(wrapped_key=bytes(length)))
    return connection.execute(update(_CALLS).where(where).values(wrapped_key=None)).rowcount > 0


def _harden(connection: Any, _record: Any) -> None:  # noqa: ANN401 - DBAPI objects
    """Write-ahead log, durable commits, and deleted content overwritten with zeros."""
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
