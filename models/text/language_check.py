"""Whether the words of a call are words of its language: speech in another cannot be searched.

Outcome of :meth:`Fluency.fits`: False where enough ordinary words were heard, too few of them are
common in the language, and many are none of its words; True otherwise, also while too little was
heard to tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from models.text.word_frequency import zipf_in
from pipeline.detection.language.normalise import plain
from pipeline.detection.language.vocabulary import DEFAULT, vocabulary
from pipeline.records.model import Word
from pipeline.transcription.private_cache import Remembered

ENOUGH: Final = 6
"""Ordinary words that it takes to tell."""
COMMON: Final = 4.0
"""Zipf frequency of the words that carry talk: ten in a million."""
SHARE: Final = 0.5
"""Share of common words below which it may be another language. Talk of a trade, of a code or of
names has as few now and then; Spanish, French, German, Italian, Portuguese, Dutch and Polish,
looked up in English, have 0.0 to 0.46."""
STRANGE: Final = 0.25
"""Share of words that are none of the language from which such talk is in another one."""
UNKNOWN: Final = 2.5
"""Zipf frequency below which a word is none of the language's: three in ten million."""
FOREIGN: Final = 1.0
"""A word that is ten times as common in English is an English one."""
_NAMELY: Final = 3.0
"""Zipf frequency below which a capital at the head of a sentence is a name's."""
_KEPT: Final = 12
_SHORTEST: Final = 2
_ENDING: Final = re.compile(r"(?:'(?:s|ll|d|ve|re)|s')$")
"""What is contracted with a noun, and the possessive: "carat's", "stalls'"."""
_SPACELESS: Final = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""Scripts, by their names in Unicode, that part no words."""
_SIGNS: Final = 2
"""Characters of such a script that make about a word."""
_SURE: Final = 2
"""How many words one of another script counts as."""


class Kind(IntEnum):
    """What a word says of the language it is in."""

    COMMON = 0
    KNOWN = 1
    STRANGE = 2


class Fluency:
    """Of one call.

    Args:
        language: that the call should be in; there has to be a vocabulary for it.
        channels: how many it has; each may speak another language.
    """

    def __init__(self, language: str, channels: int) -> None:
        self._language = language
        self._before: list[deque[Kind]] = [deque(maxlen=_KEPT) for _ in range(channels)]

    def fits(self, channel: int, words: Iterable[Word]) -> bool:
        """Whether a turn is in the call's language; a short one counts with those before it."""
        kinds = _ordinary(words, self._language)
        before = self._before[channel]
        seen = kinds if len(kinds) >= ENOUGH else [*before, *kinds]
        before.extend(kinds)
        if not kinds or len(seen) < ENOUGH:
            return True
        common = seen.count(Kind.COMMON)
        return common >= SHARE * len(seen) or seen.count(Kind.STRANGE) < STRANGE * len(seen)


def _kinds(word: str, language: str) -> tuple[Kind, ...]:
    """What a word counts as: one of the language's common words, a known one, or neither.

    English words are common in texts of every language, so elsewhere those that are far more so in
    English are strange.
    """
    if not _latin(word):
        spaceless = sum(unicodedata.name(sign, "").startswith(_SPACELESS) for sign in word)
        return (Kind.STRANGE,) * max(_SURE, spaceless // _SIGNS)
    own = _zipf(word, language)
    if language != DEFAULT:
        if own < UNKNOWN or _zipf(word, DEFAULT) - own >= FOREIGN:
            return (Kind.STRANGE,)
    elif word in vocabulary(DEFAULT).words["foreign_talk"]:
        return (Kind.STRANGE,)
    if own >= COMMON:
        return (Kind.COMMON,)
    if own >= UNKNOWN:
        return (Kind.KNOWN,)
    return (Kind.STRANGE,)


def _latin(word: str) -> bool:
    """Whether no letter is of another script; Indian ones write vowels as marks."""
    return word.isascii() or all(
        unicodedata.name(sign, "").startswith("LATIN") for sign in word if sign.isalpha()
    )


class _Seen(NamedTuple):
    """What a word as it was heard says by itself."""

    kinds: tuple[Kind, ...]
    """What it counts as unless it is a name; figures, number words and letters count as nothing."""
    capital: bool
    ends: bool
    """Whether a sentence ends with it."""
    namely: bool
    """Whether it is a name where a sentence begins with it and a capital."""
    latin: bool


def _seen(text: str, language: str) -> _Seen:
    bare = text.strip(" .,;:!?…\"'()[]¿¡-").replace("\u2019", "'")
    lower = bare.lower()
    if language == DEFAULT and _zipf(lower, DEFAULT) < UNKNOWN:
        lower = _ENDING.sub("", lower)
    word = len(bare) >= _SHORTEST and lower.replace("'", "").isalpha()
    latin = _latin(lower)
    counts = not latin or (word and lower not in _numbers(language))
    return _Seen(
        kinds=_kinds(lower, language) if counts else (),
        capital=bare[:1].isupper(),
        ends=text.rstrip().endswith((".", "?", "!", ":")),
        namely=language == DEFAULT and 0 < _zipf(lower, language) < _NAMELY,
        latin=latin,
    )


@lru_cache(maxsize=8)
def _sight(language: str) -> Remembered[_Seen]:
    return Remembered(lambda text: _seen(text, language))


def _ordinary(words: Iterable[Word], language: str) -> list[Kind]:
    """Of words that are neither figures, number words nor letters, nor names as capitals tell."""
    sight = _sight(language)
    found: list[Kind] = []
    opens = True
    for word in words:
        seen = sight(word.text)
        name = seen.capital and (seen.namely or not opens)
        if not (name and seen.latin):
            found += seen.kinds
        opens = seen.ends
    return found


@lru_cache(maxsize=8)
def _numbers(language: str) -> frozenset[str]:
    voc = vocabulary(language)
    tables = (voc.digits, voc.teens, voc.tens, voc.hundreds, voc.scales, voc.words["spelling"])
    return frozenset([*(word for table in (*tables, voc.ordinals) for word in table)])


def _zipf(word: str, language: str) -> float:
    known = zipf_in(language, word)
    # Recognisers write "codigo" now and then.
    return known if word.isascii() else max(known, zipf_in(language, plain(word)))
