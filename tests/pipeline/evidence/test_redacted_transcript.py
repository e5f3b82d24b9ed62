"""The transcript as others get it: from the stored file, and no word more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordError
from pipeline.evidence.deepgram import deepgram
from pipeline.evidence.redacted_transcript import (
    MOST_BYTES,
    RedactedTranscript,
    events,
    json_lines,
    read_transcript,
)
from pipeline.evidence.transcript import build_transcript, to_call_analytics, to_json
from pipeline.records.model import CallInfo, Role, Word
from tests.pipeline.evidence.test_transcript import CALL, mute, said
from tests.pipeline.evidence.told import CERTIFICATE, CREATED, DIGEST, STORED, a_transcript

pytestmark = pytest.mark.unit

WORDS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 60_000),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12),
    ),
    max_size=30,
)


def stored(words: list[Word], mutes: Any = (), length: int = 90_000) -> bytes:  # noqa: ANN401
    transcript = build_transcript(CALL, length, words, list(mutes))
    return to_json(to_call_analytics(transcript, entities=[]))


def test_an_event_says_who_said_what_when_and_what_was_silenced() -> None:
    (event,) = events(read_transcript(STORED), CERTIFICATE)
    assert {name: event[name] for name in event if name != "turns"} == {
        "schema": "hushwire.transcript.v1",
        "call_id": "call-1",
        "certificate": CERTIFICATE,
        "language": "en-US",
        "duration_ms": 9_000,
        "incomplete": False,
        "roles": ["agent", "customer"],
        "part": 1,
        "parts": 1,
    }
    question, answer = event["turns"]
    assert question == {
        "channel": 0,
        "role": "agent",
        "start_ms": 0,
        "end_ms": 1_100,
        "text": "What's your number?",
        "redacted": [],
    } | {"end_ms": question["end_ms"]}
    assert answer["text"] == "It is [CARD_NUMBER] thanks."
    assert (answer["channel"], answer["role"]) == (1, "customer")
    (place,) = answer["redacted"]
    assert place == {
        "entity": "CARD_NUMBER",
        "text": "[CARD_NUMBER]",
        "start_ms": 2_600,
        "end_ms": 3_400,
    }


def test_who_shares_a_channel_is_told_by_the_turn_and_the_channel_stays_shared() -> None:
    call = CallInfo("call-1", 1_000, (Role.MIXED, Role.AGENT))
    words = [*said(0, 0, "Hello. Hi."), *said(1, 3_000, "Welcome.")]
    sides = [Role.AGENT, Role.CUSTOMER]
    made = build_transcript(call, 9_000, words, [], speakers=lambda _, tokens: sides)
    told = read_transcript(to_json(to_call_analytics(made)))
    assert told.roles == ("mixed", "agent")
    assert [(one.channel, one.role, one.text) for one in told.turns] == [
        (0, "agent", "Hello."), (0, "customer", "Hi."), (1, "agent", "Welcome."),
    ]  # fmt: skip
    document = deepgram(told, audio_sha256=DIGEST, created=CREATED, software="1")
    assert [one["speaker"] for one in document["results"]["utterances"]] == [0, 2, 1]


@pytest.mark.parametrize("name", ["AGENT_7", "AGENT_99999999999999999999"])
def test_a_participant_of_no_channel_is_refused(name: str) -> None:
    broken = STORED.replace(b'"AGENT"', f'"{name}"'.encode())
    with pytest.raises(RecordError, match="not what this version reads"):
        read_transcript(broken)


def test_an_incomplete_call_says_so() -> None:
    transcript = build_transcript(CALL, 9_000, said(0, 0, "Hello"), [], incomplete=True)
    told = read_transcript(to_json(to_call_analytics(transcript)))
    (event,) = events(told, CERTIFICATE)
    assert event["incomplete"] is True


def test_several_of_one_role_keep_their_channels() -> None:
    words = [*said(0, 0, "One here."), *said(1, 2_000, "Two here.")]
    call = CALL.__class__("call-1", 1_000, (Role.CUSTOMER, Role.CUSTOMER))
    transcript = build_transcript(call, 9_000, words, [])
    told = read_transcript(to_json(to_call_analytics(transcript)))
    assert [(turn.channel, turn.role) for turn in told.turns] == [(0, "customer"), (1, "customer")]


@given(WORDS, st.integers(400, 3_000))
def test_parts_hold_every_turn_once_in_order_and_keep_to_their_length(
    said_words: list[tuple[int, int, str]], most: int
) -> None:
    words = sorted(
        (Word(channel, at, at + 200, text, 0.9) for channel, at, text in said_words),
        key=lambda one: one.start,
    )
    told = read_transcript(stored(words))
    parts = list(events(told, CERTIFICATE, most))
    assert [one["part"] for one in parts] == list(range(1, len(parts) + 1))
    assert {one["parts"] for one in parts} == {len(parts)}
    turns = [turn for one in parts for turn in one["turns"]]
    assert " ".join(one["text"] for one in turns).split() == [
        piece for turn in told.turns for piece in turn.text.split()
    ]
    longest = max((len(json.dumps(one)) for one in turns), default=0)
    for one in parts:
        RedactedTranscript.model_validate_json(json.dumps(one), strict=False)
        assert len(json.dumps(one)) <= max(most, longest) + 1_000  # what stands before the turns


def test_a_day_of_talk_without_a_pause_fits_into_records() -> None:
    words = [Word(0, at * 300, at * 300 + 200, "привет", 0.9) for at in range(60_000)]
    parts = list(events(read_transcript(stored(words, length=20_000_000)), CERTIFICATE))
    assert len(parts) > 1
    assert max(len(json.dumps(one)) for one in parts) < MOST_BYTES
    text = " ".join(turn["text"] for one in parts for turn in one["turns"])
    assert text.split() == ["привет"] * 60_000


@given(st.lists(st.integers(0, 29), min_size=1, max_size=12, unique=True))
def test_no_way_out_tells_what_is_silenced(hidden: list[int]) -> None:
    words = [
        Word(
            at % 2,
            at * 1_000,
            at * 1_000 + 600,
            f"secret{at}" if at in hidden else f"open{at}",
            0.9,
        )
        for at in range(30)
    ]
    mutes = [mute(at % 2, at * 1_000 - 50, at * 1_000 + 650) for at in hidden]
    told = read_transcript(stored(words, mutes))
    document = deepgram(told, audio_sha256=DIGEST, created=CREATED, software="1")
    ways = [
        json.dumps(list(events(told, CERTIFICATE))),
        b"".join(json_lines(told)).decode(),
        json.dumps(document),
    ]
    for text in ways:
        assert "secret" not in text
        for at in range(30):
            assert at in hidden or f"open{at}" in text


def test_lines_are_the_turns_of_the_event() -> None:
    told = read_transcript(STORED)
    lines = [json.loads(one) for one in b"".join(json_lines(told)).splitlines()]
    (event,) = events(told, CERTIFICATE)
    assert [one.pop("call_id") for one in lines] == ["call-1", "call-1"]
    assert [one.pop("turn") for one in lines] == [0, 1]
    assert lines == event["turns"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        json.dumps({"SessionId": "call-1"}).encode(),
        STORED.replace(b"AGENT", b"ROBOT"),
        STORED.replace(b'"ParticipantId": "CUSTOMER"', b'"ParticipantId": "NOBODY"', 1),
    ],
)
def test_what_is_no_transcript_is_refused_without_a_word_of_it(data: bytes) -> None:
    with pytest.raises(RecordError) as told:
        read_transcript(data)
    assert told.value.__cause__ is None
    assert "number" not in str(told.value)


def test_no_word_shows_in_a_repr() -> None:
    told = read_transcript(STORED)
    (event,) = events(told, CERTIFICATE)
    for one in (told, told.turns, RedactedTranscript.model_validate(event)):
        assert "number" not in repr(one).lower().replace("card_number", "")
        assert "thanks" not in repr(one)


def test_the_same_file_gives_the_same_bytes() -> None:
    made = [list(events(read_transcript(STORED), CERTIFICATE)) for _ in range(2)]
    assert json.dumps(made[0]) == json.dumps(made[1])
    assert a_transcript() == STORED
