"""From settled number tokens to digits: pairs, teens, hundreds, doubles, corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.tokens import SOLID, Flag, Kind, Token
from pipeline.records.model import Word

_DIGITS: Final = frozenset({Kind.DIGIT, Kind.NEAR, Kind.HOMOPHONE})
_LETTERS: Final = frozenset({Kind.LETTER, Kind.MAYBE_LETTER})
_YEAR_LENGTH: Final = 4
_HUNDRED: Final = 2
"""Zeros of a hundred."""


@dataclass(frozen=True, slots=True)
class Part:
    """One word of a run, with what it carried."""

    index: int
    word: Word
    digits: str = field(default="", repr=False)
    letters: str = field(default="", repr=False)
    characters: str = field(default="", repr=False)
    """Digits and letters in their order."""
    flags: frozenset[Flag] = frozenset()
    """What is said of the number that the word belongs to."""


def compose(words: Sequence[Word], tokens: Sequence[Token], voc: Vocabulary) -> list[Part]:
    """Digits per word, for the tokens of one run; glue at the edges carries nothing."""
    composer = _Composer(tokens, voc)
    composer.run()
    carried: dict[int, list[tuple[str, str]]] = {}
    for index, digits, letters in composer.out:
        carried.setdefault(index, []).append((digits, letters))
    said: dict[int, frozenset[Flag]] = {}
    for index, flags in composer.flagged:
        holder = index if index in carried else max((i for i in carried if i < index), default=None)
        if holder is not None:
            said[holder] = said.get(holder, frozenset()) | flags
    return [
        Part(
            index,
            words[index],
            digits="".join(digits for digits, _ in pieces),
            letters="".join(letters for _, letters in pieces),
            characters="".join(letters + digits for digits, letters in pieces),
            flags=said.get(index, frozenset()),
        )
        for index, pieces in sorted(carried.items())
    ]


class _Composer:
    def __init__(self, tokens: Sequence[Token], voc: Vocabulary) -> None:
        self._tokens = tokens
        self._lists = voc.words
        self._at = 0
        self.out: list[tuple[int, str, str]] = []
        self.flagged: list[tuple[int, frozenset[Flag]]] = []

    def run(self) -> None:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.flags:
                self.flagged.append((token.word, token.flags))
            if token.kind is Kind.MULTIPLIER:
                self._multiplied(token)
            elif token.kind in _LETTERS:
                if len(token.text) > 1:
                    self._flag(Flag.SPELLED)
                self._emit(token, letters=token.value)
            elif token.kind is Kind.STANDIN:
                self._flag(Flag.SPELLED)
                self._emit(token)
            elif token.kind is Kind.MONTH:
                self._flag(Flag.DATE)
                self._emit(token)
            elif token.kind is Kind.ORDINAL:
                self._flag(Flag.ORDINAL)
                self._emit(token, token.value)
            elif token.kind in SOLID or token.kind in _DIGITS or self._bare(0):
                self._number(token)
            else:
                self._glue(token)
                self._at += 1

    def _flag(self, flag: Flag) -> None:
        token = self._tokens[min(self._at, len(self._tokens) - 1)]
        self.flagged.append((token.word, frozenset({flag})))

    def _emit(self, token: Token, digits: str = "", letters: str = "") -> None:
        self.out.append((token.word, digits, letters))
        self._at += 1

    def _peek(self, ahead: int = 1) -> Token | None:
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def _glue(self, token: Token) -> None:
        if token.kind is Kind.SEPARATOR and token.text in self._lists["decimal"] and self.out:
            after = self._peek()
            if after is not None and after.kind in SOLID:
                self._flag(Flag.DECIMAL)
        elif token.kind is Kind.LINK:
            after = self._peek()
            if after is not None and after.kind is Kind.ORDINAL:  # "the fifth": one phrase
                self.out.append((token.word, "", ""))
        elif token.text in self._lists["corrected"]:
            self._flag(Flag.CORRECTED)

    def _multiplied(self, token: Token) -> None:
        after = self._peek()
        if after is not None and after.kind in _LETTERS:
            self._emit(token, letters=after.value * (int(token.value) - 1))
            self._emit(after, letters=after.value)
            return
        if after is None or not (after.kind in _DIGITS or after.kind is Kind.FIGURES):
            self._at += 1
            return
        self._emit(token, after.value[0] * (int(token.value) - 1))
        self._emit(after, after.value)

    def _number(self, token: Token) -> None:
        if self._scaled():
            self._cardinal()
            return
        after = self._peek()
        joined = self._joined(0)
        if joined:
            ordinal = joined[-1][0].kind is Kind.ORDINAL
            self._flag(Flag.ORDINAL if ordinal else Flag.PAIRED)
            for part, digits in joined:
                self._emit(part, digits)
            return
        self._emit(token, token.value)
        self._note_year(token, after)

    def _joined(self, ahead: int) -> list[tuple[Token, str]]:
        """Tens with their unit: "forty one", "cuarenta y uno"; nothing where none follows."""
        token = self._peek(ahead)
        if token is None or token.kind is not Kind.TENS or token.closes:
            return []
        parts = [(token, token.value[0])]
        link = self._peek(ahead + 1)
        if self._lists["tens_joins"]:
            if link is None or link.text not in self._lists["tens_joins"] or link.closes:
                return []
            parts.append((link, ""))
        unit = self._peek(ahead + len(parts))
        if unit is None:
            return []
        digit = unit.kind is Kind.DIGIT and unit.value != "0"
        if self._scale(ahead + len(parts) + 1) and unit.word == self._tokens[-1].word:
            digit = digit and True
        if digit or (unit.kind is Kind.ORDINAL and len(unit.value) == 1):
            return [*parts, (unit, unit.value)]
        return []

    def _note_year(self, token: Token, after: Token | None) -> None:
        century = token.value in ("19", "20") and token.kind in (Kind.TEEN, Kind.TENS)
        if century and after is not None and after.kind in (Kind.TEEN, Kind.TENS):
            self._flag(Flag.YEAR)
        if len(token.value) == _YEAR_LENGTH and token.value[:2] in ("19", "20"):
            self._flag(Flag.YEAR)

    def _small(self, ahead: int) -> list[tuple[Token, str]]:
        """A number below 100, or figures, ``ahead`` of here: its tokens with their digits."""
        token = self._peek(ahead)
        if token is None or token.kind not in SOLID:
            return []
        joined = self._joined(ahead)
        if joined and joined[-1][0].kind is Kind.DIGIT:
            return joined
        return [(token, token.value)]

    def _bare(self, ahead: int) -> bool:
        """Whether a scale word that needs no number before it is ``ahead`` of here: "mil"."""
        token = self._peek(ahead)
        bare = self._lists["bare_scales"]
        return token is not None and token.kind is Kind.SCALE and token.text in bare

    def _scale(self, ahead: int) -> int:
        """The zeros of a scale word ``ahead`` of here; 0 if there is none."""
        token = self._peek(ahead)
        return int(token.value) if token is not None and token.kind is Kind.SCALE else 0

    def _scaled(self) -> bool:
        small = self._small(0)
        return self._bare(0) or (bool(small) and self._after(len(small)) > 0)

    def _after(self, ahead: int) -> int:
        """The zeros of a scale word that multiplies what stands before it: "ciento" never does."""
        zeros = self._scale(ahead)
        return 0 if zeros == _HUNDRED and self._bare(ahead) else zeros

    def _cardinal(self) -> None:
        """Read "two hundred and fifty three", "one thousand eight hundred forty seven"."""
        self._flag(Flag.CARDINAL)
        parts, taken = self._below(0, limit=9)
        self.out += [(token.word, digits, "") for token, digits in parts]
        self._at += taken

    def _below(self, ahead: int, *, limit: int) -> tuple[list[tuple[Token, str]], int]:
        """A number of fewer than ``limit`` digits ``ahead`` of here, and how far it reaches."""
        parts = self._small(ahead)
        at = ahead + len(parts)
        if not parts and self._bare(ahead) and self._scale(ahead) < limit:
            parts = [(self._tokens[self._at + ahead], "1")]
        for zeros in (_HUNDRED, *range(_HUNDRED + 1, limit)):
            if not parts or zeros >= limit or self._scale(at) != zeros:
                continue
            if at > ahead and self._after(at) != zeros:
                continue
            scale = self._tokens[self._at + at]
            rest, end = self._rest(at + 1, zeros)
            filled = sum(len(digits) for _, digits in rest)
            parts = [*parts, (scale, "0" * (zeros - filled)), *rest]
            at = end
        return parts, at

    def _rest(self, ahead: int, zeros: int) -> tuple[list[tuple[Token, str]], int]:
        """What follows a scale word and fills its zeros; nothing if it does not fit."""
        joined = self._peek(ahead)
        start = ahead + 1 if joined is not None and joined.text in self._lists["joins"] else ahead
        parts, end = self._below(start, limit=zeros)
        width = sum(len(digits) for _, digits in parts)
        after = self._peek(end)
        more = after is not None and (after.kind in SOLID or after.kind in _DIGITS)
        # A lone digit belongs to the hundred unless more digits follow: "eight hundred, 5 5 5".
        if not parts or width > zeros or self._after(end) == zeros or (width == 1 and more):
            return [], ahead
        return parts, end
