"""Remembers what was worked out of a word, but of no word with figures.

Words come again and again, numbers hardly ever; and no card's digits stay in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_MOST: Final = 4_096
"""Words of which it is remembered."""
_FIGURE: Final = re.compile(r"\d")


class Remembered(Generic[T]):
    """A function of a word, with its last results.

    Args:
        function: gives the same for the same word, until ``forget``.
    """

    def __init__(self, function: Callable[[str], T]) -> None:
        self._function = function
        self._known = lru_cache(maxsize=_MOST)(function)

    def __call__(self, word: str) -> T:
        """What the function gives."""
        plain = word.isalpha() or not _FIGURE.search(word)  # the first is the quicker one
        return self._known(word) if plain else self._function(word)

    def forget(self) -> None:
        """Work everything out anew."""
        self._known.cache_clear()
