"""ZIP_CODE in pieces: "B T for Tommy, forty eight, and then … six L Y", "two double A".

Whole codes are the spoken-number engine's; here are the pieces of an answer that hold a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import MONTHS, is_number, is_spelled, sentence_end
from models.frequency import zipf
from models.lexicon import listed
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
_DAY: Final = re.compile(r"\d(?:st|nd|rd|th)")
_ALPHABET: Final = listed("spelling_words")
_DOUBLED: Final = frozenset({"double", "capital", "treble", "triple"})
_COUNTED: Final = (("digit",), ("digits",))
_NAMES: Final = frozenset({"zed", "zee", "aitch", "haitch"})
_PAIR: Final = 2
_WORD: Final = 4.8
"""Zipf frequency from which two letters are a word ("at 27")."""
_NEAR: Final = 12
"""Tokens behind the word "postcode" in which it may begin."""
_LEAST: Final = 2
_MOST_LETTERS: Final = 4
"""Letters that follow one another in a postcode without a figure."""
_WHOLE: Final = re.compile(r"\d{5}")
_FOUR: Final = re.compile(r"(?!19[3-9]\d|20[0-4]\d)\d{4}")
"""Postcodes of South Africa, Australia and New Zealand, but no year."""
_LONGEST_ALONE: Final = 9
_GRAMMAR: Final = 5.0
_OTHER_CODES: Final = frozenset(
    ["door", "gate", "access", "entry", "alarm", "key", "lock", "buzzer", "security", "sort",
     "promo", "discount", "error", "dial", "dialling", "booking", "reference", "confirmation",
     "keypad", "pin", "safe", "box", "garage", "barrier", "voucher", "coupon", "fault", "order",
     "job", "ticket", "number", "ref", "extension", "lobby", "intercom", "passcode"]
)  # fmt: skip
"""Words of codes that are no postcode."""
_NO_CODE: Final = frozenset("$£€%#")


class SpokenPostcodeRecognizer(SpokenRecognizer):
    """Pieces of a postcode that hold letters."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.ZIP_CODE,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_STATED,)

    def may_find(self, turn: Turn) -> bool:
        """Whether one is named or asked for, or an address was just said."""
        return super().may_find(turn) or Entity.STREET_ADDRESS in turn.recent

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Letters with figures, or several letters, where a postcode is asked for or named."""
        asked = turn.expected(Entity.ZIP_CODE)
        named = [found.last for found in turn.search(_STATED)]
        for first, last in _pieces(turn):
            told = asked is not None and first >= asked
            known = Entity.ZIP_CODE in turn.recent and _mixed(turn.keys(first, last))
            if known or told or any(at <= first <= at + _NEAR for at in named):
                yield Hit(Entity.ZIP_CODE, first, last, 0.55, "piece of a postcode")
        if not {Entity.ZIP_CODE, Entity.STREET_ADDRESS}.isdisjoint(turn.recent):
            for at in _alone(turn):
                yield Hit(Entity.ZIP_CODE, at, at + 1, 0.5, "five figures alone")
            for at in _four(turn):
                yield Hit(Entity.ZIP_CODE, at, at + 1, 0.5, "four figures behind an address")


def _mixed(keys: tuple[str, ...]) -> bool:
    """Whether a piece holds letters and figures, or a token that is both ("6XF")."""
    letters = any(key.isalpha() and not is_number(key) for key in keys)
    return (letters and any(map(is_number, keys))) or any(
        _PIECE.fullmatch(key) and not key.isalpha() and not key.isdigit() for key in keys
    )


def _alone(turn: Turn) -> Iterator[int]:
    """Five figures with nothing but small talk in their sentence: "so that's 85749?"."""
    at = 0
    while at < len(turn.tokens):
        end = sentence_end(turn, at, _LONGEST_ALONE)
        codes = [index for index in range(at, end) if _WHOLE.fullmatch(turn.all_keys[index])]
        others = [key for key in turn.keys(at, end) if not _WHOLE.fullmatch(key)]
        plain = all(zipf(key) >= _GRAMMAR and not is_number(key) for key in others)
        text = turn.text[turn.tokens[at].start : turn.tokens[end - 1].end]
        if codes and plain and _NO_CODE.isdisjoint(text):
            yield from codes
        at = end


def _four(turn: Turn) -> Iterator[int]:
    """Four figures that end a sentence after "code" or a town ("Cromwell, 9383")."""
    keys = turn.all_keys
    for at in range(1, len(keys)):
        ends = at + 1 == len(keys) or turn.tokens[at].stops
        if not ends or not _FOUR.fullmatch(keys[at]):
            continue
        begin = at
        while begin > 0 and not turn.tokens[begin - 1].stops:
            begin -= 1
        if not _OTHER_CODES.isdisjoint(keys[begin:at]):
            continue
        short = at - begin < _LONGEST_ALONE
        comma = any("," in one.after for one in turn.tokens[max(begin, at - 2) : at])
        town = turn.tokens[at - 1].title and zipf(keys[at - 1]) < _WORD and comma
        town = town and not turn.text[turn.tokens[at - 1].start : turn.tokens[at - 1].end].isupper()
        priced = not _NO_CODE.isdisjoint(turn.tokens[at - 1].after)
        if short and not priced and ("code" in keys[begin:at] or town):
            yield at


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
                _PIECE.fullmatch(key) and any(map(str.isalpha, key)) and not _is_day(keys, last)
            ):
                last, signs, letters = last + 1, signs + 2, letters + 1
            elif is_number(key) or (key in _ALPHABET and signs):
                last, signs = last + 1, signs + 1
            else:
                break
        fits = signs >= _LEAST and (letters < signs or letters <= _MOST_LETTERS)
        if letters and fits and keys[last : last + 1] not in _COUNTED:  # "a four digit PIN"
            yield at, last
        at = max(last, at + 1)


def _is_day(keys: tuple[str, ...], at: int) -> bool:
    """Whether what could be the end of a postcode is a day behind its month: "February 4th"."""
    return _DAY.fullmatch(keys[at]) is not None and at > 0 and keys[at - 1] in MONTHS


def _area(key: str, following: str) -> bool:
    """Whether two letters are a post town before its figures: "ls 27", "SA sixty two"."""
    return zipf(key) < _WORD and is_number(following)


def _letter(turn: Turn, at: int) -> bool:
    """Whether a token is a letter, and no "a" or "I" of a sentence."""
    key = turn.all_keys[at]
    if key not in {"a", "i"}:
        return is_spelled(key) or key in _NAMES
    beside = turn.keys(max(0, at - 1), at)
    following = turn.keys(at + 1, at + 2)
    if following and not turn.tokens[at].after.strip():
        return is_spelled(following[0]) or is_number(following[0])
    return any(is_spelled(one) or one.isdigit() for one in beside)
