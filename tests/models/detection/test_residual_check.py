"""Which few digits, heard in redacted audio, may be the edge of a muted number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.detection.residual_check import residual_findings
from models.detection.turn_reader import ScriptedReads
from pipeline.detection.numbers.runs import words_from_text
from pipeline.policy.model import Policy
from pipeline.records.model import Hearing, WindowTranscript, Word
from pipeline.records.scores import Recognizer

pytestmark = pytest.mark.unit

RATE = 8_000
POLICY = Policy(name="test", version="1")
CARD = frozenset({"CARD_NUMBER"})
NOTHING = ScriptedReads()
"""Holds no word for sensitive; numbers are looked for without it."""


def edges(
    text: str, *, probability: float = 0.9, expected: frozenset[str] = CARD
) -> list[tuple[int, int]]:
    words = tuple(replace(w, probability=probability) for w in words_from_text(text, rate=RATE))
    heard = WindowTranscript("call", 0, 0, 0, 20 * RATE, words)
    found = residual_findings(NOTHING, POLICY, heard, RATE, expected)
    return [(s.start, s.end) for s in found if s.recognizer == Recognizer.EDGE_DIGITS]


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


def numbers(
    text: str, *, expected: frozenset[str] = CARD, probability: float = 0.9
) -> list[tuple[str, str]]:
    words = tuple(replace(w, probability=probability) for w in words_from_text(text, rate=RATE))
    heard = WindowTranscript("call", 0, 0, 0, 20 * RATE, words)
    found = residual_findings(NOTHING, POLICY, heard, RATE, expected)
    return [(s.entity, s.recognizer) for s in found if s.recognizer != Recognizer.EDGE_DIGITS]


@pytest.mark.parametrize(
    ("text", "recognizer"),
    [
        ("nine five oh", Recognizer.FEW_DIGITS),
        ("four four one two", Recognizer.FEW_DIGITS),
        ("four four one two nine nine", "leftover digits"),
        ("the code is nine five", "leftover digits"),
    ],
)
def test_long_or_announced_numbers_are_telling_by_themselves(text: str, recognizer: str) -> None:
    assert numbers(text) == [("CARD_NUMBER", recognizer)]


def test_where_no_number_was_muted_only_a_long_or_announced_one_is_found() -> None:
    nowhere: frozenset[str] = frozenset()
    assert numbers("four four one two", expected=nowhere) == []
    found = [("NUMBER_SEQUENCE", "leftover digits")]
    assert numbers("four four one two nine nine", expected=nowhere) == found
    assert numbers("the code is nine five", expected=nowhere) == found


@pytest.mark.parametrize(
    "text",
    [
        "your order number is four four one two nine nine",
        "three hundred seventy dollars",
        "one two uh and um okay five six",
    ],
)
def test_prices_references_and_talk_with_numbers_are_none(text: str) -> None:
    assert numbers(text) == []


def test_digits_of_the_prompt_alone_are_none() -> None:
    assert numbers("seven five eight", probability=0.03) == []


def names(
    text: str, *, held: float = 0.9, heard: float = 0.9, expected: str = "PERSON"
) -> list[tuple[str, str, int, int]]:
    """What is left of names that the reader holds for names."""
    reads = ScriptedReads(dict.fromkeys(("laura", "barrera", "tom"), ("PERSON", held)))
    words = tuple(replace(w, probability=heard) for w in words_from_text(text, rate=RATE))
    window = WindowTranscript("call", 0, 0, 0, 20 * RATE, words)
    found = residual_findings(reads, POLICY, window, RATE, frozenset({expected}))
    places = [word.start for word in words], [word.end for word in words]
    return [
        (one.entity, one.recognizer, places[0].index(one.start), places[1].index(one.end))
        for one in found
    ]


@pytest.mark.parametrize(("probability", "count"), [(0.9, 1), (0.5, 1), (0.4, 0)])
def test_only_a_clearly_heard_name_is_found(probability: float, count: int) -> None:
    assert len(names("Laura Barrera", heard=probability)) == count


@pytest.mark.parametrize(("held", "count"), [(0.9, 1), (0.6, 1), (0.59, 0)])
def test_only_a_name_of_which_the_reader_is_sure_is_found(held: float, count: int) -> None:
    assert len(names("Laura Barrera", held=held)) == count


def test_names_beside_each_other_are_one_and_others_are_their_own() -> None:
    assert names("Laura Barrera and Tom") == [
        ("PERSON", Recognizer.READER, 0, 1),
        ("PERSON", Recognizer.READER, 3, 3),
    ]


@pytest.mark.parametrize("expected", ["MEDICATION", "CARD_NUMBER", "AGE_OVER_89"])
def test_a_name_is_no_leftover_where_none_was_muted(expected: str) -> None:
    assert names("Laura Barrera", expected=expected) == []


def test_a_word_stretched_over_seconds_does_not_hide_the_order_number_heard_again() -> None:
    said = words_from_text("your order number is one two one three five nine", rate=RATE)
    later = [replace(w, start=w.start + RATE, end=w.end + RATE) for w in said]
    again = [replace(w, hearing=Hearing.AGAIN) for w in later[:4]]
    stretched = Word(0, 0, later[4].start, "huh.", 0.4)
    heard = WindowTranscript("call", 0, 0, 0, 20 * RATE, (stretched, *again, *later[4:]))
    assert residual_findings(NOTHING, POLICY, heard, RATE, CARD) == ()
    unexplained = WindowTranscript("call", 0, 0, 0, 20 * RATE, (stretched, *later[4:]))
    assert len(residual_findings(NOTHING, POLICY, unexplained, RATE, CARD)) == 1


@pytest.mark.parametrize(
    ("other", "sure", "left"),
    [
        ("information number is", 0.9, 0),
        ("information number is", 0.5, 1),
        ("the card number is", 0.9, 1),
    ],
)
def test_digits_that_one_hearing_clearly_calls_an_order_number_are_none_in_the_other(
    other: str, sure: float, left: int
) -> None:
    said = words_from_text("confirmation number is three eight two seven four one", rate=RATE)
    clear = [replace(word, probability=sure) for word in said]
    digits = [replace(word, hearing=Hearing.SECOND) for word in said[3:]]
    before = words_from_text(other, rate=RATE)
    second = [replace(word, hearing=Hearing.SECOND) for word in before]
    assert before[-1].end < said[3].start
    heard = WindowTranscript("call", 0, 0, 0, 20 * RATE, (*clear, *second, *digits))
    assert len(residual_findings(NOTHING, POLICY, heard, RATE, CARD)) == left
