"""Of which words both models were sure, and where they lie."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.detection.hypotheses.agreement import agreed
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.records.model import Agreed, Hearing, Word

pytestmark = pytest.mark.unit

RATE = 1_000


def main(text: str, start: int, end: int, probability: float = 0.7) -> Word:
    return Word(1, start, end, text, probability, number_probability=0.001)


def second(text: str, start: int, end: int, probability: float = 0.7) -> Word:
    return replace(main(text, start, end, probability), hearing=Hearing.SECOND)


LAST = main("Last", 1_000, 1_300)
TOO = second("last,", 1_100, 1_450)


def found(*words: Word, language: str = "en") -> list[Agreed]:
    return agreed(words, vocabulary(language), RATE)


def test_a_place_ends_where_the_first_model_ended_the_word() -> None:
    assert found(LAST, TOO) == found(TOO, LAST) == [Agreed(1, 1_000, 1_300)]
    assert found(LAST, second("last", 900, 1_200)) == [Agreed(1, 900, 1_200)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LAST, None),
        (None, TOO),
        (LAST, replace(TOO, hearing=Hearing.AGAIN)),
        (LAST, replace(TOO, channel=0)),
        (LAST, second("past", 1_100, 1_450)),
        (LAST, second("last", 1_100, 1_450, 0.69)),
        (main("last", 1_000, 1_300, 0.69), TOO),
        (LAST, second("last", 1_300, 1_600)),  # beside each other
        (replace(LAST, number_probability=0.0), TOO),  # not asked
        (LAST, replace(TOO, number_probability=0.0)),
        (replace(LAST, number_probability=0.09), TOO),  # nearly a number
        (main("...", 1_000, 1_300), second("...", 1_000, 1_300)),
    ],
)
def test_no_word_of_one_model_and_none_that_was_nearly_a_number(
    one: Word | None, other: Word | None
) -> None:
    assert found(*(word for word in (one, other) if word is not None)) == []


@pytest.mark.parametrize(
    "text", ["four", "for", "4.", "four's", "c-4", "no-four", "fourth", "hundred", "B", "double"]
)
def test_none_that_may_be_a_part_of_a_number(text: str) -> None:
    assert found(main(text, 1_000, 1_300), second(text, 1_000, 1_300)) == []


@pytest.mark.parametrize(("text", "language", "count"), [("it's", "en", 1), ("four", "es", 0)])
def test_in_any_language_english_numbers_are_none(text: str, language: str, count: int) -> None:
    both = (main(text, 1_000, 1_300), second(text, 1_000, 1_300))
    assert len(found(*both, language=language)) == count


@pytest.mark.parametrize("hearing", list(Hearing))
@pytest.mark.parametrize(("probability", "left"), [(0.1, 1_200), (0.09, 1_300)])
def test_what_any_hearing_wrote_as_a_number_there_is_left_out(
    hearing: Hearing, probability: float, left: int
) -> None:
    digit = Word(1, 1_200, 1_500, "4", probability, hearing, 0.9)
    assert found(LAST, TOO, digit) == [Agreed(1, 1_000, left)]


def test_a_word_that_was_stretched_is_no_longer_than_it_takes() -> None:
    assert found(main("last", 1_000, 9_000), second("last", 1_000, 9_000)) == [
        Agreed(1, 1_000, 1_710)
    ]


def test_they_come_in_order_and_a_repeated_word_covers_no_gap() -> None:
    said = [main("no", 0, 300), main("so", 500, 800), main("no", 900, 1_200)]
    again = [second("no", 890, 1_200), second("so", 510, 800)]
    assert found(*said, *again) == [Agreed(1, 500, 800), Agreed(1, 890, 1_200)]
