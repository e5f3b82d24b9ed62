"""How people say numbers: digit by digit, in pairs, doubled, in groups, with "oh".

A token is the smallest unit that is spoken by itself; its digits are known, so the truth of a
spoken number is exact for each of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = [
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
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_NATO = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "x-ray",
    "yankee",
    "zulu",
]


@dataclass(frozen=True, slots=True)
class Token:
    """One unit of speech and the digits it stands for (empty for letters and words)."""

    text: str
    digits: str = ""


def cardinal(number: int) -> str:
    """A number from 0 to 999,999 in words."""
    if number < 10:
        return DIGITS[number]
    if number < 20:
        return _TEENS[number - 10]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _TENS[tens] + (f" {DIGITS[rest]}" if rest else "")
    if number < 1_000:
        hundreds, rest = divmod(number, 100)
        return f"{DIGITS[hundreds]} hundred" + (f" {cardinal(rest)}" if rest else "")
    thousands, rest = divmod(number, 1_000)
    return f"{cardinal(thousands)} thousand" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """A number from 1 to 31 as a day of the month."""
    if number < 20:
        return _ORDINALS[number]
    tens, rest = divmod(number, 10)
    if rest == 0:
        return _TENS[tens][:-1] + "ieth"
    return f"{_TENS[tens]} {_ORDINALS[rest]}"


def year(number: int) -> str:
    """A year from 1900 to 2099 as people say it."""
    century, rest = divmod(number, 100)
    if 2000 <= number < 2010:
        return "two thousand" + (f" {DIGITS[rest]}" if rest else "")
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} " + (f"oh {DIGITS[rest]}" if rest < 10 else cardinal(rest))


def letters(text: str, rng: random.Random) -> tuple[Token, ...]:
    """Spell letters and digits one by one, at times by the radio alphabet."""
    radio = rng.random() < 0.2
    tokens = []
    for character in text.upper():
        if character.isdigit():
            tokens.append(Token(DIGITS[int(character)], character))
        elif character.isalpha():
            tokens.append(Token(_NATO[ord(character) - ord("A")] if radio else character))
    return tuple(tokens)


def split(digits: str, sizes: Sequence[int]) -> list[str]:
    """Cut digits into groups of the given sizes; the last size repeats to the end."""
    groups, at, turn = [], 0, 0
    while at < len(digits):
        size = sizes[min(turn, len(sizes) - 1)]
        groups.append(digits[at : at + size])
        at += size
        turn += 1
    return groups


def speak(digits: str, rng: random.Random, style: str = "digits") -> tuple[Token, ...]:
    """Say a group of digits.

    Args:
        digits: what is said.
        rng: decides between "oh" and "zero" once per group, and where pairs fall.
        style: ``digits`` (one by one), ``pairs`` ("forty two"), ``doubles`` ("double four",
            "triple five" where digits repeat).
    """
    zero = rng.choice(("zero", "oh"))
    tokens: list[Token] = []
    at = 0
    while at < len(digits):
        run = len(digits[at:]) - len(digits[at:].lstrip(digits[at]))
        if style == "doubles" and run > 1:
            size = min(run, 3)
            name = {2: "double", 3: "triple"}[size]
            tokens.append(Token(f"{name} {_digit(digits[at], zero)}", digits[at : at + size]))
            at += size
        elif style == "pairs" and len(digits) - at > 1 and digits[at] != "0":
            pair = digits[at : at + 2]
            tokens.append(Token(cardinal(int(pair)), pair))
            at += 2
        else:
            tokens.append(Token(_digit(digits[at], zero), digits[at]))
            at += 1
    return tuple(tokens)


def _digit(digit: str, zero: str) -> str:
    return zero if digit == "0" else DIGITS[int(digit)]
