"""What two models agree on is not asked again; what one of them left is, near numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from models.again import agreed, doubtful
from pipeline.audit import Loudness
from pipeline.records import Interval

pytestmark = pytest.mark.unit

RATE = 16_000
DIGITS = {"zero": "0", "oh": "0", "four": "4", "one": "1"}


@dataclass(frozen=True)
class Heard:
    spoken: Interval
    text: str
    numeric: bool


def words(*texts: str) -> list[Heard]:
    return [
        Heard(Interval(number * RATE, (number + 1) * RATE), text, text.strip(".,") not in {"is"})
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (words("is", "4", "1", "1"), words("411."), True),
        (words("four,", "oh", "one"), words("4", "0", "1"), True),
        (words("4", "1", "1"), words("4", "1"), False),
        (words("4", "1"), words("1", "4"), False),
        (words("sixty"), words("60"), False),
        (words("sixty"), words("sixty"), True),
        (words("is"), words("is"), False),
        (words("4"), [], False),
    ],
)
def test_models_agree_when_they_wrote_the_same_digits(
    one: list[Heard], other: list[Heard], *, same: bool
) -> None:
    assert agreed(one, other, DIGITS) is same
    assert agreed(other, one, DIGITS) is same


def test_the_order_of_digits_is_that_of_their_times() -> None:
    assert agreed(words("4", "1")[::-1], words("4", "1"), DIGITS)


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
