"""Migrations make the tables that the code works with, from nothing and from what was there."""

from __future__ import annotations

import ast
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, insert, select, text

from agents.cli import main
from agents.crypto.envelope import KeyEncryptionKey
from agents.database import migrate
from agents.database.analytics_tables import ANALYTICS_TABLES
from agents.database.call_ledger import CallState, KnownCall, Ledger
from agents.database.engine import Database
from agents.database.tables import ENTRIES, METADATA
from pipeline.errors import SettingsError, StoreError

OLD_TABLES = (
    """CREATE TABLE calls (
        call_id VARCHAR(128) NOT NULL PRIMARY KEY, wrapped_key {bytes}, state VARCHAR(16) NOT NULL,
        created VARCHAR(40) NOT NULL, closed VARCHAR(40))""",
    """CREATE TABLE progress (
        call_id VARCHAR(128) NOT NULL REFERENCES calls (call_id), stage VARCHAR(16) NOT NULL,
        PRIMARY KEY (call_id, stage))""",
)
AT = "2026-01-01T00:00:00.000+00:00"


@pytest.fixture(autouse=True)
def nothing_is_copied(monkeypatch: pytest.MonkeyPatch, migrated_once: object) -> None:
    """Here all migrations run each time."""
    monkeypatch.setattr(migrate, "upgrade", migrated_once)


def differences(url: str) -> list[object]:
    database = Database(url)
    with database.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), METADATA)
    database.dispose()
    return list(found)


def test_the_migrated_schema_is_the_one_of_the_tables(ledger_url: str) -> None:
    assert {ENTRIES.name, *(one.name for one in ANALYTICS_TABLES)} <= set(METADATA.tables)
    assert differences(ledger_url) == []


def test_a_column_that_no_migration_makes_is_seen(ledger_url: str) -> None:
    database = Database(ledger_url)
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE progress ADD COLUMN more INTEGER"))
    database.dispose()
    assert len(differences(ledger_url)) == 1


def test_an_upgrade_may_be_repeated(empty_url: str) -> None:
    database = Database(empty_url)
    assert migrate.current(database) is None
    assert migrate.upgrade(database) == (None, migrate.newest())
    assert migrate.upgrade(database) == (migrate.newest(), migrate.newest())
    assert migrate.current(database) == migrate.newest()
    database.dispose()


def old_ledger(url: str, keyset: Path) -> dict[str, bytes]:
    """A ledger from before there were migrations; a value that each of its calls sealed."""
    kek = KeyEncryptionKey(keyset)
    database = Database(url)
    values = {}
    with database.writing() as connection:
        for statement in OLD_TABLES:
            kind = "BLOB" if database.sqlite else "BYTEA"
            connection.execute(text(statement.format(bytes=kind)))
        for call_id, state in (("open", "open"), ("held", "quarantined"), ("gone", "stored")):
            wrapped, seal = kek.new_transit_key(call_id)
            values[call_id] = seal.seal(b"value", b"")
            key = None if state == "stored" else wrapped
            row = {"id": call_id, "key": key, "state": state, "at": AT}
            insert = "INSERT INTO calls VALUES (:id, :key, :state, :at, :at)"
            connection.execute(text(insert), row)
        connection.execute(text("INSERT INTO progress VALUES ('open', 'mute')"))
    database.dispose()
    return values


def test_a_ledger_from_before_migrations_goes_on(empty_url: str, keyset: Path) -> None:
    values = old_ledger(empty_url, keyset)
    database = Database(empty_url)
    if not database.sqlite:
        with pytest.raises(StoreError, match=r"its schema is 0001 .*hushwire ledger upgrade"):
            Ledger(empty_url, KeyEncryptionKey(keyset))
        assert migrate.upgrade(database) == ("0001", migrate.newest())
    database.dispose()
    ledger = Ledger(empty_url, KeyEncryptionKey(keyset))
    assert differences(empty_url) == []
    assert ledger.seal("open").open(values["open"], b"") == b"value"
    assert ledger.quarantined_seal("held").open(values["held"], b"") == b"value"
    assert ledger.state("gone") is CallState.STORED
    assert ledger.finished("open", "mute")
    assert ledger.open_call("new").created
    ledger.dispose()


def test_what_was_erased_before_schema_0007_is_known_as_erased(
    empty_url: str, keyset: Path
) -> None:
    """As far as the audit log tells; of all else neither recording nor owner is known."""
    database = Database(empty_url)
    with database.writing() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        for call_id in ("erased", "kept"):
            row = {"id": call_id, "at": AT}
            insert = "INSERT INTO calls VALUES (:id, 'stored', :at, :at)"
            connection.execute(text(insert), row)
        entry = (
            "INSERT INTO audit_entries VALUES "
            "(:seq, :at, 'id', :call, :kind, '{}', :print, 'previous', 'hash')"
        )
        for seq, call_id, kind in ((1, "erased", "call-erased"), (2, "kept", "call-exported")):
            values = {"seq": seq, "at": AT, "call": call_id, "print": str(seq)}
            values["kind"] = f"hushwire.audit.{kind}.v1"
            connection.execute(text(entry), values)
    assert migrate.upgrade(database) == ("0006", migrate.newest())
    database.dispose()
    assert differences(empty_url) == []
    ledger = Ledger(empty_url, KeyEncryptionKey(keyset))
    at = datetime.fromisoformat(AT)
    for call_id, erased in (("erased", at), ("kept", None)):
        assert ledger.call(call_id) == KnownCall(
            call_id, CallState.STORED, at, recording=None, owner=None, erased=erased
        )
    ledger.dispose()


def test_a_migrated_file_holds_no_key_of_a_closed_call(tmp_path: Path, keyset: Path) -> None:
    file = tmp_path / "state" / "ledger.db"
    old_ledger(f"sqlite:///{file}", keyset)
    with sqlite3.connect(file) as connection:
        (wrapped,) = connection.execute("SELECT wrapped_key FROM calls WHERE state = 'open'")
    connection.close()
    ledger = Ledger(f"sqlite:///{file}", KeyEncryptionKey(keyset))
    ledger.close_call("open", CallState.STORED)
    written = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert wrapped[0][-40:] not in written
    ledger.dispose()


def test_a_newer_schema_that_only_adds_is_worked_with(ledger_url: str, keyset: Path) -> None:
    """As a worker does that is started again while a newer version is brought in."""
    database = Database(ledger_url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE calls ADD COLUMN more INTEGER"))
    assert migrate.suits(database)
    ledger = Ledger(ledger_url, KeyEncryptionKey(keyset))
    assert ledger.open_call("call").created
    ledger.close_call("call", CallState.STORED)
    ledger.dispose()
    assert migrate.upgrade(database) == ("9999", "9999")  # `helm rollback` runs it
    assert migrate.current(database) == "9999"
    database.dispose()


@pytest.mark.parametrize("oldest", ["9998", None])
def test_a_newer_schema_that_changes_is_refused(
    ledger_url: str, keyset: Path, oldest: str | None
) -> None:
    database = Database(ledger_url)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        if oldest is None:
            connection.execute(text("DROP TABLE schema_readers"))
        else:
            connection.execute(text(f"UPDATE schema_readers SET oldest = '{oldest}'"))  # noqa: S608
    for refused in (
        lambda: Ledger(ledger_url, KeyEncryptionKey(keyset)),
        lambda: migrate.upgrade(database),
        lambda: migrate.suits(database),
    ):
        with pytest.raises(StoreError, match="9999 is newer than this version"):
            refused()
    database.dispose()


def reflected(connection: Connection) -> dict[str, Table]:
    found = MetaData()
    found.reflect(connection)
    return dict(found.tables)


def test_since_0021_a_schema_holds_all_that_older_versions_read_and_write(empty_url: str) -> None:
    """What was there is there, and what was added may be left out."""
    database = Database(empty_url)
    with database.writing() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0021")
        before = reflected(connection)
        command.upgrade(config, "head")
        after = reflected(connection)
        for name, table in before.items():
            for column in table.columns:
                same = after[name].columns[column.name]
                assert (str(same.type), same.nullable) == (str(column.type), column.nullable)
            for column in after[name].columns.values():
                known = column.name in table.columns
                assert known or column.nullable or column.server_default is not None, column
            unique = {one.name for one in after[name].indexes if one.unique}
            assert unique == {one.name for one in table.indexes if one.unique}
            assert len(after[name].constraints) == len(table.constraints), name
        session = before["sessions"]
        row = {one.name: 1 if "INT" in str(one.type) else "x" for one in session.columns}
        connection.execute(insert(session).values(row))
        assert connection.execute(select(session)).mappings().all() == [row]
    database.dispose()


def only_adds(source: str) -> bool:
    """Whether a migration does nothing that a program of the schema before would notice."""
    tree = ast.parse(source)
    done = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name) and node.value.id == "op"}  # fmt: skip
    return done <= {"create_table", "add_column", "create_index"} and "unique=True" not in source


@pytest.mark.unit
def test_a_migration_that_changes_says_so() -> None:
    """``OLDEST`` stays below the migrations that only add, and is the last that does more."""
    folder = Path(migrate.__file__).parent / "migrations" / "versions"
    since = {
        file.name[1:5]: only_adds(file.read_text("utf-8")) for file in folder.glob("v0*.py")
    }  # fmt: skip
    assert migrate.OLDEST in since
    assert [since[one] for one in ("0020", "0022", "0024", "0025")] == [False, True, True, False]
    assert [one for one, adds in sorted(since.items()) if one > migrate.OLDEST and not adds] == []


@pytest.mark.unit
def test_two_processes_that_make_the_same_file_do_not_meet(tmp_path: Path) -> None:
    """The second one finds the tables when its turn comes."""
    databases = [Database(f"sqlite:///{tmp_path / 'state' / 'ledger.db'}") for _ in range(2)]
    assert [migrate.current(one) for one in databases] == [None, None]
    assert [migrate.upgrade(one)[0] for one in databases] == [None, migrate.newest()]
    for one in databases:
        one.dispose()


@pytest.mark.unit
@pytest.mark.parametrize("url", ["mysql://host/name", "nonsense", "", "postgresqll://host/x"])
def test_another_database_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="ledger_url: sqlite:///FILE or postgresql"):
        Database(url)


def test_the_command_upgrades(
    empty_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUSHWIRE_LEDGER_URL", empty_url)
    for told in ("upgraded from empty", "up to date already"):
        monkeypatch.setattr(sys, "argv", ["hushwire", "ledger", "upgrade"])
        with pytest.raises(SystemExit) as ended:
            main.main()
        assert ended.value.code == 0
        assert f"ledger: schema {migrate.newest()}, {told}" in capsys.readouterr().out
