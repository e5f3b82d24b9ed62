"""Numbers that may be heard because the reader is sure that the talk explains them.

A question is found by phrases, and a length is a guess; the reader has read the call. What is taken
back is taken back whole: all pieces that answer one question, or go together as a chain, or none.
None is where any word of it was not read as it was heard, where its digits are as many as a card's,
or where a checksum holds. Nothing is raised.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pipeline.detection.decision.opinions import Opinions
from pipeline.detection.dialogue.model import Reading, Verdict
from pipeline.detection.dialogue.questions import LONG
from pipeline.policy.model import ReaderRule
from pipeline.records.entities import NEVER_ALLOWED, RECALL_FIRST


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
        explained = {key for key, group in groups.items() if _explained(group, opinions, rule)}
        for verdict in found:
            if explained.issuperset(_keys(verdict)):
                verdict.take_back()


def _keys(verdict: Verdict) -> Iterable[tuple[str, int]]:
    """What a number goes together with: itself, its question, its chain."""
    yield "run", id(verdict)
    if verdict.question is not None:
        yield "ask", id(verdict.question)
    if verdict.chain:
        yield "chain", verdict.chain


def _explained(group: Sequence[Verdict], opinions: Opinions, rule: ReaderRule) -> bool:
    strict = any(one.entity in NEVER_ALLOWED | RECALL_FIRST for one in group)
    below = rule.payment_below if strict else rule.explained_below
    if _digits(group) >= LONG:
        return False
    return all(not one.basis.checked and opinions.harmless(one.run.words, below) for one in group)


def _digits(group: Sequence[Verdict]) -> int:
    """How many digits were told; what the other side reads back counts once."""
    told = Counter((one.run.digits, one.run.channel) for one in group)
    most: defaultdict[str, int] = defaultdict(int)
    for (digits, _), times in told.items():
        most[digits] = max(most[digits], times)
    return sum(len(digits) * times for digits, times in most.items())
