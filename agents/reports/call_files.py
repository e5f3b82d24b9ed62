"""Reads the plain files of a call, as ``redact`` and ``export`` write them, for the report.

Outcomes of ``read_call``: a ``ReportCall``; without audio and transcript for a call that is
quarantined. A file that is missing or malformed raises.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.reports.call_report import ReportCall, ReportCheck, ReportLeak, ReportMute, ReportTurn
from agents.reports.entity_groups import KINDS, kind_of
from pipeline.audio.files import SUFFIXES
from pipeline.errors import RecordError, StoreError
from pipeline.evidence.certificate import Certificate, MuteStated, parse_certificate
from pipeline.evidence.layout import CERTIFICATE
from pipeline.evidence.redacted_transcript import channel_of
from pipeline.records.consent import Decision, Evidence
from pipeline.records.model import Action, Reason


def read_calls(
    vault: Path,
    *,
    originals: Mapping[str, Path] | None = None,
    leaks: Mapping[str, ReportLeak] | None = None,
) -> list[ReportCall]:
    """Every call under a folder of plain files, by name.

    Args:
        vault: folder with ``<id>.certificate.json`` and what belongs to it.
        originals: unredacted recordings by call id, for made-up calls only.
        leaks: what the check against the truth says, by call id.

    Raises:
        StoreError: a file is missing or can't be read.
        RecordError: a file does not follow its schema.
    """
    calls = [read_call(path) for path in sorted(vault.rglob(f"*{CERTIFICATE}"))]
    return [
        replace(
            call,
            original=(originals or {}).get(call.call_id),
            leak=(leaks or {}).get(call.call_id),
        )
        for call in calls
    ]


def read_call(certificate: Path) -> ReportCall:
    """One call by its certificate's path.

    Raises:
        StoreError: a file is missing or can't be read.
        RecordError: a file does not follow its schema.
    """
    stated = parse_certificate(_bytes(certificate))
    stem = certificate.name.removesuffix(CERTIFICATE)
    transcript = certificate.with_name(f"{stem}.json")
    audio = _recording(certificate, stated)
    stored = audio is not None
    return ReportCall(
        call_id=stated.call_id,
        roles=stated.roles,
        duration_ms=stated.duration_ms,
        turns=_turns(_bytes(transcript), stated.roles) if stored else (),
        mutes=tuple(_mute(mute, stated) for mute in stated.mutes),
        verified=stated.passed,
        checks=tuple(ReportCheck(c.name, c.passed, c.measured, c.limit) for c in stated.checks),
        audio=audio,
        facts=_facts(stated),
        marks=stated.marks,
    )


def _recording(certificate: Path, stated: Certificate) -> Path | None:
    """The recording that a certificate names: the vault's FLAC, or what ``redact`` wrote."""
    names = [name for name in stated.files if Path(name).suffix.lower() in SUFFIXES]
    # Only a plain name: a certificate must not lead to a file elsewhere.
    return next((certificate.with_name(name) for name in names if name == Path(name).name), None)


def _mute(mute: MuteStated, stated: Certificate) -> ReportMute:
    """A muted interval by its gravest kind's strongest span; other types stand beside it."""
    rate = max(1, stated.sample_rate)
    behind = sorted(
        (
            span
            for span in stated.spans
            if span.channel == mute.channel
            and span.action is Action.MUTE
            and span.start < mute.end
            and mute.start < span.end
        ),
        key=lambda span: (KINDS.index(kind_of(span.entity)), -span.score, span.start, span.entity),
    )
    times = mute.start * 1_000 // rate, -(-mute.end * 1_000 // rate)
    if not behind:
        entity, reason = ("GAP", "gap") if mute.gap else ("REDACTED", "verification")
        if mute.paused:
            entity, reason = "PAUSED", "paused"
        return ReportMute(mute.channel, *times, entity, reason=reason)
    first = behind[0]
    also = tuple(dict.fromkeys(s.entity for s in behind if s.entity != first.entity))
    return ReportMute(
        mute.channel,
        *times,
        first.entity,
        first.score,
        first.recognizer,
        first.reason.value,
        also,
    )


def _turns(data: bytes, roles: tuple[str, ...]) -> tuple[ReportTurn, ...]:
    try:
        return tuple(_turn(turn, roles) for turn in json.loads(data)["Transcript"])
    except (ValueError, KeyError, TypeError):
        # Without the cause: it could quote what was spoken.
        raise RecordError("transcript: not in the shape of Call Analytics") from None


def _turn(turn: Mapping[str, Any], roles: tuple[str, ...]) -> ReportTurn:
    return ReportTurn(
        channel_of(str(turn["ParticipantId"]), roles),
        str(turn["ParticipantRole"]).lower(),
        int(turn["BeginOffsetMillis"]),
        int(turn["EndOffsetMillis"]),
        str(turn["Content"]),
    )


def _facts(stated: Certificate) -> tuple[tuple[str, str], ...]:
    policy = stated.policy
    models = ", ".join(stated.models) or "none"
    # Once for all channels: they are paused together.
    paused = stated.muted_ms_by_reason.get(Reason.PAUSED.value, 0) // max(1, len(stated.roles))
    files = " ".join(f"{name} {digest[:12]}…" for name, digest in stated.files.items())
    return (
        ("Policy", f"{policy.name} {policy.version}, sha256 {policy.digest[:12]}…"),
        ("Style", stated.style),
        ("Software", stated.software),
        ("Models", models),
        *([("Recording paused", f"{paused / 1_000:.1f} s")] if paused else []),
        ("Listened again", f"{stated.listened_ms / 1_000:.1f} s of redacted audio"),
        ("Files", files or "none: quarantined"),
        *([("Consent", consent_told(stated.consent))] if stated.consent else []),
    )


def consent_told(decision: Decision) -> str:
    """What was decided, by which rules, and what the evidence was."""
    rules = ", ".join(f"{rule.id} version {rule.version} ({rule.place})" for rule in decision.rules)
    told = ", ".join(map(_evidence, decision.evidence)) or "no evidence"
    return f"{decision.outcome.value}: {decision.why.value}; by {rules}; {told}"


def _evidence(one: Evidence) -> str:
    answer = f" {one.answer.value}" if one.answer else ""
    return f"{one.kind.value}{answer} at {one.at_ms / 1_000:.1f} s"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path.name}: cannot be read ({error.strerror})") from error
