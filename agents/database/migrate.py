"""Brings the ledger's schema up to date, and refuses one that is not.

SQLite is migrated when it is opened; PostgreSQL by ``hushwire ledger upgrade``, since several
machines share it and somebody should have looked at the backup first.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, select, text

from agents.database.engine import Database, sqlite_file
from agents.database.tables import WRAPPING_KEYS
from pipeline.errors import StoreError

FIRST = "0001"
"""The schema of ledgers from before there were migrations."""
_LOCK = 0x687573685F6C6564
"""PostgreSQL's advisory lock of an upgrade: any number that nobody else uses."""


def newest() -> str:
    """The revision that this version of Hushwire works with."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(database: Database) -> str | None:
    """The revision of a database; ``None`` for an empty one.

    Raises:
        StoreError: the database is away.
    """
    with database.reading() as connection:
        return _current(connection)


def uses_keys(url: str) -> bool:
    """Whether a ledger knows wrapping keys, so that its key file is not to be made anew.

    Raises:
        StoreError: the database is away.
    """
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return False
    database = Database(url)
    try:
        return knows_keys(database)
    finally:
        database.dispose()


def knows_keys(database: Database) -> bool:
    """The same of a database that is open.

    Raises:
        StoreError: the database is away.
    """
    with database.reading() as connection:
        if not inspect(connection).has_table(WRAPPING_KEYS.name):
            return False
        return connection.scalar(select(WRAPPING_KEYS.c.key_id).limit(1)) is not None


def upgrade(database: Database) -> tuple[str | None, str]:
    """Migrate a database; the revisions before and after. A repeat changes nothing.

    Raises:
        StoreError: the database is away, or newer than this version of Hushwire.
    """
    with database.writing() as connection:
        if not database.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = _current(connection)
        _refuse_newer(before)
        config = _config()
        config.attributes["connection"] = connection
        versioned = inspect(connection).has_table("alembic_version")
        if before is not None and not versioned:
            command.stamp(config, FIRST)
        if before != newest() or not versioned:
            command.upgrade(config, "head")
    return before, newest()


def ready(database: Database) -> None:
    """Make sure that a database fits this version of Hushwire; SQLite is migrated.

    Raises:
        StoreError: it is away, or its schema is another one; says what to do.
    """
    found = current(database)
    if found == newest():
        return
    if database.sqlite:
        upgrade(database)
        return
    _refuse_newer(found)
    raise StoreError(
        f"ledger: its schema is {found or 'empty'} and this version needs {newest()}: "
        "run `hushwire ledger upgrade`"
    )


def _current(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None and inspect(connection).has_table("calls"):
        return FIRST
    return revision


def _refuse_newer(revision: str | None) -> None:
    if revision is None:
        return
    try:
        ScriptDirectory.from_config(_config()).get_revision(revision)
    except CommandError:
        raise StoreError(
            f"ledger: its schema {revision} is newer than this version of Hushwire, which knows "
            f"{newest()}: install the version that made it"
        ) from None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "agents.database:migrations")
    config.set_main_option("path_separator", "os")
    return config
