from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.detection.language.vocabulary import vocabulary
from pipeline.detection.numbers.runs import read, words_from_text
from pipeline.detection.numbers.tokens import Flag
from pipeline.errors import SettingsError
from pipeline.records.model import Word

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four one one one", ["4111"]),
        ("4 1 1 1", ["4111"]),
        ("4-1-1-1, 2222.", ["41112222"]),
        ("4111-1111-1111-1111", ["4111111111111111"]),
        ("oh four twenty six", ["0426"]),
        ("zero nought O oh nine", ["00009"]),
        ("C-R-O seven G-R-O", ["070"]),
        ("C-R-O, ten ten", ["01010"]),
        ("double four triple nine one", ["449991"]),
        ("double 6, 2", ["662"]),
        ("thirty four fifty twelve", ["345012"]),
        ("forty-one eleven", ["4111"]),
        ("nineteen eighty two", ["1982"]),
        ("twenty twenty eight", ["2028"]),
        ("two hundred and fifty three", ["253"]),
        ("eight hundred five five five oh one nine nine", ["8005550199"]),
        ("fifty six hundred", ["5600"]),
        ("one thousand two hundred forty seven", ["1247"]),
        ("twelve thousand and five", ["12005"]),
        ("four two uh um and then seven seven", ["4277"]),
        ("four two no sorry four three", ["4243"]),
        ("nine 9 nine, 9", ["9999"]),
        ("4 to for ate 1 won 9.", ["4248119"]),
        ("5 5 5 for.", ["5554"]),
        ("the fifth of December nineteen eighty two", ["51982"]),
        ("June 29th, 1968", ["291968"]),
        ("$25.50", ["2550"]),
        # no numbers at all
        ("I want to pay for it too", []),
        ("Oh, I see", []),
        ("we ate and won", []),
        ("the first and the third", []),
        ("may I march in", []),
    ],
)
def test_digits(text: str, digits: list[str]) -> None:
    assert [run.digits for run in read(words_from_text(text))] == digits


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("forty dollars", Flag.MONEY),
        ("$40", Flag.MONEY),
        ("15%", Flag.PERCENT),
        ("fifteen percent", Flag.PERCENT),
        ("thirty two inches", Flag.UNIT),
        ("20mg", Flag.UNIT),
        ("one moment", Flag.UNIT),
        ("10:15", Flag.TIME),
        ("11/22/1989", Flag.DATE),
        ("June nine", Flag.DATE),
        ("the third of May", Flag.ORDINAL),
        ("eleven point four", Flag.DECIMAL),
        ("two hundred", Flag.CARDINAL),
        ("you used 1,247 of them", Flag.CARDINAL),
        ("you used 1 ,247 of them", Flag.CARDINAL),
        ("that is $12 ,500. Okay?", Flag.CARDINAL),
        ("twenty nineteen", Flag.YEAR),
        ("four two no sorry four three", Flag.CORRECTED),
        ("this one", Flag.PRONOUN),
    ],
)
def test_flags(text: str, flag: Flag) -> None:
    runs = read(words_from_text(text))
    assert len(runs) == 1
    assert flag in runs[0].flags


def test_every_digit_keeps_its_word() -> None:
    words = words_from_text("it's double four ZG19, seven", channel=1, start=800)
    (run,) = read(words)
    assert [(part.index, part.letters, part.digits) for part in run.parts] == [
        (1, "", "4"),
        (2, "", "4"),
        (3, "ZG", "19"),
        (4, "", "7"),
    ]
    assert run.words == tuple(words[1:])
    assert (run.channel, run.start, run.end) == (1, words[1].start, words[4].end)
    assert (run.first, run.last) == (1, 4)
    assert run.characters == "44ZG197"


def test_spelled_letters_join_the_digits() -> None:
    (run,) = read(words_from_text("That's Z G one nine X"))
    assert run.characters == "ZG19X"


def test_a_long_silence_ends_a_run() -> None:
    words = [Word(0, 0, 100, "four"), Word(0, 5_100, 5_200, "two")]
    assert [run.digits for run in read(words, max_gap=5_001)] == ["42"]
    assert [run.digits for run in read(words, max_gap=4_999)] == ["4", "2"]


def test_words_of_a_prompt_are_no_numbers() -> None:
    words = words_from_text("last four nine nine")
    assert [run.digits for run in read(words, without={1})] == ["99"]


def test_nothing_spoken_shows_in_a_repr() -> None:
    (run,) = read(words_from_text("seven seven one"))
    assert "seven" not in repr(run)
    assert "771" not in repr(run)


def test_words_from_text_fills_the_stretch_it_is_given() -> None:
    words = words_from_text("one two three", start=1_000, end=4_000)
    assert words[0].start == 1_000
    assert words[-1].end <= 4_000
    assert all(a.end <= b.start for a, b in pairwise(words))


def test_an_unknown_language_is_an_error_that_says_what_is_missing() -> None:
    with pytest.raises(SettingsError, match=r"spoken_xx\.yaml is missing"):
        vocabulary("xx")
