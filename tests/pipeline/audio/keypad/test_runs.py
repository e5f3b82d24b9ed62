from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.keypad.runs import NEAR_S, KeyRuns
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import Interval

pytestmark = pytest.mark.unit

RATE = 1_000
NEAR = round(NEAR_S * RATE)


def keys(*starts: int) -> list[Interval]:
    return [Interval(start, start + 100) for start in starts]


def runs(sure: list[Interval], doubtful: list[Interval] | None = None) -> list[Interval]:
    told = KeyRuns(RATE)
    found = told.take(sure, sure, doubtful or [], max(one.end for one in sure) + 1)
    return [*found, *told.finish()]


def test_a_key_alone_is_no_stretch() -> None:
    assert runs(keys(20_000)) == keys(20_000)


def test_all_between_keys_belongs_to_the_stretch_and_a_key_more_on_both_sides() -> None:
    found = runs(keys(20_000, 20_500, 22_700))
    assert len(found) == 3
    assert merge_intervals(found) == [Interval(20_000 - 700, 22_800 + 2_400)]
    assert all(left.end == right.start for left, right in pairwise(found))


def test_it_never_begins_before_the_call() -> None:
    assert runs(keys(100, 600))[0] == Interval(0, 600)


def test_keys_far_apart_are_not_joined() -> None:
    assert runs(keys(20_000, 30_000)) == keys(20_000, 30_000)


def test_what_is_doubtful_counts_near_a_key_only() -> None:
    near, far = Interval(22_000, 22_100), Interval(40_000, 40_100)
    whole = merge_intervals(runs(keys(20_000), [near, far]))
    assert len(whole) == 1
    assert whole[0].start < 20_000
    assert 22_100 < whole[0].end < 40_000
    early = Interval(17_000, 17_100)
    assert merge_intervals(runs(keys(20_000), [early]))[0].start < 17_000


def test_one_proof_of_a_key_is_not_enough_for_what_is_doubtful() -> None:
    told = KeyRuns(RATE)
    found = told.take(keys(20_000), [], [Interval(22_000, 22_100)], 30_000)
    assert [*found, *told.finish()] == keys(20_000)


def test_a_doubtful_key_within_a_sure_one_is_the_same() -> None:
    assert runs(keys(20_000), [Interval(20_010, 20_090)]) == keys(20_000)


def test_a_key_within_one_that_is_held_on_leaves_no_hole() -> None:
    held, other = Interval(20_000, 22_000), Interval(20_500, 20_600)
    assert merge_intervals(runs([held, other]))[0].end >= 22_000


@given(
    sure=st.lists(st.tuples(st.integers(0, 40_000), st.integers(40, 2_500)), max_size=8),
    doubtful=st.lists(st.tuples(st.integers(0, 40_000), st.integers(60, 400)), max_size=8),
    steps=st.lists(st.integers(1, 6_000), min_size=1, max_size=30),
)
def test_it_does_not_matter_when_keys_are_told(
    sure: list[tuple[int, int]], doubtful: list[tuple[int, int]], steps: list[int]
) -> None:
    certain = sorted({Interval(at, at + length) for at, length in sure})
    others = sorted({Interval(at, at + length) for at, length in doubtful})
    whole = KeyRuns(RATE)
    want = [*whole.take(certain, certain[::2], others, 100_000), *whole.finish()]
    parts, got, known = KeyRuns(RATE), list[Interval](), 0
    for step in [*steps, 100_000]:
        before, known = parts.settled, known + step
        now = parts.take(
            [one for one in certain if known - step <= one.start < known],
            [one for one in certain[::2] if known - step <= one.start < known],
            [one for one in others if known - step <= one.start + NEAR < known],
            known,
        )
        assert all(one.start >= before for one in now)
        assert parts.settled >= before
        got += now
    assert [*got, *parts.finish()] == want
    covered = merge_intervals(want)
    assert all(any(c.start <= k.start and k.end <= c.end for c in covered) for k in certain)
