"""Expressions that recognisers search a turn's plain text for, most ruled out by the turn's words.

A match begins with one of few words, and some hold another one of few words. So a :class:`Worded`
expression is searched for only where a turn has such words; :func:`opened` tells that of all
expressions at once. What is ruled out would have matched nowhere. Nothing is raised but
``re.error`` for a source that is no regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import regex

from pipeline.phrases import Beginnings

_AROUND: Final = regex.compile(r"\(\?<?[=!](?P<in>(?:[^()\\]|\\.|\((?&in)\))*)\)")
"""What has to stand, or not to stand, around a match."""


class Worded:
    """A regular expression over whole words with single spaces between.

    Args:
        source: every match begins where a word does.
        holds: an expression of which a match is in every match, and begins where a word does;
            worth while where nearly any word begins a match, or a very common one.
    """

    def __init__(self, source: str, holds: str = "") -> None:
        self.pattern = re.compile(source)
        self.parts = [_AROUND.sub("", part) for part in (source, holds) if part]
        _all.append(self)
        _beginnings.cache_clear()


_all: Final[list[Worded]] = []


@lru_cache(maxsize=1)
def _beginnings() -> tuple[list[Worded], Beginnings]:
    """The expression of every part, and what can begin the parts."""
    owners = [one for one in _all for _ in one.parts]
    return owners, Beginnings([part for one in _all for part in one.parts])


def opened(words: Iterable[str]) -> frozenset[Worded]:
    """The expressions of which every part can begin with one of the words."""
    owners, beginnings = _beginnings()
    begun = {part for word in words for part in beginnings.of(word)}
    missing = {owner for part, owner in enumerate(owners) if part not in begun}
    return frozenset(_all) - missing
