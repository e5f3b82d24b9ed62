"""Sound-alike matching: medicines as a speech recogniser misspells them.

Whisper's small models write 67 to 79 % of medicines wrongly ("a torva statin", "met for men").
Two names count as alike when their sound keys are near in edit distance.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from rapidfuzz import fuzz, process

from models.lexicon import medicines, zipf

_SOUNDS: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"ph", "f"),
        (r"(?<=[aeiouy])gh", ""),
        (r"^x", "z"),
        (r"x", "ks"),
        (r"qu", "kw"),
        (r"tio|cia|sia", "SA"),
        (r"sch|sh|ch", "S"),
        (r"c(?=[eiy])", "s"),
        (r"[ckq]+", "k"),
        (r"th", "t"),
        (r"[dt]+", "t"),
        (r"[bp]+", "p"),
        (r"[fv]+", "f"),
        (r"[zs]+", "s"),
        (r"[gj]+", "j"),
        (r"m+", "m"),
        (r"n+", "n"),
        (r"l+", "l"),
        (r"r+", "r"),
        (r"[hw]", ""),
        (r"[ou]+", "o"),
        (r"[iey]+", "e"),
        (r"(?<=.)[aeo]+", "a"),
    )
)
_ENOUGH: Final = 86.0
"""Similarity of sound keys, in percent, from which two names are alike."""
CLOSE: Final = 93.0
"""Similarity where nothing else speaks for a medicine."""
_SHORTEST: Final = 6
_ENDINGS: Final = re.compile(
    r"(?:statin|stain|prazole|pril|sartan|olol|cillin|mycin|micin|oxacin|cycline|azole|azine|idone"
    r"|etine|aline|alin|oxetine|pam|zolam|afil|mab|tide|gliptin|gliflozin|formin|thiazide|semide"
    r"|codone|morphone|triptan|setron|lukast|terol|sone|solone|fenac|profen|oxaban|parin|vir"
    r"|dipine|zosin|barbital|caine|nazole|cyclovir|glitazone|zepam|tropin|tadine|rizine|methacin"
    r"|quine|stigmine|trexate|warfarin|floxacin|dronate|phylline)$"
)
"""Endings that name a class of medicine (USAN stems, American Medical Association)."""


def sound_key(word: str) -> str:
    """A word by its sound: consonant classes, runs of vowels as one."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


@cache
def _keys() -> dict[int, tuple[str, ...]]:
    """Sound keys of one-word medicines by the key's length."""
    keys: dict[int, set[str]] = {}
    for group in medicines().values():
        for words in group:
            if len(words) == 1 and len(words[0]) >= _SHORTEST and zipf(words[0]) > 0:
                key = sound_key(words[0])
                keys.setdefault(len(key), set()).add(key)
    return {size: tuple(sorted(group)) for size, group in keys.items()}


def sounds_like_stem(word: str) -> bool:
    """Whether a rare word ends like a class of medicines ("…statin")."""
    return len(word) >= _SHORTEST and _ENDINGS.search(word) is not None and zipf(word) < 3.0  # noqa: PLR2004


def sounds_like_medicine(words: tuple[str, ...], *, enough: float = _ENOUGH) -> bool:
    """Whether words, run together, sound like a medicine ("met for men").

    Args:
        words: keys of tokens.
        enough: least similarity of the sound keys, in percent.
    """
    joined = "".join(words)
    if len(joined) < _SHORTEST or not joined.isalpha():
        return False
    if sounds_like_stem(joined):
        return True
    key = sound_key(joined)
    near = [
        entry
        for size in range(len(key) - 1, len(key) + 2)
        for entry in _keys().get(size, ())
        if entry[0] == key[0]
    ]
    best = process.extractOne(key, near, scorer=fuzz.ratio, score_cutoff=enough)
    return best is not None and len(key) >= _SHORTEST
