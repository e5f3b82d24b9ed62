"""The database behind the ledger: SQLite in a file, or PostgreSQL.

Outcomes: ``StoreError`` where the database is away or refuses; ``IntegrityError`` goes through,
since it is how a caller learns that another process was first. The next call after an outage
connects anew.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Table, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from agents.system.clock import Clock, stamp, system_clock
from agents.system.private_files import private_folder
from agents.system.sockets.reaching import cannot_reach, cause
from pipeline.errors import SettingsError, StoreError

BUSY_MS = 30_000
"""How long a statement waits for another process that writes."""
CONNECT_S = 5
"""How long PostgreSQL may take to answer a new connection."""
VACUUM_S = 60.0
"""A table of PostgreSQL's is vacuumed at most this often by one process."""

_LOOK_AGAIN_S = 0.005
_SQLITE, _POSTGRESQL = "sqlite", "postgresql"
_PORT: Final = 5432
_UNREACHED: Final = "08"
"""How SQLSTATEs of connections begin."""
_START: Final = "see that it runs, and that HUSHWIRE_LEDGER_URL names it"
_LOGIN: Final = "see HUSHWIRE_LEDGER_URL and HUSHWIRE_LEDGER_PASSWORD_FILE"
_SQLITE_CODES: Final = {
    sqlite3.SQLITE_FULL: "its disk is full; make room",
    sqlite3.SQLITE_IOERR: "its disk reports an error, or is full; look at the disk",
    sqlite3.SQLITE_READONLY: "it is read-only for us; let the worker's user own file and folder",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened; let the worker's user own file and folder",
    sqlite3.SQLITE_PERM: "it can't be opened; let the worker's user own file and folder",
    sqlite3.SQLITE_BUSY: "another process held it for too long; try again",
    sqlite3.SQLITE_LOCKED: "another process held it for too long; try again",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put it back from its backup",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database; put it back from its backup",
}
"""By SQLite's primary result codes."""
_SQL_STATES: Final = {
    "28P01": f"the password is wrong; {_LOGIN}",
    "28000": f"it does not let this user or host in; {_LOGIN}",
    "3D000": f"there is no such database; {_LOGIN}",
    "53300": "it has no connection left; raise max_connections, or run fewer workers",
    "53100": "its disk is full; make room",
    "57P01": "it was shut down; see that it runs",
    "57P02": "it was shut down; see that it runs",
    "57P03": "it is starting or stopping; try again",
    "25006": "it is read-only, such as a standby; name the primary",
    "42501": "the user lacks a right; docs/deploy/ledger.md says which it needs",
    "42P01": "a table is missing; hushwire ledger upgrade",
    "42703": "a column is missing; hushwire ledger upgrade",
    "57014": "it took too long for a statement; look at its load",
    "55P03": "another process held a lock for too long; try again",
    "40001": "another process wrote at the same time; try again",
    "40P01": "another process wrote at the same time; try again",
}
"""By SQLSTATE (PostgreSQL, appendix A)."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A time that was believed, and when."""

    at: datetime
    since: float
    """By the clock that nobody sets, in seconds."""
    within: timedelta


class Database:
    """A pool of connections.

    Args:
        url: SQLAlchemy URL; ``sqlite:///FILE`` is created with its folder where missing.
        clock: the time of all that is dated in the database, or destroyed by time.

    Raises:
        SettingsError: the URL names neither SQLite nor PostgreSQL.
        StoreError: SQLite's file cannot be made.
    """

    def __init__(self, url: str, clock: Clock = system_clock) -> None:
        self.now = clock
        self._known: _Known | None = None
        parsed = _parsed(url)
        self.sqlite = parsed.get_backend_name() == _SQLITE
        self._vacuumed: dict[str, float] = {}
        if self.sqlite:
            self.engine = create_engine(parsed, connect_args={"timeout": BUSY_MS / 1000})
            event.listen(self.engine, "connect", _harden)
            event.listen(self.engine, "begin", _begin)
            _private_file(Path(parsed.database or ""))
        else:
            self.engine = create_engine(
                parsed,
                pool_pre_ping=True,  # a connection that died with its server is replaced
                pool_timeout=BUSY_MS / 1000,
                connect_args={
                    "connect_timeout": CONNECT_S,
                    "application_name": "hushwire",
                    "keepalives_idle": 30,
                    "options": f"-c statement_timeout={BUSY_MS} -c lock_timeout={BUSY_MS} "
                    f"-c idle_in_transaction_session_timeout={2 * BUSY_MS}",
                },
            )
        self._reader = (
            self.engine
            if self.sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ")
        )
        self._writer = self.engine.execution_options(hushwire_writes=True)

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def know(self, at: datetime, within: timedelta) -> None:
        """Note a time that is believed, and how far the clock may be ahead of it."""
        self._known = _Known(at, time.monotonic(), within)

    def dated(self) -> datetime:
        """The time by which something is dated.

        The clock's, unless it is behind a time that was believed, or too far ahead of it: then that
        time and what went by since. What a process with a wrong clock stores would be too old for
        all others, and destroyed by them at once.
        """
        now, known = self.now(), self._known
        if known is None:
            return now
        since = known.at + timedelta(seconds=time.monotonic() - known.since)
        return now if known.at <= now <= since + known.within else since

    def stamp(self) -> str:
        """``dated``, as it is stored."""
        return stamp(self.dated())

    def server_time(self) -> datetime | None:
        """The time of the database's own machine; ``None`` for SQLite, which has no other."""
        if self.sqlite:
            return None
        with self.reading() as connection:
            seconds = connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())"))
        return datetime.fromtimestamp(float(seconds or 0), UTC)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: all of it sees one state."""
        with _translated(self.engine.url), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: on SQLite the only one of its time, from its first line on."""
        with _translated(self.engine.url), self._writer.begin() as connection:
            yield connection

    def scrub(self, table: Table) -> None:
        """Remove what deleted rows of a table leave behind, as far as the database can.

        SQLite: its log is moved into the file, where deleted content is zeros, and emptied.
        PostgreSQL: dead rows are vacuumed, at most once in ``VACUUM_S``; its log and its backups
        keep them, see ``docs/security.md``.

        Raises:
            StoreError: the database is away, or somebody reads an old state of SQLite's log.
        """
        with _translated(self.engine.url), self.engine.connect() as connection:
            if self.sqlite:
                _checkpoint(connection)
            elif time.monotonic() - self._vacuumed.get(table.name, -VACUUM_S) >= VACUUM_S:
                self._vacuumed[table.name] = time.monotonic()
                quoted = connection.dialect.identifier_preparer.format_table(table)
                autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
                autocommit.exec_driver_sql(f"VACUUM (SKIP_LOCKED) {quoted}")


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; ``None`` for PostgreSQL.

    Raises:
        SettingsError: the URL names neither.
    """
    parsed = _parsed(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == _SQLITE else None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == _POSTGRESQL:
            parsed = parsed.set(drivername="postgresql+psycopg")
    except (ArgumentError, NoSuchModuleError, ValueError):  # the last for a port
        backend = ""
    if backend not in {_SQLITE, _POSTGRESQL}:
        raise SettingsError(
            "ledger_url: sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME is needed"
        )
    return parsed


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Errors of the client become ours; the statement and its parameters are cut off."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(f"ledger: {_told(url, error)}") from None


def _told(url: URL, error: Exception) -> str:
    inner = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    unknown = f"refuses ({type(inner).__name__})"
    if url.get_backend_name() == _SQLITE:
        code = getattr(inner, "sqlite_errorcode", 0) & 0xFF
        return f"{url.database}: {_SQLITE_CODES.get(code, unknown)}"
    where = _where(url)
    if isinstance(error, PoolTimeoutError):
        return f"PostgreSQL at {where}: all connections of this process are in use; try again"
    state = getattr(inner, "sqlstate", None)
    if state and not state.startswith(_UNREACHED):
        return f"PostgreSQL at {where}: {_SQL_STATES.get(state, f'refuses (SQLSTATE {state})')}"
    if not isinstance(error, OperationalError | InterfaceError):
        return f"PostgreSQL at {where}: {unknown}"
    return cannot_reach("PostgreSQL", where, cause(inner), _START)


def _where(url: URL) -> str:
    """``host:port`` without user and password, or what the URL's query names."""
    named = url.query.get("host")
    if named is not None:
        return named if isinstance(named, str) else ", ".join(named)
    host = url.host or "localhost"
    return f"[{host}]:{url.port or _PORT}" if ":" in host else f"{host}:{url.port or _PORT}"


def _private_file(path: Path) -> None:
    try:
        private_folder(path.parent)
        # Made by us first: SQLite gives its -wal and -shm files the same mode.
        path.touch(mode=0o600)
    except OSError as error:
        told = f"{path} can't be made ({error.strerror}); let our user write there"
        raise StoreError(f"ledger: {told}, or name another place with --state-dir") from error


def _harden(connection: Any, _record: Any) -> None:  # noqa: ANN401 - DBAPI objects
    """Write-ahead log, durable commits, and deleted content overwritten with zeros."""
    connection.isolation_level = None  # ``_begin`` begins, not the driver
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=ON",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _checkpoint(connection: Connection) -> None:
    """SQLite does not wait for another checkpoint, so we do."""
    deadline = time.monotonic() + BUSY_MS / 1000
    raw: Any = connection.connection.driver_connection
    while raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > deadline:
            raise StoreError("ledger: another process holds the log of changes open")
        time.sleep(_LOOK_AGAIN_S)


def _begin(connection: Connection) -> None:
    """A transaction that reads first and then writes fails when another process wrote between."""
    writes = connection.get_execution_options().get("hushwire_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
