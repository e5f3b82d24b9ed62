"""Words as heard, taken apart into tokens: figures, number words, letters and the glue between.

A word of a recogniser may be ``4111``, ``4-1-1-1,``, ``forty-one``, ``C-R-O``, ``$25`` or
``ZG19``; each token keeps the index of the word that it came from, and so its samples.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum, StrEnum, auto
from functools import lru_cache
from typing import Final, NamedTuple

from pipeline.detection.language.normalise import bare, plain
from pipeline.detection.language.vocabulary import Vocabulary, vocabulary
from pipeline.records.model import Word
from pipeline.transcription.private_cache import Remembered


class Kind(IntEnum):
    """What a token is on its own, before its neighbours are looked at."""

    FIGURES = auto()
    DIGIT = auto()
    NEAR = auto()
    HOMOPHONE = auto()
    TEEN = auto()
    TENS = auto()
    SCALE = auto()
    MULTIPLIER = auto()
    ORDINAL = auto()
    MONTH = auto()
    LETTER = auto()
    MAYBE_LETTER = auto()
    STANDIN = auto()
    """Says which letter is meant: "as in boy"."""
    FILLER = auto()
    CORRECTION = auto()
    SEPARATOR = auto()
    LINK = auto()
    OTHER = auto()


class Flag(StrEnum):
    """What the writing of a number, or the word beside it, says about it."""

    MONEY = "money"
    PERCENT = "percent"
    UNIT = "unit"
    """A unit follows: "minutes", "inch", "mg"."""
    TIME = "time"
    DATE = "date"
    ORDINAL = "ordinal"
    DECIMAL = "decimal"
    PAIRED = "paired"
    """Tens with their unit: "forty one"."""
    CARDINAL = "cardinal"
    """Spoken with "hundred" or "thousand", or written with thousands commas."""
    YEAR = "year"
    CORRECTED = "corrected"
    SPELLED = "spelled"
    """Letters came with words that stand for them, as nobody says a price."""
    PRONOUN = "pronoun"
    """A lone "one" that stands for a thing: "this one"."""


SOLID: Final = frozenset({Kind.FIGURES, Kind.DIGIT, Kind.TEEN, Kind.TENS})
"""Kinds that are a number wherever they stand."""
GLUE: Final = frozenset({Kind.FILLER, Kind.CORRECTION, Kind.SEPARATOR, Kind.LINK})
"""Kinds that may stand between the digits of a number."""


class Token(NamedTuple):
    """One piece of a word; nothing of it shows in its ``repr``."""

    word: int
    """Which word of the sequence it came from."""
    kind: Kind
    text: str
    """Lower case, without punctuation."""
    value: str = ""
    """Digits, or the letter, that the token stands for."""
    closes: bool = False
    """Punctuation follows."""
    flags: frozenset[Flag] = frozenset()

    def __repr__(self) -> str:
        return f"Token(word={self.word}, kind={self.kind!r}, flags={self.flags})"


_NEARLY: Final = 0.12
"""How likely a number was, against the word that a model wrote, for it to be one beside a number:
"full full" for "four four" had 0.17 and 0.14, half of all other words less than 0.001."""
_CAPITALS: Final = 5
"""Letters of the longest word in capitals that may be a piece of a code."""
_GLUED_LETTERS: Final = 4
"""Lower-case letters that a code holds in a row at most."""
_DASHES: Final = str.maketrans(
    {"\u2013": "-", "\u2014": "-", "\u2010": "-", "\u2011": "-", "\u2019": "'", "\u2018": "'"}
)
_EDGE: Final = " \t.,;:!?…\"'()[]{}*#-/"
_CLOSING: Final = ".,;:!?…"
_PIECE: Final = re.compile(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*")
_MONEY: Final = "$£€"
_GROUPED: Final = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
_THOUSANDS: Final = re.compile(r",\d{3}(?:\.\d+)?")
_BEFORE_THOUSANDS: Final = re.compile(r"\W?\d{1,3}")
_SUM: Final = re.compile(r"\d{1,3}(,\d{3})+\.\d\d")
_MURMUR: Final = re.compile(r"m+h+m+")
_DECIMAL: Final = re.compile(r"\d+\.\d+")
_TIME: Final = re.compile(r"\d{1,2}:\d{2}(am|pm)?")
_DATE: Final = re.compile(r"\d{1,2}/\d{1,4}(/\d{2,4})?")
_ORDINAL: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")
_MEASURED: Final = re.compile(
    r"\d+(?:mg|mcg|ml|gb|mb|kb|kg|lb|lbs|oz|cm|mm|km|ft|in|am|pm|p|k|x|s|hz|ghz|mph|kwh|v|w|amp)"
)


def tokenise(words: Sequence[Word], voc: Vocabulary) -> list[Token]:
    """Take the words of one channel and one hearing apart, in their order."""
    tokens = [
        Token(index, *piece[1:])
        for index, word in enumerate(words)
        for piece in _split(word.text, voc.language)
    ]
    # Whisper writes "1,247" as two words.
    grouped = {
        at
        for index in range(1, len(words))
        if words[index].text.lstrip()[:1] == ","
        and _THOUSANDS.fullmatch(words[index].text.strip().rstrip(_CLOSING))
        and _BEFORE_THOUSANDS.fullmatch(words[index - 1].text.strip())
        for at in (index - 1, index)
    }
    if not grouped:
        return tokens
    return [
        token._replace(flags=token.flags | {Flag.CARDINAL}) if token.word in grouped else token
        for token in tokens
    ]


def _split(raw: str, language: str) -> tuple[Token, ...]:
    """The tokens of a word, as if it were the first one."""
    return _splitter(language)(raw)


@lru_cache(maxsize=8)
def _splitter(language: str) -> Remembered[tuple[Token, ...]]:
    return Remembered(lambda raw: tuple(_taken_apart(raw, vocabulary(language))))


def _taken_apart(raw: str, voc: Vocabulary) -> list[Token]:
    text = raw.translate(_DASHES).strip()
    closes = bool(text) and text[-1] in _CLOSING
    core = plain(text.strip(_EDGE))
    lower = core.lower()
    if core.isalpha():  # most words, and the quick way
        if is_murmur(lower):
            return [Token(0, Kind.FILLER, lower, "", closes)]
        if core.isupper() and _written_out(lower, voc):
            return _letters(core, closes=closes)
        return _named(lower, core, voc, closes=closes)
    if core.isdecimal():  # most numbers
        return [Token(0, Kind.FIGURES, lower, core, closes)]
    flags = _flags(text, lower)
    ordinal = _ORDINAL.fullmatch(lower)
    if ordinal:
        tokens = [Token(0, Kind.ORDINAL, lower, ordinal[1])]
    elif any(lower in voc.words[name] for name in ("units", "money", "spelling")):
        tokens = _named(lower, core, voc)
    else:
        tokens = _pieces(core, voc)
    if flags:
        tokens = [
            token._replace(flags=flags) if token.kind is Kind.FIGURES else token
            for token in tokens
            if not (Flag.UNIT in flags or Flag.TIME in flags) or token.kind is Kind.FIGURES
        ]
    if tokens and closes:
        tokens[-1] = tokens[-1]._replace(closes=True)
    return tokens or [Token(0, Kind.SEPARATOR, "", closes=True)]


def _written_out(lower: str, voc: Vocabulary) -> bool:
    """Whether a word in capitals may be a piece of a code ("VXE"), and is no known word."""
    lists = voc.words
    known = any(lower in lists[name] for name in ("acronyms", "units", "safe", "fillers", "months"))
    return 1 < len(lower) <= _CAPITALS and not known and _lookup(lower, lower, voc) == _OTHER


def _letters(core: str, *, closes: bool) -> list[Token]:
    tokens = [Token(0, Kind.LETTER, one.lower(), one) for one in core]
    tokens[-1] = tokens[-1]._replace(closes=closes)
    return tokens


def _flags(text: str, lower: str) -> frozenset[Flag]:
    bare = lower.lstrip(_MONEY)
    found = (
        (Flag.MONEY, any(sign in text for sign in _MONEY) or bool(_SUM.fullmatch(bare))),
        (Flag.PERCENT, "%" in text),
        (Flag.CARDINAL, bool(_GROUPED.fullmatch(bare))),
        (Flag.DECIMAL, bool(_DECIMAL.fullmatch(bare))),
        (Flag.TIME, bool(_TIME.fullmatch(bare))),
        (Flag.DATE, bool(_DATE.fullmatch(bare))),
        (Flag.UNIT, bool(_MEASURED.fullmatch(bare))),
    )
    return frozenset(flag for flag, holds in found if holds)


def _pieces(core: str, voc: Vocabulary) -> list[Token]:
    pieces = _PIECE.findall(core)
    letters = [piece for piece in pieces if len(piece) == 1 and piece.isalpha()]
    if len(pieces) > 1 and len(letters) == len(pieces):
        joined = "".join(letters).lower()
        digit = voc.near_digits.get(joined) or voc.digits.get(joined)
        if digit:
            return [Token(0, Kind.NEAR, joined, digit)]
        return [Token(0, Kind.LETTER, piece.lower(), piece.upper()) for piece in letters]
    mixed = any(piece.isdecimal() for piece in pieces)
    tokens: list[Token] = []
    for piece in pieces:
        lower = piece.lower()
        if piece.isdecimal():
            tokens.append(Token(0, Kind.FIGURES, lower, piece))
        elif mixed and _glued_letters(piece, voc):
            tokens.extend(Token(0, Kind.LETTER, one.lower(), one) for one in piece)
        else:
            tokens.extend(_named(lower, piece, voc))
    return tokens


def _named(lower: str, original: str, voc: Vocabulary, *, closes: bool = False) -> list[Token]:
    """The tokens of a word: two for one that is a digit and its zeros ("doscientos")."""
    if lower in voc.hundreds:
        digit = Token(0, Kind.DIGIT, lower, voc.hundreds[lower])
        return [digit, Token(0, Kind.SCALE, lower, "2", closes)]
    kind, value = _lookup(lower, original, voc)
    return [Token(0, kind, lower, value, closes)]


def _glued_letters(piece: str, voc: Vocabulary) -> bool:
    """Whether letters that are glued to digits ("ZG19", "b2345") are spelled."""
    lower = piece.lower()
    if not piece.isalpha() or lower in voc.digits:
        return False
    return piece.isupper() or (len(piece) <= _GLUED_LETTERS and lower not in voc.words["units"])


def _lookup(lower: str, original: str, voc: Vocabulary) -> tuple[Kind, str]:
    numbers, others = _kinds(voc.language)
    if lower in numbers:
        return numbers[lower]
    if len(lower) == 1 and lower.isalpha():
        weak = lower in voc.words["weak_letters"]
        if not weak or original.isupper():
            return Kind.MAYBE_LETTER if weak else Kind.LETTER, lower.upper()
    return others.get(lower, _OTHER)


_OTHER: Final = (Kind.OTHER, "")


@lru_cache(maxsize=8)
def _kinds(language: str) -> tuple[dict[str, tuple[Kind, str]], dict[str, tuple[Kind, str]]]:
    """Word to kind and value: number words, and the others that may stand in a number.

    A word of several kinds has the one that is listed last.
    """
    voc = vocabulary(language)
    numbers: dict[str, tuple[Kind, str]] = {}
    for table, kind in (
        (voc.homophones, Kind.HOMOPHONE),
        (voc.multipliers, Kind.MULTIPLIER),
        (voc.scales, Kind.SCALE),
        (voc.ordinals, Kind.ORDINAL),
        (voc.tens, Kind.TENS),
        (voc.teens, Kind.TEEN),
        (voc.near_digits, Kind.NEAR),
        (voc.digits, Kind.DIGIT),
    ):
        numbers |= {word: (kind, str(value)) for word, value in table.items()}
    others: dict[str, tuple[Kind, str]] = {}
    for name, kind in (
        ("spelling", Kind.MAYBE_LETTER),
        ("links", Kind.LINK),
        ("separators", Kind.SEPARATOR),
        ("corrections", Kind.CORRECTION),
        ("fillers", Kind.FILLER),
        ("months", Kind.MONTH),
    ):
        for word in voc.words[name]:
            letter = word[0].upper() if word in voc.words["spelling"] else ""
            others[word] = (kind, letter)
    return numbers, others


def is_murmur(text: str) -> bool:
    """Whether a word is a listener's "mm-hm", in lower case and without signs."""
    return bool(_MURMUR.fullmatch(text))


def is_glue(text: str, voc: Vocabulary) -> bool:
    """Whether a word may stand inside a number without being a part of it."""
    token = _split(text, voc.language)[0]
    return token.kind in GLUE or token.text in voc.words["letter_links"]


def is_part(text: str, voc: Vocabulary) -> bool:
    """Whether a word may turn out to be a part of a number once its neighbours are heard."""
    token = _split(text, voc.language)[-1]
    if token.text in voc.words["standins"]:
        return True
    return token.kind is not Kind.OTHER and token.kind not in GLUE


def is_number(text: str, voc: Vocabulary) -> bool:
    """Whether a word is, or begins with, something that may be a digit or a number word."""
    return says_number(text, voc) or _split(text, voc.language)[0].kind is Kind.HOMOPHONE


def nearly_numbers(words: Sequence[Word], voc: Vocabulary) -> list[bool]:
    """Which words a model nearly wrote as numbers, here or where it wrote the same among them.

    "Hi, hi, hi" for "five five five" gets surer with every one. What was written as a number is one
    itself.
    """
    texts = {
        bare(word.text, "-")
        for word in words
        if word.number_probability > 0
        and word.number_probability >= _NEARLY * word.probability
        and not says_number(word.text, voc)
    }
    return [bare(word.text, "-") in texts for word in words]


def says_number(text: str, voc: Vocabulary) -> bool:
    """As ``is_number``, without words that only sound like a number ("for", "too")."""
    first = _split(text, voc.language)[0]
    return first.kind in SOLID or first.kind in (Kind.NEAR, Kind.MULTIPLIER)
