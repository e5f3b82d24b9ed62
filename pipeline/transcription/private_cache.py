"""Remembers what was worked out of a word, but of no word with figures.

Words come again and again, numbers hardly ever; and no card's digits stay in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

_MOST: Final = 2_048
"""Words of which it is remembered. After as many others those are forgotten that did not come again
meanwhile: that costs less than to keep order."""
_FIGURE: Final = re.compile(r"\d")


class Remembered(dict[str, T]):
    """A function of a word, with results that it gave before.

    Args:
        function: gives the same for the same word, until ``forget``.
    """

    def __init__(self, function: Callable[[str], T]) -> None:
        super().__init__()
        self._function = function
        self._before: dict[str, T] = {}

    # A word that is known costs a look into a dictionary and no call: there are hundreds a turn.
    __call__ = dict[str, T].__getitem__

    def __missing__(self, word: str) -> T:
        before = self._before
        found = before[word] if word in before else self._function(word)
        if not _FIGURE.search(word):
            if len(self) >= _MOST:
                self._before = dict(self)
                self.clear()
            self[word] = found
        return found

    def forget(self) -> None:
        """Work everything out anew."""
        self._before = {}
        self.clear()
