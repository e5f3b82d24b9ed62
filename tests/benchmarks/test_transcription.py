"""What the transcription benchmark counts, on literal words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.calls.planting import Labelled
from benchmarks.quality.hearing import Listened, Said, Score, Spoken, score, solid, word_errors
from pipeline.records.model import CallInfo, Role

pytestmark = pytest.mark.unit


def call(*, harmless: str = "thank you") -> Labelled:
    """Two digits of a second each at 2 s, harmless speech from 5 s to 6 s."""
    words = [
        {"text": "four", "digits": "4", "start_ms": 2_000, "end_ms": 3_000},
        {"text": "five", "digits": "5", "start_ms": 3_000, "end_ms": 4_000},
    ]
    entity = {
        "type": "pan",
        "channel": "mono",
        "start_ms": 2_000,
        "end_ms": 4_000,
        "optional": False,
        "words": words,
    }
    turns = [
        {
            "channel": "mono",
            "text": "four five",
            "redacted_text": "[PAN]",
            "start_ms": 2_000,
            "end_ms": 4_000,
        },
        {
            "channel": "mono",
            "text": harmless,
            "redacted_text": harmless,
            "start_ms": 5_000,
            "end_ms": 6_000,
        },
    ]
    entry: dict[str, Any] = {
        "channels": ["mono"],
        "duration_ms": 7_000,
        "entities": [entity],
        "turns": turns,
        "speech": {"mono": [[5_000, 6_000]]},
    }
    return Labelled(CallInfo("c", 8_000, (Role.MIXED,)), np.zeros((56_000, 1), np.int16), entry)


def heard(*words: tuple[float, float, str], evidence: bool = False) -> Listened:
    said = tuple(Said(0, start, end, text) for start, end, text in words)
    return Listened((), said) if evidence else Listened(said, ())


def test_a_digit_that_no_padded_word_covers_is_outside_and_audible() -> None:
    result = score(call(), heard((2_000, 3_000, "4")))
    assert (result.digits, result.audible) == (2, 1)
    assert result.digit_ms == 2_000
    assert result.outside_ms == 800  # 200 ms of the second digit lie under the padding


def test_evidence_covers_digits_but_is_no_shown_word() -> None:
    result = score(call(), heard((2_000, 4_000, "45"), evidence=True))
    assert (result.outside_ms, result.audible) == (0, 0)
    assert result.errors == 2  # "thank you" is not there


def test_a_number_that_is_heard_in_harmless_speech_counts_as_inside() -> None:
    result = score(call(), heard((5_200, 5_600, "seven")))
    assert (result.harmless_ms, result.inside_ms) == (1_000, 800)


def test_a_number_that_was_really_said_there_does_not() -> None:
    result = score(call(harmless="one moment"), heard((5_200, 5_600, "one")))
    assert (result.harmless_ms, result.inside_ms) == (0, 0)


def test_a_word_that_may_be_a_digit_counts_close_to_one() -> None:
    near = score(call(), heard((2_000, 3_000, "4"), (3_100, 3_900, "to")))
    alone = score(call(), heard((3_100, 3_900, "to")))
    assert near.outside_ms == 170  # as long as the word plausibly takes
    assert alone.outside_ms == 2_000


def test_letters_that_follow_a_digit_count_as_it_does() -> None:
    said = (2_000, 2_400, "1,"), (2_500, 3_000, "L,"), (3_300, 4_000, "L.")
    assert score(call(), heard(*said)).outside_ms == 60  # no letter takes 700 ms
    assert score(call(), heard(*said[1:])).outside_ms == 2_000


def test_speech_without_words_counts_close_to_a_number() -> None:
    words = (Said(0, 2_000, 3_000, "4"),)
    assert score(call(), Listened(words, (), ((0, 3_000, 4_000),))).outside_ms == 0


@pytest.mark.parametrize(
    ("text", "is_one"), [("4111.", True), ("three", True), ("to", False), ("oh", False)]
)
def test_solid_numbers(text: str, is_one: bool) -> None:  # noqa: FBT001 - a table
    assert solid(text) is is_one


@pytest.mark.parametrize(
    ("said", "errors"),
    [
        ("Thank you, it is 4 1 1 1 okay", 0),
        ("thank you it's 4111. Okay", 2),
        ("thank it is four okay", 1),
        ("thank you it is four well okay", 1),
    ],
)
def test_word_errors_leave_numbers_out(said: str, errors: int) -> None:
    spoken = [Spoken("Thank you, it is four one one one okay.", ordinary=True)]
    assert word_errors(spoken, said.split()) == (5, errors)


def test_words_of_turns_with_personal_data_are_not_counted() -> None:
    spoken = [Spoken("my name is Ann", ordinary=False), Spoken("right", ordinary=True)]
    assert word_errors(spoken, ["my", "name", "right"]) == (1, 0)


def test_scores_add_up() -> None:
    total = Score()
    for _ in range(2):
        total.add(score(call(), heard((2_000, 3_000, "4"))))
    assert total.shares()["digits"] == 4
    assert total.shares()["outside"] == pytest.approx(40.0)
