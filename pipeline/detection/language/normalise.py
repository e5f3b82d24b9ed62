"""Letters without their accents, so that "dieciséis" and "dieciseis" are one word."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """``text`` with every accent taken off its letter: "código" is "codigo", "año" is "ano"."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in apart if unicodedata.category(letter) != "Mn")
