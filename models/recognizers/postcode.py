"""ZIP_CODE in pieces: "B T for Tommy, forty eight, and then … six L Y", "two double A".

Whole codes are the spoken-number engine's; here are the pieces of an answer that hold a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import is_number, is_spelled
from models.lexicon import listed, zipf
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_STATED: Final = Worded(
    r"\b(?:post ?code|postal code|zip ?code|zip|eircode|pin ?code)(?:s| is| was| would be)?\b"
)
_PIECE: Final = re.compile(
    r"[a-z]{1,2}\d{1,2}[a-z]?|\d[a-z]{2}|[a-z]\d[a-z]|\d[a-z]\d"
    r"|[a-z]{1,2}\d[a-z]?\d[a-z]{2}"
)
_ALPHABET: Final = listed("spelling_words")
_DOUBLED: Final = frozenset({"double", "capital", "treble", "triple"})
_NAMES: Final = frozenset({"zed", "zee", "aitch", "haitch"})
_PAIR: Final = 2
_WORD: Final = 4.8
"""Zipf frequency from which two letters are a word ("at 27")."""
_NEAR: Final = 12
"""Tokens behind the word "postcode" in which it may begin."""
_LEAST: Final = 2


class SpokenPostcodeRecognizer(SpokenRecognizer):
    """Pieces of a postcode that hold letters."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.ZIP_CODE,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_STATED,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Letters with figures, or several letters, where a postcode is asked for or named."""
        asked = turn.expected(Entity.ZIP_CODE)
        named = [found.last for found in turn.search(_STATED)]
        for first, last in _pieces(turn):
            told = asked is not None and first >= asked
            if told or any(at <= first <= at + _NEAR for at in named):
                yield Hit(Entity.ZIP_CODE, first, last, 0.55, "piece of a postcode")


def _pieces(turn: Turn) -> Iterator[tuple[int, int]]:
    keys = turn.all_keys
    at = 0
    while at < len(keys):
        last = at
        signs = letters = 0
        while last < len(keys):
            key = keys[last]
            following = keys[last + 1] if last + 1 < len(keys) else ""
            if key in _DOUBLED and is_spelled(following):
                last, signs, letters = last + 2, signs + 2, letters + 2
            elif _letter(turn, last):
                stand_in = keys[last + 1 : last + 2] in {("for",), ("like",), ("as",)}
                named = stand_in and last + 2 < len(keys) and keys[last + 2][:1] == key
                last, signs, letters = last + (3 if named else 1), signs + 1, letters + 1
            elif (len(key) == _PAIR and key.isalpha() and _area(key, following)) or (
                _PIECE.fullmatch(key) and any(map(str.isalpha, key))
            ):
                last, signs, letters = last + 1, signs + 2, letters + 1
            elif is_number(key) or (key in _ALPHABET and signs):
                last, signs = last + 1, signs + 1
            else:
                break
        if letters and signs >= _LEAST:
            yield at, last
        at = max(last, at + 1)


def _area(key: str, following: str) -> bool:
    """Whether two letters are a post town before its figures: "ls 27", "SA sixty two"."""
    return zipf(key) < _WORD and is_number(following)


def _letter(turn: Turn, at: int) -> bool:
    """Whether a token is a letter, and no "a" or "I" of a sentence."""
    key = turn.all_keys[at]
    if key not in {"a", "i"}:
        return is_spelled(key) or key in _NAMES
    beside = (*turn.keys(max(0, at - 1), at), *turn.keys(at + 1, at + 2))
    return (turn.tokens[at].title and key == "a") or any(
        is_spelled(one) or one.isdigit() for one in beside
    )
