"""The ledger's rules, each on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import CallState, Ledger, open_since
from pipeline.errors import (
    OtherRecordingError,
    RecordError,
    SealError,
    StoreError,
    UnknownCallError,
)
from tests.waiting import HANG_S

CALLS = [f"call-{number}" for number in range(12)]


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


def test_open_calls_alone_are_forgotten(ledger: Ledger) -> None:
    ledger.open_call("open")
    ledger.finish("open", "mute")
    ledger.open_call("stored")
    ledger.close_call("stored", CallState.STORED)
    assert ledger.forget_open(["open", "stored", "unknown"]) == 1
    assert ledger.state("open") is None
    assert ledger.open_call("open").created
    assert not ledger.finished("open", "mute")
    assert ledger.state("stored") is CallState.STORED


def test_an_open_call_expires_with_its_key(ledger: Ledger) -> None:
    ledger.open_call("open")
    ledger.open_call("stored")
    ledger.close_call("stored", CallState.STORED)
    assert [ledger.expire_open(one) for one in ("open", "open", "stored")] == [True, False, False]
    assert ledger.state("open") is CallState.REFUSED
    assert ledger.state("stored") is CallState.STORED
    with pytest.raises(UnknownCallError):
        ledger.seal("open")


def test_a_call_is_one_recording_s(ledger: Ledger) -> None:
    before = datetime.now(UTC)
    ledger.open_call("call-1", recording="a" * 64, owner="cluster:ann")
    assert not ledger.open_call("call-1", recording="a" * 64).created
    assert not ledger.open_call("call-1").created
    with pytest.raises(OtherRecordingError, match="call-1 belongs to another recording"):
        ledger.open_call("call-1", recording="b" * 64)
    known = ledger.call("call-1")
    assert known is not None
    assert (known.recording, known.owner, known.erased) == ("a" * 64, "cluster:ann", None)
    assert abs(known.created - before) < timedelta(seconds=30)
    assert ledger.call("call-2") is None


def test_open_calls_come_by_age(ledger: Ledger) -> None:
    for call_id in ("first", "second", "over"):
        ledger.open_call(call_id)
    ledger.close_call("over", CallState.STORED)
    assert [one.call_id for one in ledger.open_calls()] == ["first", "second"]
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert len(ledger.open_calls(before=later)) == 2
    assert ledger.open_calls(before=later - timedelta(hours=1)) == []
    assert open_since(ledger.database) == [one.created for one in ledger.open_calls()]


def test_an_erasure_is_noted_once(ledger: Ledger) -> None:
    ledger.open_call("call-1")
    ledger.note_erased("call-1")
    first = ledger.call("call-1")
    ledger.note_erased("call-1")
    assert first is not None
    assert first.erased is not None
    assert ledger.call("call-1") == first


def test_the_wrong_key_file_is_refused(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    ledger.open_call("call-1")
    with pytest.raises(StoreError, match=r"other\.json: it holds no wrapping key of this ledger"):
        Ledger(ledger_url, KeyEncryptionKey.load_or_create(tmp_path / "other.json"))


def test_the_wrong_key_file_does_not_open_a_call(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    other = Ledger(ledger_url, KeyEncryptionKey.load_or_create(tmp_path / "other.json"))
    ledger.open_call("call-1")
    with pytest.raises(SealError, match="wrong key file"):
        other.seal("call-1")
    other.dispose()


def test_a_call_id_is_checked(ledger: Ledger) -> None:
    with pytest.raises(RecordError):
        ledger.open_call("../etc")


def open_all(url: str, keyset: Path) -> tuple[list[bool], list[bytes]]:
    """In a process: open every call; which ones it made, and something sealed for each."""
    ledger = Ledger(url, KeyEncryptionKey(keyset))
    opened = [ledger.open_call(call_id) for call_id in CALLS]
    ledger.dispose()
    return [one.created for one in opened], [one.seal.seal(b"value", b"") for one in opened]


def close_all(url: str, keyset: Path, state: str) -> list[bool]:
    """In a process: close every call; which ones it closed."""
    ledger = Ledger(url, KeyEncryptionKey(keyset))
    closed = [ledger.close_call(call_id, CallState(state)) for call_id in CALLS]
    ledger.dispose()
    return closed


def test_two_processes_open_the_same_calls_with_one_key(
    ledger: Ledger, ledger_url: str, keyset: Path
) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        both = [pool.submit(open_all, ledger_url, keyset) for _ in range(2)]
        (created, values), (created_too, values_too) = (one.result(HANG_S) for one in both)
    assert all(one != other for one, other in zip(created, created_too, strict=True))
    for place, call_id in enumerate(CALLS):
        seal = ledger.seal(call_id)
        assert seal.open(values[place], b"") == seal.open(values_too[place], b"") == b"value"


def test_two_processes_close_the_same_calls_once(
    ledger: Ledger, ledger_url: str, keyset: Path
) -> None:
    for call_id in CALLS:
        ledger.open_call(call_id)
    states = [CallState.STORED, CallState.REFUSED]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        both = [pool.submit(close_all, ledger_url, keyset, state.value) for state in states]
        closed = [one.result(HANG_S) for one in both]
    for place, call_id in enumerate(CALLS):
        winners = [state for state, own in zip(states, closed, strict=True) if own[place]]
        assert winners == [ledger.state(call_id)]
        with pytest.raises(UnknownCallError):
            ledger.seal(call_id)
    assert sum(Counter(ledger.count(state) for state in states).elements()) == len(CALLS)
