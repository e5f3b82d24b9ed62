"""A stored transcript for the tests of what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.evidence.transcript import (
    Transcript,
    build_transcript,
    to_call_analytics,
    to_json,
    to_webvtt,
)
from pipeline.records.model import CallInfo, Mute, Role, Span, Word

CERTIFICATE = "c" * 64
DIGEST = "d" * 64
CREATED = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
SAID = ((0, 0, "What's your number?"), (1, 2_000, "It is four-one-one thanks."))


def _transcript(call_id: str) -> Transcript:
    words = [
        Word(channel, at + place * 300, at + place * 300 + 200, text, 0.9)
        for channel, at, line in SAID
        for place, text in enumerate(line.split())
    ]
    words[-1] = Word(1, 3_600, 3_800, "thanks.", 0.9)
    span = Span("CARD_NUMBER", 1, 2_600, 3_400, 0.9, "test")
    call = CallInfo(call_id, 1_000, (Role.AGENT, Role.CUSTOMER))
    return build_transcript(call, 9_000, words, [Mute(1, 2_600, 3_400, (span,))])


def a_transcript(call_id: str = "call-1") -> bytes:
    """The file as it is stored."""
    return to_json(to_call_analytics(_transcript(call_id), entities=["CARD_NUMBER"]))


def subtitles(call_id: str = "call-1") -> bytes:
    """The same as WebVTT."""
    return to_webvtt(_transcript(call_id))


STORED = a_transcript()
