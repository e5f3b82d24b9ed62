"""No background task ends unseen, and a row that is wrong does not keep the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from sqlalchemy import update

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState, Ledger
from agents.database.tables import CALLS
from agents.system import fatal_exit
from agents.system.metrics import Metrics
from agents.upkeep import quarantine, retention
from agents.upkeep.audit_keeper import AuditKeeper
from agents.upkeep.sweep_guard import GIVE_UP, SweepGuard
from agents.vault.vault import Vault
from pipeline.errors import StoreError
from tests.agents.runtime.test_damaged_key import ended
from tests.agents.storing import new_ledger, stored_call
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit
__all__ = ["ended"]


def quarantined(tmp_path: Path, *call_ids: str) -> Ledger:
    """A ledger with quarantined calls, two hours later; the first of them has lost its time."""
    ledger = new_ledger(tmp_path / "state")
    for call_id in call_ids:
        ledger.open_call(call_id)
        ledger.close_call(call_id, CallState.QUARANTINED)
    with ledger.database.writing() as connection:
        connection.execute(update(CALLS).where(CALLS.c.call_id == call_ids[0]).values(closed=None))
    later = ledger.database.now() + timedelta(hours=2)
    ledger.database.now = lambda: later
    return ledger


def test_a_quarantine_without_a_time_keeps_no_other_key_alive(tmp_path: Path) -> None:
    ledger, metrics = quarantined(tmp_path, "broken", "due"), Metrics()
    log, guard = AuditLog(ledger.database), SweepGuard(ledger.database, metrics=metrics)
    assert quarantine.sweep(ledger, log, 1, guard) == ["due"]
    assert ledger.quarantined_seal("broken")
    assert b'hushwire_sweep_failed_total{sweep="quarantine"} 1.0' in generate_latest(
        metrics.registry
    )
    assert quarantine.end(ledger, log, "broken", "dropped")
    ledger.dispose()


def test_a_call_that_can_t_be_erased_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = new_ledger(tmp_path / "state")
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call_id in ("a", "b", "c"):
        ledger.open_call(call_id)
        vault.store(stored_call(call_id), keep_days=1)
        ledger.close_call(call_id, CallState.STORED)
    later = ledger.database.now() + timedelta(days=2)
    ledger.database.now = lambda: later
    remove = vault.place.remove

    def refuses_b(area: str, call_id: str) -> bool:
        if call_id == "b":
            raise TypeError
        return remove(area, call_id)

    monkeypatch.setattr(vault.place, "remove", refuses_b)
    guard = SweepGuard(ledger.database)
    assert retention.sweep(vault, ledger, AuditLog(ledger.database), guard) == ["a", "c"]
    assert vault.catalogue.unfinished() == ["b"]
    ledger.dispose()


def test_where_all_fail_it_is_not_the_calls(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "state")

    def fails(_call_id: str) -> bool:
        raise StoreError("away")

    guard = SweepGuard(ledger.database)
    assert guard.each("retention", ["a"] * (GIVE_UP - 1), fails) == []
    with pytest.raises(StoreError):
        guard.each("retention", ["a"] * GIVE_UP, fails)
    ledger.dispose()


async def wait_until(true: list[int]) -> None:
    async with asyncio.timeout(HANG_S):
        while not true:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("what", ["quarantine", "retention", "audit log"])
async def test_a_task_that_breaks_ends_the_process(
    tmp_path: Path,
    ended: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
) -> None:
    """Each of the three, broken by an error that nobody expects."""
    ledger = new_ledger(tmp_path / "state")
    log, guard = AuditLog(ledger.database), SweepGuard(ledger.database)
    vault = Vault.opened(tmp_path / "vault", ledger)
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    keeper = AuditKeeper(log, key, keep_days=1, guard=guard, metrics=Metrics())

    def breaks(*_: object) -> None:
        raise TypeError

    monkeypatch.setattr(SweepGuard, "allow", breaks)
    monkeypatch.setattr(fatal_exit, "exit_now", lambda code, _: ended.append(code))
    work = {
        "quarantine": quarantine.tend(ledger, log, 1, guard),
        "retention": retention.tend(vault, ledger, log, guard),
        "audit log": keeper.tend(),
    }
    task = fatal_exit.watched(what, work.pop(what))
    for other in work.values():
        other.close()
    await wait_until(ended)
    assert ended == [fatal_exit.ExitCode.BUG]
    assert task.done()
    told = capsys.readouterr()
    assert "background task ended" in told.out + told.err
    ledger.dispose()


async def test_a_task_that_just_ends_or_is_cancelled_by_others_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(fatal_exit, "exit_now", lambda code, _: ended.append(code))
    fatal_exit.watched("short", asyncio.sleep(0))
    await wait_until(ended)
    other = fatal_exit.watched("long", asyncio.Event().wait())
    await asyncio.sleep(0)
    other.cancel()
    async with asyncio.timeout(HANG_S):
        while len(ended) < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    assert ended == [fatal_exit.ExitCode.BUG] * 2


async def test_what_is_stopped_in_order_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(fatal_exit, "exit_now", lambda code, _: ended.append(code))
    task = fatal_exit.watched("long", asyncio.sleep(3_600))
    await asyncio.sleep(0)
    await fatal_exit.cancelled([task])
    await asyncio.sleep(0)
    assert task.cancelled()
    assert ended == []
