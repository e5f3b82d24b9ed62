"""What of the second listening is evidence; nothing that a whole hearing wrote is dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detection.hypotheses.fusion import likeliest
from pipeline.detection.hypotheses.second_listening import read, without_unread_numbers
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.records.model import Hearing, Word

pytestmark = pytest.mark.unit

RATE = 1_000
VOC = vocabulary("en")
MAIN, AGAIN, SECOND = Hearing.MAIN, Hearing.AGAIN, Hearing.SECOND


def row(
    hearing: Hearing, text: str, *, at: int = 0, sure: float = 0.9, number: float = 0.001
) -> list[Word]:
    """Words of 400 ms, one after the other."""
    return [
        Word(0, at + 400 * index, at + 400 * (index + 1), word, sure, hearing, number)
        for index, word in enumerate(text.split())
    ]


def again(words: list[Word]) -> str:
    """What stays of the second listening."""
    kept = without_unread_numbers(words, VOC, RATE)
    return " ".join(word.text for word in kept if word.hearing is AGAIN)


def test_of_its_numbers_the_likeliest_of_a_sound_stay_and_of_its_other_words_all() -> None:
    words = [*row(AGAIN, "is 4", sure=0.05), *row(AGAIN, "it 5"), *row(AGAIN, "we 9", sure=0.5)]
    assert again(words) == "is it 5 we"


def test_a_number_is_dropped_where_both_hearings_are_sure_of_the_same_ordinary_word() -> None:
    both = [*row(MAIN, "last few are"), *row(SECOND, "last few. are", at=50)]
    assert again([*both, *row(AGAIN, "last 4 are")]) == "last are"


FEW = "last few are"


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(row(MAIN, FEW), id="one hearing"),
        pytest.param([*row(MAIN, FEW), *row(AGAIN, "few", at=400, sure=0.1)], id="heard again"),
        pytest.param([*row(MAIN, FEW), *row(SECOND, "last new are")], id="they differ"),
        pytest.param([*row(MAIN, FEW), *row(SECOND, FEW, at=600)], id="apart"),
        pytest.param([*row(MAIN, FEW), *row(SECOND, FEW, sure=0.6)], id="one is unsure"),
        pytest.param([*row(MAIN, FEW), *row(SECOND, FEW, number=0.3)], id="one nearly wrote it"),
        pytest.param([*row(MAIN, FEW), *row(SECOND, FEW, number=0)], id="it was not asked"),
        pytest.param([*row(MAIN, "last for"), *row(SECOND, "last for")], id="it sounds like one"),
        pytest.param([*row(MAIN, "last 5 4"), *row(SECOND, "last 5 4")], id="another number"),
    ],
)
def test_it_stays_where_they_do_not_agree(others: list[Word]) -> None:
    assert again([*others, *row(AGAIN, "4", at=400)]).endswith("4")


def test_of_a_row_of_numbers_only_the_ends_are_dropped_or_all() -> None:
    both = [*row(MAIN, "4 1 1 1 2"), *row(SECOND, "4 7 1 9 2")]
    assert again([*both, *row(AGAIN, "4 8 1 5 2")]) == "8 1 5"
    assert again([*row(MAIN, "4 1 2"), *row(SECOND, "4 1 2"), *row(AGAIN, "4 1 2")]) == ""


def test_a_word_that_both_stretch_over_others_counts_for_no_longer_than_it_takes() -> None:
    both = [Word(0, 0, 4_000, "is", 0.9, hearing, 0.001) for hearing in (MAIN, SECOND)]
    assert again([*both, *row(AGAIN, "4 8 1", at=2_000)]) == "4 8 1"


def test_what_is_dropped_explains_nothing() -> None:
    both = [*row(MAIN, FEW), *row(SECOND, FEW)]
    heard = [*both, *row(AGAIN, "last 4 are")]
    assert [
        word.text for word, kept in zip(heard, read(heard, VOC, RATE), strict=True) if not kept
    ] == ["4"]


WORDS = st.builds(
    lambda hearing, start, length, text, probability, number: Word(
        0, start, start + length, text, probability, hearing, number
    ),
    st.sampled_from([MAIN, AGAIN, SECOND]),
    st.integers(-100, 3_000),
    st.integers(0, 1_500),
    st.sampled_from(["8", "one", "is,", "hey", "4111", "for", "-", ""]),
    st.floats(0, 1, width=16),
    st.sampled_from([0.0, 0.001, 0.3]),
)


@given(st.lists(WORDS, max_size=14))
def test_only_its_numbers_are_ever_dropped(words: list[Word]) -> None:
    kept = without_unread_numbers(words, VOC, RATE)
    assert [word for word in words if any(word is one for one in kept)] == list(kept)
    dropped = [word for word in words if not any(word is one for one in kept)]
    assert all(
        word.hearing is AGAIN and word.text in {"8", "one", "4111", "for"} for word in dropped
    )


@given(st.lists(WORDS, max_size=14))
def test_without_two_whole_hearings_the_likeliest_are_read(words: list[Word]) -> None:
    alone = [word for word in words if word.hearing is not MAIN]
    assert read(alone, VOC, RATE) == likeliest(alone, VOC, RATE)
    unasked = [replace(word, number_probability=0.0) for word in words]
    ordinary = [word for word in unasked if word.hearing is AGAIN or word.text in {"is,", "hey"}]
    assert read(ordinary, VOC, RATE) == likeliest(ordinary, VOC, RATE)
