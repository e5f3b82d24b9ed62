"""Many regular expressions over words, searched for in one pass over a text.

Few words begin a phrase at all, and each of these begins few, of which most need a word that is not
said. So :class:`Phrases` remembers which expressions a word can begin, and which need it, and tries
those alone that both hold for. It finds what a search for each expression would find; how long that
takes hardly depends on how many there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Generic, TypeVar

from pipeline.detection.language.regex_prefixes import Beginnings, beginnings, needed
from pipeline.transcription.private_cache import Remembered

LabelT = TypeVar("LabelT")

_ANY: Final = frozenset({""})
"""Every word begins so."""


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
        phrases = [(which, one) for which, each in enumerate(lists.values()) for one in each]
        self._labels = tuple(lists)
        self._which = [which for which, _ in phrases]
        self._match = [re.compile(rf"(?:{phrase})(?!\S)").match for _, phrase in phrases]
        self._others = [~self._of_list(which) for which in range(len(lists))]
        """By list, the bits of all phrases of other lists."""
        self._begins = Beginnings(beginnings(f"(?:{phrase}) ") for _, phrase in phrases)
        self._needs = Beginnings(_needed(f"(?:{phrase}) ") for _, phrase in phrases)
        self._told_by = Remembered(self._tells)

    def find(self, text: str) -> list[tuple[LabelT, int, int]]:
        """Matches as label, first character and end, in the order of labels, then of the text.

        Those of one label do not overlap.

        Args:
            text: words with single spaces between.
        """
        words = text.split(" ")
        told = [self._told_by(word) for word in words]
        allowed = 0
        for bits in told:
            allowed |= bits
        allowed >>= len(self._match)
        found: list[tuple[int, int, int]] = []
        ends: dict[int, int] = {}
        start = 0
        for word, bits in zip(words, told, strict=True):
            untried = bits & allowed
            while untried:
                phrase = (untried & -untried).bit_length() - 1
                match = self._match[phrase](text, start)
                if match is None:
                    untried &= untried - 1
                    continue
                which = self._which[phrase]
                untried &= self._others[which]
                if ends.get(which, 0) <= start:
                    ends[which] = match.end()
                    found.append((which, start, match.end()))
            start += len(word) + 1
        return [(self._labels[which], first, end) for which, first, end in sorted(found)]

    def _of_list(self, which: int) -> int:
        """The bits of the phrases of a list."""
        return sum(1 << at for at, one in enumerate(self._which) if one == which)

    def _tells(self, word: str) -> int:
        """The bits of the phrases that a word can begin, and above them of those that need it."""
        if not word:
            return 0
        return self._begins.of(word) | self._needs.of(word) << len(self._match)


def _needed(source: str) -> frozenset[str]:
    """Words of which a phrase needs one, other than the one that it begins with if possible."""
    first = beginnings(source)
    sets = needed(source, _share)
    others = [each for each in sets if each != first]
    return min(others or sets or [_ANY], key=lambda each: sum(map(_share, each)))


def _share(beginning: str) -> float:
    """Roughly how common words are that begin so: long ones are rare."""
    return 10.0 ** -len(beginning)
