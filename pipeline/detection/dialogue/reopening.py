"""Values that were given and are wrong, or go on: "that's not what I have", "and the rest?".

Outcome: :func:`reopened` returns the question for what follows, or none; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.detection.dialogue.questions import WORDY, Question
from pipeline.detection.language.prompts import Prompt
from pipeline.records.entities import Entity

AGAIN_S: Final = 20.0
"""Seconds after a value for which "that's not right" speaks of it."""
WHOLE: Final = {
    Entity.CARD_NUMBER: 15,
    Entity.CARD_SECURITY_CODE: 3,
    Entity.CARD_EXPIRY: 4,
    Entity.PIN: 6,
    Entity.US_SSN: 9,
    Entity.DATE_OF_BIRTH: 6,
    Entity.PHONE_NUMBER: 10,
    Entity.ZIP_CODE: 5,
    Entity.BANK_ROUTING: 9,
    Entity.LICENSE_PLATE: 8,
}
"""Digits (of a plate, characters) of a value that cannot go on."""
LONG_VALUE: Final = 17
"""The same where nothing is said."""


def reopened(
    questions: Sequence[Question], active: Sequence[Question], prompt: Prompt, rate: int
) -> Question | None:
    """The last number that was asked for, asked for again or further.

    Args:
        questions: all of the call, in time order.
        active: those that are not over. One that wants more is touched and none returned.
        prompt: what asks again.
        rate: samples per second.
    """
    last = next(
        (question for question in reversed(questions) if question.entity not in WORDY), None
    )
    if last is None or not last.answered or prompt.start - last.touched > AGAIN_S * rate:
        return None
    if prompt.brief and last.answered >= WHOLE.get(last.entity, LONG_VALUE):
        return None  # "go ahead": it cannot go on
    if last in active and not last.fulfilled:
        last.touched = max(last.touched, prompt.end)
        last.reopened = True
        return None
    return Question(last.entity, last.channel, prompt.start, prompt.end, prompt.end, reopened=True)


def waits_for(question: Question, channel: int) -> bool:
    """Whether a question may be answered by what looks like the telephone number of a business.

    Who asks for a telephone number may be given one; who says where to reach him gives his own.
    """
    wordy = question.entity in WORDY or question.entity is Entity.NUMBER_SEQUENCE
    others = question.entity is Entity.PHONE_NUMBER and question.channel != channel
    return not (wordy or others or question.fulfilled)
