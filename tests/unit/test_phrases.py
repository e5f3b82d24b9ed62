"""Phrases are found as a search for each of their expressions would find them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prompts import about_health, asked
from models.spoken import turn_of
from pipeline.phrases import Phrases

pytestmark = pytest.mark.unit

_LISTS = {
    "card": ["(credit|debit)? ?card (number|no)", r"(card|visa) (\w+ ){0,2}ending( in)?", "card"],
    "social": ["(your )?social( security)?(?! (media|club))", r"soc\w* number"],
    "any": [r"(\w+ )?number( (is|on))*"],
    "none": [],
}
_WORDS = ("your", "credit", "card", "visa", "no", "number", "is", "on", "social", "security",
          "media", "ending", "in", "socks", "x")  # fmt: skip


@given(st.lists(st.sampled_from(_WORDS), max_size=12), st.booleans())
def test_the_one_pass_finds_what_a_search_for_each_finds(words: list[str], padded: bool) -> None:  # noqa: FBT001
    text = f" {' '.join(words)} " if padded else " ".join(words)
    expected = [
        (label, *match.span())
        for label, phrases in _LISTS.items()
        if phrases
        for match in re.finditer(
            rf"(?<!\S)(?=\S)(?:{'|'.join(f'(?:{one})' for one in phrases)})(?!\S)", text
        )
    ]
    assert Phrases(_LISTS).find(text) == expected


def test_the_first_phrase_in_the_list_stands() -> None:
    assert Phrases({"a": ["my", "my card"]}).find("my card") == [("a", 0, 2)]
    assert Phrases({"a": ["my card", "my"]}).find("my card") == [("a", 0, 7)]


def test_no_phrase_is_found_in_the_middle_of_a_word() -> None:
    assert Phrases({"a": ["card"]}).find("cards discard card") == [("a", 14, 18)]


@pytest.mark.parametrize("phrase", ["(card", "(?<=my +)card"])
def test_what_is_no_expression_is_refused(phrase: str) -> None:
    with pytest.raises(re.error):
        Phrases({"a": [phrase]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What's your full name, please?", [("PERSON", 4)]),
        ("Could you spell that for me?", [("PERSON", 4)]),
        ("and the password on file?", [("PASSWORD", 5)]),
        ("are you still at", [("STREET_ADDRESS", 4)]),
        ("Same city?", [("STREET_ADDRESS", 2)]),
        ("And the village?", [("STREET_ADDRESS", 3)]),
        ("and the village is lovely", []),
        ("Which building?", [("STREET_ADDRESS", 2)]),
        ("where shall I send the bill", [("STREET_ADDRESS", 6)]),
        ("what does the MAC address say", [("DEVICE_ID", 5)]),
        ("What's the gateway?", [("IP_ADDRESS", 3)]),
        ("favourite childhood pet's name", [("PASSWORD", 4)]),
        ("What's the license plate?", [("LICENSE_PLATE", 4)]),
        ("the name of your company is on the box", []),
        ("and where did you two meet?", [("PASSWORD", 6)]),
        ("your birth city, as per our records?", [("PASSWORD", 3)]),
        ("have you got that passcode? never give the passcode to anybody", []),
        ("are you in a safe place", []),
    ],
)
def test_what_is_answered_in_words(text: str, expected: list[tuple[str, int]]) -> None:
    assert list(asked(turn_of(text))) == expected


def test_a_call_about_health() -> None:
    assert about_health(turn_of("I'd like to refill my prescriptions"))
    assert not about_health(turn_of("I'd like to return my order"))
    assert not about_health(turn_of("prescriptions", language="es"))
