"""Listeners in step: batches, answers for whoever asked, and failures that stay where they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.speech.batched_decoding import Decoding, Passage, Round, together
from models.speech.whisper import Decoded, Encoded, Features
from pipeline.errors import ModelError
from pipeline.records.model import Interval
from pipeline.transcription.packing import Pack
from tests.models.speech.whispers import StandIn

pytestmark = pytest.mark.unit


class Counting(StandIn):
    """Decodes an input to its first feature, as a mean log probability."""

    def __init__(self) -> None:
        super().__init__(("en", "es"))
        self.encoded: list[int] = []
        self.batches: list[list[int]] = []

    def encode(self, features: Sequence[Features], lengths: Sequence[int]) -> list[Encoded]:
        assert len(features) == len(lengths)
        self.encoded += [int(one[0, 0]) for one in features]
        return [one[None] for one in features]

    def answer(
        self, encoded: Sequence[Encoded], lengths: Sequence[int], prompt: str, beam: int
    ) -> list[Decoded]:
        marks = [int(one[0, 0, 0]) for one in encoded]
        self.batches.append(marks)
        assert len({one.shape for one in encoded}) == 1
        if any(mark < 0 for mark in marks):
            raise ModelError("one of them is bad")
        return [Decoded((), 0.0, float(mark), 0.0, full=False) for mark in marks]


def passage(mark: int, frames: int = 4) -> Passage:
    audio = np.zeros(160, np.float32)
    made = np.full((80, frames), mark, np.float32)
    return Passage(Pack(audio, (Interval(0, 160),), 0), frames, {StandIn.bands: made})


def asks(
    model: Counting, *rounds: list[Passage], beam: int = 1, language: str = "en"
) -> Decoding[list[float]]:
    """Asks for each round in turn and returns all answers."""
    said: list[float] = []
    for passages in rounds:
        answers = yield Round(model, passages, language, beam=beam)
        said += [one.log_probability for one in answers]
    return said


def test_a_batch_is_of_one_language() -> None:
    model = Counting()
    decodings = [
        asks(model, [passage(number)], language=language)
        for number, language in enumerate(("en", "es", "en"))
    ]
    assert together(decodings, most=4) == [[0.0], [1.0], [2.0]]
    assert list(zip(model.languages, model.batches, strict=True)) == [("en", [0, 2]), ("es", [1])]


def test_what_is_asked_at_the_same_time_is_decoded_together() -> None:
    model = Counting()
    decodings = [asks(model, [passage(1), passage(2)]), asks(model, [passage(3)])]
    assert together(decodings, most=8) == [[1.0, 2.0], [3.0]]
    assert model.batches == [[1, 2, 3]]


def test_batches_hold_no_more_than_they_may_and_inputs_of_one_size() -> None:
    model = Counting()
    passages = [passage(1), passage(2, frames=6), passage(3), passage(4)]
    assert together([asks(model, passages)], most=2) == [[1.0, 2.0, 3.0, 4.0]]
    assert sorted(model.batches) == [[1, 3], [2], [4]]


def test_a_passage_is_encoded_once_for_all_passes() -> None:
    model, one = Counting(), passage(7)
    assert together([asks(model, [one], [one], [one])], most=4) == [[7.0, 7.0, 7.0]]
    assert model.encoded == [7]


def test_different_ways_of_decoding_are_not_mixed() -> None:
    model = Counting()
    together([asks(model, [passage(1)]), asks(model, [passage(2)], beam=5)], most=8)
    assert model.batches == [[1], [2]]


def test_nobody_fails_for_what_another_brought() -> None:
    model = Counting()
    results = together([asks(model, [passage(1)]), asks(model, [passage(-1)])], most=8)
    assert results[0] == [1.0]
    assert isinstance(results[1], ModelError)


def test_a_listener_that_breaks_by_itself_leaves_the_others_alone() -> None:
    def breaks() -> Decoding[list[float]]:
        yield Round(model, [])
        raise ZeroDivisionError

    model = Counting()
    results = together([breaks(), asks(model, [], [passage(2)])], most=8)
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1] == [2.0]


@given(
    st.lists(st.lists(st.lists(st.integers(0, 99), max_size=4), max_size=4), max_size=5),
    st.integers(1, 5),
)
def test_everybody_gets_the_answers_to_what_they_asked(
    asked: list[list[list[int]]], most: int
) -> None:
    model = Counting()
    decodings = [
        asks(model, *[[passage(n, 4 + n % 2) for n in each] for each in one]) for one in asked
    ]
    assert together(decodings, most=most) == [
        [float(n) for each in one for n in each] for one in asked
    ]
    assert all(len(batch) <= most for batch in model.batches)
