"""A call's decision as the lawful-basis attachment of a vCon.

After IETF draft-howe-vcon-lawful-basis-02. Outcome of ``attachment``: the Attachment Object; None
where nobody asked: no decision was stored, or the policy asked for no consent. A lawful basis is
claimed only where the decision names one that holds: the policy's for the call's purpose, or
``consent`` where the customer said yes and no other basis was needed. ``consent`` is never claimed
without a yes. Where none can be claimed, the same decision goes under the purpose
``hushwire_consent_decision``, which grants nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline.policy.known_names import DEFAULT_PURPOSE
from pipeline.records.consent import Answer, Basis, Decision, Evidence, Kind, Outcome, Party, Why

EXTENSION: Final = "lawful_basis"
"""Name of the extension, and purpose of its attachment."""
UNCLAIMED: Final = "hushwire_consent_decision"
"""Purpose of the attachment where no lawful basis is claimed."""
_PROOFS: Final = {
    Kind.SPOKEN: "verbal_confirmation",
    Kind.KEY: "external_system",
    Kind.API: "external_system",
    Kind.WRITTEN: "signed_document",
}


@dataclass(frozen=True, slots=True)
class Asserted:
    """What is asserted of a stored call."""

    decision: Decision | None
    purpose: str
    """Of the call, or empty."""
    started: datetime | None
    """When the call began, with its offset; None: nobody says."""
    stored: datetime
    """Aware; stands for every time of a call whose beginning is not known."""
    retain_until: datetime
    """Aware; the basis is not claimed for longer."""
    certificate: str
    """sha256 of the call's certificate, in hex: what the attachment belongs to."""

    def at(self, milliseconds: int) -> str:
        """A time of the call, since its first sample, as RFC 3339 has it."""
        if self.started is None:
            return stamped(self.stored)
        return stamped(self.started + timedelta(milliseconds=milliseconds))


def stamped(when: datetime) -> str:
    """An aware time as RFC 3339, to the millisecond."""
    return when.isoformat(timespec="milliseconds")


def attachment(call: Asserted, *, customer: int, agent: int) -> dict[str, Any] | None:
    """The Attachment Object of a call; see the module's text.

    Args:
        call: what is asserted.
        customer: index of the customer among the vCon's parties.
        agent: the agent's; the same where there is none.
    """
    decision = call.decision
    if decision is None or decision.why is Why.NOT_ENFORCED or not decision.keeps:
        return None
    basis = claimed(decision)
    recorded = max((one.at_ms for one in _agreed(decision.evidence)), default=0)
    body = _body(call, decision, basis, recorded) if basis else _metadata(call, decision)
    return {
        "purpose": EXTENSION if basis else UNCLAIMED,
        "start": call.at(recorded),
        "party": agent if decision.outcome is Outcome.AGENT_SIDE_ONLY else customer,
        "dialog": 0,
        "mediatype": "application/json",
        "encoding": "json",
        "body": body,
    }


def claimed(decision: Decision) -> str:
    """The lawful basis that may be claimed; empty: none."""
    yes = _said_yes(decision.evidence)
    if decision.basis in {"", Basis.CONSENT}:
        return Basis.CONSENT.value if yes else ""
    return decision.basis


def _body(call: Asserted, decision: Decision, basis: str, recorded: int) -> dict[str, Any]:
    return {
        "lawful_basis": basis,
        "expiration": stamped(call.retain_until),
        "purpose_grants": _grants(decision, call.purpose, call.at(recorded)),
        "proof_mechanisms": [_proof(call, one) for one in _agreed(decision.evidence)],
        "metadata": _metadata(call, decision),
    }


def _grants(decision: Decision, purpose: str, at: str) -> list[dict[str, Any]]:
    """What the customer's side, or the agent's alone, may be processed for."""
    conditions = []
    if decision.outcome is Outcome.AGENT_SIDE_ONLY:
        conditions.append("agent_side_only")
    if decision.withdrawn_at_ms >= 0:
        conditions.append(f"withdrawn_at_ms={decision.withdrawn_at_ms}")
    granted = {
        "recording": decision.outcome is not Outcome.TRANSCRIPT_ONLY,
        "transcription": True,
        purpose or DEFAULT_PURPOSE: True,
    }
    return [
        {"purpose": name, "granted": may, "granted_at": at}
        | ({"conditions": conditions} if conditions else {})
        for name, may in granted.items()
    ]


def _metadata(call: Asserted, decision: Decision) -> dict[str, Any]:
    """The decision itself: rules with place and version, notices, what else was said."""
    told: dict[str, Any] = {
        "vendor": "hushwire",
        "certificate_sha256": call.certificate,
        "outcome": decision.outcome.value,
        "why": decision.why.value,
        "rules": [
            {"id": rule.id, "version": rule.version, "place": rule.place} for rule in decision.rules
        ],
        "ruleset": decision.ruleset,
        "notices": [_stated(call, one) for one in decision.evidence if one.is_notice],
        "answers": [_stated(call, one) for one in decision.evidence if one.answer is not None],
        "times_from": "call" if call.started is not None else "stored",
    }
    if decision.withdrawn_at_ms >= 0:
        told["withdrawn_at_ms"] = decision.withdrawn_at_ms
    if decision.keep_days:
        told["keep_days"] = decision.keep_days
    return told


def _stated(call: Asserted, one: Evidence) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": one.kind.value,
        "party": one.party.value,
        "at": call.at(one.at_ms),
        "at_ms": one.at_ms,
        "certainty": one.certainty,
    }
    if one.answer is not None:
        told["answer"] = one.answer.value
    if one.notice:
        name, _, version = one.notice.partition("@")
        told["notice"] = {"id": name, "version": version}
    if one.reference:
        told["reference"] = one.reference
    return told


def _proof(call: Asserted, one: Evidence) -> dict[str, Any]:
    """A yes as the draft's proof mechanism; never what was said."""
    data = _stated(call, one)
    del data["at"]
    if one.kind is Kind.SPOKEN:
        data |= {"dialog_reference": 0, "time_offset": _offset(max(0, one.at_ms))}
    return {
        "proof_type": _PROOFS[one.kind],
        "timestamp": call.at(one.at_ms),
        "proof_data": data,
    }


def _offset(milliseconds: int) -> str:
    seconds = milliseconds // 1_000
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _agreed(evidence: Sequence[Evidence]) -> list[Evidence]:
    return [one for one in evidence if one.answer is Answer.YES and one.kind in _PROOFS]


def _said_yes(evidence: Sequence[Evidence]) -> bool:
    """Whether the customer's last word, but for a later withdrawal, was a yes."""
    answers = [
        one.answer
        for one in evidence
        if one.answer in {Answer.YES, Answer.NO} and one.party in {Party.CUSTOMER, Party.ALL}
    ]
    return bool(answers) and answers[-1] is Answer.YES
