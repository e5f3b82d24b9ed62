"""The report of a month reads SQLite and PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path

from agents.access.audit_log import AuditLog, Event
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState, Ledger
from agents.reports.compliance.model import Month
from agents.reports.compliance.report import Sources, report_of
from agents.settings.model import Settings
from agents.vault.vault import Vault
from tests.agents.storing import stored_call


def test_every_part_is_read(ledger: Ledger, tmp_path: Path) -> None:
    vault = Vault.opened(tmp_path / "vault", ledger)
    log = AuditLog(ledger.database)
    key = SigningKey.load_or_create(tmp_path / "state" / "signing.pem")
    for number in range(3):
        call = f"call-{number}"
        passed = number > 0
        state = CallState.STORED if passed else CallState.QUARANTINED
        ledger.open_call(call)
        stored = vault.store(key.certify(stored_call(call, passed=passed)), keep_days=30)
        facts = {"state": state.value, "certificate": stored.certificate, "consent": "kept"}
        kind = "hushwire.audit.call-closed.v1"
        log.append(Event(f"{call}/{kind}", call, kind, facts | {"consent_places": "DE"}))
        ledger.close_call(call, state)
    ledger.open_call("open")
    log.checkpoint(key)
    sources = Sources(Settings(), ledger.database, log, tmp_path / "state", str(tmp_path / "vault"))
    report = report_of(sources, Month.parse("", ledger.database.now()))
    parts = report.parts
    assert parts.unread == {}
    assert parts.calls.value is not None
    assert (parts.calls.value.outcomes.kept, parts.calls.value.outcomes.quarantined) == (2, 1)
    assert parts.chain.value is not None
    assert parts.chain.value.problems == ()
    assert parts.keys.value is not None
    keys = parts.keys.value
    assert (keys.open, keys.quarantined, keys.stray) == (1, 1, 0)
    assert (keys.vault, keys.vault_stray) == (2, 0)
    assert parts.retention.value is not None
    assert (parts.retention.value.stored, parts.retention.value.untold) == (2, 0)
    assert parts.quarantine.value is not None
    assert parts.quarantine.value.unread == 0
