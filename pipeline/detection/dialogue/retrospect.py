"""What a call's other numbers say of one: questions that nothing answered, codes of one form.

Outcome: verdicts are taken back or added, once all numbers of a reading are judged. Nothing is
raised.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Final

from pipeline.detection.dialogue.model import CARD_DATA, Reading, Verdict
from pipeline.detection.dialogue.questions import LETTERED, Question
from pipeline.records.entities import Entity
from pipeline.records.scores import Basis

VAIN: Final = 3
"""Digits of which an answer to a question has more, unless it was none: "I'm on 81"."""
_SHORT: Final = CARD_DATA | {Entity.STREET_ADDRESS, Entity.DATE_OF_BIRTH, Entity.AGE_OVER_89}
"""Asks that a digit or two may answer, or whose answer must not be lost with misheard digits."""
_CODE: Final = 6
"""Characters of the shortest code that is known by the form of another one."""


def in_vain(question: Question) -> bool:
    """Whether so few digits came that they are no answer, if no more come."""
    few = question.entity not in _SHORT and 0 < question.answered < VAIN
    return few and not question.spelled and not question.reopened


def take_back(reading: Reading, over: Callable[[Question], bool]) -> None:
    """Numbers that answered nothing after all.

    Args:
        reading: with all its verdicts.
        over: whether no more digits can come for a question.
    """
    for verdict in reading.verdicts:
        question = verdict.question
        if question is not None and in_vain(question) and over(question):
            verdict.take_back()
            verdict.question = None


def join_alike(reading: Reading) -> None:
    """A code of the form of one that was asked for: "and hers is B K, four oh …"."""
    known = [
        verdict
        for verdict in reading.verdicts
        if verdict.entity in LETTERED and _lettered(verdict) and not verdict.explained
    ]
    for verdict in reading.verdicts:
        if verdict.entity is not None or verdict.explained or not _lettered(verdict):
            continue
        twin = next((one for one in known if _alike(one, verdict)), None)
        if twin is not None and twin.entity is not None:
            verdict.take(twin.entity, Basis.BY_FORM)


def _lettered(verdict: Verdict) -> bool:
    run = verdict.run
    return len(run.characters) >= _CODE and 0 < len(run.digits) < len(run.characters)


def _alike(one: Verdict, other: Verdict) -> bool:
    """Whether letters and digits come in the same order, one of the digits lost at most."""
    first, second = (_form(verdict.run.characters) for verdict in (one, other))
    if [kind for kind, _ in first] != [kind for kind, _ in second]:
        return False
    apart = [abs(a - b) for (kind, a), (_, b) in zip(first, second, strict=True) if kind]
    letters = all(a == b for (kind, a), (_, b) in zip(first, second, strict=True) if not kind)
    return letters and sum(apart) <= 1


def _form(characters: str) -> list[tuple[bool, int]]:
    """Rows of digits (true) and of letters, with their lengths."""
    return [(kind, len(list(row))) for kind, row in groupby(characters, key=str.isdecimal)]
