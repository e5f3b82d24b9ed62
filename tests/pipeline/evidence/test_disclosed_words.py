"""Which words beside a value are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detection.language.vocabulary import vocabulary
from pipeline.evidence.disclosed_words import may_be_disclosed
from pipeline.records.model import Interval, Word

pytestmark = pytest.mark.unit

RATE = 1_000
ENGLISH = vocabulary("en")


def told(
    text: str, start: int, end: int, *, found: tuple[int, int] = (9, 9), silent: tuple[int, int]
) -> bool:
    findings = [Interval(*found)] if found[0] < found[1] else []
    return may_be_disclosed(Word(0, start, end, text), findings, [Interval(*silent)], ENGLISH, RATE)


@pytest.mark.parametrize(
    ("text", "place", "found", "silent", "answer"),
    [
        ("name", (0, 400), (400, 900), (250, 1_050), True),  # only padding reaches in
        ("name", (0, 400), (400, 900), (150, 1_050), False),  # most of it is silent
        ("how", (850, 1_200), (400, 900), (250, 1_000), False),  # begins inside the finding
        ("how", (950, 1_300), (400, 900), (250, 1_050), True),
        ("is", (300, 600), (550, 900), (550, 900), True),  # a finding's first samples
        ("seven", (0, 400), (400, 900), (390, 1_050), False),  # a number is told apart or not
        ("7.", (0, 400), (400, 900), (390, 1_050), False),
        ("K.", (0, 400), (400, 900), (390, 1_050), False),
        ("a", (0, 400), (400, 900), (350, 1_050), True),
        ("to", (0, 400), (400, 900), (390, 1_050), False),  # may be "two"
        ("how", (350, 900), (400, 900), (250, 1_050), False),  # its finding was drawn in
    ],
)
def test_words_beside_a_value(
    text: str,
    place: tuple[int, int],
    found: tuple[int, int],
    silent: tuple[int, int],
    *,
    answer: bool,
) -> None:
    assert told(text, *place, found=found, silent=silent) is answer


@pytest.mark.parametrize(
    "text", ["-R", "Q-R", "VXE", "hundred", "thousand", "fifth", "May", "alpha", "A", "I.", "bee"]
)
def test_what_may_be_a_piece_of_something_spelled_or_counted_is_told_only_outside(
    text: str,
) -> None:
    told_beside = told(text, 1_000, 1_350, found=(300, 999), silent=(150, 1_010))
    assert told_beside is (text == "bee")  # nothing tells it from the insect
    assert told(text, 1_020, 1_350, found=(300, 999), silent=(150, 1_010))


def test_pieces_of_spanish_numbers_too() -> None:
    spanish = vocabulary("es")
    for text in ("mil", "cien", "¿B?"):
        word = Word(0, 1_000, 1_350, text)
        assert not may_be_disclosed(word, [], [Interval(150, 1_010)], spanish, RATE)


def test_a_word_that_was_stretched_backwards_is_not_told() -> None:
    assert not told("Smith", 600, 3_000, found=(2_400, 2_950), silent=(2_250, 3_100))


def test_a_name_that_was_stretched_over_a_pause_is_not_told() -> None:
    # Its span ends where the name does; the pause behind it is no part of what counts.
    assert not told("Smith", 1_000, 6_000, found=(1_100, 1_900), silent=(1_100, 2_050))


def test_a_word_without_length_is_told_only_outside() -> None:
    assert not told("name", 500, 500, silent=(400, 600))
    assert told("name", 500, 500, silent=(501, 600))


@given(
    st.tuples(st.integers(0, 900), st.integers(0, 300)),
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), max_size=4),
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), max_size=4),
    st.sampled_from(["name", "seven", "9", "B"]),
)
def test_what_is_told_is_mostly_audible_and_begins_in_no_finding(
    place: tuple[int, int],
    found: list[tuple[int, int]],
    silent: list[tuple[int, int]],
    text: str,
) -> None:
    start, length = place
    findings = [Interval(at, at + size) for at, size in found]
    mutes = [Interval(at, at + size) for at, size in silent]
    if may_be_disclosed(Word(0, start, start + length, text), findings, mutes, ENGLISH, RATE):
        samples = range(start, start + max(1, length))
        hidden = sum(any(m.start <= at < m.end for m in [*findings, *mutes]) for at in samples)
        assert hidden == 0 if text != "name" else 2 * hidden < len(samples)
        assert not any(one.start <= start < one.end for one in findings)
    else:
        assert any(
            one.overlaps(Interval(start, start + max(1, length))) for one in findings + mutes
        )
