"""Numbers that are written as prices and decimals, as nobody writes an identifier.

Recognisers part a price into two words: "$1199 .27". Outcomes are plain answers about a run;
nothing is raised.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import Flag

_LONGEST: Final = 9
"""Digits from which nothing is taken out of a run: it may hold a whole identifier."""
_WHOLE: Final = re.compile(r"[$£€]\d{1,4}\.\d\d[.,;:!?…]*")
_POINT: Final = re.compile(r"\d{1,4}\.\d\d[.,;:!?…]*")
_UNITS: Final = re.compile(r"[$£€]\d{1,4}")
_CENTS: Final = re.compile(r"\.\d\d[.,;:!?…]*")


def decimal(run: NumberRun) -> bool:
    """Whether a run is a decimal: "39.50", "39 .50", "thirty nine point five"."""
    if Flag.DECIMAL in run.flags:
        return True
    words = [word.text.strip() for word in run.words]
    cents = [bool(_CENTS.fullmatch(word)) for word in words]
    return cents == [False, True] and words[0][-1:].isdigit()


def with_cents(run: NumberRun) -> bool:
    """Whether a run is one short number with two figures behind a point, as prices are: "9.99"."""
    return len(run.parts) == 1 and bool(_POINT.fullmatch(run.parts[0].word.text.strip()))


def price(run: NumberRun) -> bool:
    """Whether a run is one amount of money, written with its cents, and nothing else."""
    return _price_at(run, 0) == len(run.parts)


def parted(run: NumberRun) -> list[NumberRun]:
    """A run without the amounts of money in it, and those beside; long runs stay whole."""
    if Flag.MONEY not in run.flags or len(run.digits) >= _LONGEST:
        return [run]
    bounds = {0, len(run.parts)}
    at = 0
    while at < len(run.parts):
        after = _price_at(run, at)
        if after > at:
            bounds |= {at, after}
        at = max(after, at + 1)
    edges = sorted(bounds)
    pieces = [run.parts[low:high] for low, high in pairwise(edges)]
    return [
        NumberRun(run.channel, piece)
        for piece in pieces
        if any(part.digits or part.letters for part in piece)
    ]


def _price_at(run: NumberRun, at: int) -> int:
    """Where the price ends that begins at a part; ``at`` itself where none does."""
    words = [part.word.text.strip() for part in run.parts[at : at + 2]]
    if words and _WHOLE.fullmatch(words[0]):
        return at + 1
    if len(words) > 1 and _UNITS.fullmatch(words[0]) and _CENTS.fullmatch(words[1]):
        return at + 2
    return at
