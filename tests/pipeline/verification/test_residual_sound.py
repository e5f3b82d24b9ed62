"""What sounds beside a muted number: which sounds a word explains, and which are its rest."""

from __future__ import annotations

import pytest

from pipeline.records.model import Interval, Word
from pipeline.verification.residual_sound import residual_sounds

pytestmark = pytest.mark.unit

RATE = 8_000
MUTE = Interval(10 * RATE, 12 * RATE)


def at(start: float, end: float) -> Interval:
    return Interval(round(start * RATE), round(end * RATE))


def word(text: str, start: float, end: float, probability: float = 0.9) -> Word:
    where = at(start, end)
    return Word(0, where.start, where.end, text, probability)


def found(
    *audible: Interval,
    words: tuple[Word, ...] = (),
    mutes: tuple[Interval, ...] = (MUTE,),
    agreed: tuple[Interval, ...] = (),
) -> list[Interval]:
    return residual_sounds(audible, mutes, words, RATE, agreed)


@pytest.mark.parametrize("sound", [at(9.6, 9.9), at(12.0, 12.3), at(12.15, 12.5)])
def test_a_sound_without_a_word_beside_a_mute_is_found(sound: Interval) -> None:
    assert found(sound) == [sound]


@pytest.mark.parametrize("sound", [at(9.0, 9.5), at(12.3, 12.6), at(3.0, 3.3)])
def test_a_sound_away_from_the_mute_is_not(sound: Interval) -> None:
    assert found(sound) == []


@pytest.mark.parametrize(
    ("text", "probability", "explains"),
    [
        ("thanks", 0.9, True),
        ("thanks", 0.2, True),
        ("thanks", 0.05, False),
        ("six", 0.9, False),
        ("6.", 0.9, False),
        ("for", 0.9, False),
        ("ate", 0.9, False),
        ("to", 0.9, False),
    ],
)
def test_only_a_word_that_may_be_no_digit_explains(
    text: str, probability: float, *, explains: bool
) -> None:
    sound = at(12.1, 12.5)
    assert found(sound, words=(word(text, 12.1, 12.5, probability),)) == (
        [] if explains else [sound]
    )


def test_a_word_that_the_first_pass_was_sure_of_explains_as_a_clear_one_does() -> None:
    sound = at(12.1, 12.5)
    assert found(sound, agreed=(at(12.0, 12.5),)) == []
    assert found(sound, agreed=(at(12.0, 12.15),)) == [at(12.15, 12.5)]
    digit = word("3.", 12.6, 13.4, 0.2)
    assert found(sound, words=(digit,), agreed=(at(12.0, 12.5),)) == [sound]


def test_a_hint_of_a_digit_outweighs_the_word_on_a_short_sound() -> None:
    sound, is_word = at(12.1, 12.5), word("is", 12.0, 12.5)
    assert found(sound, words=(is_word, word("3.", 12.6, 13.4, 0.2))) == [sound]
    assert found(sound, words=(is_word, word("3.", 12.6, 13.4, 0.05))) == []


def test_a_faint_word_explains_nothing_where_a_digit_was_written_near() -> None:
    sound, word_on_it = at(12.1, 12.5), word("then", 12.1, 12.6, 0.3)
    assert found(sound, words=(word_on_it,)) == []
    assert found(sound, words=(word_on_it, word("7.", 12.6, 13.4, 0.01))) == [sound]
    assert found(sound, words=(word_on_it, word("7.", 13.0, 13.4, 0.01))) == []


def test_the_cut_beginning_of_clear_talk_is_its_own() -> None:
    talk = at(12.0, 13.4)
    words = (word("you", 12.2, 12.7), word("that", 12.7, 13.1), word("helps", 13.0, 13.4))
    assert found(talk, words=words) == []
    assert found(talk, words=(*words, word("2", 12.0, 12.4, 0.02))) == [at(12.0, 12.2)]
    longer = (word("you", 12.5, 12.9), word("helps", 12.9, 13.4))
    assert found(talk, words=longer) == [at(12.0, 12.5)]


def test_two_slow_digits_may_sound_longer_where_a_digit_was_written() -> None:
    slow = at(12.0, 13.4)
    assert found(slow) == []
    assert found(slow, words=(word("7", 12.1, 12.7, 0.15),)) == [slow]
    assert found(slow, words=(word("7", 12.1, 12.7, 0.05),)) == []
    assert found(at(12.0, 13.6), words=(word("7", 12.1, 12.7, 0.15),)) == []


def test_a_hint_leaves_longer_talk_to_its_words() -> None:
    talk = at(12.1, 13.1)
    words = (word("perfect", 12.1, 12.7), word("thanks", 12.6, 13.1), word("3", 13.0, 13.1, 0.2))
    assert found(talk, words=words) == []


def test_what_a_long_word_cannot_cover_is_found() -> None:
    """ "It's" that the recogniser stretched over the digit behind it."""
    said, digit = at(9.0, 9.3), at(9.55, 9.95)
    assert found(said, digit, words=(word("It's", 8.9, 10.0),)) == [digit]


def test_sounds_beside_what_was_found_belong_to_it() -> None:
    digits = [at(12.1, 12.4), at(12.8, 13.1), at(13.5, 13.8)]
    assert found(*digits, at(14.3, 14.6)) == digits


def test_between_two_mutes_the_pause_may_be_longer() -> None:
    after = Interval(14 * RATE, 15 * RATE)
    inside = at(12.9, 13.2)
    assert found(inside) == []
    assert found(inside, mutes=(MUTE, after)) == [inside]


@pytest.mark.parametrize("sound", [at(12.0, 12.1), at(12.0, 13.5)])
def test_what_is_too_short_or_too_long_for_a_digit_is_none(sound: Interval) -> None:
    assert found(sound) == []
