"""Rows of workers, what operators see, and the search of the audit log, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.access.audit_log import AuditLog, Event
from agents.access.log_search import LogQuery, export, search
from agents.app.operations.overview import Operations
from agents.app.operations.retention_plan import plan
from agents.app.operations.worker_states import KEPT, WorkerState, WorkerStates
from agents.database.call_ledger import Ledger
from agents.settings.model import Settings
from agents.vault.vault import Vault
from tests.agents.storing import stored_call

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKER = WorkerState(
    "a", ("mute",), "host", "1", "default", "1", "ready", NOW, NOW, {"refused": 1}, (1, 2)
)


def test_rows_of_workers(ledger: Ledger) -> None:
    states = WorkerStates(ledger.database)
    states.note(WORKER)
    later = replace(WORKER, seen=NOW + timedelta(seconds=10))
    states.note(later)
    states.note(replace(WORKER, worker_id="b", seen=NOW + KEPT))
    assert [one.worker_id for one in states.known()] == ["a", "b"]
    assert states.known()[0] == later
    states.note(replace(WORKER, worker_id="b", seen=NOW + KEPT + timedelta(seconds=11)))
    assert [one.worker_id for one in states.known()] == ["b"]
    states.remove("b")
    assert states.known() == []


def test_what_operators_see(ledger: Ledger, tmp_path: Path) -> None:
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call, days in (("call-1", 0), ("call-2", 3), ("call-3", 90)):
        ledger.open_call(call)
        vault.store(stored_call(call), keep_days=days)
    vault.catalogue.hold("call-2", ledger.database.now())
    ledger.finish("call-1", "transcribe")
    seen = Operations(Settings(), ledger).look()
    assert seen.throughput.calls == 3
    assert seen.throughput.audio_hours == round(3 * 10_000 / 3_600_000, 3)
    assert (seen.kept.stored, seen.kept.due, seen.kept.held, seen.kept.open_calls) == (3, 1, 1, 3)
    oldest = {one.name: one.oldest_seconds for one in seen.stages}
    assert oldest["admit"] is None
    assert all(oldest[stage] is not None for stage in ("transcribe", "vault"))
    made = plan(ledger.database, Settings(), ledger.database.now())
    assert made.over == 1
    assert [one.call_id for one in made.held] == ["call-2"]
    assert sum(one.calls for one in made.months) == 1


def test_the_log_is_searched_and_handed_out(ledger: Ledger) -> None:
    log = AuditLog(ledger.database)
    for number in range(7):
        ledger.database.now = lambda at=NOW + timedelta(hours=number): at  # type: ignore[misc]
        kind = f"hushwire.audit.{'looked' if number % 2 else 'hold-added'}.v1"
        facts = {"by" if number % 2 == 0 else "who": f"token:{number % 3}"}
        log.append(Event(f"e/{number}", f"call-{number % 3}", kind, facts))
    database = ledger.database

    def found(query: LogQuery, *, most: int = 100) -> list[int]:
        return [one.seq for one in search(database, query, most=most).entries]

    assert found(LogQuery()) == [7, 6, 5, 4, 3, 2, 1]
    assert found(LogQuery(call="call-1")) == [5, 2]
    assert found(LogQuery(kind="looked")) == [6, 4, 2]
    assert found(LogQuery(looks=False)) == [7, 5, 3, 1]
    assert search(database, LogQuery(looks=False)).left_out == 3
    assert found(LogQuery(who=("token:0",))) == [7, 4, 1]
    assert found(LogQuery(who=("token:%",))) == []
    since, until = NOW + timedelta(hours=2), NOW + timedelta(hours=4)
    assert found(LogQuery(since=since, until=until)) == [4, 3]
    assert found(LogQuery(since=NOW + timedelta(days=9))) == []
    page = search(database, LogQuery(kind="looked"), most=2)
    assert ([one.seq for one in page.entries], page.following) == ([6], 6)
    assert b"".join(export(database, LogQuery())) == b"".join(log.export())
