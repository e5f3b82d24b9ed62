"""The key of a quarantined call ends with its time, and the audit log says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.access.audit_log import AuditLog, Event
from agents.cli.stored_calls.quarantine import app
from agents.database.call_ledger import CallState, Ledger
from agents.upkeep import quarantine
from agents.vault.call_catalogue import Catalogue
from agents.vault.vault import Vault
from pipeline.errors import HeldError, InputError, UnknownCallError
from pipeline.evidence.certificate import CheckStated, certificate_json
from tests.agents.storing import stored_call, sweeps

pytestmark = pytest.mark.unit


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.embedded(tmp_path / ".hushwire")
    for call_id, state in (
        ("failed", CallState.QUARANTINED),
        ("good", CallState.STORED),
        ("bad", CallState.REFUSED),
    ):
        ledger.open_call(call_id)
        ledger.close_call(call_id, state)
    ledger.open_call("open")
    yield ledger
    ledger.dispose()


def audited(ledger: Ledger) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in AuditLog(ledger.database).export()]
    return [(line["subject"], line["facts"]["why"]) for line in lines]


def test_a_quarantined_call_is_listed_with_its_end(ledger: Ledger) -> None:
    (one,) = quarantine.held(ledger, 48)
    assert one.call_id == "failed"
    assert one.until - one.since == timedelta(hours=48)
    assert one.reasons == ()


def test_before_its_time_nothing_is_swept(ledger: Ledger) -> None:
    soon = datetime.now(UTC) + timedelta(hours=47)
    assert quarantine.sweep(ledger, AuditLog(ledger.database), 48, sweeps(ledger, soon)) == []
    assert ledger.quarantined_seal("failed")
    assert audited(ledger) == []


def test_after_its_time_the_key_is_destroyed_and_audited_once(ledger: Ledger) -> None:
    log, later = AuditLog(ledger.database), datetime.now(UTC) + timedelta(hours=49)
    assert quarantine.sweep(ledger, log, 48, sweeps(ledger, later)) == ["failed"]
    assert quarantine.sweep(ledger, log, 48, sweeps(ledger, later)) == []
    assert audited(ledger) == [("failed", "expired")]
    with pytest.raises(UnknownCallError):
        ledger.quarantined_seal("failed")
    assert ledger.state("failed") is CallState.QUARANTINED
    assert ledger.seal("open")


def test_a_sweep_asks_for_the_holds_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for call_id in ("second", "third"):
        ledger.open_call(call_id)
        ledger.close_call(call_id, CallState.QUARANTINED)
    asked: list[Catalogue] = []
    held = Catalogue.held

    def counted(self: Catalogue) -> frozenset[str]:
        asked.append(self)
        return held(self)

    monkeypatch.setattr(Catalogue, "held", counted)
    gone = quarantine.sweep(ledger, AuditLog(ledger.database), 0, sweeps(ledger))
    assert (gone, len(asked)) == (["failed", "second", "third"], 1)


def test_a_hold_that_comes_between_look_and_end_keeps_the_key_and_tells_nothing(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.open_call("held")
    vault = Vault.opened(tmp_path / "vault", ledger)
    vault.store(stored_call("held", passed=False), keep_days=30)
    ledger.close_call("held", CallState.QUARANTINED)
    vault.catalogue.hold("held", datetime.now(UTC))
    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "held", lambda _: frozenset())
        gone = quarantine.sweep(ledger, AuditLog(ledger.database), 0, sweeps(ledger))
    assert gone == ["failed"]
    assert ledger.quarantined_seal("held")
    assert audited(ledger) == [("failed", "expired")]


def test_a_quarantine_without_hours_ends_at_once(ledger: Ledger) -> None:
    assert quarantine.sweep(ledger, AuditLog(ledger.database), 0, sweeps(ledger)) == ["failed"]


def test_a_worker_sweeps_by_itself(ledger: Ledger) -> None:
    async def some_time() -> None:
        task = asyncio.create_task(
            quarantine.tend(ledger, AuditLog(ledger.database), 0, sweeps(ledger), look_s=0.01)
        )
        while ledger.quarantined():  # noqa: ASYNC110 - the ledger has no event
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(some_time(), 10))
    assert audited(ledger) == [("failed", "expired")]


def test_why_a_call_failed_is_told_with_the_marks_that_are_refused(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.open_call("why")
    call = stored_call("why", passed=False)
    failed = CheckStated("refused_marks", passed=False, measured=1.0, limit=0.0)
    stated = replace(
        call.certificate,
        checks=(*call.certificate.checks, failed),
        marks=("incomplete", "hardly_understood"),
    )
    told = ("leaks", "refused_marks (hardly_understood)")
    assert quarantine.why_failed(stated) == told
    whole = replace(
        call, certificate=stated, files={"why.certificate.json": certificate_json(stated)}
    )
    Vault.opened(tmp_path, ledger).store(whole, keep_days=30)
    ledger.close_call("why", CallState.QUARANTINED)
    listed = CliRunner().invoke(app, ["list", "--vault", str(tmp_path)]).output
    assert all(one in listed for one in told)
    bare = CliRunner().invoke(app, ["list", "--state-dir", str(tmp_path / ".hushwire")]).output
    assert "shown with --vault" in bare


def test_list_and_drop_by_command(ledger: Ledger, tmp_path: Path) -> None:
    run = CliRunner()
    (tmp_path / "calls").mkdir()
    listed = run.invoke(app, ["list", "--vault", str(tmp_path)])
    assert listed.exit_code == 0, listed.output
    assert "failed" in listed.output
    assert "good" not in listed.output
    dropped = run.invoke(app, ["drop", "failed", "--vault", str(tmp_path)])
    assert dropped.exit_code == 0
    assert audited(ledger) == [("failed", "dropped")]
    again = run.invoke(app, ["drop", "failed", "--vault", str(tmp_path)])
    assert again.exit_code == 1
    assert "no call is in quarantine" in run.invoke(app, ["list", "--vault", str(tmp_path)]).output


def test_looking_destroys_nothing(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the settings of who looks: the end is the workers', or a command's of its own."""
    monkeypatch.setenv("HUSHWIRE_QUARANTINE_HOURS", "0")
    (tmp_path / "calls").mkdir()
    listed = CliRunner().invoke(app, ["list", "--vault", str(tmp_path)])
    assert "failed" in listed.output
    assert "its time is up" in listed.output
    assert ledger.quarantined_seal("failed")
    assert audited(ledger) == []
    swept = CliRunner().invoke(app, ["sweep", "--vault", str(tmp_path)])
    assert "failed: the time was up, the key is destroyed" in swept.output
    assert audited(ledger) == [("failed", "expired")]


@pytest.mark.parametrize("call", ["good", "bad", "open", "unknown"])
def test_only_a_quarantined_call_can_be_dropped(ledger: Ledger, call: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["drop", call, "--vault", str(tmp_path)])
    assert result.exit_code == 1
    assert audited(ledger) == []
    assert ledger.seal("open")


def test_without_a_ledger_there_is_nothing_to_list(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["list", "--state-dir", str(tmp_path)])
    assert isinstance(result.exception, InputError)


@pytest.mark.parametrize("moment", ["before it is told", "after it is told"])
@pytest.mark.parametrize("way", ["sweep", "drop"])
def test_a_hold_that_comes_while_a_quarantine_ends_saves_the_key(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, way: str
) -> None:
    ledger.open_call("late")
    vault = Vault.opened(tmp_path / "vault", ledger)
    vault.store(stored_call("late", passed=False), keep_days=30)
    ledger.close_call("late", CallState.QUARANTINED)
    ledger.end_quarantine("failed")
    log, guard = AuditLog(ledger.database), sweeps(ledger, datetime.now(UTC) + timedelta(hours=49))
    told = log.append

    def append(event: Event) -> bool:
        done = told(event)
        vault.catalogue.hold("late", datetime.now(UTC))
        return done

    def stamp() -> str:
        vault.catalogue.hold("late", datetime.now(UTC))
        return "2026-01-01T00:00:00.000+00:00"

    if moment == "after it is told":
        monkeypatch.setattr(log, "append", append)
    elif way == "sweep":
        monkeypatch.setattr(guard, "allow", lambda *_: stamp())
    else:
        monkeypatch.setattr(log, "stamp", stamp)
    if way == "sweep":
        assert quarantine.sweep(ledger, log, 48, guard) == []
    else:
        with pytest.raises(HeldError):
            quarantine.end(ledger, log, "late", "dropped")
    assert ledger.quarantined_seal("late")
    if moment == "before it is told" and way == "sweep":
        assert audited(ledger) == []
    vault.catalogue.hold("late", None)
    monkeypatch.undo()
    assert quarantine.end(ledger, log, "late", "dropped")
