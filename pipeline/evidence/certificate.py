"""The certificate of a call: what was muted, by what, and that the check of the output passed.

A certificate holds no spoken content and is a pure function of the call, its policy and the
models: no time of creation, so that a repeat gives the same bytes, but for where the audit log
ended when it was signed. Its shape is published as ``schemas/certificate.v1.json``.
``pipeline.evidence.certificate_check`` verifies one offline against the stored files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from pipeline.errors import RecordError
from pipeline.evidence.canonical_json import Signature, plain, sign_document
from pipeline.evidence.mute_totals import muted_by_reason
from pipeline.muting.rendering import MISSING, is_gap, is_pause
from pipeline.policy.model import Policy
from pipeline.records.consent import Decision
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import Action, Check, Detection, Interval, Mute, Reason, Span, Verdict

SCHEMA_ID: Final = "hushwire.certificate.v1"
_CONFIG: Final = ConfigDict(extra="forbid")
_DECIMALS: Final = 4
"""Of every number: so it looks the same whatever writes it (no exponents)."""
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, config=_CONFIG)
class PolicyStated:
    """Which policy a call was detected and redacted by."""

    name: str
    """Empty, as is the version, where detection used another policy than the call's: such a call
    is quarantined."""
    version: str
    digest: _Sha256


@dataclass(frozen=True, slots=True, config=_CONFIG)
class DetectionStated:
    """By what a call was detected, beside the policy, models and software; see ``Detection``."""

    digest: str
    listening: str
    recognizers: str
    """Empty where the installation added none."""


@dataclass(frozen=True, slots=True, config=_CONFIG)
class SpanStated:
    """A span without its text."""

    entity: str
    channel: _Count
    start: _Count
    """Call sample."""
    end: _Count
    start_ms: _Count
    end_ms: _Count
    score: float
    recognizer: str
    action: Action
    reason: Reason


@dataclass(frozen=True, slots=True, config=_CONFIG)
class MuteStated:
    """Silenced samples of one channel."""

    channel: _Count
    start: _Count
    end: _Count
    gap: bool
    """Whether it only stands for audio that never came: zero in every style."""
    paused: bool = False
    """Whether that is missing because the recorder paused on purpose."""


@dataclass(frozen=True, slots=True, config=_CONFIG)
class CheckStated:
    """One question of verification and its answer."""

    name: str
    passed: bool
    measured: float
    limit: float


@dataclass(frozen=True, slots=True, config=_CONFIG)
class LogStated:
    """The last entry of the audit log when a certificate was signed."""

    seq: _Count
    """0: the log was empty."""
    hash: _Sha256


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Certificate:
    """What is stated of a call; see the module's text."""

    schema: Literal["hushwire.certificate.v1"]
    call_id: str
    started_at: str
    """As the recorder said it, or empty."""
    ended_by: str
    marks: tuple[str, ...]
    sample_rate: _Count
    roles: tuple[str, ...]
    """One per channel."""
    samples: _Count
    duration_ms: _Count
    policy: PolicyStated
    style: Literal["silence", "tone", "noise"]
    software: str
    """What detected, with a digest of its code and data where it says one."""
    models: tuple[str, ...]
    """``id@sha256`` prefix of every model that listened or detected."""
    spans: tuple[SpanStated, ...]
    mutes: tuple[MuteStated, ...]
    muted_ms: _Count
    """Over all channels."""
    muted_ms_by_entity: dict[str, int]
    """A mute with several types counts for each of them."""
    muted_ms_by_reason: dict[str, int]
    """Every muted sample counts once, for its strongest reason; ``unexplained`` is what only
    suspicion silenced."""
    passed: bool
    checks: tuple[CheckStated, ...]
    listened_ms: _Count
    """How much redacted audio was listened to again."""
    files: dict[str, _Sha256]
    """sha256 of every stored file by name; empty for a quarantined call."""
    detection: DetectionStated | None = None
    """None where the records were written by a version that does not say."""
    consent: Decision | None = None
    """By which rules of places and evidence the call may be kept; None: nobody asked."""
    log: LogStated | None = None
    """None: signed where there is no audit log, or by a version that did not state it."""
    signature: Signature | None = None


_ADAPTER: Final = TypeAdapter(Certificate)


def build_certificate(
    verdict: Verdict,
    policy: Policy,
    *,
    spans: Iterable[Span],
    mutes: Iterable[Mute],
    models: Iterable[str],
    length: int,
    files: Mapping[str, bytes],
    checks: Sequence[Check] = (),
    detection: Detection | None = None,
) -> Certificate:
    """State a call.

    Args:
        verdict: of verification.
        policy: what the call was redacted by.
        spans: everything that detection found, whatever the action.
        mutes: everything that was silenced; pieces of one mute may come one by one.
        models: every model that listened or detected.
        length: of the call, in samples.
        files: what is stored, by name.
        checks: further ones, asked after the verdict.
        detection: by what the spans were found.
    """
    call, end = verdict.call, verdict.end
    rate = max(1, call.sample_rate)
    muted = sorted(set(mutes) | set(verdict.added), key=lambda one: (one.channel, one.start))
    behind = {span for mute in muted for span in mute.spans if span.reason not in MISSING}
    every = (*verdict.checks, *checks)
    total = sum(len(one) for one in _by_channel(muted))
    return Certificate(
        schema=SCHEMA_ID,
        call_id=call.call_id,
        started_at=call.started_at,
        ended_by=end.ended_by.value if end else "",
        marks=end.marks if end else (),
        sample_rate=call.sample_rate,
        roles=tuple(role.value for role in call.roles),
        samples=length,
        duration_ms=length * 1_000 // rate,
        policy=_policy_stated(policy, detection),
        style=policy.muting.style,
        software=detection.software if detection else f"hushwire {metadata.version('hushwire')}",
        models=tuple(sorted({*models, *verdict.models})),
        spans=tuple(_stated(span, rate) for span in sorted(set(spans) | behind, key=_span_order)),
        mutes=_mutes_stated(muted),
        muted_ms=total * 1_000 // rate,
        muted_ms_by_entity=_muted_by(muted, rate, lambda span: span.entity),
        muted_ms_by_reason=muted_by_reason(muted, rate),
        passed=all(check.passed for check in every) and verdict.passed,
        checks=tuple(_check_stated(one) for one in every),
        listened_ms=verdict.listened * 1_000 // rate,
        files=_hashes(files),
        detection=_detection_stated(detection),
        consent=end.consent if end else None,
    )


def restated(
    certificate: Certificate, checks: Sequence[Check], files: Mapping[str, bytes] | None
) -> Certificate:
    """A certificate of the same call with further checks, and other files where they are given.

    Where a check failed, nothing is stored: the certificate names no file.
    """
    every = (*certificate.checks, *(_check_stated(one) for one in checks))
    passed = certificate.passed and all(one.passed for one in every)
    hashes = certificate.files if files is None else _hashes(files)
    return replace(
        certificate, checks=every, passed=passed, files=hashes if passed else {}, signature=None
    )


def certificate_json(certificate: Certificate) -> bytes:
    """A certificate's file: the same certificate gives the same bytes."""
    data = plain(_ADAPTER.dump_python(certificate, mode="json"))
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()


def sign_certificate(
    certificate: Certificate,
    key_id: str,
    sign: Callable[[bytes], str],
    *,
    log: LogStated | None = None,
) -> Certificate:
    """The certificate with its signature; ``evidence.canonical_json`` says what that covers.

    Args:
        certificate: what is signed.
        key_id: of the key that signs.
        sign: the base64 signature of bytes.
        log: where the audit log ends.
    """
    stated = replace(certificate, log=log)
    document = _ADAPTER.dump_python(stated, mode="json")
    return replace(stated, signature=sign_document(document, key_id, sign))


def parse_certificate(data: bytes) -> Certificate:
    """Read a certificate's file.

    Raises:
        RecordError: it does not follow the schema; the message names the place, not the value.
    """
    try:
        return _ADAPTER.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecordError(f"certificate: {place}: {first['msg']}") from error


def certificate_schema() -> dict[str, Any]:
    """The published JSON schema, as ``schemas/certificate.v1.json`` holds it."""
    schema = _ADAPTER.json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$id"] = SCHEMA_ID
    return schema


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}


def _policy_stated(policy: Policy, detection: Detection | None) -> PolicyStated:
    """What detection used, which is not what the vault's process was told."""
    if detection is None or detection.policy == policy.digest:
        return PolicyStated(policy.name, policy.version, policy.digest)
    return PolicyStated("", "", detection.policy)


def _detection_stated(detection: Detection | None) -> DetectionStated | None:
    if detection is None:
        return None
    return DetectionStated(detection.digest, detection.listening, detection.recognizers)


def _check_stated(check: Check) -> CheckStated:
    return CheckStated(
        check.name, check.passed, round(check.measured, _DECIMALS), round(check.limit, _DECIMALS)
    )


def _stated(span: Span, rate: int) -> SpanStated:
    start, end = max(0, span.start), max(0, span.start, span.end)
    return SpanStated(
        entity=span.entity,
        channel=max(0, span.channel),
        start=start,
        end=end,
        start_ms=start * 1_000 // rate,
        end_ms=-(-end * 1_000 // rate),
        score=round(span.score, _DECIMALS),
        recognizer=span.recognizer,
        action=span.action,
        reason=span.reason,
    )


def _mutes_stated(mutes: Sequence[Mute]) -> tuple[MuteStated, ...]:
    """The mutes joined per channel; gaps and pauses apart: they are zero in every style."""
    return tuple(
        MuteStated(channel, one.start, one.end, gap, paused)
        for gap, paused in ((False, False), (True, False), (True, True))
        for channel in sorted({mute.channel for mute in mutes})
        for one in merge_intervals(
            mute.interval
            for mute in mutes
            if mute.channel == channel and is_gap(mute) is gap and is_pause(mute) is paused
        )
    )


def _by_channel(mutes: Sequence[Mute]) -> list[Interval]:
    return [
        one
        for channel in sorted({mute.channel for mute in mutes})
        for one in merge_intervals(mute.interval for mute in mutes if mute.channel == channel)
    ]


def _muted_by(mutes: Sequence[Mute], rate: int, key: Callable[[Span], str]) -> dict[str, int]:
    """Milliseconds of the mutes that hold a span of each kind."""
    kinds = sorted({key(span) for mute in mutes for span in mute.spans})
    return {
        kind: sum(
            len(one)
            for one in _by_channel(
                [mute for mute in mutes if any(key(span) == kind for span in mute.spans)]
            )
        )
        * 1_000
        // rate
        for kind in kinds
    }


def _span_order(span: Span) -> tuple[int, int, int, str, str, str, str, float]:
    return (
        span.start,
        span.end,
        span.channel,
        span.entity,
        span.recognizer,
        span.reason.value,
        span.action.value,
        span.score,
    )
