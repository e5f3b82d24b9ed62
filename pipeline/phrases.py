"""Many regular expressions over words, searched for in one pass over a text.

Few words begin a phrase at all, and each of these begins few. So :class:`Phrases` remembers which
expressions a word can begin, and tries those alone, where that word stands. It finds what a search
for each expression would find; how long that takes hardly depends on how many there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, Generic, TypeVar

import regex

LabelT = TypeVar("LabelT")

_REMEMBERED: Final = 4_096
"""Words, and beginnings of words, of which it is known what they can begin."""
_FIGURES: Final = 2
_LETTERS: Final = 5
"""By how many characters a long word is told; it may begin some less than is said of it then."""
_MANY: Final = 4
"""Lists that a word begins a phrase of, from which the few phrases that it begins are looked at."""

Matcher = Callable[[str, int], re.Match[str] | None]


class Beginnings:
    """Which of many expressions a word can begin.

    Args:
        sources: regular expressions.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        # Only `regex` tells whether a text is the beginning of a match.
        self._partly = [regex.compile(source) for source in sources]
        self._begun_by = lru_cache(maxsize=_REMEMBERED)(self._beginning)
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)
        """A word to the places in ``sources`` of the expressions that it may begin."""

    def _of(self, word: str) -> tuple[int, ...]:
        # Ever new names and numbers come: those that begin alike are told together.
        if word[:1].isdigit():
            return self._begun_by(word[:_FIGURES] if len(word) > _FIGURES else f"{word} ")
        return self._begun_by(word[:_LETTERS] if len(word) > _LETTERS + 1 else f"{word} ")

    def _beginning(self, text: str) -> tuple[int, ...]:
        """Which expressions have a match that begins with a text, told from half of it first."""
        half = len(text) // 2
        likely = self._begun_by(text[:half]) if half else range(len(self._partly))
        return tuple(which for which in likely if self._partly[which].match(text, partial=True))


@dataclass(frozen=True, slots=True)
class _Begun:
    """What a word can begin."""

    lists: tuple[tuple[int, Matcher], ...]
    """Each list's place, and what matches its phrases."""
    any: Matcher | None = None
    """Matches wherever one of ``lists`` does."""


_NOTHING: Final = _Begun(())


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
        self._phrases = [tuple(phrases) for phrases in lists.values()]
        sources = [_bounded(phrases) for phrases in self._phrases]
        self._labels = tuple(lists)
        self._patterns = [re.compile(source) for source in sources]
        self._beginnings = Beginnings(sources)
        self._single = cache(self._beginning_of)
        self._begun_by = lru_cache(maxsize=_REMEMBERED)(self._matchers)

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
            begun = self._begun_by(word) if word else _NOTHING
            if begun is not _NOTHING and (begun.any is None or begun.any(text, start)):
                for which, matches in begun.lists:
                    match = matches(text, start)
                    if match and ends.get(which, 0) <= start:
                        ends[which] = match.end()
                        found.append((which, start, match.end()))
            start += len(word) + 1
        return [(self._labels[which], first, end) for which, first, end in sorted(found)]

    def _matchers(self, word: str) -> _Begun:
        """What matches the phrases that a word begins.

        "The" begins a few phrases of nearly every list: only these few are tried then, and first
        all of them at once.
        """
        lists = self._beginnings.of(word)
        if not lists:
            return _NOTHING
        if len(lists) < _MANY:
            return _Begun(tuple((which, self._patterns[which].match) for which in lists))
        few = {which: self._few(which, f"{word} ") for which in lists}
        return _Begun(
            tuple((which, re.compile(_bounded(each)).match) for which, each in few.items() if each),
            re.compile(_bounded(phrase for each in few.values() for phrase in each)).match,
        )

    def _few(self, which: int, text: str) -> list[str]:
        """The phrases of a list that a text can begin."""
        return [one for one in self._phrases[which] if self._single(one).match(text, partial=True)]

    @staticmethod
    def _beginning_of(phrase: str) -> regex.Pattern[str]:
        return regex.compile(_bounded([phrase]))


def _bounded(phrases: Iterable[str]) -> str:
    joined = "|".join(f"(?:{phrase})" for phrase in phrases)
    return rf"(?<!\S)(?=\S)(?:{joined})(?!\S)"
