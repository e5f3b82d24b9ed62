"""Stored calls of literal words, through the code that stores them."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.analytics.stored import StoredTranscript
from pipeline.evidence.certificate import build_certificate, certificate_json
from pipeline.evidence.transcript import (
    TellsSpeakers,
    build_transcript,
    to_call_analytics,
    to_json,
)
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Mute, Role, Verdict, Word

RATE = 1_000
"""A sample is a millisecond."""
TWO = (Role.AGENT, Role.CUSTOMER)


def word(channel: int, start: int, end: int, text: str = "word") -> Word:
    return Word(channel, start, end, text, 0.9)


def files_of(
    words: Iterable[Word],
    mutes: Iterable[Mute] = (),
    *,
    length: int,
    roles: tuple[Role, ...] = TWO,
    speakers: TellsSpeakers | None = None,
) -> tuple[bytes, bytes]:
    """Certificate and transcript of a call, as they lie in the vault."""
    call = CallInfo("call-1", RATE, roles)
    muted = sorted(mutes, key=lambda one: (one.channel, one.start))
    ordered = sorted(words, key=_by_start)
    told = build_transcript(call, length, ordered, muted, speakers=speakers)
    transcript = to_json(to_call_analytics(told))
    certificate = build_certificate(
        Verdict(call, passed=True, checks=(), end=CallEnd("call-1", 1, length)),
        load_policy("default"),
        spans=[span for mute in muted for span in mute.spans],
        mutes=set(muted),
        models=set(),
        length=length,
        files={"call-1.json": transcript},
    )
    return certificate_json(certificate), transcript


def stored(
    words: Iterable[Word],
    mutes: Iterable[Mute] = (),
    *,
    length: int,
    roles: tuple[Role, ...] = TWO,
    speakers: TellsSpeakers | None = None,
) -> StoredTranscript:
    """A call as analytics get it."""
    certificate, transcript = files_of(words, mutes, length=length, roles=roles, speakers=speakers)
    return StoredTranscript.of(transcript, certificate)


def _by_start(one: Word) -> tuple[int, int]:
    return one.start, one.channel
