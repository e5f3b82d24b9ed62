"""A database that can't be used says where it is, why, and what to do; no credentials in it."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

import pytest

from agents.database.engine import Database
from pipeline.errors import SettingsError, StoreError

pytestmark = pytest.mark.unit


def refusal(url: str) -> str:
    database = Database(url)
    try:
        with pytest.raises(StoreError) as caught, database.reading() as connection:
            connection.exec_driver_sql("SELECT 'Alice'")
    finally:
        database.dispose()
    assert "password" not in str(caught.value)
    assert "Alice" not in str(caught.value)
    return str(caught.value)


def test_a_server_that_is_not_there_is_told_by_host_and_port() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{closed.getsockname()[1]}"
        assert refusal(f"postgresql://jane:password@{where}/x") == (
            f"ledger: can't reach PostgreSQL at {where}: connection refused; see that it runs, and "
            "that HUSHWIRE_LEDGER_URL names it"
        )


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://jane:password@nowhere.invalid/x", "at nowhere.invalid:5432: no such host"),
        ("postgresql://jane:password@/x?host=/nowhere/at/all", "at /nowhere/at/all: nothing is"),
        ("postgresql://jane:password@[::1]:1/x", "at [::1]:1: "),
    ],
)
def test_where_it_would_be_is_told(url: str, told: str) -> None:
    assert told in refusal(url)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_bytes(b"no database" * 100)
    assert refusal(f"sqlite:///{file}").startswith(f"ledger: {file}: it is no SQLite database;")


def test_a_file_that_another_process_holds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.database.engine.BUSY_MS", 10)
    file = tmp_path / "ledger.db"
    database = Database(f"sqlite:///{file}")
    with database.reading():
        pass
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="another process held it"), database.writing():
        pass
    other.close()
    database.dispose()


def test_a_folder_that_can_t_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"can't be made \(Not a directory\).*--state-dir"):
        Database(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}")


@pytest.mark.parametrize("url", ["mysql://h/x", "postgresql://h:port/x", "nonsense"])
def test_a_url_that_is_none_is_told_without_it(url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:///FILE or postgresql") as caught:
        Database(url)
    assert url not in str(caught.value)
