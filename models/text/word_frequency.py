"""How common words are, by wordfreq."""

from __future__ import annotations

import math
from functools import cache

from wordfreq import get_frequency_dict


@cache
def _frequencies(language: str) -> dict[str, float]:
    frequencies: dict[str, float] = get_frequency_dict(language)
    return frequencies


def zipf_in(language: str, word: str) -> float:
    """Zipf frequency of a word of a language, in lower case and with its apostrophes."""
    frequency = _frequencies(language).get(word)
    return math.log10(frequency) + 9.0 if frequency else 0.0
