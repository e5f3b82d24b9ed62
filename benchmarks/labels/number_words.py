"""Numbers as callers say them and as a recogniser writes them down.

``spoken.py`` is about sound; this is about text: figures, words and both mixed, grouped and glued,
with fillers, slips and homophones, the way transcripts of telephone calls look.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.speech.spoken import DIGITS, MONTHS, cardinal, ordinal, speak, split, year

_HOMOPHONES = {"one": "won", "two": "to", "four": "for", "eight": "ate"}
_FILLERS = ("um", "uh", "let me see", "okay", "and then")
_SLIPS = ("no sorry", "wait no", "sorry, I mean", "scratch that,")
_RADIO = {
    "A": "apple", "B": "boy", "C": "cat", "D": "David", "E": "Edward", "F": "Frank",
    "G": "George", "H": "Henry", "I": "ice", "J": "John", "K": "king", "L": "lemon",
    "M": "Mary", "N": "Nancy", "O": "ocean", "P": "Peter", "Q": "queen", "R": "Robert",
    "S": "Sam", "T": "Tom", "U": "umbrella", "V": "Victor", "W": "William", "X": "x-ray",
    "Y": "yellow", "Z": "zebra",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bit:
    """A few words; ``value`` says whether they are the value itself or stand inside it."""

    text: str
    value: bool = True


def number(digits: str, sizes: Sequence[int], rng: random.Random, style: str = "") -> list[Bit]:
    """Write a number.

    Args:
        digits: what is said.
        sizes: digits in each group; the last size repeats to the end.
        rng: chooses the style, where none is asked for, and what is free within it.
        style: a name of ``STYLES``, ``mixed``, ``filler`` or ``slip``.
    """
    groups = split(digits, sizes)
    style = (
        style
        or rng.choices((*STYLES, "mixed", "filler", "slip"), (6, 3, 3, 5, 3, 2, 3, 1, 3, 2, 2))[0]
    )
    if style == "mixed":
        return [Bit(STYLES[rng.choice(("words", "pairs", "grouped", "single"))]([group], rng))
                for group in groups]  # fmt: skip
    if style == "filler":
        at = rng.randrange(1, len(digits))
        before, after = digits[:at], digits[at:]
        filler = Bit(rng.choice(_FILLERS), value=False)
        return [Bit(_words(split(before, sizes), rng)), filler, Bit(_words([after], rng))]
    if style == "slip":
        wrong = groups[-1][:-1] + str((int(groups[-1][-1]) + rng.randint(1, 9)) % 10)
        slip = Bit(rng.choice(_SLIPS), value=False)
        said = _words([*groups[:-1], wrong], rng)
        return [Bit(said), slip, Bit(_words([groups[-1]], rng))]
    return [Bit(STYLES[style](groups, rng))]


def _words(groups: Sequence[str], rng: random.Random, style: str = "digits") -> str:
    glue = rng.choice((" ", ", "))
    said = (" ".join(token.text for token in speak(group, rng, style)) for group in groups)
    return glue.join(said)


def _homophones(groups: Sequence[str], rng: random.Random) -> str:
    words = _words(groups, rng).split(" ")
    return " ".join(_HOMOPHONES.get(word, word) if rng.random() < 0.4 else word for word in words)


def _single(groups: Sequence[str], rng: random.Random) -> str:
    return rng.choice((" ", ", ")).join("".join(groups))


def _grouped(groups: Sequence[str], rng: random.Random) -> str:
    return rng.choice((" ", ", ")).join(groups)


STYLES: dict[str, Callable[[Sequence[str], random.Random], str]] = {
    "words": _words,
    "doubles": lambda groups, rng: _words(groups, rng, "doubles"),
    "pairs": lambda groups, rng: _words(groups, rng, "pairs"),
    "grouped": _grouped,
    "joined": lambda groups, _: "".join(groups),
    "dashed": lambda groups, _: "-".join(groups),
    "single": _single,
    "homophone": _homophones,
}
"""How a whole number may be written; the groups hold its digits."""


def code(value: str, rng: random.Random) -> list[Bit]:
    """Write letters and digits: glued, one by one, or with "as in"."""
    style = rng.choice(("glued", "letters", "letters", "hyphens", "as in"))
    if style == "glued":
        return [Bit(value)]
    if style == "hyphens":
        return [Bit("-".join(value))]
    bits: list[Bit] = []
    figures = rng.random() < 0.5
    for character in value:
        if character.isdigit():
            bits.append(Bit(character if figures else DIGITS[int(character)]))
        else:
            bits.append(Bit(character))
            if style == "as in":
                bits += [Bit("as in", value=False), Bit(_RADIO[character])]
    return bits


def letters(name: str, rng: random.Random) -> list[Bit]:
    """Spell a name."""
    name = name.upper()
    style = rng.choice(("spaced", "hyphens", "lower", "as in"))
    if style == "hyphens":
        return [Bit("-".join(name))]
    if style == "as in":
        bits = ((Bit(c), Bit("as in", value=False), Bit(_RADIO[c])) for c in name)
        return [bit for group in bits for bit in group]
    return [Bit(" ".join(name if style == "spaced" else name.lower()))]


def birth(born: int, month: int, day: int, rng: random.Random) -> str:
    """A date of birth."""
    name, short = MONTHS[month - 1], born % 100
    return rng.choice(
        (
            f"{name} {ordinal(day)} {year(born)}",
            f"{name} {ordinal(day)}, {born}",
            f"{name} {day}, {born}",
            f"the {ordinal(day)} of {name}, {year(born)}",
            f"{month}/{day}/{born}",
            f"{month:02d} {day:02d} {short:02d}",
            f"{_padded(month)} {_padded(day)} {cardinal(short)}",
            f"{cardinal(month)} {cardinal(day)} {year(born)}",
            f"{day} {name} {born}",
        )
    )


def expiry(month: int, full_year: int, rng: random.Random) -> str:
    """Month and year until which a card is good."""
    name, short = MONTHS[month - 1], full_year % 100
    return rng.choice(
        (
            f"{month:02d}/{short}",
            f"{month:02d} {short}",
            f"{name} {year(full_year)}",
            f"{name} {full_year}",
            f"{name} of {cardinal(short)}",
            f"{_padded(month)} {cardinal(short)}",
            f"{cardinal(month)} {year(full_year)}",
        )
    )


def _padded(number_below_100: int) -> str:
    return f"{'oh ' if number_below_100 < 10 else ''}{cardinal(number_below_100)}"


def price(rng: random.Random) -> str:
    """An amount of money."""
    dollars, cents = rng.randint(3, 980), rng.randint(5, 99)
    return rng.choice(
        (
            f"${dollars}.{cents:02d}",
            f"${dollars}",
            f"{cardinal(dollars)} dollars and {cardinal(cents)} cents",
            f"{cardinal(dollars)} dollars",
            f"{cardinal(dollars % 100 or 20)} {cardinal(max(cents, 11))}",
            f"{dollars} dollars {cents}",
            f"${rng.randint(1, 9)},{dollars:03d}.{cents:02d}",
        )
    )


def clock(rng: random.Random) -> str:
    """A time of day."""
    hour, minute = rng.randint(1, 12), rng.choice((0, 10, 15, 20, 30, 40, 45))
    if minute == 0:
        return rng.choice((f"{hour} o'clock", f"{hour} {rng.choice(('AM', 'PM'))}",
                           f"{cardinal(hour)} in the afternoon"))  # fmt: skip
    return rng.choice(
        (
            f"{hour}:{minute}",
            f"{hour}:{minute} PM",
            f"{cardinal(hour)} {cardinal(minute)}",
            f"{cardinal(minute)} past {cardinal(hour)}",
        )
    )


def calendar_date(rng: random.Random) -> str:
    """A day that has nothing to do with a person."""
    name, day = rng.choice(MONTHS), rng.randint(1, 28)
    return rng.choice(
        (f"{name} {ordinal(day)}", f"{name} {day}", f"the {ordinal(day)} of {name}",
         f"{rng.randint(1, 12)}/{day}")
    )  # fmt: skip


def count(rng: random.Random) -> str:
    """A quantity."""
    amount = rng.choice((rng.randint(2, 12), rng.randint(13, 99), rng.randint(100, 480)))
    return rng.choice((str(amount), cardinal(amount)))
