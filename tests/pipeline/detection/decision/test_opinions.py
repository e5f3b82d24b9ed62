"""What the reader held of words is found by their place, until it is forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detection.decision.opinions import Opinion, Opinions
from pipeline.records.model import Hearing

pytestmark = pytest.mark.unit


def held(*words: tuple[int, int, float], channel: int = 0, channels: int = 2) -> Opinions:
    """Words from a sample to another, with the probability that they are sensitive."""
    opinions = Opinions(channels)
    for start, end, secret in words:
        opinions.add(channel, Opinion(start, end, Hearing.MAIN, secret, {}, end))
    return opinions


def secrets(opinions: Opinions, start: int, end: int, channel: int = 0) -> list[float]:
    return [one.secret for one in opinions.within(channel, start, end)]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0, 1_000, [0.1, 0.2, 0.3]),
        (100, 200, [0.1]),
        (199, 300, [0.1]),
        (200, 300, []),
        (0, 100, []),
        (350, 500, [0.2]),
        (350, 501, [0.2, 0.3]),
        (700, 900, []),
    ],
)
def test_a_word_counts_wherever_it_reaches(start: int, end: int, found: list[float]) -> None:
    words = (100, 200, 0.1), (300, 400, 0.2), (500, 600, 0.3)
    assert secrets(held(*words), start, end) == found


def test_words_of_several_hearings_count_in_whatever_order_they_come() -> None:
    opinions = held((300, 400, 0.2), (100, 200, 0.1), (310, 390, 0.9), (100, 200, 0.4))
    assert sorted(secrets(opinions, 300, 400)) == [0.2, 0.9]
    assert sorted(secrets(opinions, 100, 200)) == [0.1, 0.4]


def test_a_word_that_began_long_before_is_found() -> None:
    assert secrets(held((0, 20_000, 0.7), (9_000, 9_100, 0.1)), 9_900, 10_100) == [0.7]


def test_each_channel_has_its_own() -> None:
    opinions = held((100, 200, 0.1), channel=1)
    assert secrets(opinions, 0, 1_000, channel=0) == []
    assert secrets(opinions, 0, 1_000, channel=1) == [0.1]


def test_what_ends_before_a_sample_is_forgotten_and_what_reaches_it_is_not() -> None:
    opinions = held((100, 200, 0.1), (150, 301, 0.2), (300, 400, 0.3))
    opinions.forget(300)
    assert secrets(opinions, 0, 1_000) == [0.2, 0.3]


def test_nothing_of_a_word_but_its_place_and_its_probabilities_is_kept() -> None:
    opinions = held((100, 200, 0.123))
    assert "0.123" not in repr(opinions)
    assert Opinion._fields == ("start", "end", "hearing", "secret", "types", "said_until")


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 300))),
    st.integers(0, 800),
    st.integers(0, 800),
)
def test_all_that_lies_within_is_found(words: list[tuple[int, int]], start: int, end: int) -> None:
    opinions = held(*((first, first + length, first / 1_000) for first, length in words))
    expected = sorted(
        first / 1_000 for first, length in words if first < end and start < first + length
    )
    assert secrets(opinions, start, end) == expected
