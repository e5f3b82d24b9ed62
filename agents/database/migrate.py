"""Brings the ledger's schema up to date, and refuses one that does not fit.

SQLite is migrated when it is opened; PostgreSQL by ``hushwire ledger upgrade``, since several
machines share it and somebody should have looked at the backup first. Programs of an older schema
work on beside a newer one that only adds to theirs: the database says from which one on.
"""

from __future__ import annotations

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, delete, insert, inspect, select, text

from agents.database.engine import Database, sqlite_file
from agents.database.tables import SCHEMA_READERS, WRAPPING_KEYS
from pipeline.errors import StoreError

FIRST = "0001"
"""The schema of ledgers from before there were migrations."""
OLDEST = "0026"
"""The oldest schema whose programs work with the newest. A migration that does more than add (a
table whose rows go with their call, a column that may be left out, an index) sets it to its own."""
_LOCK = 0x687573685F6C6564
"""PostgreSQL's advisory lock of an upgrade: any number that nobody else uses."""


def newest() -> str:
    """The revision that this version of Hushwire works with."""
    return str(_scripts().get_current_head())


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
    """Migrate a database; the revisions before and after.

    A repeat changes nothing, and neither does a version that works with a newer schema.

    Raises:
        StoreError: the database is away, or newer than what this version of Hushwire works with.
    """
    with database.writing() as connection:
        if not database.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = _current(connection)
        if before is not None and _newer(connection, before):
            return before, before
        config = _config()
        config.attributes["connection"] = connection
        versioned = inspect(connection).has_table("alembic_version")
        if before is not None and not versioned:
            command.stamp(config, FIRST)
        if before != newest() or not versioned:
            command.upgrade(config, "head")
            connection.execute(delete(SCHEMA_READERS))
            connection.execute(insert(SCHEMA_READERS).values(id=1, oldest=OLDEST))
    return before, newest()


def suits(database: Database) -> bool:
    """Whether this version works with a database as it is: its own schema, or one that adds to it.

    Raises:
        StoreError: it is away, or newer than what this version works with.
    """
    with database.reading() as connection:
        found = _current(connection)
        return found is not None and (found == newest() or _newer(connection, found))


def ready(database: Database) -> None:
    """Make sure that a database fits this version of Hushwire; SQLite is migrated.

    Raises:
        StoreError: it is away, or its schema is another one; says what to do.
    """
    if database.sqlite and not suits(database):
        upgrade(database)
        return
    require(database)


def require(database: Database) -> None:
    """Refuse a database that does not fit this version of Hushwire; nothing is migrated.

    Raises:
        StoreError: as ``ready``.
    """
    if suits(database):
        return
    raise StoreError(
        f"ledger: its schema is {current(database) or 'empty'} and this version needs {newest()}: "
        "run `hushwire ledger upgrade`"
    )


def _current(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None and inspect(connection).has_table("calls"):
        return FIRST
    return revision


def _newer(connection: Connection, revision: str) -> bool:
    """Whether a schema is newer than this version, which works with it."""
    try:
        _scripts().get_revision(revision)
    except CommandError:
        known = inspect(connection).has_table(SCHEMA_READERS.name)
        oldest = connection.scalar(select(SCHEMA_READERS.c.oldest)) if known else None
        if oldest is None or oldest > newest():
            raise StoreError(
                f"ledger: its schema {revision} is newer than this version of Hushwire, which "
                f"knows {newest()}: install the version that made it"
            ) from None
        return True
    return False


@cache
def _scripts() -> ScriptDirectory:
    """All migrations; each is a file to be loaded, so they are looked through once a process."""
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "agents.database:migrations")
    config.set_main_option("path_separator", "os")
    return config
