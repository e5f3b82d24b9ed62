"""Calls that ended in every way, as the audit log has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.topics import Topics
from agents.runtime import events
from agents.upkeep.erasure import REQUEST, erase
from agents.vault.vault import Vault
from pipeline.evidence.certificate import SpanStated, certificate_json
from pipeline.evidence.stored_call import StoredCall
from pipeline.records.model import Action, Reason
from tests.agents.storing import stored_call
from tests.pipeline.evidence.told import a_transcript, subtitles

TOPICS = Topics.named()
SECRET = "number"  # noqa: S105
"""A word of the stored transcript."""


def a_call(call_id: str, *, passed: bool = True) -> StoredCall:
    """A call with a real transcript, in which a card and two names were silenced."""
    made = stored_call(
        call_id, passed=passed, flac=b"fLaC", json=a_transcript(call_id), vtt=subtitles(call_id)
    )
    spans = tuple(
        SpanStated(entity, 1, 0, 800, 0, 100, 0.9, "test", Action(action), Reason.RECOGNISED)
        for entity, action in (
            ("CARD_NUMBER", "mute"),
            ("PERSON", "mute"),
            ("PERSON", "mute"),
            ("AMOUNT", "keep"),
        )
    )
    stated = replace(made.certificate, spans=spans, muted_ms=300)
    files = {**made.files, made.certificate_name: certificate_json(stated)}
    return replace(made, certificate=stated, files=files)


class Ended:
    """An installation whose calls end as a test wants."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger, self.log = ledger, AuditLog(ledger.database)
        self.vault = Vault.opened(folder, ledger)

    def stored(self, call_id: str, *, passed: bool = True) -> None:
        """As the vault stage does."""
        self.ledger.open_call(call_id)
        facts = self.vault.store(a_call(call_id, passed=passed), keep_days=90)
        state = CallState.STORED if passed else CallState.QUARANTINED
        told = {"state": state.value, "certificate": facts.certificate}
        self._audit(call_id, "call-closed", told)
        self.ledger.close_call(call_id, state)

    def refused(self, call_id: str, code: str = "consent") -> None:
        """As any stage does."""
        self.ledger.open_call(call_id)
        at = self.ledger.database.stamp()
        step, _ = events.refusal(TOPICS, call_id, "transcribe", code, {"rules": "us-ca"}, at=at)
        self.log.append(events.audit_event(step))
        self.ledger.close_call(call_id, CallState.REFUSED)

    def erased(self, call_id: str) -> None:
        """As ``hushwire erase`` does."""
        erase(self.vault, self.ledger, self.log, call_id, REQUEST)

    def _audit(self, call_id: str, what: str, facts: Mapping[str, object]) -> None:
        at = self.ledger.database.stamp()
        self.log.append(events.audit_event(events.audit("", call_id, what, facts, at=at)))
