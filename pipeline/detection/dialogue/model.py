"""What a reading of a call holds, and what its numbers are taken for.

A reading is one hearing of all channels.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.detection.dialogue.questions import Question
from pipeline.detection.language.vocabulary import PromptKind
from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import Flag
from pipeline.records.entities import Entity
from pipeline.records.scores import Basis

HARMLESS: Final = frozenset(
    {
        Flag.MONEY,
        Flag.PERCENT,
        Flag.UNIT,
        Flag.TIME,
        Flag.DATE,
        Flag.ORDINAL,
        Flag.PRONOUN,
        Flag.YEAR,
    }
)
"""What says of a number that it is no piece of a longer one."""
CARD_DATA: Final = frozenset(
    {Entity.CARD_NUMBER, Entity.CARD_SECURITY_CODE, Entity.CARD_EXPIRY, Entity.PIN}
)
_SPELT_OUT: Final = 4
"""Digits said one by one from which they are no amount, whatever stands before them."""
_PHONE: Final = 7
"""Digits from which "eight hundred …" is a telephone number and no quantity, nor is what follows
"on" or "at" a place."""
_NO_AMOUNT: Final = 9
"""Digits from which what follows "under" or "about" is no amount."""


@dataclass(slots=True)
class Verdict:
    """One run, and what it is taken for."""

    run: NumberRun
    local: PromptKind | None
    entity: Entity | None = None
    """``None``: harmless as far as is known."""
    basis: Basis = Basis.NONE
    question: Question | None = None
    missing: int = 0
    """Digits that were probably spoken in or beside the run, and not heard."""
    turn: tuple[int, int] | None = None
    """First and last word of the turn, where it answers the other side and is little else than
    this number."""
    chain: int = 0
    """Numbers the chains of a reading; runs of one chain go together."""
    explained: bool = False
    """An order number or the like: nothing that follows makes it sensitive."""

    @property
    def answer(self) -> bool:
        """Whether the whole turn is little else than this number, in answer to the other side."""
        return self.turn is not None

    @property
    def harmless(self) -> bool:
        """Whether something says what the number is, and that it is no secret."""
        return self.entity is None and self.said(HARMLESS)

    def said(self, flags: frozenset[Flag]) -> bool:
        """Whether the talk explains the number, states an amount, or writes it as one of these."""
        return self.explained or self.local is PromptKind.AMOUNT or bool(self.run.flags & flags)

    @property
    def chains(self) -> bool:
        """Whether the run may be a piece of a longer number."""
        flags = self.run.flags
        least = _NO_AMOUNT if self.local is PromptKind.AMOUNT else _PHONE
        if self.local is PromptKind.AMOUNT and self.run.digit_by_digit:
            least = _SPELT_OUT  # "sorry about him, oh five one oh": nobody says an amount so
        if self.explained or (self.local is not None and len(self.run.digits) < least):
            return False
        if Flag.CARDINAL in flags and len(self.run.digits) < _PHONE:
            return False
        listed = self.run.rising or self.run.quantities
        return len(self.run.digits) > 1 and not flags & HARMLESS and not listed

    def take(self, entity: Entity, basis: Basis) -> None:
        """Declare it sensitive; the surer basis wins."""
        if self.entity is None or basis.score > self.basis.score:
            self.entity, self.basis = entity, basis

    def take_back(self) -> None:
        """Declare it harmless."""
        self.entity, self.basis = None, Basis.NONE


@dataclass(slots=True)
class Reading:
    """All verdicts on one reading, in time order, and the questions that stood behind them."""

    verdicts: list[Verdict] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


class Talk:
    """Counts content words between two samples: how far the talk has moved on."""

    def __init__(self, tracks: Sequence[tuple[int, Sequence[int]]]) -> None:
        self._by_channel = {channel: list(starts) for channel, starts in tracks}
        self._all = sorted(start for starts in self._by_channel.values() for start in starts)

    def between(self, start: int, end: int, channel: int | None = None) -> int:
        """Content words that begin in ``[start, end)``, on one channel or on all."""
        starts = self._all if channel is None else self._by_channel.get(channel, [])
        return bisect.bisect_left(starts, end) - bisect.bisect_left(starts, start)
