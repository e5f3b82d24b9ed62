"""Which words of a window's hearings are read, and that the others explain nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detection.hypotheses.fusion import Source, read, sequences
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.records.model import Hearing, Word

pytestmark = pytest.mark.unit

RATE = 1_000
VOC = vocabulary("en")
MAIN, AGAIN, SECOND = Hearing.MAIN, Hearing.AGAIN, Hearing.SECOND


def word(hearing: Hearing, start: int, end: int, text: str, probability: float = 0.9) -> Word:
    return Word(0, start, end, text, probability, hearing)


def test_first_hearings_are_read_whole() -> None:
    words = [word(MAIN, 0, 500, "hm", 0.01), word(SECOND, 0, 500, "8", 0.01)]
    assert read(words, VOC, RATE) == [True, True]


def test_of_words_heard_again_over_one_sound_the_likeliest_is_read() -> None:
    words = [
        word(AGAIN, 0, 800, "8", 0.12),
        word(AGAIN, 600, 750, "hey,", 0.6),
        word(AGAIN, 1_500, 1_900, "1", 0.9),
        word(AGAIN, 3_000, 3_400, "4", 0.05),
    ]
    assert read(words, VOC, RATE) == [False, True, True, False]
    assert [one.text for one in sequences(tuple(words), VOC, RATE)[Source.AGAIN]] == ["hey,", "1"]


def test_a_digit_heard_again_that_a_sure_word_contradicts_is_not_read() -> None:
    words = [word(MAIN, 0, 500, "cat", 0.9), word(AGAIN, 0, 500, "8", 0.4)]
    assert read(words, VOC, RATE) == [True, False]


WORDS = st.builds(
    lambda hearing, start, length, text, probability: word(
        hearing, start, start + length, text, probability
    ),
    st.sampled_from([MAIN, AGAIN, SECOND]),
    st.integers(0, 3_000),
    st.integers(0, 1_500),
    st.sampled_from(["8", "one", "is,", "hey", "4111", "and"]),
    st.floats(0, 1, width=16),
)


@given(st.lists(WORDS, max_size=12))
def test_what_is_read_is_what_stands_in_a_sequence(words: list[Word]) -> None:
    found = sequences(tuple(words), VOC, RATE)
    own = {MAIN: Source.MAIN, SECOND: Source.SECOND, AGAIN: Source.AGAIN}
    for hearing, source in own.items():
        told = [
            (one.start, one.text, one.probability)
            for one, counts in zip(words, read(words, VOC, RATE), strict=True)
            if counts and one.hearing is hearing
        ]
        stands = [
            (one.start, one.text, one.probability)
            for one in found[source]
            if one.hearing is hearing
        ]
        assert sorted(told) == sorted(stands)
