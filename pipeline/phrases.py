"""Many regular expressions over words, searched for in one pass over a text.

Few words begin a phrase at all, and each of these begins few. So :class:`Phrases` remembers which
expressions a word can begin, and tries those alone, where that word stands. It finds what a search
for each expression would find; how long that takes hardly depends on how many there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, Generic, TypeVar

import regex

LabelT = TypeVar("LabelT")

_REMEMBERED: Final = 4_096
"""Words, and beginnings of words, of which it is known what they can begin."""


class Beginnings:
    """Which of many expressions a word can begin.

    Args:
        sources: regular expressions.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        # Only `regex` tells whether a text is the beginning of a match.
        self._partly = [regex.compile(source) for source in sources]
        self._begun_by = lru_cache(maxsize=_REMEMBERED // 4)(self._beginning)
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)
        """A word to the places in ``sources`` of the expressions that it can begin."""

    def _of(self, word: str) -> tuple[int, ...]:
        return self._begun_by(f"{word} ")

    def _beginning(self, text: str) -> tuple[int, ...]:
        """Which expressions have a match that begins with a text, told from half of it first."""
        half = len(text) // 2
        likely = self._begun_by(text[:half]) if half else range(len(self._partly))
        return tuple(which for which in likely if self._partly[which].match(text, partial=True))


class Phrases(Generic[LabelT]):
    """What phrases there are, each list of them under a label.

    A phrase is a regular expression over whole words with single spaces between. Of the phrases
    under one label that begin at the same word the first in the list is found.

    Args:
        lists: phrases by label.

    Raises:
        re.error: a phrase is no regular expression.
    """

    def __init__(self, lists: Mapping[LabelT, Iterable[str]]) -> None:
        sources = [_bounded(phrases) for phrases in lists.values()]
        self._labels = tuple(lists)
        self._patterns = [re.compile(source) for source in sources]
        self._beginnings = Beginnings(sources)

    def find(self, text: str) -> list[tuple[LabelT, int, int]]:
        """Matches as label, first character and end, in the order of labels, then of the text.

        Those of one label do not overlap.

        Args:
            text: words with single spaces between.
        """
        found: list[tuple[int, int, int]] = []
        ends: dict[int, int] = {}
        start = 0
        for word in text.split(" "):
            for which in self._beginnings.of(word) if word else ():
                match = self._patterns[which].match(text, start)
                if match and ends.get(which, 0) <= start:
                    ends[which] = match.end()
                    found.append((which, start, match.end()))
            start += len(word) + 1
        return [(self._labels[which], first, end) for which, first, end in sorted(found)]


def _bounded(phrases: Iterable[str]) -> str:
    joined = "|".join(f"(?:{phrase})" for phrase in phrases)
    return rf"(?<!\S)(?=\S)(?:{joined})(?!\S)"
