"""Redacts labelled calls by their truth, then plants leaks of stated kinds.

A call is muted by the muting stage itself, with the true spans for findings. For a leak the spans
lack what leaks, and the padding of their neighbours is taken off it too: the words that leak are
audible from their first to their last sample, but for ``cut digit``, of which one half is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import soundfile

from pipeline.muting.muter import CallMuter
from pipeline.muting.rendering import apply_mutes
from pipeline.policy.model import Policy
from pipeline.records.entities import Entity
from pipeline.records.intervals import merge_intervals, subtract_intervals
from pipeline.records.model import (
    Agreed,
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Interval,
    Mute,
    Pcm,
    RedactedChunk,
    Role,
    Span,
    Watermark,
)

KINDS: Final = (
    "first digit",
    "last digit",
    "cut digit",
    "two digits",
    "group in the middle",
    "security code",
    "whole number",
    "name",
    "wrong channel",
)
_TYPES: Final = {
    "pan": Entity.CARD_NUMBER,
    "cvv": Entity.CARD_SECURITY_CODE,
    "expiry": Entity.CARD_EXPIRY,
    "ssn": Entity.US_SSN,
    "ssn_last4": Entity.US_SSN,
    "dob": Entity.DATE_OF_BIRTH,
    "phone": Entity.PHONE_NUMBER,
    "email": Entity.EMAIL_ADDRESS,
    "name": Entity.PERSON,
    "agent_name": Entity.PERSON,
    "provider_name": Entity.PERSON,
    "address": Entity.STREET_ADDRESS,
    "account_number": Entity.ACCOUNT_NUMBER,
    "routing_number": Entity.BANK_ROUTING,
    "policy_number": Entity.MEMBER_ID,
    "member_id": Entity.MEMBER_ID,
    "mrn": Entity.MEDICAL_RECORD_NUMBER,
    "passport": Entity.PASSPORT,
    "drug": Entity.MEDICATION,
    "diagnosis": Entity.MEDICAL_CONDITION,
}
_NUMBERS: Final = frozenset(
    {"pan", "cvv", "ssn", "ssn_last4", "phone", "account_number", "routing_number", "mrn"}
)
_LONG: Final = 8
"""Words that a number has of which a group in the middle can leak."""
_GROUP: Final = 4

Entry: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A call with its truth."""

    info: CallInfo
    pcm: Pcm
    entry: Entry
    """Its line of the manifest."""

    def samples(self, milliseconds: float) -> int:
        """A time of the manifest in samples."""
        return round(milliseconds * self.info.sample_rate / 1_000)

    def channel(self, entity: Entry) -> int:
        """The channel of an entity."""
        return int(self.entry["channels"].index(entity["channel"]))

    def interval(self, timed: Entry) -> Interval:
        """The samples of an entity or a word."""
        return Interval(self.samples(timed["start_ms"]), self.samples(timed["end_ms"]))


@dataclass(frozen=True, slots=True)
class Leak:
    """What is left audible on purpose."""

    kind: str
    channel: int
    words: tuple[Interval, ...]
    """All of them have to be silenced."""
    moved: bool = False
    """Whether the mute is there, on the other channel."""


def read_calls(manifest: Path) -> Iterator[Labelled]:
    """The calls of a manifest as ``benchmarks.calls.corpus`` writes it.

    Raises:
        OSError: the manifest or a recording can't be read.
    """
    for line in manifest.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        pcm, rate = soundfile.read(manifest.parent / entry["file"], dtype="int16", always_2d=True)
        roles = tuple(Role(name) if name in set(Role) else Role.MIXED for name in entry["channels"])
        yield Labelled(CallInfo(Path(entry["file"]).stem, int(rate), roles), pcm, entry)


def redacted(
    call: Labelled, policy: Policy, leak: Leak | None = None, agreed: Sequence[Agreed] = ()
) -> list[RedactedChunk]:
    """What the muting stage makes of a call whose every entity was found, but for the leak.

    Args:
        call: what to mute.
        policy: padding and style.
        leak: what is left audible; None: nothing.
        agreed: words that both models of the first pass were sure of.
    """
    spans = list(_leaking(_true_spans(call), leak, call.info.channels))
    chunks = _muted(call, policy, spans, agreed)
    if leak is None or leak.moved:
        return chunks
    mutes = dict.fromkeys(mute for chunk in chunks for mute in chunk.mutes)
    left = [part for mute in mutes for part in _without(mute, leak)]
    return [
        replace(
            chunk,
            pcm=apply_mutes(
                call.pcm[chunk.start : chunk.end],
                left,
                call.info.sample_rate,
                policy.muting,
                start=chunk.start,
                key=call.info.call_id,
            ),
            mutes=tuple(m for m in left if m.start < chunk.end and m.end > chunk.start),
        )
        for chunk in chunks
    ]


def leaks_of(call: Labelled) -> list[Leak]:
    """One leak of every kind that the call has a place for; the place is drawn by the call's id."""
    found = [_leak(kind, call) for kind in KINDS]
    return [leak for leak in found if leak is not None]


def _leak(kind: str, call: Labelled) -> Leak | None:
    rng = random.Random(f"{call.info.call_id}/{kind}")
    needed = [entity for entity in call.entry["entities"] if not entity["optional"]]
    if kind == "name":
        places = [
            (call.channel(one), [call.interval(one)]) for one in needed if one["type"] == "name"
        ]
    else:
        numbers = _whole_numbers([one for one in needed if one["type"] in _NUMBERS])
        several = call.info.channels > 1
        places = [
            (call.channel(parts[0]), words)
            for parts in numbers
            if (words := _words(kind, call, parts, rng)) and (several or kind != "wrong channel")
        ]
    if not places:
        return None
    channel, words = rng.choice(places)
    return Leak(kind, channel, tuple(words), moved=kind == "wrong channel")


def _words(kind: str, call: Labelled, parts: Sequence[Entry], rng: random.Random) -> list[Interval]:
    """The words of a number that leak; none where it has no place for the kind."""
    words = [call.interval(word) for part in parts for word in part["words"]]
    code = {part["type"] for part in parts} == {"cvv"}
    first = words[0]
    cut = Interval(first.start, (first.start + first.end) // 2)
    long_enough = len(words) >= _GROUP
    choices = {
        "first digit": words[:1] if long_enough else [],
        "last digit": words[-1:] if long_enough else [],
        "cut digit": [cut] if long_enough else [],
        "two digits": rng.choice([words[:2], words[-2:]]) if long_enough else [],
        "group in the middle": words[_GROUP : 2 * _GROUP] if len(words) >= _LONG else [],
        "security code": words if code else [],
        "whole number": [] if code else words,
        "wrong channel": words,
    }
    return choices[kind]


def _whole_numbers(entities: Sequence[Entry]) -> list[list[Entry]]:
    """The parts of each number that one side speaks in one go, but for the other's answers."""
    numbers: dict[tuple[str, str, str], list[Entry]] = {}
    for entity in entities:
        numbers.setdefault((entity["type"], entity["channel"], entity["group"]), []).append(entity)
    return [sorted(parts, key=lambda part: float(part["start_ms"])) for parts in numbers.values()]


def _true_spans(call: Labelled) -> list[Span]:
    return [
        Span(
            _TYPES.get(entity["type"], Entity.PERSON).value,
            call.channel(entity),
            call.samples(entity["start_ms"]),
            call.samples(entity["end_ms"]),
            0.9,
            "truth",
        )
        for entity in call.entry["entities"]
    ]


def _leaking(spans: Sequence[Span], leak: Leak | None, channels: int) -> Iterator[Span]:
    """The spans without what leaks."""
    for span in spans:
        here = Interval(span.start, span.end)
        touched = leak is not None and span.channel == leak.channel
        if leak is None or not touched or not any(word.overlaps(here) for word in leak.words):
            yield span
            continue
        if leak.moved:
            yield replace(span, channel=(span.channel + 1) % channels)
            continue
        holes = merge_intervals(leak.words, nearer_than=1 << 62)
        for part in subtract_intervals([here], holes):
            yield replace(span, start=part.start, end=part.end)


def _muted(
    call: Labelled, policy: Policy, spans: Sequence[Span], agreed: Sequence[Agreed]
) -> list[RedactedChunk]:
    muter, second = CallMuter(policy), call.info.sample_rate
    out: list[RedactedChunk | CallEnd] = []
    starts = range(0, len(call.pcm), second)
    for seq, start in enumerate(starts):
        out += muter.take_audio(AudioChunk(call.info, seq, start, call.pcm[start : start + second]))
    end = CallEnd(call.info.call_id, len(starts), len(call.pcm))
    ordered = tuple(sorted(spans, key=lambda span: (span.start, span.channel, span.end)))
    mark = Watermark(len(call.pcm))
    out += muter.take_findings(
        Findings(call.info.call_id, 0, ordered, watermark=mark, end=end, agreed=tuple(agreed))
    )
    return [one for one in out if isinstance(one, RedactedChunk)]


def _without(mute: Mute, leak: Leak) -> list[Mute]:
    """A mute without the words that leak."""
    if mute.channel != leak.channel:
        return [mute]
    return [
        replace(mute, start=part.start, end=part.end)
        for part in subtract_intervals([mute.interval], leak.words)
        if len(part)
    ]


def audible_share(call: Labelled, leak: Leak, after: Pcm) -> float:
    """The largest share of a leaked word's energy-bearing frames that is not silent.

    Args:
        call: the original.
        leak: what leaked.
        after: verified audio, shape ``(samples, channels)``.
    """
    frame = call.info.sample_rate // 100
    worst = 0.0
    for word in leak.words:
        before = _rms(call.pcm[word.start : word.end, leak.channel], frame)
        now = _rms(after[word.start : word.end, leak.channel], frame)
        loud = before >= 10 ** (-57 / 20)
        if loud.any():
            worst = max(worst, float(np.mean(now[loud] >= 10 ** (-60 / 20))))
    return worst


def _rms(pcm: Pcm, frame: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    whole = pcm[: len(pcm) // frame * frame].astype(np.float64).reshape(-1, frame) / 32_768.0
    return np.asarray(np.sqrt(np.mean(whole * whole, axis=1)))
