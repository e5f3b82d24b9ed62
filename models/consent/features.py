"""Turns an utterance, and what was said before it, into the features that the weights are of.

Outcome of ``features``: hashes of short strings, each once. Case, accents and punctuation are gone,
and every number is the same number.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import pairwise, product
from typing import Final

import yaml

MOST_WORDS: Final = 160
"""Words of an utterance that are looked at."""
LOOKED_BACK: Final = 16
"""Last words of what was said before that are looked at."""
_HARDLY: Final = 0.08
_LIKELY: Final = 0.5
_STEM: Final = 5
_APART: Final = 7
"""How far apart two words may be that are looked at together."""
_FIRST: Final = 3
_NEAR: Final = 3
_FAR: Final = 10
UNASKED: Final = "-"
"""What was said before neither told of recording nor asked."""
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_NUMBER_WORDS: Final = (
    "zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand cero dos tres cuatro cinco seis siete ocho nueve diez once doce trece "
    "catorce quince dieciseis diecisiete dieciocho diecinueve veinte treinta cuarenta cincuenta "
    "sesenta setenta ochenta noventa cien ciento mil"
)
_NUMBERS: Final = frozenset(_NUMBER_WORDS.split())


def words_of(text: str) -> list[str]:
    """The words of a text as they are looked at."""
    folded = unicodedata.normalize("NFKD", text[: MOST_WORDS * 40].casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    found = _WORD.findall(plain)[:MOST_WORDS]
    return [_neutral(word) for word in found]


def _neutral(word: str) -> str:
    if word in _NUMBERS or any(letter.isdigit() for letter in word):
        return "#"
    return word.replace("'", "").replace("\u2019", "")


def asked_of(told: float, asked: float) -> str:
    """How sure it is that one told of recording or asked, in steps."""
    step = UNASKED if asked < _HARDLY else "l" if asked < _LIKELY else "h"
    return f"{step}n" if told > _LIKELY else step


def features(said: Sequence[str], before: Sequence[str], *, other: bool, asked: str) -> list[int]:
    """The features of an utterance.

    Args:
        said: its words.
        before: those of what was said before it.
        other: whether somebody else said that.
        asked: how sure it is that what was said before told or asked about recording.
    """
    return sorted({zlib.crc32(each.encode()) for each in _strings(said, before, other, asked)})


def _strings(
    said: Sequence[str],
    before: Sequence[str],
    other: bool,  # noqa: FBT001 - the parameters of ``features``
    asked: str,
) -> Iterator[str]:
    stems = [word[:_STEM] for word in said]
    groups = [_groups_of(word) for word in said]
    yield from _own(said, stems)
    yield from _grouped(stems, groups)
    yield f"n {min(len(said), 4)}"
    yield f"n {min(len(said), 4)} {asked}"
    for word in said[:_FIRST]:
        yield f"f {word}"
        yield f"a {asked} {word}"
    if said:
        yield f"^ {' '.join(said[:2])}"
        yield f"a^ {asked} {' '.join(said[:2])}"
        yield f"$ {said[-1]}"
        yield f"a$ {asked} {said[-1]}"
    side = "o" if other else "s"
    yield f"b {side} {asked}"
    if asked != UNASKED:
        back = [word[:_STEM] for word in before[-LOOKED_BACK:]]
        for word in dict.fromkeys(back):
            yield f"b {side} {word}"
            for first in said[:2]:
                yield f"x {word} {first}"


def _groups_of(word: str) -> tuple[str, ...]:
    exact, beginnings = _groups()
    found = set(exact.get(word, ()))
    for length in range(3, len(word) + 1):
        found.update(beginnings.get(word[:length], ()))
    return tuple(sorted(found))


@cache
def _groups() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Groups by word, and by the beginning of words."""
    text = (resources.files("models.consent") / "classes.yaml").read_text(encoding="utf-8")
    exact: dict[str, set[str]] = {}
    beginnings: dict[str, set[str]] = {}
    for group, words in yaml.safe_load(text).items():
        for word in words.split():
            where = beginnings if word.endswith("*") else exact
            where.setdefault(word.removesuffix("*"), set()).add(group)
    return exact, beginnings


def _grouped(stems: Sequence[str], groups: Sequence[tuple[str, ...]]) -> Iterator[str]:
    known = [(at, each) for at, each in enumerate(groups) if each]
    for place, (at, mine) in enumerate(known):
        for one in mine:
            yield f"g {one}"
            for step in (-2, -1, 1, 2):
                if 0 <= at + step < len(stems):
                    yield f"gw {one} {step} {stems[at + step]}"
        for then, theirs in known[place + 1 : place + 9]:
            if then - at > _FAR:
                break
            near = "n" if then - at <= _NEAR else "f"
            for one in mine:
                for two in theirs:
                    yield f"gg {one} {two}"
                    yield f"gg{near} {one} {two}"
        yield from _threes(known[place : place + 5])


def _threes(known: Sequence[tuple[int, tuple[str, ...]]]) -> Iterator[str]:
    """Groups of a word and of two that follow each other after it."""
    at, mine = known[0]
    for (_, second), (last, third) in pairwise(known[1:]):
        if last - at > _FAR:
            break
        for three in product(mine, second, third):
            yield f"g3 {' '.join(three)}"


def _own(said: Sequence[str], stems: Sequence[str]) -> Iterator[str]:
    for at, word in enumerate(said):
        yield f"w {word}"
        yield f"s {stems[at]}"
        yield f"2 {' '.join(said[at : at + 2])}"
        yield f"3 {' '.join(said[at : at + 3])}"
        for ahead in stems[at + 1 : at + _APART]:
            yield f"k {stems[at]} {ahead}"
