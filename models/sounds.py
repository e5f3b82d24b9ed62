"""Sound-alike matching: medicines as a speech recogniser misspells them.

Whisper's small models write 67 to 79 % of medicines wrongly ("a torva statin", "met for men").
Two names count as alike when their sound keys are near in edit distance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Final

from rapidfuzz import fuzz, process

from models.frequency import zipf
from models.lexicon import listed, medicines

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
ENOUGH: Final = 86.0
"""Similarity of sound keys, in percent, from which two names are alike."""
CLOSE: Final = 93.0
"""Similarity where nothing else speaks for a medicine."""
_GRAMMAR: Final = 5.2
"""Zipf frequency of words that are no pieces of a name by its ending alone ("for … statin")."""
_SHORTEST: Final = 6
_ENDINGS: Final = re.compile(
    r"(?:statin|stain|prazole|pril|sartan|olol|cillin|mycin|micin|oxacin|cycline|azole|azine|idone"
    r"|etine|aline|alin|oxetine|pam|zolam|afil|mab|tide|gliptin|gliflozin|formin|thiazide|semide"
    r"|codone|morphone|triptan|setron|lukast|terol|sone|solone|fenac|profen|oxaban|parin|vir"
    r"|dipine|zosin|barbital|caine|nazole|cyclovir|glitazone|zepam|tropin|tadine|rizine|methacin"
    r"|quine|stigmine|trexate|warfarin|floxacin|dronate|phylline)$"
)
"""Endings that name a class of medicine (USAN stems, American Medical Association)."""


@lru_cache(maxsize=4_096)
def sound_key(word: str) -> str:
    """A word by its sound: consonant classes, runs of vowels as one."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


@cache
def _keys() -> dict[int, tuple[str, ...]]:
    """Sound keys of one-word medicines by the key's length."""
    keys: dict[int, set[str]] = {}
    for name, begun in medicines().items():
        if "" in begun and len(name) >= _SHORTEST and zipf(name) > 0:
            key = sound_key(name)
            keys.setdefault(len(key), set()).add(key)
    return {size: tuple(sorted(group)) for size, group in keys.items()}


def sounds_like_stem(word: str) -> bool:
    """Whether a rare word ends like a class of medicines ("…statin")."""
    return len(word) >= _SHORTEST and _ENDINGS.search(word) is not None and zipf(word) < 3.0  # noqa: PLR2004


def sounds_like_medicine(
    words: tuple[str, ...], *, enough: float = ENOUGH, stems: bool = True
) -> bool:
    """Whether words, run together, sound like a medicine ("met for men").

    Args:
        words: keys of tokens.
        enough: least similarity of the sound keys, in percent.
        stems: whether the ending of a class of medicines is enough.
    """
    joined = "".join(words)
    if len(joined) < _SHORTEST or not joined.isalpha():
        return False
    if (
        stems
        and sounds_like_stem(joined)
        and not any(zipf(word) >= _GRAMMAR for word in words[:-1])
    ):
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


PIECES: Final = 4
"""Most words that a recogniser makes of one medicine ("dew locks a teen")."""
_VOWELS: Final = re.compile(r"[aeo]")
_BONES: Final = 4
"""Fewest consonants by which a medicine in pieces is known."""


@lru_cache(maxsize=4_096)
def _bones(word: str) -> str:
    """The consonants of a word's sound, and the vowel that it begins with."""
    key = sound_key(word)
    return key[:1] + _VOWELS.sub("", key[1:])


@cache
def _skeletons() -> dict[str, tuple[str, ...]]:
    """The sound keys of one-word medicines by their consonants."""
    known = listed("medicines") | listed("medicine_brands")
    found: dict[str, set[str]] = {}
    for name, begun in medicines().items():
        said = "" in begun and len(name) >= _SHORTEST and name.isalpha()
        if said and (name in known or zipf(name) > 0) and len(_bones(name)) >= _BONES:
            found.setdefault(_bones(name), set()).add(sound_key(name))
    return {bones: tuple(sorted(keys)) for bones, keys in found.items()}


def in_pieces(keys: tuple[str, ...], rare: Sequence[int]) -> Iterator[tuple[int, int, float, int]]:
    """Neighbouring words that sound like one medicine when they are run together.

    Args:
        keys: of all tokens.
        rare: the tokens of which one has to be a piece.

    Returns:
        First token, token after the last, similarity of the sounds in percent, and how many
        consonants agree.
    """
    if not rare:
        return
    skeletons = _skeletons()
    bare = [_bones(key) if key.isalpha() else "" for key in keys]
    for first in sorted({at for one in rare for at in range(max(0, one - PIECES + 1), one + 1)}):
        bones = bare[first]
        for last in range(first + 1, min(first + PIECES, len(keys))):
            piece = bare[last]
            if not bones or not piece:
                break
            if piece[0] in "aeo":
                piece = piece[1:]
            bones += piece[1:] if piece[:1] == bones[-1] else piece
            near = skeletons.get(bones)
            if near:
                key = sound_key("".join(keys[first : last + 1]))
                best = max(fuzz.ratio(key, entry) for entry in near)
                yield first, last + 1, best, len(bones)


def written_apart(keys: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Neighbouring words that are letter for letter one medicine ("pro air")."""
    lexicon = medicines()
    for first in range(len(keys) - 1):
        for last in (first + 2, first + 3):
            joined = "".join(keys[first:last])
            if (
                joined in lexicon
                and last <= len(keys)
                and len(joined) >= _SHORTEST
                and "" in lexicon[joined]
                and all(len(key) > 1 for key in keys[first:last])
            ):
                yield first, last
