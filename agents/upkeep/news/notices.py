"""What is told of an audit entry, and the body of a webhook.

Outcomes: ``notice_of`` is None for entries of which nobody is told; ``body`` always gives one. Of
a call that was erased meanwhile it tells what happened, and that nothing is left.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, Final

from agents.database.webhook_queue import LogEntry, Notice
from agents.system.logging import get_logger
from agents.vault.call_catalogue import StoredCallFacts
from agents.vault.vault import Vault
from pipeline.errors import InputError, UnknownCallError
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.evidence.redacted_transcript import read_transcript, redacted_turn
from pipeline.records.model import Action

CLOSED: Final = "hushwire.audit.call-closed.v1"
REFUSED: Final = "hushwire.audit.call-refused.v1"
EXPIRED: Final = "hushwire.audit.call-expired.v1"
ERASED: Final = "hushwire.audit.call-erased.v1"
KINDS: Final = (CLOSED, REFUSED, EXPIRED, ERASED)
"""Audit entries of which others are told."""
STORED: Final = "call.stored"
QUARANTINED: Final = "call.quarantined"
NOT_KEPT: Final = "call.refused"
GONE: Final = "call.erased"
TEST: Final = "webhook.test"
TRANSCRIPT: Final = "transcript"
RECORDER_ID: Final = "recorder_id"
_TOLD: Final = ("stage", "code", "why", "certificate")
"""What of an entry's facts is told."""


def notice_of(entry: LogEntry) -> Notice | None:
    """What is told of an audit entry, if anything."""
    state = entry.facts.get("state")
    match entry.kind, state:
        case (str(kind), "stored") if kind == CLOSED:
            told = STORED
        case (str(kind), "quarantined") if kind == CLOSED:
            told = QUARANTINED
        case (str(kind), _) if kind in {REFUSED, EXPIRED}:
            told = NOT_KEPT
        case (str(kind), _) if kind == ERASED:
            told = GONE
        case _:
            return None
    facts = {name: str(entry.facts[name]) for name in _TOLD if entry.facts.get(name)}
    if entry.kind == EXPIRED:
        facts["code"] = "expired"
    at = str(entry.facts.get("at") or entry.recorded)
    return Notice(message_id(entry.event_id), entry.seq, entry.call_id, told, at, facts)


def message_id(event_id: str) -> str:
    """The id of a webhook, from that of its event: the same for a repeat, without dots."""
    return f"msg_{hashlib.sha256(event_id.encode()).hexdigest()[:32]}"


def body(notice: Notice, vault: Vault, included: Collection[str]) -> bytes:
    """The JSON of a webhook, by what is there of the call now.

    Args:
        notice: what it tells.
        vault: where facts and transcript of a stored call are.
        included: ``transcript`` and ``recorder_id`` where they are to be in it.

    Raises:
        StoreError: vault or database are away.
    """
    outcome = notice.kind.partition(".")[2]
    data: dict[str, Any] = {"call_id": notice.call_id, "outcome": outcome, **notice.facts}
    if notice.kind in {STORED, QUARANTINED}:
        data |= _of_stored(notice, vault, included)
    return as_json({"type": notice.kind, "timestamp": notice.at, "data": data})


def as_json(told: Mapping[str, Any]) -> bytes:
    """A body's bytes."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _of_stored(notice: Notice, vault: Vault, included: Collection[str]) -> Mapping[str, Any]:
    facts = vault.catalogue.find(notice.call_id)
    if facts is None:
        return {"erased": True}
    try:
        told = {**_facts(facts), **_certified(parse_certificate(vault.certificate(facts)))}
        if RECORDER_ID in included and facts.passed:
            told["recorder_id"] = vault.recorder_ids.shown(notice.call_id)
        if TRANSCRIPT in included and facts.passed:
            told["transcript"] = _transcript(vault, notice.call_id)
    except UnknownCallError:
        return {"erased": True}
    except InputError as error:
        # What is stored was damaged: that it is stored is told all the same.
        get_logger("vault").error("webhook told less", call_id=notice.call_id, code=error.code)
        return {**_facts(facts), "unreadable": True}
    return told


def _facts(facts: StoredCallFacts) -> dict[str, Any]:
    return {
        "certificate": facts.certificate,
        "stored_at": facts.stored.isoformat(timespec="milliseconds"),
        "started_at": facts.started or None,
        "duration_ms": facts.duration_ms,
        "retain_until": facts.retain_until.isoformat(timespec="milliseconds"),
        "policy": facts.policy,
        "policy_version": facts.policy_version,
        "purpose": facts.purpose or None,
        "marks": list(facts.marks),
    }


def _certified(stated: Certificate) -> dict[str, Any]:
    """Counts by type, and which checks failed."""
    muted = Counter(span.entity for span in stated.spans if span.action is Action.MUTE)
    return {
        "silenced": dict(sorted(muted.items())),
        "silenced_ms": stated.muted_ms,
        "checks_failed": [check.name for check in stated.checks if not check.passed],
    }


def _transcript(vault: Vault, call_id: str) -> dict[str, Any]:
    told = read_transcript(vault.read(call_id, f"{call_id}.json"))
    return {
        "language": told.language,
        "incomplete": told.incomplete,
        "roles": list(told.roles),
        "turns": [redacted_turn(turn).model_dump(mode="json") for turn in told.turns],
    }
