"""Talk that only looks as if it asked for a value, or explained one away."""

from __future__ import annotations

import pytest

from pipeline.detection.decision.conversation import Conversation
from pipeline.detection.language.prompts import find_prompts
from pipeline.detection.language.vocabulary import PromptKind, vocabulary
from pipeline.detection.numbers.runs import words_from_text
from pipeline.policy.loading import load_policy
from pipeline.records.entities import Entity
from pipeline.records.model import Hearing, Span, WindowTranscript, Word

pytestmark = pytest.mark.unit

RATE = 8_000


def said(text: str, at: float, channel: int = 0, hearing: Hearing = Hearing.MAIN) -> list[Word]:
    """Three words a second from a time on."""
    begin = round(at * RATE)
    step = RATE // 3
    return [
        Word(channel, begin + place * step, begin + (place + 1) * step - 400, word, 0.9, hearing)
        for place, word in enumerate(text.split())
    ]


def found(*words: list[Word], channels: int = 2) -> tuple[Span, ...]:
    """The spans of a call of a minute."""
    call = Conversation(RATE, channels, load_policy("default"))
    for channel in range(channels):
        own = sorted(
            (word for row in words for word in row if word.channel == channel),
            key=lambda word: word.start,
        )
        call.take(
            WindowTranscript(
                "c", channel, channel, 0, 60 * RATE, words=tuple(own), heard_until=60 * RATE
            )
        )
    return call.spans(60 * RATE)


def questions(text: str) -> set[Entity]:
    """What a text asks for."""
    prompts = find_prompts(words_from_text(text), vocabulary("en"))
    return {
        prompt.entity
        for prompt in prompts
        if prompt.kind is PromptKind.ASK and prompt.entity is not None
    }


@pytest.mark.parametrize(
    "text",
    [
        "okay, four phone chargers, your total is",
        "the phone I bought last week",
        "the phone keeps switching off",
        "about my phone bill",
        "she'd like to see you again in about two weeks",
        "have you been with us long",
        "I've got you now",
        "let me get my wallet",
    ],
)
def test_talk_of_phones_and_meetings_asks_for_no_telephone_number(text: str) -> None:
    assert Entity.PHONE_NUMBER not in questions(text)


@pytest.mark.parametrize(
    "text",
    [
        "and a phone number please",
        "what is the phone",
        "and your cell",
        "I have you down as",
        "we've got your number as",
        "try my office on",
        "call my daughter",
        "reach my wife at",
    ],
)
def test_what_asks_for_a_telephone_number_still_does(text: str) -> None:
    assert Entity.PHONE_NUMBER in questions(text)


def test_a_total_with_tax_asks_for_no_tax_number() -> None:
    assert questions("your total is ninety dollars with tax") == set()
    assert questions("what's your tax id") == {Entity.US_SSN}


def test_the_wallet_does_not_hide_the_long_number() -> None:
    assert Entity.CARD_NUMBER in questions("let me get my wallet the long number on the front is")


@pytest.mark.parametrize(
    "text", ["to hold the room I'll need a card", "to hold the room I will need", "in case we get"]
)
def test_a_room_or_a_case_with_a_sentence_behind_it_explains_nothing(text: str) -> None:
    prompts = find_prompts(words_from_text(text), vocabulary("en"))
    assert PromptKind.REFERENCE not in {prompt.kind for prompt in prompts}


@pytest.mark.parametrize(
    "text",
    ["gate b 12", "flight ba 2 4 9", "room 7 6 1", "what's the confirmation on that 1 4 4 0 8"],
)
def test_a_code_behind_its_name_is_explained(text: str) -> None:
    prompts = find_prompts(words_from_text(text), vocabulary("en"))
    assert PromptKind.REFERENCE in {prompt.kind for prompt in prompts}


def test_digits_after_a_room_to_hold_are_silenced() -> None:
    prompt = said("To hold the room I will need the card. Go ahead with the number.", 1.0)
    digits = said("4, 2, 5, 4, 8, 8, 7, 5, 1, 9, 0,", 8.0)
    spans = found(prompt, digits, channels=1)
    assert all(
        any(span.start <= word.start and word.end <= span.end for span in spans) for word in digits
    )


def test_what_only_the_second_listening_calls_a_page_explains_nothing() -> None:
    prompt = said("The policy number is", 1.0)
    digits = said("B H 8 3 4 7 4 8", 3.5)
    again = said("The policy number is the page H is 8 8 3 4 7 4 8", 1.0, hearing=Hearing.AGAIN)
    spans = found(prompt, digits, again, channels=1)
    assert Entity.MEMBER_ID in {span.entity for span in spans}
