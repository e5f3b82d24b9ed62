"""Remembers what was worked out of a word, but of no word with figures.

Words come again and again, numbers hardly ever; and no card's digits stay in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_MOST: Final = 4_096
"""Words of which it is remembered; then all are forgotten: that costs less than to keep order."""
_FIGURE: Final = re.compile(r"\d")


class Remembered(Generic[T]):
    """A function of a word, with results that it gave before.

    Args:
        function: gives the same for the same word, until ``forget``.
    """

    def __init__(self, function: Callable[[str], T]) -> None:
        self._function = function
        self._known: dict[str, T] = {}

    def __call__(self, word: str) -> T:
        """What the function gives."""
        try:
            return self._known[word]
        except KeyError:
            return self._work_out(word)

    def _work_out(self, word: str) -> T:
        found = self._function(word)
        if not _FIGURE.search(word):
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[word] = found
        return found

    def forget(self) -> None:
        """Work everything out anew."""
        self._known.clear()
