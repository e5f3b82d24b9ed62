"""A turn of a call as the encoder gets it: word pieces in lower case, numbers as placeholders.

What is read of a number is how many figures it has, and whether the run that it stands in passes
the checksum of payment cards; never which figures. So no value can be learnt, and none decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from models.encoder.session import parting
from models.text.turn import PAUSE, Turn
from pipeline.detection.language.normalise import plain
from pipeline.detection.language.vocabulary import languages, vocabulary
from pipeline.records.checksums import luhn
from pipeline.records.entities import Entity
from pipeline.records.model import Role

LABELS: Final = (
    "O",
    *sorted(
        {*map(str, Entity)}
        - {str(Entity.NUMBER_SEQUENCE), str(Entity.AGE_OVER_89), str(Entity.DTMF)}
    ),
)
"""What a word may be: nothing sensitive, or part of an entity of a type. A key's tone is no
word."""
LONGEST: Final = 96
"""Pieces that are read at once; a longer turn is read in several."""
LOOKED_BACK: Final = 160
"""Pieces of what was said before that are looked back on."""
AGES: Final = 8
"""Readings that are told apart by how far back they lie; all earlier ones count as the last."""
_PIECES_A_WORD: Final = 6
_ROLES: Final = {Role.AGENT: 1, Role.CUSTOMER: 2, Role.MIXED: 3}
_DIGIT_WORD: Final = 4
_TENS_WORD: Final = 5
_CODE: Final = 6
"""Letters and figures in one word."""
_CHECKED: Final = 7
"""Part of a run that passes the checksum of payment cards."""
_FIGURES: Final = 7
"""The placeholder of figures is this and their number, the last one that of all longer ones."""
_MOST_FIGURES: Final = 16
_TENS: Final = 2
PLACEHOLDERS: Final = range(1, _FIGURES + _MOST_FIGURES + 1)
"""Rows of the vocabulary that stand for roles and numbers; what it has there itself is unused."""
_SYMBOLS: Final = frozenset("$£€%@#+:/&=*")
_SIGNS: Final = frozenset(".,?!")
_CARD: Final = range(13, 20)


@dataclass(frozen=True, slots=True)
class Piece:
    """Pieces of a turn that are read together."""

    ids: tuple[int, ...] = field(repr=False)
    """Rows of the vocabulary; the first one says who speaks."""
    words: tuple[int, ...]
    """Which token of the turn begins at each piece; -1 where none does."""


class Pieces:
    """Parts turns into pieces.

    Args:
        tokenizer: the content of the weights' ``tokenizer.json``.
    """

    def __init__(self, tokenizer: bytes) -> None:
        self._tokenizer = parting(tokenizer)
        known = self._tokenizer.get_vocab()
        self._marks = {mark: known[mark] for mark in _SYMBOLS | _SIGNS}
        self._unknown = known["[UNK]"]
        self._numbers = {code: _NumberWords(code) for code in languages()}

    def read(self, turn: Turn, role: Role, *, bare: bool = False) -> list[Piece]:
        """The pieces of a turn, in the order in which they are read; none for an empty turn.

        Args:
            turn: the turn.
            role: who speaks.
            bare: leaves out the signs between sentences, as many recognisers do.
        """
        keys = turn.all_keys
        numbers = self._numbers[turn.language].placeholders(keys)
        parted = self._parted(
            [key for key, number in zip(keys, numbers, strict=True) if not number]
        )
        found: list[Piece] = []
        ids, words = [_ROLES[role]], [-1]
        for index, (token, number) in enumerate(zip(turn.tokens, numbers, strict=True)):
            own = [number] if number else next(parted)
            lead = [] if index else list(self._between(turn.text[: token.start], bare=bare))[-1:]
            behind = list(self._between(token.after, bare=bare))
            if len(ids) + len(lead) + len(own) + len(behind) > LONGEST:
                found.append(Piece(tuple(ids), tuple(words)))
                ids, words = [_ROLES[role]], [-1]
            ids += [*lead, *own, *behind]
            words += [*[-1] * len(lead), index, *[-1] * (len(own) + len(behind) - 1)]
        return [*found, Piece(tuple(ids), tuple(words))] if keys else []

    def _parted(self, words: Sequence[str]) -> Iterator[list[int]]:
        pieces: list[list[int]] = [[] for _ in words]
        done = self._tokenizer.encode(list(words), is_pretokenized=True, add_special_tokens=False)
        for piece, word in zip(done.ids, done.word_ids, strict=True):
            if word is not None and len(pieces[word]) < _PIECES_A_WORD:
                pieces[word].append(piece)
        return iter([one or [self._unknown] for one in pieces])

    def _between(self, text: str, *, bare: bool) -> Iterator[int]:
        """What is read of what stands between two words: signs of sentences and of numbers."""
        for sign in text.replace(f" {PAUSE} ", ". ")[:4]:
            if sign in self._marks and not (bare and sign in _SIGNS):
                yield self._marks[sign]


class _NumberWords:
    """Tells the numbers of a language, in words and in figures."""

    def __init__(self, language: str) -> None:
        voc = vocabulary(language)
        self._near = {plain(word) for word in voc.near_digits}
        self._values = {
            plain(word): value
            for table in (voc.near_digits, voc.digits, voc.teens, voc.tens, voc.hundreds)
            for word, value in table.items()
        }

    def placeholders(self, keys: Sequence[str]) -> list[int]:
        """The placeholder of each word; 0 for what is no number."""
        values = [self._value(key) for key in keys]
        for index, key in enumerate(keys):
            beside = [*values[max(0, index - 1) : index], *values[index + 1 : index + 2]]
            if key in self._near and not any(beside):
                values[index] = ""
        found: list[int] = []
        for is_number, run in groupby(zip(keys, values, strict=True), key=lambda one: bool(one[1])):
            words = list(run)
            digits = _digits(words)
            checked = is_number and len(digits) in _CARD and luhn(digits)
            found += [_CHECKED if checked else _placeholder(key, value) for key, value in words]
        return found

    def _value(self, key: str) -> str:
        figures = "".join(sign for sign in key if sign.isdecimal())
        return figures or self._values.get(plain(key), "")


def _digits(words: Sequence[tuple[str, str]]) -> str:
    """The digits of a run; "forty five" is two."""
    found = ""
    for index, (key, value) in enumerate(words):
        following = words[index + 1][1] if index + 1 < len(words) else ""
        tens = key.isalpha() and len(value) == _TENS and value[1] == "0" and value != "10"
        found += value[0] if tens and len(following) == 1 and following != "0" else value
    return found


def _placeholder(key: str, value: str) -> int:
    if not value:
        return 0
    if key.isalpha():
        return _DIGIT_WORD if len(value) == 1 else _TENS_WORD
    if not key.isdecimal():
        return _CODE
    return _FIGURES + min(len(value), _MOST_FIGURES)
