"""Which value a question asks for, as far as numbers are concerned."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.detection.language.prompts import find_prompts
from pipeline.detection.language.vocabulary import PromptKind, vocabulary
from pipeline.detection.numbers.runs import words_from_text
from pipeline.records.entities import Entity

pytestmark = pytest.mark.unit


def asked(text: str) -> list[Entity | None]:
    prompts = find_prompts(words_from_text(text), vocabulary())
    return [prompt.entity for prompt in prompts if prompt.kind is PromptKind.ASK]


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("What's the best number?", Entity.PHONE_NUMBER),
        ("What's the best way to reach you?", Entity.PHONE_NUMBER),
        ("Can I grab a phone number?", Entity.PHONE_NUMBER),
        ("And the code for the phone?", Entity.PIN),
        ("What are the last four of the card?", Entity.CARD_NUMBER),
        ("The last four of your Social, please?", Entity.US_SSN),
        ("Can you read me the sixteen digits?", Entity.CARD_NUMBER),
        ("And the four digits on the front for Amex?", Entity.CARD_SECURITY_CODE),
        ("And the four digits?", Entity.PIN),
        ("And the eight digit account number?", Entity.ACCOUNT_NUMBER),
        ("What is the first name?", Entity.PERSON),
        ("What was your first car?", Entity.PASSWORD),
        ("What was your best subject at school?", Entity.PASSWORD),
    ],
)
def test_one_value_is_asked_for(text: str, entity: Entity) -> None:
    assert asked(text) == [entity]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("the text message is four five six nine thanks", "message is"),
        ("my code is 6134", "code is"),
        ("message is four um five six", "message is"),
        ("three digits on the card four five six", "three digits on the card"),
        ("what are the last four digits of the card", "last four digits"),
        ("can you read me the 16 digits", "16 digits"),
    ],
)
def test_no_phrase_takes_in_the_number_that_it_announces(text: str, phrase: str) -> None:
    words = words_from_text(text)
    found = [
        " ".join(word.text for word in words[prompt.first : prompt.last + 1])
        for prompt in find_prompts(words, vocabulary())
        if prompt.kind is PromptKind.ASK
    ]
    assert any(phrase in one for one in found)
    assert not any(number in one for one in found for number in ("four five", "6134", "is four"))


def test_a_phrase_begins_behind_a_number_that_it_would_begin_in() -> None:
    words = words_from_text("my visa is four five three two one one one one and ends two two")
    numbers = range(3, 11)
    found = find_prompts(words, vocabulary())
    assert found
    assert not any(prompt.first in numbers or prompt.last in numbers for prompt in found)


def test_signs_that_are_no_figures_are_none() -> None:
    found = find_prompts(words_from_text("my card number is 5 \u00b2 3 \u2460"), vocabulary())
    assert [prompt.entity for prompt in found] == [Entity.CARD_NUMBER]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(
        ["message is", "small digits after the", "ring our", "fedex", "no joy", "code is"]
    ),
    st.lists(
        st.sampled_from(["four", "oh", "o", "b", "x", "6134", "16", "the", "um", "4-4", "-"]),
        max_size=6,
    ),
)
def test_of_any_words_behind_a_phrase_no_number_is_taken_in(phrase: str, behind: list[str]) -> None:
    words = words_from_text(" ".join((phrase, *behind)))
    number = {"four", "oh", "6134", "4-4"}
    for prompt in find_prompts(words, vocabulary()):
        taken = [word.text in number for word in words[prompt.first + 1 : prompt.last + 1]]
        assert not any(map(all, pairwise(taken)))
        assert not {"6134", "4-4"} & {w.text for w in words[prompt.first + 1 : prompt.last + 1]}


def test_not_everything_first_or_best_is_a_secret() -> None:
    assert asked("What's the first thing I should do?") == []
    assert asked("What's the best time to come?") == []
