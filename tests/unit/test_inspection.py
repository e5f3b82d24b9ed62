"""Which few digits, heard in redacted audio, may be the edge of a muted number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from presidio_analyzer import RecognizerResult

from models.inspection import leftovers
from models.spoken import Turn
from pipeline.numbers import words_from_text
from pipeline.policy import Policy
from pipeline.records import Heard
from pipeline.second_look import EDGE_DIGITS

pytestmark = pytest.mark.unit

RATE = 8_000
POLICY = Policy(name="test", version="1")
CARD = frozenset({"CARD_NUMBER"})


class Nothing:
    """Finds no words; numbers are looked for without it."""

    def analyze(self, turn: Turn, *, names: bool = True) -> list[RecognizerResult]:
        return []


def edges(
    text: str, *, probability: float = 0.9, expected: frozenset[str] = CARD
) -> list[tuple[int, int]]:
    words = tuple(replace(w, probability=probability) for w in words_from_text(text, rate=RATE))
    heard = Heard("call", 0, 0, 0, 20 * RATE, words)
    found = leftovers(Nothing(), POLICY, heard, RATE, expected)
    return [(s.start, s.end) for s in found if s.recognizer == EDGE_DIGITS]


@pytest.mark.parametrize("text", ["seven", "oh nine", "okay seven thank you", "4", "one"])
def test_a_digit_or_two_may_be_an_edge(text: str) -> None:
    assert len(edges(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "five dollars",
        "$5",
        "one moment please",
        "the fifth",
        "May third",
        "your total is nine",
        "your order number is four two",
        "it's a long one",
        "two hundred",
        "at 10:30",
        "the last four digits",
        "thank you",
    ],
)
def test_what_says_that_it_is_harmless_is_none(text: str) -> None:
    assert edges(text) == []


def test_unlikely_digits_are_the_prompts() -> None:
    assert edges("seven", probability=0.29) == []


def test_without_a_muted_number_nearby_there_is_none() -> None:
    assert edges("seven", expected=frozenset({"PERSON"})) == []
