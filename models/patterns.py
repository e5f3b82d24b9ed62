"""Expressions that recognisers search a turn's plain text for, most ruled out by the turn's words.

A match begins with one of few words, and most hold other ones of few words. So a :class:`Worded`
expression is searched for only where a turn has such words; :func:`unsaid` tells that of all
expressions at once. What is ruled out would have matched nowhere. A source that is no regular
expression raises ``re.error`` when it is first needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from models.frequency import zipf
from pipeline.beginnings import Beginnings, needed
from pipeline.once import once
from pipeline.remembering import Remembered


class Worded:
    """A regular expression over whole words with single spaces between.

    Args:
        source: every match begins where a word does.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.mask = 0
        """A bit for each set of words of which a match needs one; none until they are known."""
        _new.append(self)

    @once
    def pattern(self) -> re.Pattern[str]:
        """The expression, compiled when the first turn opens it: there are many, and few begin."""
        return re.compile(self.source)


_new: Final[list[Worded]] = []
"""Those of which it is not known yet what they need."""
_places: Final[dict[frozenset[str], int]] = {}
_beginnings: Final = Beginnings(())


_begun_by: Final = Remembered(_beginnings.of)
"""The bits that a word sets."""


def _learn() -> None:
    """Read off what the new expressions need."""
    while _new:
        for each in needed(_new[0].source, _share):
            if each not in _places:
                _places[each] = _beginnings.add(each)
            _new[0].mask |= 1 << _places[each]
        del _new[0]
    _begun_by.forget()


@cache
def _share(beginning: str) -> float:
    """About how many of all words begin so."""
    word = beginning.rstrip()
    alone = 10 ** (zipf(word) - 9)
    return alone if word != beginning else alone + 10 ** (-0.4 - 0.9 * len(word))


def unsaid(words: Iterable[str]) -> int:
    """The bits of what expressions need and words have not.

    Raises:
        re.error: the source of an expression is none.
    """
    if _new:
        _learn()
    said = 0
    for word in words:
        said |= _begun_by(word)
    return _beginnings.all ^ said  # never negative: such numbers are copied wherever they go
