"""The wrapping key is replaced while calls are open and others use it."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Table

from agents.access.audit_log import AuditLog
from agents.crypto.envelope import KeyEncryptionKey, Seal
from agents.database import call_ledger as ledger_module
from agents.database.call_ledger import CallState, Ledger
from agents.database.engine import Database
from agents.database.tables import CALLS
from agents.upkeep import kek_rotation
from agents.upkeep.kek_rotation import rotate, wrapping_keys
from pipeline.errors import SealError, StoreError
from tests.waiting import HANG_S


def key_ids(keyset: Path) -> list[int]:
    return [key["keyId"] for key in json.loads(keyset.read_text("utf-8"))["key"]]


def test_open_and_quarantined_calls_keep_their_keys(ledger: Ledger, keyset: Path) -> None:
    values = {}
    for call_id in ("open", "held", "stored"):
        values[call_id] = ledger.open_call(call_id).seal.seal(b"value", b"")
    ledger.close_call("held", CallState.QUARANTINED)
    ledger.close_call("stored", CallState.STORED)
    (before,) = key_ids(keyset)
    done = rotate(keyset, ledger.database)
    assert (done.removed, done.rewrapped, done.resumed) == ((before,), 2, False)
    assert key_ids(keyset) == [done.primary] != [before]
    assert stat.S_IMODE(keyset.stat().st_mode) == 0o600
    # The ledger that was there before, and one of a process that starts now.
    for one in (ledger, Ledger(str(ledger.database.engine.url), KeyEncryptionKey(keyset))):
        assert one.seal("open").open(values["open"], b"") == b"value"
        assert one.quarantined_seal("held").open(values["held"], b"") == b"value"


def test_the_old_key_opens_nothing_any_more(
    ledger: Ledger, ledger_url: str, keyset: Path, tmp_path: Path
) -> None:
    ledger.open_call("call-1")
    copied = tmp_path / "copied.json"
    copied.write_bytes(keyset.read_bytes())
    copied.chmod(0o600)
    thief = Ledger(ledger_url, KeyEncryptionKey(copied))
    rotate(keyset, ledger.database)
    with pytest.raises(SealError):
        thief.seal("call-1")
    with pytest.raises(StoreError, match="older than the ledger"):
        thief.open_call("call-2")
    thief.dispose()
    with pytest.raises(StoreError, match="no wrapping key of this ledger"):
        Ledger(ledger_url, KeyEncryptionKey(copied))


def test_a_process_that_knows_the_old_key_opens_calls_with_the_new_one(
    ledger: Ledger, keyset: Path
) -> None:
    ledger.open_call("call-1")
    done = rotate(keyset, ledger.database)
    ledger.open_call("call-2")
    assert [(one.key_id, one.wraps) for one in wrapping_keys(keyset, ledger.database)] == [
        (done.primary, 2)
    ]


def test_a_file_that_another_thread_has_read_again_is_not_taken_for_an_old_one(
    ledger: Ledger, keyset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ledger.kek.new_transit_key

    def rotated_meanwhile(call_id: str) -> tuple[bytes, Seal]:
        key = made(call_id)
        monkeypatch.setattr(ledger.kek, "new_transit_key", made)
        rotate(keyset, ledger.database)
        ledger.kek.reload()  # as a stage does that unwraps a key of another call
        return key

    ledger.open_call("before")
    monkeypatch.setattr(ledger.kek, "new_transit_key", rotated_meanwhile)
    assert ledger.open_call("call-1").created


def test_a_ledger_is_opened_amid_rotations(
    ledger: Ledger, ledger_url: str, keyset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come between the reading of the file and that of the table."""
    ledger.open_call("before")
    late = KeyEncryptionKey(keyset)
    rotations = iter(range(3))
    read = KeyEncryptionKey.reload

    def and_again(kek: KeyEncryptionKey) -> None:
        read(kek)
        if kek is late and next(rotations, None) is not None:
            rotate(keyset, ledger.database)

    monkeypatch.setattr(KeyEncryptionKey, "reload", and_again)
    rotate(keyset, ledger.database)
    opened = Ledger(ledger_url, late)
    assert next(rotations, None) is None
    opened.dispose()


class StopError(Exception):
    pass


def interrupt(*_: object) -> None:
    raise StopError


@pytest.mark.parametrize("step", ["note_wrapping_key", "_rewrap_all", "_event", "only_primary"])
def test_an_interrupted_rotation_is_finished_by_the_next(
    ledger: Ledger, keyset: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    (before,) = key_ids(keyset)
    with monkeypatch.context() as patched:
        patched.setattr(kek_rotation, step, interrupt)
        with pytest.raises(StopError):
            rotate(keyset, ledger.database)
    # Everything works in between, too.
    assert ledger.seal("call-1").open(value, b"") == b"value"
    late = ledger.open_call("call-2").seal.seal(b"late", b"")
    fresh, old = wrapping_keys(keyset, ledger.database)
    assert (fresh.primary, old.primary, old.key_id) == (True, False, before)
    done = rotate(keyset, ledger.database)
    assert (done.primary, done.removed, done.resumed) == (fresh.key_id, (before,), True)
    assert key_ids(keyset) == [fresh.key_id]
    assert ledger.seal("call-1").open(value, b"") == b"value"
    assert ledger.seal("call-2").open(late, b"") == b"late"


def events(ledger: Ledger) -> list[dict[str, str]]:
    log = AuditLog(ledger.database)
    return [entry["facts"] for entry in map(json.loads, log.export()) if "facts" in entry]


def test_the_audit_log_is_told_once_and_before_the_old_key_is_gone(
    ledger: Ledger, keyset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.open_call("call-1")
    (before,) = key_ids(keyset)
    with monkeypatch.context() as patched:
        patched.setattr(kek_rotation, "only_primary", interrupt)
        with pytest.raises(StopError):
            rotate(keyset, ledger.database)
    (event,) = events(ledger)
    done = rotate(keyset, ledger.database)
    assert events(ledger) == [event]
    assert (event["what"], event["primary"], event["removed"]) == (
        "wrapping-key-replaced",
        f"{done.primary:08x}",
        f"{before:08x}",
    )


def test_nothing_is_removed_where_a_key_does_not_unwrap(
    ledger: Ledger, ledger_url: str, keyset: Path, tmp_path: Path
) -> None:
    other = Ledger(ledger_url, KeyEncryptionKey.load_or_create(tmp_path / "other.json"))
    ledger.open_call("ours")
    other.open_call("foreign")
    other.dispose()
    before = key_ids(keyset)
    with pytest.raises(SealError):
        rotate(keyset, ledger.database)
    assert set(before) < set(key_ids(keyset))


def test_two_rotations_do_not_run_at_once(ledger: Ledger, keyset: Path) -> None:
    with kek_rotation.alone(keyset), pytest.raises(StoreError, match="another rotation"):
        rotate(keyset, ledger.database)


def test_a_rotation_waits_for_a_call_that_is_being_opened(
    ledger: Ledger, ledger_url: str, keyset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is wrapped by the old key, and not there yet for the rotation to see."""
    ledger.open_call("before")
    rotating = Thread(target=lambda: rotate(keyset, Database(ledger_url)))
    waited: list[bool] = []

    def insert(table: Table) -> object:
        if table is CALLS and not waited:
            rotating.start()
            rotating.join(0.7)
            waited.append(rotating.is_alive())
        return real(table)

    real = ledger_module.insert
    monkeypatch.setattr(ledger_module, "insert", insert)
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    rotating.join(HANG_S)
    assert waited == [True]
    assert [one.wraps for one in wrapping_keys(keyset, ledger.database)] == [2]
    assert ledger.seal("call-1").open(value, b"") == b"value"


def test_a_key_that_is_wrapped_anew_while_it_is_read_is_read_again(
    ledger: Ledger, keyset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = ledger.open_call("call-1").seal.seal(b"value", b"")
    kek = ledger.kek
    read: list[bytes] = []

    def unwrap(wrapped: bytes, call_id: str) -> Seal:
        if not read:
            rotate(keyset, ledger.database)
            kek.reload()
        read.append(wrapped)
        return KeyEncryptionKey.unwrap(kek, wrapped, call_id)

    monkeypatch.setattr(kek, "unwrap", unwrap)
    assert ledger.seal("call-1").open(value, b"") == b"value"
    assert len(read) == 2


def open_and_use(url: str, keyset: Path, name: str, count: int) -> int:
    """In a process: open calls, read their keys back, close every second one."""
    ledger = Ledger(url, KeyEncryptionKey(keyset))
    used = 0
    for number in range(count):
        call_id = f"{name}-{number}"
        value = ledger.open_call(call_id).seal.seal(b"value", b"")
        used += ledger.seal(call_id).open(value, b"") == b"value"
        if number % 2:
            ledger.close_call(call_id, CallState.STORED)
    ledger.dispose()
    return used


def test_calls_are_opened_and_closed_while_the_key_is_replaced_again_and_again(
    ledger: Ledger, ledger_url: str, keyset: Path
) -> None:
    value = ledger.open_call("kept").seal.seal(b"value", b"")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(open_and_use, ledger_url, keyset, f"p{one}", 30) for one in range(2)]
        rotations = 0
        while not all(job.done() for job in jobs) or not rotations:
            rotate(keyset, ledger.database)
            rotations += 1
        assert [job.result() for job in jobs] == [30, 30]
    assert rotations > 1
    assert ledger.count(CallState.OPEN) == 31
    rotate(keyset, ledger.database)
    assert ledger.seal("kept").open(value, b"") == b"value"
    assert [one.wraps for one in wrapping_keys(keyset, ledger.database)] == [31]
