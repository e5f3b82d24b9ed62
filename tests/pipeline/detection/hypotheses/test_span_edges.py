"""A name ends where the word behind it begins, if both models wrote that word."""

from __future__ import annotations

import pytest

from pipeline.detection.hypotheses.span_edges import bordered
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.records.model import Hearing, Span, Word

pytestmark = pytest.mark.unit

RATE = 1_000
MAIN = (
    ("is", 0, 900),
    ("Norman.", 800, 1_900),
    ("Last", 1_600, 2_100),
    ("name", 2_000, 2_400),
)
SECOND = (
    ("is", 0, 1_100),
    ("Norman.", 1_000, 2_000),
    ("Last", 1_800, 2_200),
    ("name", 2_200, 2_500),
)


def words(rows: tuple[tuple[str, int, int], ...], hearing: Hearing) -> list[Word]:
    return [Word(0, start, end, text, 0.9, hearing) for text, start, end in rows]


def edges(
    second: tuple[tuple[str, int, int], ...],
    span: tuple[int, int] = (800, 1_900),
    main: tuple[tuple[str, int, int], ...] = MAIN,
) -> tuple[int, int]:
    turn = words(main, Hearing.MAIN)
    found = Span("PERSON", 0, *span, 0.8, "names")
    heard = [*turn, *words(second, Hearing.SECOND)]
    [one] = bordered([found], turn, heard, vocabulary(), RATE)
    return one.start, one.end


def test_both_edges_lie_between_the_places_of_the_words_beside() -> None:
    # 200 ms apart, of which a third counts: 70 ms in from the outer place.
    assert edges(SECOND) == (870, 1_800 - 70)


def test_the_end_moves_in_by_no_more_than_100_ms_from_the_later_word() -> None:
    far = tuple((t, s + 250 * (t == "Last"), e + 250) for t, s, e in SECOND)
    assert edges(far, main=MAIN)[1] == 1_900
    near = (*MAIN[:2], ("Last", 1_400, 2_100), MAIN[3])
    assert edges(SECOND, main=near)[1] == 1_800 - 100


@pytest.mark.parametrize("after", ["five", "5", "b", "Loss"])
def test_a_word_that_the_other_model_wrote_otherwise_or_a_number_or_letter_moves_nothing(
    after: str,
) -> None:
    main = (*MAIN[:2], (after, 1_600, 2_100), MAIN[3])
    second = (*SECOND[:2], (after if after != "Loss" else "Last", 1_800, 2_200), SECOND[3])
    assert edges(second, main=main)[1] == 1_900


def test_without_a_second_model_nothing_moves() -> None:
    assert edges(()) == (800, 1_900)


def test_where_the_other_model_has_no_word_between_the_beginning_moves_little() -> None:
    dropped = (SECOND[0], ("Barrier", 1_250, 2_000), *SECOND[2:])
    assert edges(dropped)[0] == 800 + 100


def test_a_word_keeps_what_it_takes_when_it_is_spoken_fast() -> None:
    early = (*MAIN[:2], ("Last", 1_200, 2_100), MAIN[3])
    same = (*SECOND[:2], ("Last", 1_200, 2_200), SECOND[3])
    assert edges(same, main=early)[1] == 800 + 150 + 6 * 60


def test_a_span_that_no_word_begins_stays() -> None:
    assert edges(SECOND, span=(2_600, 2_900)) == (2_600, 2_900)
