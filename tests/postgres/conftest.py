"""Where the same test body runs: a fresh SQLite file, and a fresh database of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.crypto.envelope import KeyEncryptionKey
from agents.database import migrate
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from tests.postgres.server import Postgres, available, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server, where there is one to start."""
    problem = available()
    if problem is not None:
        pytest.skip(f"NOT TESTED ON POSTGRESQL: {problem}")
    with postgres() as running:
        yield running


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.unit),
        pytest.param("postgresql", marks=pytest.mark.postgres),
    ]
)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'ledger.db'}"
    running: Postgres = request.getfixturevalue("server")
    running.empty()
    return running.url


@pytest.fixture
def ledger_url(empty_url: str) -> str:
    """URL of a database with the ledger's tables."""
    database = Database(empty_url)
    migrate.upgrade(database)
    database.dispose()
    return empty_url


@pytest.fixture
def keyset(tmp_path: Path) -> Path:
    """A keyset file with one key."""
    return KeyEncryptionKey.load_or_create(tmp_path / "state" / "kek.json").path


@pytest.fixture
def ledger(ledger_url: str, keyset: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    made = Ledger(ledger_url, KeyEncryptionKey(keyset))
    yield made
    made.dispose()
