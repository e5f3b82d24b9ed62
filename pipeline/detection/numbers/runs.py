"""The spoken-number engine: words in, runs of digits out, each digit with the word that spoke it.

Outcome: :func:`read` returns every run of number words of a sequence, in order. It raises nothing;
what is no number is left out. "Not yet" does not exist here: whether a run may go on is the
conversation's business.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from pipeline.detection.language.lazy import once
from pipeline.detection.language.normalise import bare
from pipeline.detection.language.vocabulary import Vocabulary, vocabulary
from pipeline.detection.numbers.composition import Part, compose
from pipeline.detection.numbers.disambiguation import settle
from pipeline.detection.numbers.leading_words import settle_first, without_pronoun
from pipeline.detection.numbers.spelled_letters import mark
from pipeline.detection.numbers.tokens import (
    GLUE,
    SOLID,
    Flag,
    Kind,
    Token,
    is_number,
    tokenise,
)
from pipeline.records.model import Hearing, Word

_MOST_GLUE: Final = 6
"""More words than this between two digits end a run."""
_ROW: Final = 3
"""Single digits from which a run is a row of digits."""
_ROW_OF_FIGURES: Final = 5
"""Figures without a comma from which a number is no quantity: "12,000" has one."""
_STRUNG: Final = 4
"""Digits from which a number is more likely an identifier, or a piece of one, than a quantity."""
_SMALL: Final = 2
"""Digits of the numbers of such a list."""
_LIST: Final = 5
"""Numbers from which a list that rises is no number in pairs: of 120 rows of five one rises."""
_TWO_LISTS: Final = 8
"""Numbers from which it may be two such lists: of 170 rows of eight one falls no more than once."""
_AMOUNT: Final = 5
"""Digits of the longest price."""
_PENCE: Final = 2
"""Digits of the cents of a price."""
_UP_TO: Final = "to"
_WRITTEN: Final = frozenset({Flag.CARDINAL, Flag.DECIMAL})
_QUANTITY: Final = 7
"""Digits of the longest quantity."""
_LONGEST_DAY: Final = 2
_YEAR: Final = 4
_YEAR_WORDS: Final = 3
"""Words of a year: "nineteen thirty six"."""
_ENDS: Final = (".", "?", "!")
_LETTERS: Final = 2
"""Letters of the shortest run that has no digit."""


@dataclass(frozen=True)
class NumberRun:
    """Digits that were spoken in one go."""

    channel: int
    parts: tuple[Part, ...] = field(repr=False)
    """The words, in order, with the digits and letters that each carried."""

    @once
    def flags(self) -> frozenset[Flag]:
        """What the writing of the parts, or the words beside them, say about the number."""
        return frozenset(flag for part in self.parts for flag in part.flags)

    @once
    def digits(self) -> str:
        """All digits, in order."""
        return "".join(part.digits for part in self.parts)

    @once
    def characters(self) -> str:
        """Digits and letters, in order."""
        return "".join(part.characters for part in self.parts)

    @property
    def letters(self) -> int:
        """How many of the characters are letters."""
        return len(self.characters) - len(self.digits)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words that carried digits or letters."""
        return tuple(part.word for part in self.parts)

    @property
    def digit_by_digit(self) -> bool:
        """Whether it is a row of single digits, as nobody states a price or a quantity."""
        filled = [part for part in self.parts if part.digits]
        return len(filled) >= _ROW and all(len(part.digits) == 1 for part in filled)

    @property
    def in_a_row(self) -> bool:
        """Whether it is one row of figures: recognisers write so what was said digit by digit."""
        filled = [part.word.text for part in self.parts if part.digits]
        row = len(filled) == 1 and filled[0].strip(" .,;:!?").isdigit()
        return row and len(self.digits) >= _ROW_OF_FIGURES and not self.letters

    @once
    def strung(self) -> bool:
        """Whether it is said as identifiers are, and not as one quantity: "415", "36.2"."""
        return len(self.digits) >= _STRUNG and not self.flags & {Flag.DECIMAL, Flag.TIME}

    @once
    def rising(self) -> bool:
        """Whether it is a list of small numbers in order, as of a lottery: "4, 11, 19, 27"."""
        said = [int(part.digits) for part in self.parts if part.digits]
        small = all(len(part.digits) <= _SMALL and not part.letters for part in self.parts)
        pairs = any(number > 9 for number in said)  # noqa: PLR2004 - no row of single digits
        falls = sum(a >= b for a, b in pairwise(said))
        return small and pairs and len(said) >= _LIST and falls <= (len(said) >= _TWO_LISTS)

    @property
    def clocks(self) -> bool:
        """Whether it is nothing but written times of day ("6:15, 7:00, 12:10"), however many."""
        filled = [part for part in self.parts if part.digits]
        return all(Flag.TIME in part.flags for part in filled)

    @property
    def amounts(self) -> bool:
        """Whether it is nothing but written amounts of money ("$58.50, $50"), however many."""
        sizes: list[int] = []
        for part in self.parts:
            if Flag.MONEY in part.flags:
                sizes.append(0)
            if not sizes:
                return False
            sizes[-1] += len(part.digits)
        return max(sizes) <= _AMOUNT + 1  # "£899 to £539.40" says no two

    @property
    def quantities(self) -> bool:
        """Whether it is two written quantities, or two small numbers with "to" between them.

        "287,000 to 328,000", "44.99 and 12.50", "ten to nine".
        """
        said = [part for part in self.parts if bare(part.word.text) != _UP_TO]
        written = all(part.flags & _WRITTEN and len(part.digits) <= _QUANTITY for part in said)
        small = len(self.parts) > len(said) and all(len(part.digits) <= _SMALL for part in said)
        two = len(said) == 2 and not any(part.letters for part in said)  # noqa: PLR2004
        return two and (written or small)

    @property
    def first(self) -> int:
        """Index of the first word in the sequence that was read."""
        return self.parts[0].index

    @property
    def last(self) -> int:
        """Index of the last word in the sequence that was read."""
        return self.parts[-1].index

    @property
    def start(self) -> int:
        """First sample."""
        return self.parts[0].word.start

    @once
    def end(self) -> int:
        """First sample after the run."""
        return max(part.word.end for part in self.parts)


def read(
    words: Sequence[Word],
    *,
    max_gap: int | None = None,
    without: Collection[int] = (),
    voc: Vocabulary | None = None,
    tokens: Sequence[Token] | None = None,
) -> list[NumberRun]:
    """Find every run of number words in the words of one channel and one hearing.

    Args:
        words: in time order.
        max_gap: a silence of more samples than this ends a run; ``None`` for never.
        without: indexes of words that are no numbers, such as those of a prompt ("last four").
        voc: the language; English when left out.
        tokens: of ``words``, where :func:`tokens_of` made them before.
    """
    language = voc or vocabulary()
    kept = list(tokens_of(words, language) if tokens is None else tokens)
    if without:
        kept = [
            Token(token.word, Kind.OTHER, token.text, closes=token.closes)
            if token.word in without
            else token
            for token in kept
        ]
    reader = _Reader(words, kept, max_gap, language)
    return [run for first, last in reader.segments() for run in reader.runs(first, last)]


def tokens_of(words: Sequence[Word], voc: Vocabulary) -> list[Token]:
    """The tokens of the words, with the phrases marked that name letters."""
    return mark(tokenise(words, voc), voc)


class _Reader:
    def __init__(
        self,
        words: Sequence[Word],
        tokens: list[Token],
        max_gap: int | None,
        voc: Vocabulary,
    ) -> None:
        self._words = words
        self._tokens = tokens
        self._max_gap = max_gap
        self._voc = voc

    def segments(self) -> list[tuple[int, int]]:
        """Stretches ``[first, last)`` of tokens without a word that ends every run."""
        found: list[tuple[int, int]] = []
        first: int | None = None
        glue = 0
        for position, token in enumerate(self._tokens):
            glue = glue + 1 if token.kind in GLUE else 0
            stops = token.kind is Kind.OTHER or glue > _MOST_GLUE
            if first is not None and (stops or self._gap_before(position)):
                found.append((first, position))
                first = None
            if not stops and first is None:
                first = position
        if first is not None:
            found.append((first, len(self._tokens)))
        return [
            (start, end)
            for start, end in found
            if any(self._counts(token) for token in self._tokens[start:end])
        ]

    @staticmethod
    def _counts(token: Token) -> bool:
        kinds = (Kind.ORDINAL, Kind.NEAR, Kind.LETTER, Kind.MAYBE_LETTER)
        return token.kind in SOLID or token.kind in kinds

    def _gap_before(self, position: int) -> bool:
        if self._max_gap is None or position == 0:
            return False
        before = self._words[self._tokens[position - 1].word]
        return self._words[self._tokens[position].word].start - before.end > self._max_gap

    def runs(self, first: int, last: int) -> list[NumberRun]:
        """The runs of one segment: soft tokens are settled, and what stays unsettled cuts."""
        begun = settle_first(self._tokens[first:last], self._words, self._voc)
        settled = settle(begun, first, self._words, self._tokens, self._voc)
        found: list[NumberRun] = []
        piece: list[Token] = []
        for token in [*settled, None]:
            if token is not None:
                piece.append(token)
                continue
            for tokens in self._numbers(piece):
                run = self._run(tokens)
                if run is not None:
                    found.append(run)
            piece = []
        return found

    def _numbers(self, tokens: list[Token]) -> list[list[Token]]:
        """One segment as its numbers: what a date or a quantity says holds for no other digits.

        A date begins with its month, unless a day or a year stands right before it. A quantity at
        the end ("nine. Right, one second") is a number of its own where a filler or the end of a
        sentence parts it from the digits before.
        """
        cuts = [at for at in range(1, len(tokens)) if self._new_date(tokens, at)]
        last = self._quantity(tokens)
        bounds = sorted({0, *cuts, last, len(tokens)})
        return [tokens[low:high] for low, high in pairwise(bounds)]

    @staticmethod
    def _new_date(tokens: list[Token], at: int) -> bool:
        """Whether a month begins a number: no day and no year stands right before it."""
        if tokens[at].kind is not Kind.MONTH:
            return False
        before = at - 1
        while before > 0 and tokens[before].kind is Kind.LINK:
            before -= 1
        token = tokens[before]
        if token.kind is Kind.ORDINAL or before < at - 1:
            return False
        row = at
        while row > 0 and tokens[row - 1].kind in SOLID and at - row <= _YEAR_WORDS:
            row -= 1
        said = [one.value for one in tokens[row:at]]
        day = len(said) == 1 and len(token.value) <= _LONGEST_DAY
        centuries = ("19", "20")
        year = said[0][:2] in centuries and len(said) <= _YEAR_WORDS if said else False
        year = year and (len(said) > 1 or len(said[0]) == _YEAR)
        year = year or any(one.kind is Kind.SCALE for one in tokens[max(0, at - 4) : at])
        return token.kind in GLUE or not (day or year)

    def _quantity(self, tokens: list[Token]) -> int:
        """Where the quantity begins that ends the segment; its length where there is none."""
        after = tokens[-1].word + 1 if tokens else len(self._words)
        if after >= len(self._words) or not self._is_unit(bare(self._words[after].text)):
            return len(tokens)
        for at in range(len(tokens) - 1, 0, -1):
            token, before = tokens[at], tokens[at - 1]
            if token.kind in GLUE:
                continue
            closes = (*_ENDS, *((",",) if self._asks_to_wait(tokens[at:]) else ()))
            ends = self._words[before.word].text.rstrip().endswith(closes)
            inside = before.kind in GLUE and at > 1 and self._joins(tokens[at - 2], before)
            if ends or (before.kind in GLUE and not inside):
                return at
        return len(tokens)

    def _asks_to_wait(self, rest: list[Token]) -> bool:
        """Whether the quantity is a "one second", which is heard between the groups of a number."""
        after = bare(self._words[rest[-1].word + 1].text)
        return len(rest) == 1 and rest[0].value == "1" and after in self._voc.words["waits"]

    def _joins(self, left: Token, link: Token) -> bool:
        """Whether a word goes on with the number before it: "hundred and", "treinta y"."""
        tens = left.kind is Kind.TENS and link.text in self._voc.words["tens_joins"]
        return left.kind is Kind.SCALE or tens

    def _is_unit(self, word: str) -> bool:
        return any(word in self._voc.words[name] for name in ("money", "percent", "units"))

    def _run(self, tokens: list[Token]) -> NumberRun | None:
        parts = compose(self._words, tokens, self._voc)
        if not any(part.digits for part in parts):
            letters = sum(len(part.letters) for part in parts)
            spelled = letters >= _LETTERS and any(Flag.SPELLED in part.flags for part in parts)
            if not spelled and not any(token.kind is Kind.LETTER for token in tokens):
                return None
        parts = list(without_pronoun(parts, self._words, self._voc))
        return NumberRun(parts[0].word.channel, tuple(self._with_neighbours(parts)))

    def _with_neighbours(self, parts: list[Part]) -> list[Part]:
        """Flags from the word after and, for a lone "one", from the word before."""
        lists = self._voc.words
        after = parts[-1].index + 1
        before = parts[0].index - 1
        flags: set[Flag] = set()
        if after < len(self._words):
            word = bare(self._words[after].text)
            for name, flag in (
                ("money", Flag.MONEY),
                ("percent", Flag.PERCENT),
                ("units", Flag.UNIT),
            ):
                if word in lists[name]:
                    flags.add(flag)
            digits = sum(len(part.digits) for part in parts)
            if word in lists["each"] and digits <= _AMOUNT and self._period(after + 1):
                flags.add(Flag.MONEY)  # "seven ninety-nine a month"
        if self._after_money(before, parts):
            flags.add(Flag.MONEY)  # "three pounds fifty"
        alone = "".join(part.digits for part in parts) == "1"
        if alone and before >= 0 and bare(self._words[before].text) in lists["pronoun_before"]:
            flags.add(Flag.PRONOUN)
        if flags:
            parts[-1] = replace(parts[-1], flags=parts[-1].flags | flags)
        return parts

    def _after_money(self, before: int, parts: Sequence[Part]) -> bool:
        """Whether parts are the pence of "three pounds fifty"; ``before`` is the word there."""
        if before < 1 or sum(len(part.digits) for part in parts) > _PENCE:
            return False
        unit, amount = self._words[before].text, self._words[before - 1].text
        whole = bare(unit) in self._voc.words["money"] and unit[-1:].isalpha()
        return whole and is_number(amount, self._voc)

    def _period(self, at: int) -> bool:
        """Whether a word is a time that a price is paid for."""
        return at < len(self._words) and bare(self._words[at].text) in self._voc.words["periods"]


def words_from_text(
    text: str,
    *,
    channel: int = 0,
    start: int = 0,
    rate: int = 8_000,
    hearing: Hearing = Hearing.MAIN,
    end: int | None = None,
) -> list[Word]:
    """Words with plausible times for a text without times, for tests and evaluation.

    Args:
        text: what is said, split at white space.
        channel: where it is said.
        start: first sample.
        rate: samples per second.
        hearing: which hearing the words pretend to be.
        end: squeeze or stretch the words into ``[start, end)``; by default they take 0.12 s plus
            0.055 s a letter each, which is about 2.7 words a second.
    """
    texts = text.split()
    lengths = [0.12 + 0.055 * len(word) for word in texts]
    scale = rate if end is None else (end - start) / max(sum(lengths), 1e-9)
    words: list[Word] = []
    at = float(start)
    for word, length in zip(texts, lengths, strict=True):
        stop = at + length * scale
        words.append(Word(channel, round(at), round(stop - 0.05 * scale), word, 1.0, hearing))
        at = stop
    return words
