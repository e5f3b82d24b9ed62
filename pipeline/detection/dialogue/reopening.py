"""Values that were given and are wrong, or go on: "that's not what I have", "and the rest?".

Outcome: :func:`reopened` returns the ask for what follows, or none; nothing is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.detection.dialogue.questions import WORDY, Ask
from pipeline.detection.language.prompts import Cue
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


def reopened(asks: Sequence[Ask], active: Sequence[Ask], cue: Cue, rate: int) -> Ask | None:
    """The last number that was asked for, asked for again or further.

    Args:
        asks: all of the call, in time order.
        active: those that are not over. One that wants more is touched and none returned.
        cue: what asks again.
        rate: samples per second.
    """
    last = next((ask for ask in reversed(asks) if ask.entity not in WORDY), None)
    if last is None or not last.answered or cue.start - last.touched > AGAIN_S * rate:
        return None
    if cue.brief and last.answered >= WHOLE.get(last.entity, LONG_VALUE):
        return None  # "go ahead": it cannot go on
    if last in active and not last.fulfilled:
        last.touched = max(last.touched, cue.end)
        last.reopened = True
        return None
    return Ask(last.entity, last.channel, cue.start, cue.end, cue.end, reopened=True)


def waits_for(ask: Ask, channel: int) -> bool:
    """Whether an ask may be answered by what looks like the telephone number of a business.

    Who asks for a telephone number may be given one; who says where to reach him gives his own.
    """
    wordy = ask.entity in WORDY or ask.entity is Entity.NUMBER_SEQUENCE
    others = ask.entity is Entity.PHONE_NUMBER and ask.channel != channel
    return not (wordy or others or ask.fulfilled)
