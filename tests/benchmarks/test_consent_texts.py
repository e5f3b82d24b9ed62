"""The texts that the consent reader is measured on: their halves, and that none is learnt from."""

from __future__ import annotations

import pytest

from benchmarks.consent.texts import Opening, half, openings
from pipeline.consent.spoken import Said

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("part", ["ordinary", "withdrawals"])
def test_halves_share_nothing_and_are_the_whole(part: str) -> None:
    texts = openings(part)
    seen, unseen = half(texts, seen=True), half(texts, seen=False)
    assert not set(seen) & set(unseen)
    assert sorted(map(repr, [*seen, *unseen])) == sorted(map(repr, texts))
    assert abs(len(seen) - len(unseen)) < 0.15 * len(texts)


def test_half_of_the_ordinary_openings_tell_of_recording() -> None:
    texts = openings("ordinary")
    told = [one for one in texts if one.has(Said.NOTICE)]
    assert (len(texts), len(told)) == (300, 150)
    assert sum(one.language == "es" for one in texts) == 100


def test_withdrawals_are_in_mid_call_and_beside_near_misses() -> None:
    texts = openings("withdrawals")
    with_one = [one for one in texts if one.has(Said.WITHDRAW)]
    assert len(with_one) == 60 < len(texts)
    assert not any(Said.WITHDRAW in one.turns[0].labels for one in texts)


def said(one: Opening) -> tuple[str, ...]:
    return tuple(turn.text.casefold() for turn in one.turns)


@pytest.mark.parametrize("part", ["dev", "held", "ordinary", "withdrawals"])
def test_what_is_measured_on_is_not_learnt_from(part: str) -> None:
    learnt = {said(one) for one in openings("tune")}
    assert not [one for one in openings(part) if said(one) in learnt]


def test_files_are_left_out_by_patterns() -> None:
    some, fewer = (
        openings("tune", without=left) for left in (("*calls*",), ("*calls*", "*trades*"))
    )
    assert 0 < len(fewer) < len(some) < len(openings("tune"))
