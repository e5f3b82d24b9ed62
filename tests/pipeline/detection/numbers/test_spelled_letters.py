"""Letters that are spelled: each row is a text, what it spells, and the words that tell it."""

from __future__ import annotations

import pytest

from pipeline.detection.numbers.runs import read, words_from_text
from pipeline.detection.numbers.tokens import Flag

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "characters", "said"),
    [
        ("G as in George, N as in Nancy 7", "GN7", "G as in George, N as in Nancy 7"),
        ("b for boy four", "B4", "b for boy four"),
        ("it's M Mary 2", "M2", "M Mary 2"),
        ("V like Victor 2", "V2", "V like Victor 2"),
        ("T as in two 9 9", "T99", "T as in two 9 9"),
        ("J as in June 9 9", "J99", "J as in June 9 9"),
        ("see as in cat four five", "C45", "see as in cat four five"),
        ("x as in x-ray 5", "X5", "x as in x-ray 5"),
        ("charlie hotel lima seven", "CHL7", "charlie hotel lima seven"),
        ("hotel november kilo 5", "HNK5", "hotel november kilo 5"),
        ("capital K capital a five", "KA5", "K a five"),
        ("double L four", "LL4", "double L four"),
        ("k a 7 4", "KA74", "k a 7 4"),
        ("it's a a seven seven one two", "AA7712", "a a seven seven one two"),
        ("it's a a seven", "7", "seven"),
        ("ab12 3", "ab123", "ab12 3"),
        ("A apple D David", "AD", "A apple D David"),
        ("alpha bravo charlie", "ABC", "alpha bravo charlie"),
        ("V5B 6K7", "V5B6K7", "V5B 6K7"),
        ("M -M -H -M 4", "MMHM4", "M -M -H -M 4"),
        ("M -M -H -E", "MMHE", "M -M -H -E"),
        ("M -H -M dash 4 5", "MHM45", "M -H -M 4 5"),
        ("M -H -M okay double 4", "MHM44", "M -H -M double 4"),
        ("4 5 uh M -H -M", "45MHM", "4 5 M -H -M"),
        ("S -M -I -T -H uh M -H -M", "SMITHMHM", "S -M -I -T -H M -H -M"),
        ("N -E -X -T", "NEXT", "N -E -X -T"),
    ],
)
def test_spelled(text: str, characters: str, said: str) -> None:
    (run,) = read(words_from_text(text))
    assert run.characters == characters
    assert " ".join(part.word.text for part in run.parts) == said


@pytest.mark.parametrize(
    "text",
    [
        "plan B is fine for me",
        "as in the movie",
        "I work for a boy",
        "I like apples",
        "a hotel in India",
        "be as in the book",
    ],
)
def test_nothing_is_spelled(text: str) -> None:
    runs = read(words_from_text(text))
    assert not [run for run in runs if run.digits or Flag.SPELLED in run.flags]


@pytest.mark.parametrize(
    "text", ["M -M -H -M", "to use? M -H -M. Go ahead", "MHMM", "MMHM", "okay M -H -M uh go ahead"]
)
def test_a_murmur_is_no_row_of_letters(text: str) -> None:
    assert read(words_from_text(text)) == []


def test_seven_a_m_is_no_code() -> None:
    (run,) = [run for run in read(words_from_text("at 7 a m")) if run.digits]
    assert run.characters == "7"


def test_words_that_name_letters_are_flagged() -> None:
    (run,) = read(words_from_text("b as in boy 2 7"))
    assert Flag.SPELLED in run.flags


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("try this one, 4 7 1 1", "4711"),
        ("Oh, 571", "571"),
        ("oh four two", "042"),
        (
            "this one four one one one one one one one one one one one one one one one",
            "4" + "1" * 15,
        ),
        ("four seven one wait no seven two", "47172"),
        ("eight one sorry, I mean seven two", "8172"),
        ("five let me see nine one", "591"),
        ("nineteen thirty six, August thirteenth", "193613"),
        ("the twentieth of the second seventy two", "20272"),
    ],
)
def test_what_stands_before_and_between_digits(text: str, digits: str) -> None:
    (run,) = read(words_from_text(text))
    assert run.digits == digits
