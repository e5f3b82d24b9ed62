"""What two models agree on is not asked again; what one of them left is, near numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from models.speech.redecode_rules import asks_digits, doubtful
from pipeline.records.model import Interval
from pipeline.transcription.word_timing import Loudness

pytestmark = pytest.mark.unit

RATE = 16_000


@dataclass(frozen=True)
class Heard:
    spoken: Interval
    text: str
    numeric: bool


def words(*texts: str) -> list[Heard]:
    return [
        Heard(Interval(number * RATE, (number + 1) * RATE), text, text != "is")
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("one", "other", "doubted"),
    [
        (words("is", "4", "1", "1"), words("411."), False),
        (words("four,", "oh", "one"), words("4", "0", "1"), False),
        (words("4", "1", "1"), words("4", "1"), True),
        (words("4", "1"), words("1", "4"), True),
        (words("4", "1", "1"), [], True),
        (words("sixty", "four"), words("60", "4"), True),
        (words("sixty", "four"), words("sixty", "four"), False),
        (words("4"), words("1"), False),  # too little for a number
    ],
)
def test_digits_are_in_doubt_where_two_models_heard_others(
    one: list[Heard], other: list[Heard], *, doubted: bool
) -> None:
    assert asks_digits(one, other, "en") is doubted
    assert asks_digits(other, one, "en") is doubted


def test_where_a_guard_struck_agreement_does_not_count() -> None:
    one = words("4", "1", "1")
    assert asks_digits(one, one, "en", doubted=True)
    assert not asks_digits(words("is"), words("is"), "en", doubted=True)


def test_the_order_of_digits_is_that_of_their_times() -> None:
    assert not asks_digits(words("4", "1")[::-1], words("4", "1"), "en")


def loudness(*loud: Interval) -> Loudness:
    steps = np.zeros(20 * 100, np.bool_)
    for one in loud:
        steps[one.start // 160 : one.end // 160] = True
    return Loudness(steps, 160)


def seconds(start: float, end: float) -> Interval:
    return Interval(int(start * RATE), int(end * RATE))


def test_a_short_stretch_is_listened_to_again_near_a_number_only() -> None:
    number = [Heard(seconds(5.0, 5.5), "4", numeric=True)]
    near, far = seconds(9.0, 9.4), seconds(9.6, 10.0)
    assert doubtful([near, far], number, loudness(seconds(0, 20)), RATE) == [near]
    before, early = seconds(0.7, 1.1), seconds(0.5, 0.9)
    assert doubtful([early, before], number, loudness(seconds(0, 20)), RATE) == [before]


def test_a_long_stretch_is_listened_to_again_wherever_it_lies() -> None:
    long, short = seconds(3, 4), seconds(6, 6.9)
    assert doubtful([long, short], [], loudness(seconds(0, 20)), RATE) == [long]
    other = [Heard(seconds(6.0, 6.9), "is", numeric=False)]
    assert doubtful([short], other, loudness(seconds(0, 20)), RATE) == []


def test_silence_is_not_listened_to_again() -> None:
    quiet, sounding = seconds(3, 5), seconds(6, 8)
    assert doubtful([quiet, sounding], [], loudness(seconds(7.98, 8)), RATE) == [sounding]
