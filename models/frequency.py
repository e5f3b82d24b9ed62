"""How common words are, by wordfreq."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

from wordfreq import get_frequency_dict

from pipeline.remembering import Remembered

_CONTRACTIONS: Final = {
    whole.replace("'", ""): whole
    for whole in [
        "i'm",
        "i'll",
        "i've",
        "i'd",
        "you're",
        "you've",
        "you'll",
        "he's",
        "she's",
        "it's",
        "we're",
        "we've",
        "they're",
        "they've",
        "that's",
        "what's",
        "there's",
        "here's",
        "let's",
        "don't",
        "doesn't",
        "didn't",
        "can't",
        "couldn't",
        "won't",
        "wouldn't",
        "isn't",
        "aren't",
        "wasn't",
        "haven't",
        "hasn't",
        "who's",
        "where's",
        "how's",
        "you'd",
        "he'd",
        "she'd",
        "they'd",
        "who'd",
        "there'd",
        "it'd",
        "that'd",
        "it'll",
        "that'll",
        "they'll",
        "there'll",
        "who'll",
        "hasn't",
        "hadn't",
        "shouldn't",
        "weren't",
        "mustn't",
        "needn't",
        "ain't",
        "could've",
        "would've",
        "should've",
        "when's",
        "why's",
    ]
}
"""Tokens have no apostrophes; the word list has."""


@cache
def _frequencies(language: str) -> dict[str, float]:
    frequencies: dict[str, float] = get_frequency_dict(language)
    return frequencies


def zipf_in(language: str, word: str) -> float:
    """Zipf frequency of a word of a language, in lower case and with its apostrophes."""
    frequency = _frequencies(language).get(word)
    return math.log10(frequency) + 9.0 if frequency else 0.0


def _zipf(key: str) -> float:
    return zipf_in("en", _CONTRACTIONS.get(key, key))


zipf: Final = Remembered(_zipf)
"""Zipf frequency of an English word (0 unknown, 3 rare, 6 function words).

That is the base-10 logarithm of how often it occurs in a billion words.
"""
