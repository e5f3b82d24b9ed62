"""A number's beginning is drawn in to its sound only as far as two hearings agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.speech.window_audio import DecodedWord, Listening, drawn_in
from pipeline.records.model import Hearing, Interval
from pipeline.transcription.word_beginnings import tightened
from pipeline.transcription.word_timing import Loudness

pytestmark = pytest.mark.unit

RATE = 16_000
STEP = RATE // 100


def loud(*stretches: tuple[float, float], seconds: float = 4.0) -> Loudness:
    found = np.zeros(round(seconds * 100), np.bool_)
    for start, end in stretches:
        found[round(start * 100) : round(end * 100)] = True
    return Loudness(found, STEP)


def at(start: float, end: float) -> Interval:
    return Interval(round(start * RATE), round(end * RATE))


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([at(1.0, 1.5)], at(0.9, 2.0)),
        ([at(0.7, 1.5)], at(0.7, 2.0)),
        ([at(1.0, 1.1), at(0.6, 0.8)], at(0.6, 2.0)),
        ([at(1.2, 1.4)], at(0.9, 2.0)),
        ([at(0.0, 3.0)], at(0.5, 2.0)),
        ([at(2.5, 3.0)], at(0.5, 2.0)),
        ([], at(0.5, 2.0)),
    ],
    ids=[
        "to the sound",
        "as far as the other begins",
        "every other counts",
        "sound stays",
        "the other is wider",
        "the other is elsewhere",
        "heard once",
    ],
)
def test_a_number_is_drawn_in_as_far_as_another_hearing_is(
    others: list[Interval], expected: Interval
) -> None:
    assert tightened(at(0.5, 2.0), others, loud((1.0, 1.5)), RATE) == expected


def test_a_number_in_which_nothing_is_loud_stays() -> None:
    assert tightened(at(0.5, 2.0), [at(1.0, 1.2)], loud((2.5, 3.0)), RATE) == at(0.5, 2.0)


def test_a_number_that_would_keep_next_to_nothing_stays() -> None:
    where = at(0.5, 2.0)
    assert tightened(where, [at(1.98, 2.2)], loud((1.97, 2.5)), RATE) == where


INTERVALS = st.tuples(st.integers(0, 39), st.integers(1, 20)).map(
    lambda pair: Interval(pair[0] * 1_600, (pair[0] + pair[1]) * 1_600)
)


@given(INTERVALS, st.lists(INTERVALS, max_size=3), st.lists(st.booleans(), min_size=40))
def test_neither_sound_nor_what_the_other_heard_is_left_out(
    spoken: Interval, others: list[Interval], sounds: list[bool]
) -> None:
    loudness = Loudness(np.repeat(np.array(sounds), 10), STEP)
    tight = tightened(spoken, others, loudness, RATE)
    assert spoken.start <= tight.start <= tight.end == spoken.end
    kept = np.zeros(80 * 10, np.bool_)
    kept[tight.start // STEP : tight.end // STEP] = True
    for step in range(spoken.start // STEP, spoken.end // STEP):
        sounding = step < len(loudness.loud) and loudness.loud[step]
        elsewhere = any(one.start <= step * STEP < one.end for one in others)
        assert kept[step] or not (sounding or elsewhere)


def heard(text: str, where: Interval, hearing: Hearing) -> DecodedWord:
    return DecodedWord(where, text, 0.9, hearing, believed=True, numeric=True)


def test_only_numbers_move_and_a_heard_again_one_is_no_witness() -> None:
    audio = np.zeros(4 * RATE, np.float32)
    listening = Listening(audio, (at(0, 4),), loud((1.0, 1.5)), "en")
    words = [
        heard("is", at(0.2, 0.7), Hearing.MAIN),
        heard("4,", at(0.5, 2.0), Hearing.MAIN),
        heard("to", at(0.5, 2.0), Hearing.SECOND),
        heard("four", at(1.0, 1.5), Hearing.AGAIN),
    ]
    assert [one.spoken for one in drawn_in(words, listening)] == [one.spoken for one in words]
    words.append(heard("four", at(0.8, 1.5), Hearing.SECOND))
    found = drawn_in(words, listening)
    assert [one.spoken for one in found] == [
        at(0.2, 0.7),
        at(0.8, 2.0),
        at(0.5, 2.0),
        at(1.0, 1.5),
        at(0.8, 1.5),
    ]
    assert [one.text for one in found] == [one.text for one in words]


def test_a_digit_behind_another_stays_and_no_word_passes_the_next() -> None:
    audio = np.zeros(4 * RATE, np.float32)
    listening = Listening(audio, (at(0, 4),), loud((0.2, 0.4), (1.4, 2.0)), "en")
    seconds = [
        heard("5", at(0.2, 0.4), Hearing.SECOND),
        heard("4", at(1.4, 2.0), Hearing.SECOND),
    ]
    row = [heard("5", at(0.2, 0.5), Hearing.MAIN), heard("4", at(0.5, 2.0), Hearing.MAIN)]
    assert drawn_in([*row, *seconds], listening)[1].spoken == at(0.5, 2.0)
    alone = [heard("4", at(0.5, 2.0), Hearing.MAIN), heard("is", at(1.0, 2.0), Hearing.MAIN)]
    assert drawn_in([*alone, seconds[1]], listening)[0].spoken == at(1.0, 2.0)
