"""Numbers that may be heard because the reader is sure that the talk explains them.

A question is found by phrases, and a length is a guess; the reader has read the call. What is taken
back is taken back whole: all pieces that answer one question, or go together as a chain, or none.
None is where any word of it was not read as it was heard, where its digits are as many as a card's,
or where a checksum holds. What answers another question than one for a card may be several numbers
("sixty two pounds", "the nineteenth"): as many digits as a card's have the limit of payment data
there. Nothing is raised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.detection.decision.opinions import Opinions
from pipeline.detection.dialogue.model import Reading, Verdict
from pipeline.detection.dialogue.questions import LONG
from pipeline.policy.model import ReaderRule
from pipeline.records.entities import NEVER_ALLOWED, RECALL_FIRST, Entity

_QUESTION: Final = "question"
_MAY_BE_A_CARD: Final = frozenset({Entity.CARD_NUMBER, Entity.NUMBER_SEQUENCE})
_PIECE: Final = 4
"""Digits of which cards are told in pieces; the same ones again may be the next piece."""


def take_back_explained(readings: Sequence[Reading], opinions: Opinions, rule: ReaderRule) -> None:
    """Take back the verdicts that the talk explains.

    Args:
        readings: of every hearing.
        opinions: what the reader holds of the words.
        rule: how far it is believed.
    """
    for reading in readings:
        groups: defaultdict[tuple[str, int], list[Verdict]] = defaultdict(list)
        found = [one for one in reading.verdicts if one.entity is not None]
        for verdict in found:
            for key in _keys(verdict):
                groups[key].append(verdict)
        explained = {
            key for key, group in groups.items() if _explained(key[0], group, opinions, rule)
        }
        for verdict in found:
            if explained.issuperset(_keys(verdict)):
                verdict.take_back()


def _keys(verdict: Verdict) -> Iterable[tuple[str, int]]:
    """What a number goes together with: itself, its question, its chain."""
    yield "run", id(verdict)
    if verdict.question is not None:
        yield _QUESTION, id(verdict.question)
    if verdict.chain:
        yield "chain", verdict.chain


def _explained(kind: str, group: Sequence[Verdict], opinions: Opinions, rule: ReaderRule) -> bool:
    entities = {one.entity for one in group}
    long = _digits(group) >= LONG
    if long and (kind != _QUESTION or entities & _MAY_BE_A_CARD):
        return False
    strict = long or bool(entities & (NEVER_ALLOWED | RECALL_FIRST))
    below = rule.payment_below if strict else rule.explained_below
    return all(not one.basis.checked and _harmless(one, opinions, below) for one in group)


def _digits(group: Sequence[Verdict]) -> int:
    """How many digits were told; a number that is told again counts once."""
    told = [one.run.digits for one in group]
    again = {digits for digits in told if len(digits) > _PIECE}
    return sum(map(len, again)) + sum(len(one) for one in told if len(one) <= _PIECE)


def _harmless(verdict: Verdict, opinions: Opinions, below: float) -> bool:
    """Whether each word was read, as this hearing has it, and whatever was heard there too."""
    run = verdict.run
    if not all(opinions.of(word) for word in run.words):
        return False
    return all(one.secret < below for one in opinions.within(run.channel, run.start, run.end))
