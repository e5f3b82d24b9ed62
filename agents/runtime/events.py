"""Content-free messages in clear: events, audit records and dead letters."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agents.access.audit_log import Event
from agents.kafka.sending import Message
from agents.kafka.topics import Topics
from agents.runtime.broker_port import Delivery
from agents.runtime.steps import EmitEvent
from pipeline.records import cloudevents

REFUSED = "hushwire.call.refused.v1"
"""Nothing is kept of a call, and why: for whoever sent it."""
ERASED = "hushwire.call.erased.v1"
"""A call is destroyed: whoever has something of it from us may have to do the same."""
KNOWN = "hushwire.call.known.v1"
"""A call that was sent again was closed before, and how."""
_REFUSED = "refused"
DEADLETTER = "__hushwire.errors."
"""Prefix of the headers, in the manner of KIP-298; there is no message and no stack."""


def event(step: EmitEvent, *, source: str = cloudevents.SOURCE) -> Message:
    """A CloudEvent with JSON facts; ``ce_id`` depends on call, kind and part alone."""
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": _event_id(step).encode(),
        "ce_source": source.encode(),
        "ce_type": step.kind.encode(),
        "ce_subject": step.call_id.encode(),
        "ce_dataclassification": step.classification.encode(),
        "content-type": b"application/json",
    }
    body = json.dumps(dict(step.facts), sort_keys=True, separators=(",", ":")).encode()
    return Message(step.topic, step.call_id.encode(), headers, body)


def audit(
    topic: str, call_id: str, what: str, facts: Mapping[str, object], *, at: str
) -> EmitEvent:
    """An audit record: what happened to a call, and when (as ``Database.stamp`` writes it)."""
    return EmitEvent(topic, call_id, f"hushwire.audit.{what}.v1", {"at": at, "what": what, **facts})


def refusal(
    topics: Topics, call_id: str, stage: str, code: str, told: Mapping[str, object], *, at: str
) -> tuple[EmitEvent, EmitEvent]:
    """What is told of a call that is refused: to the audit log, and to whoever sent it."""
    facts = {"stage": stage, "code": code, "state": _REFUSED}
    return (
        audit(topics.audit, call_id, "call-refused", {**facts, **told}, at=at),
        EmitEvent(topics.calls_redacted, call_id, REFUSED, {"call_id": call_id, **facts}),
    )


def audit_event(step: EmitEvent) -> Event:
    """An audit record as it goes into the audit log, under the same id as on the topic.

    Raises:
        ValueError: a fact is more than a short JSON value.
    """
    return Event(_event_id(step), step.call_id, step.kind, step.facts)


def _event_id(step: EmitEvent) -> str:
    whole = f"{step.call_id}/{step.kind}"
    return f"{whole}/{step.part}" if step.part else whole


def dead_letter(
    topic: str, delivery: Delivery, *, stage: str, code: str, call_id: str = "", attempts: int = 1
) -> Message:
    """The dead letter of a record.

    It holds nothing of the record itself: what never opened may be in clear. See
    ``with_original`` for a record whose seal opened.
    """
    headers = {
        f"{DEADLETTER}topic": delivery.topic.encode(),
        f"{DEADLETTER}partition": str(delivery.partition).encode(),
        f"{DEADLETTER}offset": str(delivery.offset).encode(),
        f"{DEADLETTER}stage": stage.encode(),
        f"{DEADLETTER}code": code.encode(),
        f"{DEADLETTER}attempts": str(attempts).encode(),
    }
    return Message(topic, call_id.encode() or None, headers, b"")


def with_original(letter: Message, delivery: Delivery) -> Message:
    """The dead letter with the record's own headers and value, which its seal protects."""
    own = {
        name: value
        for name, value in delivery.headers.items()
        if value is not None
        and (name.startswith("ce_") or name in {"content-type", cloudevents.META})
    }
    return Message(letter.topic, letter.key, {**own, **letter.headers}, delivery.value or b"")
