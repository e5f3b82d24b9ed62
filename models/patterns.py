"""Expressions that recognisers search a turn's plain text for, most ruled out by the turn's words.

A match begins with one of few words, and some hold another one of few words. So a :class:`Worded`
expression is searched for only where a turn has such words; :func:`opened` tells that of all
expressions at once. What is ruled out would have matched nowhere. A source that is no regular
expression raises ``re.error`` when it is first needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import regex

from pipeline.phrases import Beginnings

_AROUND: Final = regex.compile(r"\(\?<?[=!](?P<in>(?:[^()\\]|\\.|\((?&in)\))*)\)")
"""What has to stand, or not to stand, around a match."""
_REMEMBERED: Final = 4_096
"""Words of which it is known what they can begin."""


class Worded:
    """A regular expression over whole words with single spaces between.

    Args:
        source: every match begins where a word does.
        holds: an expression of which a match is in every match, and begins where a word does;
            worth while where nearly any word begins a match, or a very common one.
    """

    def __init__(self, source: str, holds: str = "") -> None:
        self._source = source
        self.parts = [_AROUND.sub("", part) for part in (source, holds) if part]
        first = sum(len(one.parts) for one in _all)
        self.mask = sum(1 << first + part for part in range(len(self.parts)))
        """A bit for each of its parts."""
        _all.append(self)
        _beginnings.cache_clear()
        _begun_by.cache_clear()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled when the first turn opens it: there are many, and few begin."""
        return re.compile(self._source)


_all: Final[list[Worded]] = []


@lru_cache(maxsize=1)
def _beginnings() -> Beginnings:
    """What can begin the parts of all expressions."""
    return Beginnings([part for one in _all for part in one.parts])


@lru_cache(maxsize=_REMEMBERED)
def _begun_by(word: str) -> int:
    """The bits of the parts that a word can begin."""
    return sum(1 << part for part in _beginnings().of(word))


@dataclass(frozen=True, slots=True)
class Opened:
    """The expressions of which every part can begin with one of the words that were said."""

    mask: int

    def __contains__(self, one: Worded) -> bool:
        return one.mask & self.mask == one.mask


def opened(words: Iterable[str]) -> Opened:
    """The expressions that words do not rule out."""
    mask = 0
    for word in words:
        mask |= _begun_by(word)
    return Opened(mask)
