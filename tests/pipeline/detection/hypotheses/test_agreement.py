"""Of which words both models were sure, and where they lie."""

from __future__ import annotations

import pytest

from pipeline.detection.hypotheses.agreement import agreed
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.records.model import Agreed, Hearing, Word

pytestmark = pytest.mark.unit

RATE = 1_000
MAIN = Word(1, 1_000, 1_300, "Last", 0.9)
SECOND = Word(1, 1_100, 1_450, "last,", 0.8, Hearing.SECOND)


def found(*words: Word) -> list[Agreed]:
    return agreed(words, vocabulary(), RATE)


def test_what_both_models_wrote_lies_where_either_placed_it() -> None:
    assert found(MAIN, SECOND) == [Agreed(1, 1_000, 1_450)]
    assert found(SECOND, MAIN) == [Agreed(1, 1_000, 1_450)]


@pytest.mark.parametrize(
    ("main", "second"),
    [
        (MAIN, None),
        (None, SECOND),
        (MAIN, Word(1, 1_100, 1_450, "last", 0.8, Hearing.AGAIN)),
        (MAIN, Word(0, 1_100, 1_450, "last", 0.8, Hearing.SECOND)),
        (MAIN, Word(1, 1_100, 1_450, "past", 0.8, Hearing.SECOND)),
        (MAIN, Word(1, 1_100, 1_450, "last", 0.69, Hearing.SECOND)),
        (MAIN, Word(1, 1_500, 1_800, "last", 0.8, Hearing.SECOND)),  # 0.2 s apart
        (Word(1, 1_000, 1_300, "last", 0.69), SECOND),
        (Word(1, 1_000, 1_300, "last", 0.9, number_probability=0.11), SECOND),  # nearly a number
        (Word(1, 1_000, 1_300, "...", 0.9), Word(1, 1_000, 1_300, "...", 0.9, Hearing.SECOND)),
        (Word(1, 1_000, 1_300, "four", 0.9), Word(1, 1_000, 1_300, "four", 0.9, Hearing.SECOND)),
        (Word(1, 1_000, 1_300, "for", 0.9), Word(1, 1_000, 1_300, "for", 0.9, Hearing.SECOND)),
        (Word(1, 1_000, 1_300, "4.", 0.9), Word(1, 1_000, 1_300, "4.", 0.9, Hearing.SECOND)),
    ],
)
def test_no_word_of_one_model_and_none_that_may_be_a_number(
    main: Word | None, second: Word | None
) -> None:
    assert found(*(word for word in (main, second) if word is not None)) == []


def test_a_word_that_was_stretched_is_no_longer_than_it_takes() -> None:
    assert found(Word(1, 1_000, 9_000, "last", 0.9), SECOND) == [Agreed(1, 1_000, 1_710)]


def test_they_come_in_order() -> None:
    later = [Word(1, 3_000, 3_300, "name", 0.9, one) for one in (Hearing.MAIN, Hearing.SECOND)]
    other = [Word(0, 900, 1_000, "so", 0.9, one) for one in (Hearing.MAIN, Hearing.SECOND)]
    assert found(*later, MAIN, SECOND, *other) == [
        Agreed(0, 900, 1_000),
        Agreed(1, 1_000, 1_450),
        Agreed(1, 3_000, 3_300),
    ]
