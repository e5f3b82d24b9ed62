"""DATE_OF_BIRTH in words that no number holds: "the fourth of, no, the fifth", "Christmas Day".

Whole dates are the spoken-number engine's. Here are the parts of an answer that it can't read as a
number, and what is said again of a date right after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import FILLERS, NUMBER_WORDS, ORDINALS, is_number
from models.lexicon import listed, longest_listed
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_BORN: Final = Worded(r"\bborn(?: (?:on|in))? (?=(?:the )?[a-z0-9]+)")
_MONTHS: Final = listed("months")
_LINKS: Final = frozenset({"of", "the", "and", "in"})
_LEADS: Final = FILLERS | frozenset({"its", "is", "not", "that", "thats", "i", "said", "was"})
_ORDINAL: Final = re.compile(r"\d{1,2}(?:st|nd|rd|th)")
_YEAR: Final = re.compile(r"(?:19|20)\d\d|[2-9]\d")
_TENS: Final = frozenset(
    ["twenty", "thirty", "forty", "fourty", "fifty", "sixty", "seventy", "eighty", "ninety",
     "nineteen"]
)  # fmt: skip
_APPOINTED: Final = listed("appointed")
"""Talk of dates to come."""
_CORRECTS: Final = frozenset(
    ["no", "sorry", "wait", "actually", "rather", "mean", "tell", "lie", "correction", "scratch",
     "not", "nope"]
)  # fmt: skip
"""Words with which somebody corrects what he has just said."""
_LONGEST_CORRECTION: Final = 9
_ENOUGH: Final = 2
_ANSWER: Final = 16
"""Tokens of an answer within which a date of birth begins; later ones are of other talk."""
_SHORT: Final = 12
"""Tokens of a turn that reads back or corrects."""
_LONGEST_AGAIN: Final = 6


class SpokenBirthRecognizer(SpokenRecognizer):
    """Parts of a date of birth, where one was asked for or has just been said."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.DATE_OF_BIRTH,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_BORN,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Days, months and holidays of an answer or behind "born"; a year that is corrected."""
        begin = turn.expected(Entity.DATE_OF_BIRTH)
        born = [found.last for found in turn.search(_BORN)]
        again = Entity.DATE_OF_BIRTH in turn.recent and len(turn.tokens) <= _SHORT
        if not _APPOINTED.isdisjoint(turn.all_keys):
            begin, again = None, False
        for first, last, weight in _dates(turn):
            told = begin is not None and begin <= first <= begin + _ANSWER
            stated = any(at <= first <= at + 1 for at in born)
            if weight >= _ENOUGH and (told or stated or again):
                yield Hit(Entity.DATE_OF_BIRTH, first, last, 0.6, "part of a date")
        dated = begin is not None or bool(born)
        if again:
            yield from _year_again(turn)
        if (again or dated) and not _CORRECTS.isdisjoint(turn.all_keys):
            yield from _year_corrected(turn)


def _dates(turn: Turn) -> Iterator[tuple[int, int, int]]:
    """Runs of words of a date, with what speaks for each: two for a day, month or holiday."""
    at = 0
    keys = turn.all_keys
    while at < len(keys):
        last, weight = at, 0
        while last < len(keys):
            key = keys[last]
            holiday = longest_listed("holidays", keys, last)
            number = key in NUMBER_WORDS or key.isdigit()
            if holiday:
                weight += 2
                last += holiday - 1
            elif key in ORDINALS or key in _MONTHS or _ORDINAL.fullmatch(key):
                # "may", "march" and "second" are everyday words: a day and a month support them.
                weight += 1 if key in {"may", "march", "second"} else 2
            elif number:
                weight += 0
            elif not (key in _LINKS and (last > at or key == "the")):
                break
            last += 1
        end = last
        while end > at and keys[end - 1] in _LINKS - {"of"}:
            end -= 1
        if end > at:
            yield at, end, weight
        at = max(last, at + 1)


def _year_corrected(turn: Turn) -> Iterator[Hit]:
    """A year with which a sentence of correction ends: "no, what am I saying, 68" and the like."""
    first = 0
    keys = turn.all_keys
    while first < len(keys):
        end = first
        while end < len(keys) and (end == first or not turn.tokens[end - 1].stops):
            end += 1
        begin = end
        while begin > first and is_number(keys[begin - 1]):
            begin -= 1
        told = begin < end and (keys[begin] in _TENS or _YEAR.fullmatch(keys[begin]))
        corrects = not _CORRECTS.isdisjoint(keys[first:begin])
        if told and corrects and end - first <= _LONGEST_CORRECTION:
            yield Hit(Entity.DATE_OF_BIRTH, begin, end, 0.5, "year corrected")
        first = end


def _year_again(turn: Turn) -> Iterator[Hit]:
    """Such as "No, sixty-six": a short turn of a year alone, right after a date of birth."""
    if len(turn.tokens) > _LONGEST_AGAIN:
        return
    first = 0
    while first < len(turn.tokens) and turn.all_keys[first] in _LEADS:
        first += 1
    last = first
    while last < len(turn.tokens) and is_number(turn.all_keys[last]):
        last += 1
    key = turn.all_keys[first] if first < len(turn.tokens) else ""
    ends = last == len(turn.tokens) or turn.tokens[last - 1].stops
    if last > first and ends and (key in _TENS or _YEAR.fullmatch(key)):
        yield Hit(Entity.DATE_OF_BIRTH, first, last, 0.5, "year said again")
