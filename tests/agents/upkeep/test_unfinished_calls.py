"""Calls that nobody can finish are ended, audited and counted; all others stay."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import CallState, Ledger, oldest_open
from agents.database.tables import CALLS
from agents.system.metrics import SOURCES, Metrics
from agents.system.owners import archive_owner
from agents.upkeep import unfinished_calls
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from pipeline.errors import UnknownCallError
from tests.agents.storing import FILES, stored_call, sweeps

pytestmark = pytest.mark.unit

DAY_S = 86_400
OPENED = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATE = OPENED + timedelta(hours=27, seconds=1)
"""A day, a twelfth of it and an hour later."""


def opened(ledger: Ledger, call_id: str, *, owner: str | None = "cluster:ann") -> None:
    """An open call of a known time."""
    ledger.open_call(call_id, owner=owner)
    with ledger.database.writing() as connection:
        created = update(CALLS).where(CALLS.c.call_id == call_id)
        connection.execute(created.values(created="2026-03-01T12:00:00.000+00:00"))


def swept(ledger: Ledger, log: AuditLog, at: datetime, *, embedded: bool = False) -> list[str]:
    """Who is refused at a time."""
    guard = sweeps(ledger, at)
    late = unfinished_calls.too_old(ledger, DAY_S, embedded=embedded)
    return unfinished_calls.sweep(ledger, log, guard, late)


def told(log: AuditLog) -> list[dict[str, str]]:
    lines = [json.loads(line) for line in log.export()]
    return [
        {"call": line["subject"]}
        | {name: value for name, value in line["facts"].items() if name != "at"}
        for line in lines
    ]


def test_a_call_that_outlived_its_records_is_refused_and_its_key_destroyed(
    ledger: Ledger, log: AuditLog
) -> None:
    opened(ledger, "lost")
    ledger.open_call("young")
    assert swept(ledger, log, LATE) == ["lost"]
    assert ledger.state("lost") is CallState.REFUSED
    with pytest.raises(UnknownCallError):
        ledger.seal("lost")
    assert ledger.seal("young")
    assert told(log) == [
        {
            "call": "lost",
            "what": "call-expired",
            "opened": "2026-03-01T12:00:00.000+00:00",
            "owner": "cluster:ann",
        }
    ]
    assert swept(ledger, log, LATE) == []
    assert len(told(log)) == 1


def test_a_run_leaves_what_lies_on_a_cluster_to_the_cluster(ledger: Ledger, log: AuditLog) -> None:
    """Whose records may be kept for longer than the run's own settings say."""
    opened(ledger, "theirs")
    opened(ledger, "old", owner=None)
    assert swept(ledger, log, LATE, embedded=True) == ["old"]
    assert ledger.seal("theirs")


def test_before_its_time_a_call_stays_open(ledger: Ledger, log: AuditLog) -> None:
    opened(ledger, "slow")
    before = LATE - timedelta(seconds=2)
    assert swept(ledger, log, before) == []
    assert ledger.seal("slow")
    assert told(log) == []


@pytest.mark.parametrize(
    ("passed", "state"), [(True, CallState.STORED), (False, CallState.QUARANTINED)]
)
@pytest.mark.parametrize("owner", ["cluster:ann", "embedded:ann"])
def test_a_call_that_the_vault_has_is_closed_as_what_it_is(
    ledger: Ledger, log: AuditLog, tmp_path: Path, *, passed: bool, state: CallState, owner: str
) -> None:
    """The vault stage was killed between the catalogue and the end of the call's key."""
    opened(ledger, "kept", owner=owner)
    vault = Vault.opened(tmp_path / "vault", ledger)
    facts = vault.store(stored_call("kept", passed=passed), keep_days=30)
    if owner.startswith("embedded"):
        assert unfinished_calls.forget_own(ledger, log, vault) == []
    else:
        assert swept(ledger, log, LATE) == []
    assert ledger.state("kept") is state
    if passed:
        assert VaultReader(vault).transcript("kept") == FILES["json"]
    assert told(log) == [
        {
            "call": "kept",
            "what": "call-closed",
            "state": state.value,
            "certificate": facts.certificate,
        }
    ]


def test_only_the_calls_of_runs_are_forgotten(
    ledger: Ledger, log: AuditLog, tmp_path: Path
) -> None:
    vault = Vault.opened(tmp_path / "vault", ledger)
    opened(ledger, "mine", owner="embedded:ann")
    ledger.finish("mine", "mute")
    opened(ledger, "theirs", owner="cluster:ann")
    opened(ledger, "old", owner=None)
    assert unfinished_calls.forget_own(ledger, log, vault) == ["mine"]
    assert ledger.state("mine") is None
    assert ledger.seal("theirs")
    assert ledger.seal("old")
    assert [(one["call"], one["what"]) for one in told(log)] == [("mine", "call-forgotten")]
    # It may come again, under the same id, and be forgotten again.
    assert ledger.open_call("mine", owner="embedded:ann").created
    assert not ledger.finished("mine", "mute")
    assert unfinished_calls.forget_own(ledger, log, vault) == ["mine"]
    assert len(told(log)) == 2


def test_an_erasure_that_was_interrupted_is_not_forgotten(
    ledger: Ledger, log: AuditLog, tmp_path: Path
) -> None:
    opened(ledger, "going", owner="embedded:ann")
    vault = Vault.opened(tmp_path / "vault", ledger)
    vault.store(stored_call("going"), keep_days=30)
    vault.catalogue.begin_erasing("going", "request")
    assert unfinished_calls.forget_own(ledger, log, vault) == []
    assert swept(ledger, log, LATE) == []
    assert ledger.state("going") is CallState.OPEN
    assert told(log) == []


def test_a_call_that_is_entered_meanwhile_is_not_refused(ledger: Ledger, tmp_path: Path) -> None:
    opened(ledger, "late")
    Vault.opened(tmp_path / "vault", ledger).store(stored_call("late"), keep_days=30)
    assert not ledger.expire_open("late")
    assert ledger.seal("late")
    assert not ledger.expire_open("unknown")


def test_a_worker_sweeps_counts_and_shows_the_oldest(ledger: Ledger, log: AuditLog) -> None:
    metrics = Metrics()
    opened(ledger, "lost")
    opened(ledger, "of-an-archive", owner=archive_owner())
    ledger.open_call("young")

    def figure(name: str, source: str) -> float | None:
        return metrics.registry.get_sample_value(f"hushwire_{name}", {"source": source})

    async def some_time() -> None:
        task = asyncio.create_task(
            unfinished_calls.tend(
                ledger, log, DAY_S, sweeps(ledger), metrics, look_s=0.01, watched_s=0.05
            )
        )
        while [figure("calls_expired_total", one) for one in SOURCES] != [1.0, 1.0]:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(asyncio.wait_for(some_time(), 10))
    assert ledger.state("lost") is CallState.REFUSED
    age = figure("oldest_open_call_seconds", "live")
    assert age is not None
    assert 0.0 <= age < 60.0
    assert figure("oldest_open_call_seconds", "archive") == 0.0


def test_the_oldest_call_of_an_archive_is_told_apart(ledger: Ledger) -> None:
    opened(ledger, "of-an-archive", owner=archive_owner())
    assert oldest_open(ledger.database, archive=False) is None
    opened(ledger, "live")
    opened(ledger, "of-nobody", owner=None)
    ledger.close_call("live", CallState.REFUSED)
    known = {one.call_id: one.created for one in ledger.open_calls()}
    assert oldest_open(ledger.database, archive=True) == known["of-an-archive"]
    assert oldest_open(ledger.database, archive=False) == known["of-nobody"]


def test_a_clock_that_jumps_ahead_ends_no_call_in_progress(ledger: Ledger, log: AuditLog) -> None:
    """It is believed, and every open call is older than its records at once."""
    ledger.open_call("going")
    right, jumped = ledger.database.now, lambda: LATE + timedelta(days=400)

    async def some_time() -> None:
        guard = sweeps(ledger)
        tending = unfinished_calls.tend(
            ledger, log, DAY_S, guard, Metrics(), look_s=0.01, watched_s=0.5
        )
        task = asyncio.create_task(tending)
        for clock in (jumped, right) * 4:  # 0.8 s in all, and never 0.5 s in a row
            ledger.database.now = clock
            await asyncio.sleep(0.1)
        task.cancel()

    asyncio.run(some_time())
    assert ledger.state("going") is CallState.OPEN
    assert told(log) == []
