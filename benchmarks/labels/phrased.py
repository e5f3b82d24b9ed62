"""More of the ways in which people say dates, telephone numbers, codes and secrets.

``written.py`` writes a number down; this is about what is said around and between its pieces:
"expires oh four slash twenty nine", "area code four one five", "capital T", "M Mary".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.labels.number_words import Bit, number
from benchmarks.speech.spoken import DIGITS, MONTHS, cardinal, ordinal, speak, year
from pipeline.records.entities import Entity

_RADIO: Final = {
    "A": "alpha", "B": "bravo", "C": "charlie", "D": "delta", "E": "echo", "F": "foxtrot",
    "G": "golf", "H": "hotel", "I": "india", "J": "juliet", "K": "kilo", "L": "lima",
    "M": "mike", "N": "november", "O": "oscar", "P": "papa", "Q": "quebec", "R": "romeo",
    "S": "sierra", "T": "tango", "U": "uniform", "V": "victor", "W": "whiskey", "X": "x-ray",
    "Y": "yankee", "Z": "zulu",
}  # fmt: skip
_WORDS: Final = {
    "A": "Adam apple Albert", "B": "boy banana Barbara", "C": "Charles cat candy",
    "D": "David dog Daniel", "E": "Edward elephant egg", "F": "Frank fox Freddie",
    "G": "George girl green", "H": "Henry house Harry", "I": "igloo Ida ice",
    "J": "John jacket Jack", "K": "king kite Kevin", "L": "Larry lemon love",
    "M": "Mary mother Michael", "N": "Nancy Nora night", "O": "ocean orange Oliver",
    "P": "Peter Paul puppy", "Q": "queen quick question", "R": "Robert rabbit red",
    "S": "Sam sugar Susan", "T": "Tom table Thomas", "U": "umbrella union uncle",
    "V": "Victor violin victory", "W": "William water whale", "X": "x-ray xylophone x-ray",
    "Y": "young yellow yoyo", "Z": "zebra zero Zachary",
}  # fmt: skip
_FRAMES: Final = ("as in", "for", "like", "as in", "like in")
PHONETIC: Final = ("framed", "paired", "radio", "capital", "mixed")
"""Ways to say which letter is meant."""
_SYMBOLS: Final = ("exclamation mark", "dollar sign", "hashtag", "underscore", "at sign", "star")


def phonetic(value: str, rng: random.Random, style: str = "") -> list[Bit]:
    """Write letters and digits with words that stand for the letters."""
    style = style or rng.choice(PHONETIC)
    frame = rng.choice(_FRAMES)
    figures = rng.random() < 0.3
    bits: list[Bit] = []
    at = 0
    while at < len(value):
        character = value[at]
        if character.isdigit():
            run = at
            while run < len(value) and value[run].isdigit():
                run += 1
            digits = value[at:run]
            if figures:
                bits.append(Bit(rng.choice((digits, " ".join(digits)))))
            else:
                way = rng.choice(("digits", "digits", "pairs", "doubles"))
                bits.append(Bit(" ".join(token.text for token in speak(digits, rng, way))))
            at = run
            continue
        bits += _letter(character.upper(), rng, style, frame)
        at += 1
    return bits


def _letter(letter: str, rng: random.Random, style: str, frame: str) -> list[Bit]:
    if style == "mixed":
        style = rng.choice(("framed", "paired", "radio", "bare"))
    word = rng.choice(_WORDS[letter].split())
    match style:
        case "framed":
            return [Bit(letter), Bit(frame, value=False), Bit(word)]
        case "paired":
            return [Bit(letter), Bit(word)]
        case "radio":
            return [Bit(_RADIO[letter])]
        case "capital":
            return [Bit("capital", value=False), Bit(letter)]
        case _:
            return [Bit(letter)]


def until(rng: random.Random) -> list[Bit]:
    """Month and year until which a card is good."""
    month, short = rng.randint(1, 12), rng.randint(27, 34)
    name, said, padded = MONTHS[month - 1], cardinal(short), _padded(month, rng)
    slash = Bit(rng.choice(("slash", "of", "forward slash", "stroke")), value=False)
    spoken_year = Bit(rng.choice((said, said, f"twenty {said}", f"two thousand and {said}")))
    return rng.choice(
        (
            [Bit(padded), Bit(said)],
            [Bit(padded), slash, Bit(said)],
            [Bit(cardinal(month)), slash, Bit(said)],
            [Bit(name), spoken_year],
            [Bit(name), Bit("of", value=False), spoken_year],
            [Bit("the end of", value=False), Bit(name), Bit(f"20{short}")],
            [Bit(f"{month:02d}"), slash, Bit(str(short))],
            [Bit(f"{month}-{short}")],
            [Bit(f"{month:02d}/20{short}")],
            [Bit(f"{month:02d}{short}")],
            [Bit(f"{padded} {_one_by_one(str(short))}")],
            [Bit(f"{name[:3]} {short}")],
        )
    )


def born(rng: random.Random) -> list[Bit]:
    """A date of birth."""
    full, month, day = rng.randint(1936, 2009), rng.randint(1, 12), rng.randint(1, 28)
    name, short = MONTHS[month - 1], full % 100
    two = cardinal(short) if short > 9 else f"oh {DIGITS[short]}"
    slash = Bit("slash", value=False)
    return rng.choice(
        (
            [Bit(f"the {ordinal(day)} of {name} {two}")],
            [Bit(f"{name} the {ordinal(day)} {year(full)}")],
            [Bit(f"{ordinal(day)} of the {ordinal(month)} {two}")],
            [Bit(_padded(month, rng)), slash, Bit(_padded(day, rng)), slash, Bit(year(full))],
            [Bit(f"{_padded(day, rng)} {_padded(month, rng)} {two}")],
            [Bit(f"{cardinal(month)} {cardinal(day)} {two}")],
            [Bit(f"{day}th of {name} {full}")],
            [Bit(f"{month}-{day}-{full}")],
            [Bit(f"{month:02d}{day:02d}{full}")],
            [Bit(f"{name} {day} {short:02d}")],
            [Bit(f"{month}/{day}/{short:02d}")],
            [Bit(f"{year(full)}, {name} {ordinal(day)}")],
        )
    )


def telephone(rng: random.Random) -> list[Bit]:
    """A North American number with what is said between its groups."""
    digits = f"{rng.randint(201, 989)}555{rng.choice(('01', '13', '72'))}{rng.randint(10, 99)}"
    style = rng.choice(("words", "grouped", "single", "pairs", "doubles", "mixed"))
    if style == "mixed":
        return number(digits, rng.choice(((3, 3, 4), (3, 3, 2))), rng, style)
    area = number(digits[:3], (3,), rng, style)
    rest = number(digits[3:], rng.choice(((3, 4), (3, 2))), rng, style)
    area[0] = Bit(f"{area[0].text}{rng.choice(('', ',', ','))}")
    said = rng.choice(
        (
            [*area, *rest],
            [Bit("area code", value=False), *area, *rest],
            [Bit("area code", value=False), *area, Bit("and then", value=False), *rest],
            [Bit("one", value=False), *area, *rest],
            [Bit("plus one", value=False), *area, *rest],
        )
    )
    if rng.random() < 0.15:
        extension = " ".join(DIGITS[int(one)] for one in str(rng.randint(101, 989)))
        said = [*said, Bit("extension", value=False), Bit(extension, value=False)]
    return list(said)


def mobile(rng: random.Random) -> list[Bit]:
    """A mobile number of the United Kingdom, Ireland or India."""
    digits, sizes = rng.choice(
        (
            (f"07700900{rng.randint(100, 999)}", rng.choice(((5, 3, 3), (3, 4, 4), (5, 6)))),
            (f"08{rng.choice('3567')}{rng.randint(1_000_000, 9_999_999)}", (3, 3, 4)),
            (f"{rng.choice('6789')}{rng.randint(100_000_000, 999_999_999)}", (5, 5)),
        )
    )
    return number(digits, sizes, rng, rng.choice(("words", "doubles", "grouped", "filler")))


def postcode(rng: random.Random) -> list[Bit]:
    """A postcode of the United Kingdom or Canada."""
    if rng.random() < 0.7:
        out = f"{rng.choice('BCEGLMNS')}{rng.choice('ABEHNSW')}{rng.randint(1, 29)}"
        back = f"{rng.randint(1, 9)}{rng.choice('ABDEFGH')}{rng.choice('JLNPQRS')}"
    else:
        out = f"{rng.choice('KLMNV')}{rng.randint(1, 9)}{rng.choice('ABCEG')}"
        back = f"{rng.randint(1, 9)}{rng.choice('HJKLM')}{rng.randint(1, 9)}"
    way = rng.choice(("written", "spelled", "phonetic"))
    if way == "written":
        return [Bit(f"{out} {back}")]
    if way == "phonetic":
        return [*phonetic(out, rng, "framed"), *phonetic(back, rng, "framed")]
    figures = rng.random() < 0.5
    return [
        Bit(" ".join(one if one.isalpha() or figures else DIGITS[int(one)] for one in part))
        for part in (out, back)
    ]


def hardware(rng: random.Random) -> list[Bit]:
    """A MAC address."""
    pairs = ["".join(rng.choice("0123456789ABCDEF") for _ in range(2)) for _ in range(6)]
    if rng.random() < 0.4:
        return [Bit(":".join(pairs))]
    bits: list[Bit] = []
    for index, pair in enumerate(pairs):
        if index:
            bits.append(Bit("colon", value=False))
        bits.append(Bit(" ".join(one if one.isalpha() else DIGITS[int(one)] for one in pair)))
    return bits


def password(rng: random.Random) -> list[Bit]:
    """A password that is spelled out."""
    word = rng.choice(("tango", "maple", "rocket", "winter", "denver", "bishop"))
    digits = " ".join(DIGITS[rng.randint(0, 9)] for _ in range(rng.randint(2, 4)))
    symbol = rng.choice(_SYMBOLS)
    spelled = " ".join(word[1:])
    return rng.choice(
        (
            [Bit(f"capital {word[0].upper()} {spelled} {digits} {symbol}")],
            [Bit(f"{word} {digits}")],
            [Bit(f"{word.title()} with a capital {word[0].upper()}, {digits}")],
            [Bit(f"{' '.join(word)} {symbol} {digits}")],
            [Bit(f"all lower case {word} {symbol} {digits}")],
        )
    )


def network(rng: random.Random) -> list[Bit]:
    """An IP address."""
    parts = [rng.choice((192, 10, 172, 81)), *(rng.randint(0, 254) for _ in range(3))]
    dot = rng.choice(("dot", "point", "dot"))
    if rng.random() < 0.5:
        return [Bit(f" {dot} ".join(_one_by_one(str(part)) for part in parts))]
    return [Bit(f" {dot} ".join(cardinal(part).replace("hundred ", "") if part > 199
                               else cardinal(part) for part in parts))]  # fmt: skip


def insurance(rng: random.Random) -> list[Bit]:
    """A national insurance number of the United Kingdom: two letters, six digits, a letter."""
    value = f"{rng.choice('ABCEGHJ')}{rng.choice('BEHKLMP')}"
    value += f"{rng.randint(100_000, 999_999)}{rng.choice('ABCD')}"
    if rng.random() < 0.5:
        return phonetic(value, rng)
    digits = " ".join(value[2:-1][at : at + 2] for at in (0, 2, 4))
    return [Bit(f"{value[0]} {value[1]} {digits} {value[-1]}")]


def _padded(below_100: int, rng: random.Random) -> str:
    zero = rng.choice(("oh ", "zero ", "oh "))
    return f"{zero if below_100 < 10 else ''}{cardinal(below_100)}"


def _one_by_one(digits: str) -> str:
    return " ".join(DIGITS[int(one)] for one in digits)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A slot: its entity and how it is written."""

    entity: Entity
    write: Callable[[random.Random], list[Bit]]


PHRASES: Final[Mapping[str, Phrase]] = {
    "until": Phrase(Entity.CARD_EXPIRY, until),
    "born": Phrase(Entity.DATE_OF_BIRTH, born),
    "tel": Phrase(Entity.PHONE_NUMBER, telephone),
    "mobile": Phrase(Entity.PHONE_NUMBER, mobile),
    "postcode": Phrase(Entity.ZIP_CODE, postcode),
    "mac": Phrase(Entity.DEVICE_ID, hardware),
    "passcode": Phrase(Entity.PASSWORD, password),
    "network": Phrase(Entity.IP_ADDRESS, network),
    "nino": Phrase(Entity.US_SSN, insurance),
}
"""Slots by name."""
