"""Words as they are compared: without accents, so that "dieciséis" and "dieciseis" are one word."""

from __future__ import annotations

import unicodedata
from typing import Final

_EDGES: Final = " .,;:!?…\"'()"


def plain(text: str) -> str:
    """``text`` with every accent taken off its letter: "código" is "codigo", "año" is "ano"."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in apart if unicodedata.category(letter) != "Mn")


def bare(text: str, more: str = "") -> str:
    """A word in lower case, without the punctuation at its edges.

    Args:
        text: the word.
        more: further signs that count for nothing there.
    """
    return text.lower().strip(_EDGES + more)
