"""Many regular expressions over words, searched for in one pass over a text.

Few words begin a phrase at all, and each of these begins few, of which most need a word that is not
said. So :class:`Phrases` remembers which expressions a word can begin, and tries those alone, where
that word stands. It finds what a search for each expression would find; how long that takes hardly
depends on how many there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Generic, TypeVar

from pipeline.beginnings import Beginnings, beginnings, needed
from pipeline.remembering import Remembered

LabelT = TypeVar("LabelT")

_ANY: Final = frozenset({""})
"""Every word begins so."""
_MANY: Final = 4
"""Lists that a word begins phrases of, from which all of these are tried at once first."""

Matcher = Callable[[str, int], re.Match[str] | None]


@dataclass(frozen=True, slots=True)
class _Begun:
    """What a word can begin."""

    lists: tuple[tuple[int, int, Matcher], ...]
    """Each list's place, the bits of its phrases, and what matches these."""
    phrases: int
    """The bits of all of them."""
    any: Matcher | None = None
    """Matches wherever one of ``lists`` does."""


_NOTHING: Final = _Begun((), 0)


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
        self._phrases = [(which, one) for which, each in enumerate(lists.values()) for one in each]
        self._labels = tuple(lists)
        self._beginnings = Beginnings(beginnings(f"(?:{phrase}) ") for _, phrase in self._phrases)
        self._needs = Beginnings(_needed(f"(?:{phrase}) ") for _, phrase in self._phrases)
        self._compiled = cache(_compiled)
        self._begun_by = Remembered(self._matchers)
        self._allowed_by = Remembered(self._needs.of)
        for phrases in lists.values():
            _compiled(tuple(phrases))  # what is wrong is refused now, not amid a call

    def find(self, text: str) -> list[tuple[LabelT, int, int]]:
        """Matches as label, first character and end, in the order of labels, then of the text.

        Those of one label do not overlap.

        Args:
            text: words with single spaces between.
        """
        found: list[tuple[int, int, int]] = []
        ends: dict[int, int] = {}
        words = text.split(" ")
        said = 0
        for word in words:
            said |= self._allowed_by(word)
        start = 0
        for word in words:
            begun = self._begun_by(word) if word else _NOTHING
            if begun.phrases & said and (begun.any is None or begun.any(text, start)):
                for which, phrases, matches in begun.lists:
                    match = matches(text, start) if phrases & said else None
                    if match and ends.get(which, 0) <= start:
                        ends[which] = match.end()
                        found.append((which, start, match.end()))
            start += len(word) + 1
        return [(self._labels[which], first, end) for which, first, end in sorted(found)]

    def _matchers(self, word: str) -> _Begun:
        """What matches the phrases that a word begins.

        "The" begins a few phrases of nearly every list: all of them are tried at once first.
        """
        few: dict[int, tuple[str, ...]] = {}
        bits: dict[int, int] = {}
        all_bits = places = self._beginnings.of(word)
        while places:
            bit = places & -places
            which, phrase = self._phrases[bit.bit_length() - 1]
            few[which] = (*few.get(which, ()), phrase)
            bits[which] = bits.get(which, 0) | bit
            places &= places - 1
        if not few:
            return _NOTHING
        lists = tuple((which, bits[which], self._compiled(each)) for which, each in few.items())
        if len(lists) < _MANY:
            return _Begun(lists, all_bits)
        every = tuple(one for each in few.values() for one in each)
        return _Begun(lists, all_bits, self._compiled(every))


def _needed(source: str) -> frozenset[str]:
    """Words of which a phrase needs one, other than the one that it begins with if possible."""
    first = beginnings(source)
    sets = needed(source, _share)
    others = [each for each in sets if each != first]
    return min(others or sets or [_ANY], key=lambda each: sum(map(_share, each)))


def _share(beginning: str) -> float:
    """Roughly how common words are that begin so: long ones are rare."""
    return 10.0 ** -len(beginning)


def _compiled(phrases: tuple[str, ...]) -> Matcher:
    joined = "|".join(f"(?:{phrase})" for phrase in phrases)
    return re.compile(rf"(?<!\S)(?=\S)(?:{joined})(?!\S)").match
