"""Numbers in pieces: which digits belong together where nobody asked for them.

Outcome: verdicts get their entity type and the number of their chain. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from pipeline.detection.dialogue.context import Surroundings
from pipeline.detection.dialogue.model import HARMLESS, Reading, Talk, Verdict
from pipeline.detection.language.vocabulary import PromptKind
from pipeline.detection.numbers.runs import NumberRun
from pipeline.records.checksums import card_brand, luhn
from pipeline.records.entities import Entity
from pipeline.records.scores import Basis

CHAIN_S: Final = 20.0
"""Seconds of pause within which digits without a context still belong together."""
CHAIN_TALK: Final = 12
"""Content words of the same channel that end such a chain."""
UNASKED: Final = 9
"""Digits from which a run that nothing explains is silenced."""
UNASKED_TURN: Final = 7
"""The same, for a turn that is little else than a number, said in answer to the other side."""
UNDER_TOPIC: Final = 8
"""The same, where the talk is of cards."""
TOPIC_S: Final = 60.0
_LETTERS: Final = 2
"""Letters of a code that count like digits."""
_FRAGMENT: Final = 4
_STRAY_S: Final = 2.5
_STRAY_WORDS: Final = 2


class Chains:
    """The pieces heard one after another, until something else is said.

    Args:
        rate: samples per second.
        talk: counts the content words of the reading.
    """

    def __init__(self, rate: int, talk: Talk) -> None:
        self._rate = rate
        self._talk = talk
        self._chain: list[Verdict] = []
        self._count = 0

    def add(self, verdict: Verdict, card_topic: int) -> None:
        """Take one more piece.

        Args:
            verdict: of digits that nothing explains.
            card_topic: the sample at which cards were spoken of last; negative for never.
        """
        if self._chain and not self._continues(self._chain[-1].run, verdict.run):
            self.end(card_topic)
        self._chain.append(verdict)

    def end(self, card_topic: int) -> None:
        """No further piece follows: judge the chain by its length."""
        chain, self._chain = self._chain, []
        if not chain or all(_round(verdict.run) for verdict in chain):
            return
        totals: dict[int, str] = {}
        letters: dict[int, int] = {}
        for verdict in chain:
            run = verdict.run
            totals[run.channel] = totals.get(run.channel, "") + run.digits
            letters[run.channel] = letters.get(run.channel, 0) + run.letters
        channel, longest = max(totals.items(), key=lambda item: len(item[1]))
        count = len(longest) + max(verdict.missing for verdict in chain)
        count += min(letters[channel], _LETTERS)
        enough = UNASKED_TURN if any(verdict.answer for verdict in chain) else UNASKED
        start = chain[0].run.start
        in_topic = card_topic >= 0 and start - card_topic < TOPIC_S * self._rate
        if in_topic and count >= UNDER_TOPIC:
            entity, basis = Entity.CARD_NUMBER, Basis.BY_LENGTH
        elif len(longest) == 10:  # noqa: PLR2004 - digits of a North American phone number
            entity, basis = Entity.PHONE_NUMBER, Basis.BY_FORM
        elif count >= enough:
            entity, basis = Entity.NUMBER_SEQUENCE, Basis.BY_FORM
        else:
            return
        if luhn(longest) and card_brand(longest):
            entity, basis = Entity.CARD_NUMBER, Basis.CHECKED
        self._count += 1
        for verdict in chain:
            verdict.chain = self._count
            verdict.take(entity, basis)

    def _continues(self, before: NumberRun, run: NumberRun) -> bool:
        if run.start - before.end > CHAIN_S * self._rate:
            return False
        if not (before.strung and run.strung):
            # Quantities stand in talk ("36 would be 118"); pieces of a number next to each other.
            return self._talk.between(before.end, run.start) == 0
        return self._talk.between(before.end, run.start, run.channel) <= CHAIN_TALK


def _round(run: NumberRun) -> bool:
    """Whether a run is a size or the like: "1700", in a row of such ones no number's piece."""
    return len(run.digits) <= _FRAGMENT and run.digits.endswith("00")


def join_strays(reading: Reading, look: Surroundings, channels: Iterable[int], rate: int) -> None:
    """A digit or two right beside a sensitive number, nonsense between, belong to it."""
    for channel in channels:
        row = [verdict for verdict in reading.verdicts if verdict.run.channel == channel]
        for left, right in [*pairwise(row), *pairwise(reversed(row))]:
            if left.entity is not None and _stray(left.run, right, look, rate):
                right.take(left.entity, left.basis)
                right.question, right.chain = left.question, left.chain


def _stray(known: NumberRun, verdict: Verdict, look: Surroundings, rate: int) -> bool:
    run = verdict.run
    if verdict.entity is not None or verdict.explained or verdict.local is PromptKind.AMOUNT:
        return False
    gap = max(run.start - known.end, known.start - run.end)
    between = max(run.first - known.last, known.first - run.last) - 1
    if gap > _STRAY_S * rate or between > _STRAY_WORDS or look.goes_on(run):
        return False
    return len(run.digits) < _FRAGMENT and not run.flags & HARMLESS
