from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import CallState, Ledger
from pipeline.errors import StoreError, UnknownCallError

pytestmark = pytest.mark.unit


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.embedded(tmp_path / "state")


def test_another_process_s_ledger_reads_the_same(ledger: Ledger, tmp_path: Path) -> None:
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    assert Ledger.embedded(tmp_path / "state").seal("call-1").open(value, b"") == b"value"


def test_a_destroyed_key_is_in_no_file(ledger: Ledger, tmp_path: Path) -> None:
    state = tmp_path / "state"
    ledger.open_call("call-1")
    with sqlite3.connect(state / "ledger.db") as connection:
        wrapped = connection.execute("SELECT wrapped_key FROM transit_keys").fetchone()[0]
    connection.close()
    assert len(wrapped) > 100
    assert any(wrapped in path.read_bytes() for path in state.iterdir())
    ledger.close_call("call-1", CallState.STORED)
    assert not [path for path in state.iterdir() if wrapped[:32] in path.read_bytes()]
    assert not [path for path in state.iterdir() if wrapped[-32:] in path.read_bytes()]


def wrapped_keys(state: Path) -> list[bytes]:
    with sqlite3.connect(state / "ledger.db") as connection:
        rows = connection.execute("SELECT wrapped_key FROM transit_keys").fetchall()
    connection.close()
    return [row[0] for row in rows]


def test_the_end_of_a_quarantine_leaves_the_key_in_no_file(ledger: Ledger, tmp_path: Path) -> None:
    state = tmp_path / "state"
    ledger.open_call("call-1")
    ledger.close_call("call-1", CallState.QUARANTINED)
    (wrapped,) = wrapped_keys(state)
    assert any(wrapped in path.read_bytes() for path in state.iterdir())
    assert ledger.end_quarantine("call-1")
    assert not ledger.end_quarantine("call-1")
    assert wrapped_keys(state) == []
    assert not [path for path in state.iterdir() if wrapped[:32] in path.read_bytes()]
    assert not [path for path in state.iterdir() if wrapped[-32:] in path.read_bytes()]
    assert ledger.state("call-1") is CallState.QUARANTINED
    assert ledger.quarantined() == []
    with pytest.raises(UnknownCallError):
        ledger.quarantined_seal("call-1")


def test_files_are_private(ledger: Ledger, tmp_path: Path) -> None:
    ledger.open_call("call-1")
    files = list((tmp_path / "state").iterdir())
    assert {path.name for path in files} >= {"kek.json", "ledger.db", "ledger.db-wal"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_database_that_cannot_be_opened_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    kek = KeyEncryptionKey.load_or_create(tmp_path / "kek.json")
    with pytest.raises(StoreError):
        Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", kek)


def test_a_key_is_gone_from_the_files_while_others_read_and_write(tmp_path: Path) -> None:
    """Other processes have the database open, and the calls around it stay open."""
    state = tmp_path / "state"
    ledgers = [Ledger.embedded(state) for _ in range(3)]
    for number in range(60):
        ledgers[number % 3].open_call(f"call-{number:02}")
    before = dict(enumerate(wrapped_keys(state)))
    for number in range(0, 60, 2):
        ledgers[(number + 1) % 3].close_call(f"call-{number:02}", CallState.STORED)
    content = b"".join(path.read_bytes() for path in state.iterdir())
    assert {number for number, key in before.items() if key[-40:] in content} == set(
        range(1, 60, 2)
    )
    for ledger in ledgers:
        ledger.dispose()
