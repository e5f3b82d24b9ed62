"""Agent and customer on one channel: who is told to speak, and that no word depends on it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evidence.transcript import (
    TellsSpeakers,
    build_transcript,
    to_call_analytics,
    to_webvtt,
)
from pipeline.evidence.turns import Token
from pipeline.records.model import CallInfo, Mute, Reason, Role, Span
from tests.pipeline.evidence.test_transcript import RATE, mute, said

pytestmark = pytest.mark.unit

SHARED = CallInfo("call-1", RATE, (Role.MIXED,))
TALK = (
    *said(0, 0, "What's your number?"),
    *said(0, 1_500, "It is"),
    *said(0, 4_000, "Thanks. I see."),
    *said(0, 5_400, "Good bye."),
)
SIDES = [Role.AGENT] * 3 + [Role.CUSTOMER] * 4 + [Role.AGENT] * 2 + [Role.CUSTOMER] * 2


def test_those_who_share_a_channel_are_told_apart() -> None:
    mutes = [mute(0, 2_300, 3_800)]
    told = build_transcript(SHARED, 9_000, TALK, mutes, speakers=lambda _, tokens: SIDES)
    assert told.text == (
        "AGENT: What's your number?\n"
        "CUSTOMER: It is [CARD_NUMBER] Thanks.\n"
        "AGENT: I see.\n"
        "CUSTOMER: Good bye.\n"
    )
    shape = to_call_analytics(told)
    assert shape["Participants"] == [
        {"ParticipantId": "AGENT_0", "ParticipantRole": "AGENT"},
        {"ParticipantId": "CUSTOMER_0", "ParticipantRole": "CUSTOMER"},
    ]
    assert [one["ParticipantId"] for one in shape["Transcript"]] == [
        "AGENT_0", "CUSTOMER_0", "AGENT_0", "CUSTOMER_0",
    ]  # fmt: skip
    assert {*shape["ConversationCharacteristics"]["TalkTime"]["DetailsByParticipant"]} == {
        "AGENT_0", "CUSTOMER_0",
    }  # fmt: skip
    assert b"<v Agent>What's your number?</v>" in to_webvtt(told)


def test_where_nobody_can_tell_the_channel_s_turns_stay_as_they_were() -> None:
    nobody = build_transcript(SHARED, 9_000, TALK, [], speakers=lambda _, each: [None] * len(each))
    assert nobody == build_transcript(SHARED, 9_000, TALK, [])
    assert [one["ParticipantId"] for one in to_call_analytics(nobody)["Participants"]] == ["MIXED"]


def test_only_shared_channels_are_asked_about() -> None:
    asked: list[int] = []

    def tell(channel: int, tokens: Sequence[Token]) -> list[Role]:
        asked.append(channel)
        return [Role.CUSTOMER] * len(tokens)

    call = CallInfo("call-1", RATE, (Role.AGENT, Role.MIXED))
    words = [*said(0, 0, "Hello."), *said(1, 2_000, "Hi.")]
    shape = to_call_analytics(build_transcript(call, 5_000, words, [], speakers=tell))
    assert asked == [1]
    assert [one["ParticipantId"] for one in shape["Participants"]] == [
        "AGENT", "AGENT_1", "CUSTOMER_1",
    ]  # fmt: skip


@given(st.lists(st.sampled_from([Role.AGENT, Role.CUSTOMER, None]), min_size=11, max_size=11))
def test_whoever_is_told_to_speak_no_word_comes_or_goes(roles: list[Role | None]) -> None:
    def tokens(speakers: TellsSpeakers | None) -> list[tuple[int, str]]:
        told = build_transcript(
            SHARED, 9_000, TALK, [mute(0, 2_300, 3_800)], speakers=speakers
        ).turns
        return sorted((one.start, one.text) for turn in told for one in turn.tokens)

    assert tokens(lambda _, every: roles[: len(every)]) == tokens(None)


def test_an_okay_of_the_other_side_is_a_turn_and_parts_no_sentence() -> None:
    words = [
        *said(0, 0, "I was going", gap=400),
        *said(0, 1_200, "Okay."),
        *said(0, 1_600, "to send it", gap=400),
    ]
    sides = [Role.CUSTOMER] * 3 + [Role.AGENT] + [Role.CUSTOMER] * 3
    told = build_transcript(SHARED, 5_000, words, [], speakers=lambda _, tokens: sides)
    assert told.text == "CUSTOMER: I was going to send it\nAGENT: Okay.\n"


def test_a_value_and_its_read_back_are_two_placeholders() -> None:
    mutes = [mute(0, 1_000, 4_000), mute(0, 5_000, 8_000)]
    sides = [Role.CUSTOMER, Role.AGENT]
    told = build_transcript(SHARED, 9_000, [], mutes, speakers=lambda _, tokens: sides)
    assert told.text == "CUSTOMER: [CARD_NUMBER]\nAGENT: [CARD_NUMBER]\n"


def test_a_pause_of_the_recorder_is_in_the_agent_s_turn() -> None:
    span = Span("PAUSED", 0, 1_000, 3_000, 1.0, "recorder", reason=Reason.PAUSED)
    paused = Mute(0, 1_000, 3_000, (span,))
    words = [*said(0, 0, "One moment."), *said(0, 4_500, "Thanks.")]
    sides = [Role.AGENT, Role.AGENT, Role.CUSTOMER]
    told = build_transcript(SHARED, 9_000, words, [paused], speakers=lambda _, tokens: sides)
    assert [(one.role, one.text) for one in told.turns] == [
        (Role.AGENT, "One moment. [recording paused 0:02]"), (Role.CUSTOMER, "Thanks."),
    ]  # fmt: skip
    assert [*told.participants.values()] == ["AGENT_0", "CUSTOMER_0"]
