"""Whether the words of a call are words of its language: speech in another cannot be searched.

Outcome of :meth:`Fluency.fits`: False where enough ordinary words were heard and too few of them
are common in the language; True otherwise, also while too little was heard to tell.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from wordfreq import zipf_frequency

from pipeline.accents import plain
from pipeline.records import Word
from pipeline.vocabulary import DEFAULT, Vocabulary, vocabulary

ENOUGH: Final = 6
"""Ordinary words that it takes to tell."""
COMMON: Final = 4.0
"""Zipf frequency of the words that carry talk: ten in a million."""
SHARE: Final = 0.5
"""Share of common words below which it is another language. Of 7,216 English turns of the labelled
texts ten have less; Spanish, French, German, Italian, Portuguese, Dutch and Polish, looked up in
English, have 0.0 to 0.46."""
FOREIGN: Final = 1.0
"""A word that is ten times as common in English is an English one."""
_KEPT: Final = 12
_SHORTEST: Final = 2


class Fluency:
    """Of one call.

    Args:
        language: that the call should be in; there has to be a vocabulary for it.
        channels: how many it has; each may speak another language.
    """

    def __init__(self, language: str, channels: int) -> None:
        self._language = language
        self._voc = vocabulary(language)
        self._before: list[deque[bool]] = [deque(maxlen=_KEPT) for _ in range(channels)]

    def fits(self, channel: int, words: Iterable[Word]) -> bool:
        """Whether a turn is in the call's language; a short one counts with those before it."""
        common = [
            _common(word, self._language)
            for word in _ordinary((word.text for word in words), self._voc)
        ]
        before = self._before[channel]
        seen = common if len(common) >= ENOUGH else [*before, *common]
        before.extend(common)
        if not common:
            return True
        return len(seen) < ENOUGH or sum(seen) >= SHARE * len(seen)


def _common(word: str, language: str) -> bool:
    """Whether a word is common in a language, and not far more so in English.

    English words are common in texts of every language.
    """
    own = _zipf(word, language)
    return own >= COMMON and (language == DEFAULT or _zipf(word, DEFAULT) - own < FOREIGN)


def _ordinary(texts: Iterable[str], voc: Vocabulary) -> Iterator[str]:
    """Lower-case words; neither figures, number words nor letters, nor names as capitals tell."""
    opens = True
    for text in texts:
        bare = text.strip(" .,;:!?…\"'()[]¿¡-").replace("\u2019", "'")
        name = bare[:1].isupper() and not opens
        opens = text.rstrip().endswith((".", "?", "!", ":"))
        lower = bare.lower()
        spoken = lower in _numbers(voc.language)
        if len(bare) >= _SHORTEST and bare.replace("'", "").isalpha() and not (name or spoken):
            yield lower


@lru_cache(maxsize=8)
def _numbers(language: str) -> frozenset[str]:
    voc = vocabulary(language)
    tables = (voc.digits, voc.teens, voc.tens, voc.hundreds, voc.scales, voc.words["spelling"])
    return frozenset(word for table in tables for word in table)


@lru_cache(maxsize=4_096)
def _zipf(word: str, language: str) -> float:
    # Recognisers write "codigo" now and then.
    return float(max(zipf_frequency(word, language), zipf_frequency(plain(word), language)))
