"""The labelled Spanish texts: templates in, cases with every value marked out.

    python -m benchmarks.labels.spanish            writes benchmarks/texts/spanish.jsonl anew
    python -m benchmarks.labels.spanish --check    1 when the file is not what the templates give

The same templates and seed give the same file, byte for byte.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from pipeline.evaluation.corpora.labelled_texts import Label, LabelledCase, LabelledTurn
from pipeline.records.entities import Entity
from pipeline.records.model import Role

TEXTS: Final = Path(__file__).parents[1] / "texts"
FILE: Final = TEXTS / "spanish.jsonl"
COPIES: Final = 3
_SLOT = re.compile(r"\{([a-z]+)(?:/(\d))?:([a-z]+)\}")
_ROLES = {"A": Role.AGENT, "C": Role.CUSTOMER}
_WORDS: Final = yaml.safe_load((TEXTS / "spanish_words.yaml").read_text(encoding="utf-8"))
ONES, TEENS, TWENTIES, TENS, HUNDREDS, MONTHS = (
    str(_WORDS[name]).split()
    for name in ("ones", "teens", "twenties", "tens", "hundreds", "months")
)
FILLERS: Final = ("eh", "a ver", "y luego", "mmm", "y después")
_VALUES: Final = {
    "card": (Entity.CARD_NUMBER, 16),
    "four": (Entity.CARD_NUMBER, 4),
    "three": (Entity.CARD_SECURITY_CODE, 3),
    "phone": (Entity.PHONE_NUMBER, 9),
    "dni": (Entity.NATIONAL_ID, 8),
    "ssn": (Entity.US_SSN, 9),
    "account": (Entity.BANK_ACCOUNT, 10),
    "zip": (Entity.ZIP_CODE, 5),
    "member": (Entity.MEMBER_ID, 8),
    "expiry": (Entity.CARD_EXPIRY, 0),
    "birth": (Entity.DATE_OF_BIRTH, 0),
}


def below_hundred(value: int) -> str:
    """A number from 0 to 99 in words."""
    if value < 10:
        return ONES[value]
    if value < 20:
        return TEENS[value - 10]
    if value < 30:
        return TWENTIES[value - 20]
    tens, unit = divmod(value, 10)
    return TENS[tens - 3] + (f" y {ONES[unit]}" if unit else "")


def cardinal(value: int) -> str:
    """A number from 0 to 999,999 in words."""
    if value < 100:
        return below_hundred(value)
    if value < 1_000:
        rest = value % 100
        return "cien" if value == 100 else HUNDREDS[value // 100 - 1] + (
            f" {below_hundred(rest)}" if rest else ""
        )  # fmt: skip
    high = "mil" if value < 2_000 else f"{cardinal(value // 1_000)} mil"
    rest = value % 1_000
    return f"{high} {cardinal(rest)}" if rest else high


def pair(digits: str) -> str:
    """Two digits as they are said together; a leading zero stays a word of its own."""
    return below_hundred(int(digits)) if digits[0] != "0" else " ".join(spell(digits))


def spell(digits: str) -> Iterator[str]:
    """Each digit as a word."""
    return (ONES[int(digit)] for digit in digits)


def said(digits: str, style: str, rng: random.Random) -> str:  # noqa: PLR0911 - one a style
    """Digits in a way of saying them."""
    match style:
        case "pairs":
            cut = len(digits) % 2
            parts = [digits[:cut], *(digits[at : at + 2] for at in range(cut, len(digits), 2))]
            return ", ".join(pair(p) if len(p) > 1 else ONES[int(p)] for p in parts if p)
        case "hundreds":
            head, rest = digits[:3], digits[3:]
            first = cardinal(int(head)) if head[0] != "0" else " ".join(spell(head))
            return f"{first}, {said(rest, 'pairs', rng)}" if rest else first
        case "hundred":
            return cardinal(int(digits)) if digits[0] != "0" else " ".join(spell(digits))
        case "figures":
            size = 4 if len(digits) % 4 == 0 else 3
            return " ".join(digits[at : at + size] for at in range(0, len(digits), size))
        case "mixed":
            half = len(digits) // 2
            return f"{digits[:half]} {' '.join(spell(digits[half:]))}"
        case "fillers":
            words = list(spell(digits))
            words.insert(rng.randrange(2, len(words) - 1), f"{rng.choice(FILLERS)},")
            return " ".join(words)
        case _:
            return " ".join(_doubled(digits, rng))


def _doubled(digits: str, rng: random.Random) -> Iterator[str]:
    at = 0
    while at < len(digits):
        if digits[at : at + 1] == digits[at + 1 : at + 2] and rng.random() < 0.5:
            yield f"doble {ONES[int(digits[at])]}"
            at += 2
        else:
            yield ONES[int(digits[at])]
            at += 1


class _Values:
    """The values of one case."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._card = ""

    def say(self, name: str, part: str | None, style: str) -> str:
        rng = self._rng
        if name == "expiry":
            month, year = rng.randrange(12), rng.randrange(26, 32)
            figures = f"{month + 1:02}/{year}"
            words = f"{MONTHS[month]} de {cardinal(2000 + year)}"
            return figures if style == "figures" else words
        if name == "birth":
            day, when, year = rng.randrange(1, 29), rng.choice(MONTHS), rng.randrange(1940, 2003)
            return f"{cardinal(day)} de {when} de {cardinal(year)}"
        if part:
            if not self._card:
                self._card = self._digits(16)
            at = 4 * int(part)
            return said(self._card[at - 4 : at], style, rng)
        return said(self._digits(_VALUES[name][1]), style, rng)

    def _digits(self, count: int) -> str:
        first = self._rng.choice("456789")
        return first + "".join(self._rng.choice("0123456789") for _ in range(count - 1))


def cases() -> list[LabelledCase]:
    """Every case; positives come :data:`COPIES` times with other values."""
    data = yaml.safe_load((TEXTS / "spanish.yaml").read_text(encoding="utf-8"))
    found: list[LabelledCase] = []
    for kind, copies in (("positives", COPIES), ("negatives", 1)):
        blocks = data[kind].strip().split("\n\n")
        for number, block in enumerate(blocks):
            for copy in range(copies):
                name = f"es-{kind[:3]}-{number:03}-{copy}"
                found.append(_case(name, block, random.Random(name)))
    return found


def _case(name: str, block: str, rng: random.Random) -> LabelledCase:
    head, *lines = block.split("\n")
    values = _Values(rng)
    turns = tuple(_turn(line, values) for line in lines)
    tag = head.removeprefix("#").strip().replace(" ", "-")
    return LabelledCase(id=name, tags=(tag,), language="es", turns=turns)


def _turn(line: str, values: _Values) -> LabelledTurn:
    role, _, template = line.partition(": ")
    text, labels, at = "", list[Label](), 0
    for slot in _SLOT.finditer(template):
        text += template[at : slot.start()]
        name, part, style = slot.groups()
        value = values.say(name, part, style)
        entity, group = str(_VALUES[name][0]), "card" if part else ""
        labels.append(
            Label(entity=entity, start=len(text), end=len(text) + len(value), group=group)
        )
        text += value
        at = slot.end()
    return LabelledTurn(role=_ROLES[role], text=text + template[at:], labels=tuple(labels))


def as_lines() -> str:
    """The whole file."""
    return "".join(case.as_line() + "\n" for case in cases())


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(FILE.read_text(encoding="utf-8") != as_lines())
    FILE.write_text(as_lines(), encoding="utf-8")
