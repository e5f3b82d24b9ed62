"""What a call remembers of values that were found, and where they are said again."""

from __future__ import annotations

import pytest

from models.memory import COMMON_S, RECENT_S, Memory
from models.repeats import just_said, letters_at, said_again
from models.spoken import Turn, turn_of
from pipeline.entities import Entity

pytestmark = pytest.mark.unit

RATE = 8_000


def remembered(entity: str, value: str) -> Memory:
    memory = Memory(RATE)
    turn = turn_of(value)
    memory.take(entity, turn, 0, len(turn.tokens), now=0)
    return memory


def again(entity: str, value: str, text: str) -> list[str]:
    known = remembered(entity, value).known(RATE)
    turn = turn_of(text).given((), frozenset(), medical=False, said=known, recent=frozenset())
    return [
        text[turn.tokens[first].start : turn.tokens[last - 1].end]
        for first, last in said_again(turn, entity, {"dot", "underscore", "lane"}.__contains__)
    ]


@pytest.mark.parametrize(
    ("entity", "value", "words"),
    [
        ("EMAIL_ADDRESS", "rosie underscore penhaligon at icloud dot com", {"rosie", "penhaligon"}),
        ("PASSWORD", "Everton1878, capital E", {"everton", "1878"}),
        ("STREET_ADDRESS", "62 Caldecott Rise, flat 2, Wembley", {"caldecott"}),
        ("STREET_ADDRESS", "12 Station Road", set()),
    ],
)
def test_only_telling_words_are_kept(entity: str, value: str, words: set[str]) -> None:
    assert remembered(entity, value).known(0)[entity] == words


def test_common_words_are_forgotten_and_rare_ones_are_not() -> None:
    memory = remembered(Entity.PASSWORD, "silver Tibbles")
    assert memory.known(0)[Entity.PASSWORD] == {"silver", "tibbles"}
    assert memory.known(round((COMMON_S + 1) * RATE))[Entity.PASSWORD] == {"tibbles"}


def test_a_value_is_recent_for_a_while_and_again_when_it_is_touched() -> None:
    memory = remembered(Entity.PASSWORD, "Tibbles")
    late = round((RECENT_S + 1) * RATE)
    assert memory.recent(0) == {Entity.PASSWORD}
    assert memory.recent(late) == frozenset()
    memory.touch(Entity.PASSWORD, late)
    assert memory.recent(late) == {Entity.PASSWORD}


def test_nothing_of_a_value_shows() -> None:
    assert "tibbles" not in repr(remembered(Entity.PASSWORD, "Tibbles"))
    known = remembered(Entity.PASSWORD, "Tibbles").known(0)
    turn = turn_of("ok").given((), frozenset(), medical=False, said=known, recent=frozenset())
    assert "tibbles" not in repr(turn)


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        ("rosie underscore penhaligon", "Penhaligon with a P-E-N?", ["Penhaligon with a P-E-N"]),
        ("rosie underscore penhaligon", "P-E-N-H-A-L-I-G-O-N.", ["P-E-N-H-A-L-I-G-O-N"]),
        ("rosie underscore penhaligon", "and it's not rosie dot?", ["rosie dot"]),
        ("bee dot kowalczyk", "B-E-E or just the letter?", ["B-E-E"]),
        ("k dot brightwater", "bright water, yes", ["bright water"]),
        ("22 Brambling Lane", "no, Bramling Lane", ["Bramling Lane"]),
        ("rosie underscore penhaligon", "the little line at the bottom", []),
    ],
)
def test_what_is_said_again_is_found_with_what_stands_beside_it(
    value: str, text: str, found: list[str]
) -> None:
    assert again(Entity.EMAIL_ADDRESS, value, text) == found


@pytest.mark.parametrize(
    ("text", "letters", "last"),
    [
        ("P E N for Nellie", "pen", 5),
        ("double L, capital O", "llo", 4),
        ("J as in John, O", "jo", 5),
        ("no letters", "", 0),
    ],
)
def test_letters_are_read_with_their_words(text: str, letters: str, last: int) -> None:
    assert letters_at(turn_of(text), 0) == (letters, last)


def test_talk_is_of_a_value_from_where_it_was_said() -> None:
    turn: Turn = turn_of("one two three four")
    assert just_said(turn, Entity.PASSWORD, []) == len(turn.tokens)
    assert just_said(turn, Entity.PASSWORD, [(0, 2)]) == 2
