from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.ledger import CallState, Ledger
from agents.sealing import KeyEncryptionKey
from pipeline.errors import RecordError, SealError, StoreError, UnknownCallError

pytestmark = pytest.mark.unit


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.embedded(tmp_path / "state")


def test_a_call_is_opened_once(ledger: Ledger) -> None:
    first, second = ledger.open_call("call-1"), ledger.open_call("call-1")
    assert (first.created, second.created) == (True, False)
    assert second.seal.open(first.seal.seal(b"value", b""), b"") == b"value"
    assert ledger.state("call-1") is CallState.OPEN
    assert ledger.count(CallState.OPEN) == 1


def test_many_threads_get_the_same_key(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: ledger.open_call("call-1"), range(16)))
    assert sum(one.created for one in opened) == 1
    value = opened[0].seal.seal(b"value", b"")
    assert {one.seal.open(value, b"") for one in opened} == {b"value"}


def test_another_process_s_ledger_reads_the_same(ledger: Ledger, tmp_path: Path) -> None:
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    assert Ledger.embedded(tmp_path / "state").seal("call-1").open(value, b"") == b"value"


def test_an_unknown_call_has_no_key(ledger: Ledger) -> None:
    assert ledger.state("call-1") is None
    with pytest.raises(UnknownCallError):
        ledger.seal("call-1")
    with pytest.raises(UnknownCallError):
        ledger.close_call("call-1", CallState.STORED)


@pytest.mark.parametrize("state", [CallState.STORED, CallState.QUARANTINED, CallState.REFUSED])
def test_a_closed_call_has_no_key_and_stays_closed(ledger: Ledger, state: CallState) -> None:
    ledger.open_call("call-1")
    assert ledger.close_call("call-1", state)
    assert not ledger.close_call("call-1", CallState.REFUSED)
    assert ledger.state("call-1") is state
    for again in (ledger.seal, ledger.open_call):
        with pytest.raises(UnknownCallError):
            again("call-1")


def test_a_destroyed_key_is_in_no_file(ledger: Ledger, tmp_path: Path) -> None:
    state = tmp_path / "state"
    ledger.open_call("call-1")
    with sqlite3.connect(state / "ledger.db") as connection:
        wrapped = connection.execute("SELECT wrapped_key FROM calls").fetchone()[0]
    connection.close()
    assert len(wrapped) > 100
    assert any(wrapped in path.read_bytes() for path in state.iterdir())
    ledger.close_call("call-1", CallState.STORED)
    assert not [path for path in state.iterdir() if wrapped[:32] in path.read_bytes()]
    assert not [path for path in state.iterdir() if wrapped[-32:] in path.read_bytes()]


def wrapped_keys(state: Path) -> list[bytes | None]:
    with sqlite3.connect(state / "ledger.db") as connection:
        rows = connection.execute("SELECT wrapped_key FROM calls").fetchall()
    connection.close()
    return [row[0] for row in rows]


def test_a_quarantined_call_keeps_its_key_for_the_quarantine_alone(ledger: Ledger) -> None:
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    with pytest.raises(UnknownCallError):
        ledger.quarantined_seal("call-1")
    ledger.close_call("call-1", CallState.QUARANTINED)
    for closed in (ledger.seal, ledger.open_call):
        with pytest.raises(UnknownCallError):
            closed("call-1")
    assert ledger.quarantined_seal("call-1").open(value, b"") == b"value"
    (listed,) = ledger.quarantined()
    assert listed.call_id == "call-1"
    assert abs((datetime.now(UTC) - listed.since).total_seconds()) < 60


def test_the_end_of_a_quarantine_leaves_the_key_in_no_file(ledger: Ledger, tmp_path: Path) -> None:
    state = tmp_path / "state"
    ledger.open_call("call-1")
    ledger.close_call("call-1", CallState.QUARANTINED)
    (wrapped,) = wrapped_keys(state)
    assert wrapped is not None
    assert any(wrapped in path.read_bytes() for path in state.iterdir())
    assert ledger.end_quarantine("call-1")
    assert not ledger.end_quarantine("call-1")
    assert wrapped_keys(state) == [None]
    assert not [path for path in state.iterdir() if wrapped[:32] in path.read_bytes()]
    assert not [path for path in state.iterdir() if wrapped[-32:] in path.read_bytes()]
    assert ledger.state("call-1") is CallState.QUARANTINED
    assert ledger.quarantined() == []
    with pytest.raises(UnknownCallError):
        ledger.quarantined_seal("call-1")


@pytest.mark.parametrize("state", [None, CallState.STORED, CallState.REFUSED])
def test_only_a_quarantine_is_ended(ledger: Ledger, state: CallState | None) -> None:
    ledger.open_call("call-1")
    if state is not None:
        ledger.close_call("call-1", state)
    assert not ledger.end_quarantine("call-1")
    assert ledger.quarantined() == []
    assert (ledger.state("call-1") is CallState.OPEN) == (state is None)


def test_open_is_no_way_to_close(ledger: Ledger) -> None:
    ledger.open_call("call-1")
    with pytest.raises(ValueError, match="closed as"):
        ledger.close_call("call-1", CallState.OPEN)


def test_progress_is_by_stage_and_may_be_repeated(ledger: Ledger) -> None:
    ledger.open_call("call-1")
    ledger.finish("call-1", "mute")
    ledger.finish("call-1", "mute")
    assert ledger.finished("call-1", "mute")
    assert not ledger.finished("call-1", "detect")


def test_reset_forgets_open_calls_only(ledger: Ledger) -> None:
    ledger.open_call("open")
    ledger.finish("open", "mute")
    ledger.open_call("stored")
    ledger.close_call("stored", CallState.STORED)
    assert ledger.reset_open_calls() == 1
    assert ledger.state("open") is None
    assert ledger.open_call("open").created
    assert not ledger.finished("open", "mute")
    assert ledger.state("stored") is CallState.STORED


def test_files_are_private(ledger: Ledger, tmp_path: Path) -> None:
    ledger.open_call("call-1")
    files = list((tmp_path / "state").iterdir())
    assert {path.name for path in files} >= {"kek.json", "ledger.db", "ledger.db-wal"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_the_wrong_key_file_is_told_apart(ledger: Ledger, tmp_path: Path) -> None:
    ledger.open_call("call-1")
    other = KeyEncryptionKey.load_or_create(tmp_path / "other.json")
    with pytest.raises(SealError, match="wrong key file"):
        Ledger(f"sqlite:///{tmp_path / 'state' / 'ledger.db'}", other).seal("call-1")


def test_a_call_id_is_checked(ledger: Ledger) -> None:
    with pytest.raises(RecordError):
        ledger.open_call("../etc")


def test_a_database_that_cannot_be_opened_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    kek = KeyEncryptionKey.load_or_create(tmp_path / "kek.json")
    with pytest.raises(StoreError):
        Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", kek)
