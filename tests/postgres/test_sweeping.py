"""A clock far from PostgreSQL's destroys nothing; one near it may, however long nothing was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agents.access.audit_log import AuditLog, Event
from agents.database.call_ledger import CallState, Ledger
from agents.upkeep import quarantine
from agents.upkeep.sweep_guard import Bounds, SweepGuard
from pipeline.errors import SweepRefusedError

KIND = "hushwire.audit.call-closed.v1"


def refused(ledger: Ledger) -> bool:
    try:
        quarantine.sweep(ledger, AuditLog(ledger.database), 24 * 30, SweepGuard(ledger.database))
    except SweepRefusedError:
        return True
    return False


@pytest.fixture
def idle(ledger: Ledger) -> Ledger:
    """A quarantined call whose time is up, and an audit log that ended 100 days ago."""
    now = datetime.now(UTC)
    ledger.database.now = lambda: now - timedelta(days=100)
    ledger.open_call("bad")
    ledger.close_call("bad", CallState.QUARANTINED)
    AuditLog(ledger.database).append(Event("x", "bad", KIND, {"state": "quarantined"}))
    ledger.database.now = lambda: now
    return ledger


def test_after_months_the_database_s_time_is_enough(idle: Ledger) -> None:
    if idle.database.sqlite:
        assert refused(idle)
        assert idle.quarantined_seal("bad")
        return
    server = idle.database.server_time()
    assert server is not None
    assert abs(server - datetime.now(UTC)) < timedelta(minutes=1)
    assert not refused(idle)
    assert idle.quarantined() == []


@pytest.mark.parametrize("days", [-40, 40, 400])
def test_a_clock_far_from_it_is_refused(idle: Ledger, days: int) -> None:
    jumped = datetime.now(UTC) + timedelta(days=days)
    idle.database.now = lambda: jumped
    assert refused(idle)
    assert idle.quarantined_seal("bad")
    guard = SweepGuard(idle.database, Bounds(clock_hours=24 * 600))
    assert guard.believes(jumped)
