"""What the reader learns from: a turn after long talk keeps its words and its labels."""

from __future__ import annotations

import random

import pytest

from models.reader.examples import Said, after_talk
from pipeline.records.model import Role

CALL = [
    Said(Role.AGENT, ("Hello. ",), (0,)),
    Said(Role.CUSTOMER, ("It's ", "Tunde"), (0, 3)),
    Said(Role.AGENT, ("Thanks.",), (0,)),
]
TALK = [Said(Role.AGENT, ("and ", "so ", "on"), (0, 0, 7)) for _ in range(60)]


@pytest.mark.parametrize("seed", range(20))
def test_a_labelled_turn_comes_after_long_talk_of_its_speaker(seed: int) -> None:
    made = after_talk(CALL, TALK, random.Random(seed))
    assert (made[0], made[-1]) == (CALL[0], CALL[2])
    parts = made[1:-1]
    assert {one.role for one in parts} == {Role.CUSTOMER}
    words = [word for one in parts for word in one.words]
    labels = [label for one in parts for label in one.labels]
    assert (words[-2:], labels[-2:]) == (["It's ", "Tunde"], [0, 3])
    assert 30 <= len(words) - 2 <= 160
    assert [label for word, label in zip(words, labels, strict=True) if word == "on "] == [7] * (
        words.count("on ")
    )
    assert len(parts) == 1 or max(len(one.words) for one in parts) <= 60


def test_talk_in_another_language_is_left_out() -> None:
    spanish = [Said(Role.AGENT, ("hola",), (0,), "es")]
    assert after_talk(CALL, spanish, random.Random(0)) == CALL
