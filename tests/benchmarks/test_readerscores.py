"""The figures of a reader alone: shares with intervals, and how sure against how right."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.reader import learn
from benchmarks.reader.scores import off_by, shares, sureness
from models.reader.inputs import LABELS

pytestmark = pytest.mark.unit


def case(*words: tuple[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Words as their label and how likely they are sensitive, all of the first type."""
    rows = np.zeros((len(words), len(LABELS)), np.float32)
    rows[:, 1] = [secret for _, secret in words]
    rows[:, 0] = 1 - rows[:, 1]
    return np.array([label for label, _ in words]), rows


def test_shares_of_covered_muted_and_flagged() -> None:
    cases = [
        case((1, 0.9), (1, 0.2), (0, 0.6), (0, 0.1)),
        case((0, 0.5), (0, 0.0)),
        case((0, 0.1), (0, 0.2)),
    ]
    covered, muted, flagged = shares(cases, 0.5)
    assert (covered.value, muted.value, flagged.value) == (0.5, 2 / 6, 0.5)
    assert muted.low <= muted.value <= muted.high


def test_a_reader_that_is_as_sure_as_right_is_off_by_nothing() -> None:
    held_for = np.repeat(np.float32([0.25, 0.75]), 400)
    right = np.arange(800) % 4 < np.repeat([1, 3], 400)
    assert off_by(sureness(held_for, right)) == pytest.approx(0.0, abs=1e-6)


def test_too_sure_by_a_half_is_off_by_a_half() -> None:
    held_for, right = np.full(100, 0.99, np.float32), np.arange(100) < 49
    assert off_by(sureness(held_for, right)) == pytest.approx(0.5, abs=1e-3)
    assert sureness(held_for, right)[-1][0] == 100


def test_no_hearing_of_a_text_that_is_left_out_is_learnt_from() -> None:
    older, younger = learn.tune()
    every = [*older, *younger]
    left = {case.id for case in every if learn.is_left(case)}
    heard = [case.id for case in every if case.id.startswith("heard/")]
    texts = {name: learn.call_of(name).removeprefix("heard/") for name in heard}
    assert {name for name in heard if name in left} == {n for n, t in texts.items() if t in left}
    assert left & set(heard)
