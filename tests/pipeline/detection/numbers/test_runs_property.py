"""Speak a number in random styles; the engine has to give every digit back, with its word."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.detection.numbers.runs import read, words_from_text

pytestmark = pytest.mark.unit

ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = dict(
    zip(
        "23456789",
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
        strict=True,
    )
)
FILLERS = ["uh", "um", "okay", "and", "then", "so", "uh and", "no wait sorry", "mm"]

Piece = list[tuple[str, str]]
"""Words, each with the digits that it carries."""


def digit_word(digit: str) -> st.SearchStrategy[Piece]:
    names = [ONES[int(digit)], digit]
    if digit == "0":
        names += ["oh", "O", "nought", "C-R-O"]
    return st.sampled_from(names).map(lambda name: [(name, digit)])


def multiplied(digit: str, times: int) -> Piece:
    return [({2: "double", 3: "triple"}[times], digit * (times - 1)), (ONES[int(digit)], digit)]


def pair(value: int) -> Piece:
    if value < 20:
        return [(TEENS[value - 10], str(value))]
    tens, unit = str(value)
    return [(TENS[tens], tens), (ONES[int(unit)], unit)]


def hyphened(value: int) -> Piece:
    tens, unit = str(value)
    return [(f"{TENS[tens]}-{ONES[int(unit)]}", tens + unit)]


def grouped(digits: str) -> st.SearchStrategy[Piece]:
    return st.sampled_from([digits, "-".join(digits)]).map(lambda text: [(text, digits)])


digits = st.sampled_from("0123456789")
# Round tens are left out: "forty" before "one" is forty-one by the ear as well.
pairs = st.integers(10, 99).filter(lambda value: value < 20 or value % 10)
pieces = st.one_of(
    digits.flatmap(digit_word),
    st.builds(multiplied, digits, st.sampled_from([2, 3])),
    pairs.map(pair),
    pairs.filter(lambda value: value > 20).map(hyphened),
    st.text("0123456789", min_size=2, max_size=6).flatmap(grouped),
)
between = st.sampled_from(["", "", "", *FILLERS])
stops = st.sampled_from(["", "", ",", ".", "..."])


@st.composite
def spoken(draw: st.DrawFn) -> tuple[str, list[tuple[int, str]]]:
    """A text, and the index and digits of each of its number words."""
    words: list[str] = draw(st.sampled_from([[], ["it's"], ["My", "number", "is"]]))
    words = list(words)
    expected: list[tuple[int, str]] = []
    for piece in draw(st.lists(pieces, min_size=2, max_size=10)):
        for text, carried in piece:
            expected.append((len(words), carried))
            words.append(text)
        words[-1] += draw(stops)
        words += draw(between).split()
    words += draw(st.sampled_from([[], ["thanks"], ["is", "what", "it", "says"]]))
    return " ".join(words), expected


@settings(max_examples=400, deadline=None)
@given(spoken())
def test_every_digit_comes_back_with_its_word(case: tuple[str, list[tuple[int, str]]]) -> None:
    text, expected = case
    # "oh" alone is an exclamation; it is a digit beside another number word.
    # With a comma at the beginning of a sentence it is one even before digits: "Oh, 571".
    first = text.split()[0].lower()
    assume(first not in {"oh,", "oh.", "oh..."})
    assume({text.split()[i].strip(".,").lower() for i, _ in expected} - {"oh", "o", "c-r-o"})
    runs = read(words_from_text(text))
    assert len(runs) == 1
    assert [(part.index, part.digits) for part in runs[0].parts] == expected


LETTERS = {
    "B": ("boy", "bravo"), "C": ("cat", "charlie"), "D": ("dog", "delta"),
    "F": ("frank", "foxtrot"), "G": ("george", "golf"), "K": ("king", "kilo"),
    "L": ("lemon", "lima"), "M": ("mary", "mike"), "P": ("peter", "papa"), "R": ("robert", "romeo"),
    "S": ("sam", "sierra"), "T": ("tom", "tango"), "V": ("victor", "victor"),
    "W": ("william", "whiskey"), "X": ("x-ray", "x-ray"), "Z": ("zebra", "zulu"),
}  # fmt: skip
"""Without N: "november one" is a date."""


@st.composite
def spelled_letter(draw: st.DrawFn) -> list[str]:
    """A letter in one of the ways in which people spell it; the first or only word carries it."""
    letter = draw(st.sampled_from(sorted(LETTERS)))
    word, radio = LETTERS[letter]
    written = draw(st.sampled_from([letter, letter.lower()]))
    frames = [["as", "in", word], ["like", word], ["for", word], [word.title()], []]
    return draw(st.sampled_from([*([written, *frame] for frame in frames), [radio]]))


@st.composite
def mixed_code(draw: st.DrawFn) -> tuple[str, str, set[int]]:
    """A text with a code of letters and digits; the code, and the indexes of its words."""
    words = list(draw(st.sampled_from([[], ["it's"], ["the", "ID", "is"]])))
    code, indexes = "", set[int]()
    for _ in range(draw(st.integers(1, 4))):
        said = draw(spelled_letter())
        indexes |= set(range(len(words), len(words) + len(said)))
        words += said
        code += said[0][0].upper()
        for digit in draw(st.text("123456789", min_size=1, max_size=3)):
            indexes.add(len(words))
            words.append(draw(st.sampled_from([digit, ONES[int(digit)]])))
            code += digit
        words += draw(st.sampled_from(["", "", "uh", "okay", "and then"])).split()
    words += draw(st.sampled_from([[], ["thanks"]]))
    return " ".join(words), code, indexes


@settings(max_examples=400, deadline=None)
@given(mixed_code())
def test_every_spelled_letter_comes_back_with_the_words_that_name_it(
    case: tuple[str, str, set[int]],
) -> None:
    text, code, indexes = case
    (run,) = read(words_from_text(text))
    assert run.characters == code
    assert {part.index for part in run.parts} == indexes


@settings(max_examples=200, deadline=None)
@given(value=st.integers(100, 999_999), said_and=st.booleans())
def test_cardinals_come_back(value: int, *, said_and: bool) -> None:
    runs = read(words_from_text(cardinal(value, "and " if said_and else "")))
    assert [run.digits for run in runs] == [str(value)]


def cardinal(value: int, link: str) -> str:
    if value >= 1000:
        high = cardinal(value // 1000, link)
        rest = value % 1000
        if not rest:
            return f"{high} thousand"
        return f"{high} thousand {cardinal(rest, link) if rest >= 100 else link + small(rest)}"
    if value >= 100:
        rest = value % 100
        return f"{ONES[value // 100]} hundred" + (f" {link}{small(rest)}" if rest else "")
    return small(value)


def small(value: int) -> str:
    if value < 10:
        return ONES[value]
    if value < 20:
        return TEENS[value - 10]
    tens, unit = str(value)
    return TENS[tens] + (f" {ONES[int(unit)]}" if unit != "0" else "")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=20))
def test_any_text_can_be_read(texts: list[str]) -> None:
    words = words_from_text(" ".join(texts))
    for run in read(words):
        assert run.characters
        assert run.first <= run.last < len(words)
        assert [part.index for part in run.parts] == sorted({part.index for part in run.parts})
