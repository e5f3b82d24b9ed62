"""Who says what on a shared channel, with scripted voices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.speakers.separation import Diarizer, stretches
from pipeline.evidence.turns import Token
from pipeline.records.model import Interval, Role
from pipeline.transcription.voice_activity import VOICE_RATE, Samples

pytestmark = pytest.mark.unit

RATE = 1_000
AGENT, CUSTOMER = Role.AGENT, Role.CUSTOMER


class ScriptedVoices:
    """Hears who speaks by the level of the audio; silence must never come."""

    def embed(self, pieces: Sequence[Samples]) -> np.ndarray:
        assert all(np.any(piece) for piece in pieces)
        return np.array([[0.8, 0.6, 0] if p.mean() > 0 else [0.8, 0, 0.6] for p in pieces])


class Talk:
    """Tokens with the audio of who says them."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.truth: list[Role] = []
        self.voices: list[tuple[Interval, float]] = []

    def say(self, role: Role, text: str, pause: int = 400, each: int = 300) -> Talk:
        start = (self.tokens[-1].end if self.tokens else 0) + pause
        for word in text.split():
            entity = word.strip("[].") if word.startswith("[") else ""
            self.tokens.append(Token(0, start, start + each, word, entity=entity))
            self.truth.append(role)
            start += each
        self.voices.append((Interval(0, start), 0.1 if role is AGENT else -0.1))
        return self

    def audio(self, parts: Sequence[Interval]) -> list[Samples]:
        found = []
        for part in parts:
            level = next(level for place, level in self.voices if part.start < place.end)
            length = len(part) * VOICE_RATE // RATE
            found.append(np.full(length, level, np.float32))
        return found

    def told(self, voices: ScriptedVoices | None) -> list[Role]:
        return Diarizer(voices).roles(self.tokens, RATE, self.audio)


def test_voices_part_what_words_do_not() -> None:
    talk = Talk()
    talk.say(AGENT, "Thank you for calling, how can I help you?")
    talk.say(CUSTOMER, "Blue or green.").say(AGENT, "Blue or green.").say(CUSTOMER, "Green, then.")
    talk.say(AGENT, "Green, then.").say(CUSTOMER, "My daughter likes it.")
    assert talk.told(ScriptedVoices()) == talk.truth
    assert talk.told(None) != talk.truth


def test_who_is_agent_is_told_by_the_words_not_by_who_begins() -> None:
    talk = Talk()
    talk.say(CUSTOMER, "Hi, I'd like to change my order.")
    talk.say(AGENT, "Can I have your order number, please?")
    talk.say(CUSTOMER, "Yes, I have it here.").say(AGENT, "Thank you for waiting.")
    assert talk.told(ScriptedVoices()) == talk.truth


def test_without_voices_the_other_answers_a_question() -> None:
    talk = Talk()
    talk.say(AGENT, "Can I have your full name, please?").say(CUSTOMER, "[PERSON]")
    talk.say(AGENT, "How can I help you today?").say(CUSTOMER, "My order never came.")
    assert talk.told(None) == talk.truth


def test_a_sentence_without_a_pause_is_one_person_s() -> None:
    parts = stretches(Talk().say(AGENT, "One two three. Four five").tokens, RATE)
    assert [[token.text for token in part.tokens] for part in parts] == [
        ["One", "two", "three."], ["Four", "five"],
    ]  # fmt: skip


def test_a_value_stands_by_itself_and_has_no_voice() -> None:
    talk = Talk().say(CUSTOMER, "It's [CARD_NUMBER] [PIN] right")
    parts = stretches(talk.tokens, RATE)
    assert [part.silenced for part in parts] == [False, True, True, False]
    asked: list[Interval] = []

    def audio(pieces: Sequence[Interval]) -> list[Samples]:
        asked.extend(pieces)
        return talk.audio(pieces)

    Diarizer(ScriptedVoices()).roles(talk.tokens, RATE, audio)
    assert asked == [Interval(400, 700), Interval(1_300, 1_600)]


def test_of_a_long_call_little_audio_is_held_at_a_time() -> None:
    talk, asked = Talk(), list[int]()
    for _ in range(70):
        talk.say(AGENT, "One two three.").say(CUSTOMER, "Four five six.", each=4_000)

    def audio(parts: Sequence[Interval]) -> list[Samples]:
        assert len(parts) <= 64
        asked.extend(map(len, parts))
        return talk.audio(parts)

    Diarizer(ScriptedVoices()).roles(talk.tokens, RATE, audio)
    assert len(asked) == 140
    assert max(asked) == 3_200


def test_silence_has_no_voice_and_nothing_is_told_of_nothing() -> None:
    talk = Talk().say(AGENT, "How can I help you?").say(CUSTOMER, "I lost my card.")
    talk.voices = [(place, 0.0) for place, _ in talk.voices]
    assert talk.told(ScriptedVoices()) == talk.truth
    assert Talk().told(ScriptedVoices()) == []


def test_one_voice_alone_is_no_error() -> None:
    talk = Talk()
    for _ in range(3):
        talk.say(AGENT, "You have reached our office. We are open from nine to five.")
    assert len(talk.told(ScriptedVoices())) == len(talk.tokens)


WORDS = st.sampled_from(["yes", "your name?", "I am. Fine", "[PERSON]", "so [PIN] then", "42"])
SAID = st.lists(st.tuples(st.sampled_from([AGENT, CUSTOMER]), WORDS, st.integers(0, 3_000)))


@given(said=SAID, voiced=st.booleans())
def test_every_token_has_a_role_and_a_stretch_has_one(
    said: list[tuple[Role, str, int]], *, voiced: bool
) -> None:
    talk = Talk()
    for role, text, pause in said:
        talk.say(role, text, pause)
    told = talk.told(ScriptedVoices() if voiced else None)
    assert len(told) == len(talk.tokens)
    at = 0
    for part in stretches(talk.tokens, RATE):
        assert len({*told[at : at + len(part.tokens)]}) == 1
        at += len(part.tokens)
    assert told == talk.told(ScriptedVoices() if voiced else None)
