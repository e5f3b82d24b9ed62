"""Records to the plain values that Avro writes, and back, with every range checked.

``RecordError`` names the rule that a foreign record breaks, never its content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

import numpy as np

from pipeline.errors import RecordError
from pipeline.records.call_names import holds_number
from pipeline.records.consent import (
    MOST_EVIDENCE,
    MOST_PLACES,
    NAME,
    NOTICES,
    PLACE,
    UNKNOWN,
    Answer,
    Business,
    Consent,
    Decision,
    Evidence,
    Kind,
    Outcome,
    Party,
    RuleStated,
    Why,
)
from pipeline.records.model import (
    Action,
    Agreed,
    AudioChunk,
    CallEnd,
    CallInfo,
    Check,
    Detection,
    EndedBy,
    Findings,
    Hearing,
    Interval,
    Mute,
    Pcm,
    Reason,
    Record,
    RedactedChunk,
    Role,
    Shown,
    Span,
    Verdict,
    Watermark,
    WindowTranscript,
    Word,
)
from pipeline.records.pseudonyms import PSEUDONYM, PURPOSE
from pipeline.records.schemas import Form

MOST_CHANNELS = 16
RATES = range(4_000, 192_001)
"""Sample rates in Hz that a call may have."""

_UNWRITTEN = frozenset({"pcm", "doubts"})
"""Fields that no form has: audio travels beside it, and doubts are not sent on."""

_WIRE_NAMES = {"WindowTranscript": "Heard"}
"""Types that were renamed since they were first written."""

T = TypeVar("T")


def to_form(record: Record) -> tuple[str, Form, bytes]:
    """The type's name, its plain values, and the audio bytes (empty for types without audio).

    The form's names are those of the record's fields.
    """
    names = [one.name for one in fields(record) if one.name not in _UNWRITTEN]
    form = {name: _plain(getattr(record, name)) for name in names}
    audio = _pcm_bytes(record.pcm) if isinstance(record, AudioChunk | RedactedChunk) else b""
    return wire_name(type(record)), form, audio


def wire_name(kind: type) -> str:
    """What a record's type is called on the wire."""
    return _WIRE_NAMES.get(kind.__name__, kind.__name__)


def from_form(name: str, form: Form, audio: bytes) -> Record:
    """The record of a type's plain values.

    Raises:
        RecordError: a value is out of range, or contradicts another.
    """
    try:
        return _READERS[name](form, audio)
    except RecordError:
        raise
    except (KeyError, ValueError, TypeError, OverflowError):
        # The cause is cut off: its message may quote a value.
        raise RecordError(f"a value of the {name} record is not allowed") from None


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a record holds
    """A value as Avro writes it."""
    match value:
        case Enum():
            return value.value
        case Watermark():
            return value.sample
        case tuple():
            return [_plain(one) for one in value]
        case _ if is_dataclass(value):
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        case _:
            return value


def _require(holds: bool, rule: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        raise RecordError(rule)


def _pcm_bytes(pcm: Pcm) -> bytes:
    return np.ascontiguousarray(pcm, dtype="<i2").tobytes()


def _pcm(audio: bytes, channels: int) -> Pcm:
    _require(len(audio) % (2 * channels) == 0, "the audio ends in the middle of a sample")
    return np.frombuffer(audio, dtype="<i2").astype(np.int16, copy=False).reshape(-1, channels)


def _read_call(form: Form) -> CallInfo:
    _require(form["sample_rate"] in RATES, "sample rate out of range")
    _require(1 <= len(form["roles"]) <= MOST_CHANNELS, "a call has 1 to 16 channels")
    _require(
        not form["purpose"] or PURPOSE.fullmatch(form["purpose"]) is not None,
        "not a purpose's name",
    )
    _require(
        len(form["parties"]) <= MOST_CHANNELS and all(map(PSEUDONYM.fullmatch, form["parties"])),
        "a party of a call is named by a pseudonym",
    )
    roles = tuple(Role(role) for role in form["roles"])
    read = {
        "roles": roles,
        "parties": tuple(form["parties"]),
        "consent": _read_consent(form["consent"]) if form["consent"] else None,
        # Older versions say nothing of it.
        "business": Business(**form["business"]) if form["business"] else Business(),
    }
    return CallInfo(**form | read)


def _read_consent(form: Form) -> Consent:
    places = form["places"]
    known = all(place == UNKNOWN or PLACE.fullmatch(place) for place in places)
    _require(len(places) <= MOST_PLACES and known, "a place is a code of ISO 3166, or *")
    _require(_is_name(form["campaign"]), "not a campaign's name")
    return Consent(tuple(places), form["campaign"], _read_evidence(form["evidence"]))


def _read_evidence(forms: list[Form], most: int = MOST_EVIDENCE) -> tuple[Evidence, ...]:
    _require(len(forms) <= most, "too much evidence for one call")
    return _each(_read_one, forms)


def _read_one(form: Form) -> Evidence:
    _require(0.0 <= form["certainty"] <= 1.0, "a certainty is between 0 and 1")
    named = _is_name(form["notice"]) and _is_name(form["reference"])
    _require(named, "evidence names its notice and its record by a name")
    answer = None if form["answer"] is None else Answer(form["answer"])
    kind = Kind(form["kind"])
    _require((answer is None) is (kind in NOTICES), "a notice has no answer, all else has one")
    return Evidence(**form | {"kind": kind, "party": Party(form["party"]), "answer": answer})


def _read_decision(form: Form) -> Decision:
    _require(_is_name(form["campaign"]), "not a campaign's name")
    return Decision(
        **form
        | {
            "outcome": Outcome(form["outcome"]),
            "why": Why(form["why"]),
            "rules": tuple(RuleStated(**rule) for rule in form["rules"]),
            # What was heard is there beside what the metadata says.
            "evidence": _read_evidence(form["evidence"], 2 * MOST_EVIDENCE),
        }
    )


def _is_name(text: str) -> bool:
    return not text or (NAME.fullmatch(text) is not None and not holds_number(text))


def _read_interval(form: Form) -> Interval:
    _require(0 <= form["start"] <= form["end"], "an interval ends before it starts")
    return Interval(form["start"], form["end"])


def _read_word(form: Form) -> Word:
    _require(0 <= form["start"] <= form["end"], "a word ends before it starts")
    _require(0 <= form["channel"] < MOST_CHANNELS, "channel out of range")
    return Word(**form | {"hearing": Hearing(form["hearing"])})


def _read_span(form: Form) -> Span:
    _require(0 <= form["start"] <= form["end"], "a span ends before it starts")
    _require(0 <= form["channel"] < MOST_CHANNELS, "channel out of range")
    return Span(**form | {"action": Action(form["action"]), "reason": Reason(form["reason"])})


def _read_mute(form: Form) -> Mute:
    _require(0 <= form["start"] <= form["end"], "a mute ends before it starts")
    _require(0 <= form["channel"] < MOST_CHANNELS, "channel out of range")
    return Mute(form["channel"], form["start"], form["end"], _each(_read_span, form["spans"]))


def _read_agreed(form: Form) -> Agreed:
    _require(0 <= form["start"] <= form["end"], "an agreed word ends before it starts")
    _require(0 <= form["channel"] < MOST_CHANNELS, "channel out of range")
    return Agreed(**form)


def _read_end(form: Form, _audio: bytes = b"") -> CallEnd:
    _require(form["chunks"] >= 0 and form["end"] >= 0, "a call's length is negative")
    ended_by = EndedBy(form["ended_by"])
    consent = _read_decision(form["consent"]) if form["consent"] else None
    marks = tuple(form["marks"])
    return CallEnd(**form | {"ended_by": ended_by, "marks": marks, "consent": consent})


def _read_heard(form: Form, _audio: bytes) -> WindowTranscript:
    _require(form["seq"] >= 0, "a record's number is negative")
    _require(0 <= form["start"] <= form["end"], "a window ends before it starts")
    _require(0 <= form["channel"] < MOST_CHANNELS, "channel out of range")
    return WindowTranscript(
        **form
        | {
            "words": _each(_read_word, form["words"]),
            "speech": _each(_read_interval, form["speech"]),
            "unexplained": _each(_read_interval, form["unexplained"]),
            "unheard": _each(_read_interval, form["unheard"]),
            "withheld": _each(_read_interval, form["withheld"]),
            "models": tuple(form["models"]),
            "call": _read_call(form["call"]) if form["call"] else None,
        }
    )


def _read_shown(form: Form) -> Shown:
    _require(0 <= form["start"] <= form["end"], "what is shown ends before it starts")
    _require(0 <= form["channel"] < MOST_CHANNELS, "channel out of range")
    return Shown(**form)


def _read_findings(form: Form, _audio: bytes) -> Findings:
    _require(form["seq"] >= 0, "a record's number is negative")
    _require(form["since"] >= 0, "findings account from before the call")
    return Findings(
        call_id=form["call_id"],
        seq=form["seq"],
        spans=_each(_read_span, form["spans"]),
        words=_each(_read_word, form["words"]),
        watermark=Watermark(form["watermark"]),
        models=tuple(form["models"]),
        end=_read_end(form["end"]) if form["end"] else None,
        shown=_each(_read_shown, form["shown"]),
        since=form["since"],
        detection=Detection(**form["detection"]) if form["detection"] else None,
        candidates=_each(_read_span, form["candidates"]),
        agreed=_each(_read_agreed, form["agreed"]),
    )


def _read_verdict(form: Form, _audio: bytes) -> Verdict:
    # A call of which no chunk ever came has no rate and no channels.
    empty = not form["call"]["roles"] and not form["passed"]
    return Verdict(
        call=CallInfo(form["call"]["call_id"], 0, ()) if empty else _read_call(form["call"]),
        passed=form["passed"],
        checks=tuple(Check(**check) for check in form["checks"]),
        added=_each(_read_mute, form["added"]),
        listened=form["listened"],
        models=tuple(form["models"]),
        end=_read_end(form["end"]) if form["end"] else None,
    )


def _read_chunk(form: Form, audio: bytes) -> AudioChunk:
    _require(form["seq"] >= 0 and form["start"] >= 0, "a chunk's place is negative")
    call = _read_call(form["call"])
    return AudioChunk(
        call=call,
        seq=form["seq"],
        start=form["start"],
        pcm=_pcm(audio, call.channels),
        paused=form["paused"],
        blank=form["blank"],
    )


def _read_redacted(form: Form, audio: bytes) -> RedactedChunk:
    _require(form["seq"] >= 0 and form["start"] >= 0, "a chunk's place is negative")
    call = _read_call(form["call"])
    return RedactedChunk(
        call=call,
        seq=form["seq"],
        start=form["start"],
        pcm=_pcm(audio, call.channels),
        mutes=_each(_read_mute, form["mutes"]),
        policy=form["policy"],
        agreed=_each(_read_agreed, form["agreed"]),
    )


def _each(read: Callable[[Form], T], forms: list[Form]) -> tuple[T, ...]:
    return tuple(read(form) for form in forms)


_READERS: dict[str, Callable[[Form, bytes], Record]] = {
    "AudioChunk": _read_chunk,
    "CallEnd": _read_end,
    "Heard": _read_heard,
    "Findings": _read_findings,
    "RedactedChunk": _read_redacted,
    "Verdict": _read_verdict,
}
