"""Numbers that follow a stretch which nobody heard: the question for them may have been in it.

Outcome: stretches that have to be silent, whatever is done with numbers of their kind. Nothing is
raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.detection.decision.spans import Sensitive
from pipeline.detection.dialogue.model import Reading, Talk
from pipeline.detection.numbers.tokens import Flag
from pipeline.records.entities import Entity
from pipeline.records.model import Interval, Reason
from pipeline.records.scores import Basis

_ANSWERED_S: Final = 12.0
"""Seconds after a question, or after the last digits, within which its answer begins."""
_QUESTION_S: Final = 0.5
"""The shortest question: "PIN?"."""
_MOVED_ON: Final = 8
"""Content words of the side that asked after which its question is over."""
_SAYS_ITSELF: Final = frozenset({Flag.MONEY, Flag.PERCENT, Flag.UNIT, Flag.PRONOUN, Flag.ORDINAL})
"""What is no answer to a question for a secret. A year or a time may be a PIN."""


def unasked(
    unheard: Sequence[Sequence[Interval]], reading: Reading, talk: Talk, rate: int
) -> list[Sensitive]:
    """The numbers of a reading that may answer a question which was not heard.

    Args:
        unheard: by channel, what could not be heard.
        reading: its verdicts in time order.
        talk: what was said.
        rate: Hz.
    """
    found: list[Sensitive] = []
    for channel in range(len(unheard)):
        others = [one for one in range(len(unheard)) if one != channel] or [channel]
        lost = [one for other in others for one in unheard[other] if len(one) >= _QUESTION_S * rate]
        if not lost:
            continue
        last = -1
        for verdict in reading.verdicts:
            run = verdict.run
            if run.channel != channel:
                continue
            if verdict.entity is not None or verdict.said(_SAYS_ITSELF):
                continue
            before = [one.end for one in lost if one.start < run.start]
            since = max([last, *(min(end, run.start) for end in before)])
            moved_on = sum(talk.between(since, run.start, other) for other in others)
            if since >= 0 and run.start - since <= _ANSWERED_S * rate and moved_on <= _MOVED_ON:
                last = run.end
                found.append(
                    Sensitive(
                        Entity.NUMBER_SEQUENCE,
                        channel,
                        run.start,
                        run.end,
                        Basis.AFTER_UNHEARD,
                        Reason.UNEXPLAINED,
                    )
                )
    return found
