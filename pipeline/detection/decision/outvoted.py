"""Words that one model alone heard as sensitive, where the other one heard something harmless.

Two models listen to the same speech, and the reader reads what each of them wrote. A word that one
of them misheard is easily taken for a name; the other one wrote what was said. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.detection.decision.opinions import Opinion, Opinions
from pipeline.detection.hypotheses.agreement import APART_S
from pipeline.records.entities import RECALL_FIRST, Entity
from pipeline.records.intervals import length, shared, subtract_intervals
from pipeline.records.model import Hearing, Interval, Span
from pipeline.records.scores import Recognizer

_SURE: Final = 0.8
"""Probability from which one hearing is enough."""
_HELD: Final = 0.1
"""Probability from which a hearing has something there."""
_BESIDE: Final = 3.0
"""So many times the limit holds for a word beside: it may be the same one, placed aside."""
_NAMED: Final = 0.25
"""Probability of a payment number or a secret from which no other type's name makes it audible."""
_COVERED: Final = 0.6
"""Share of each word that the other model's words lie over; where it wrote nothing, or was not sure
of what it wrote, it says nothing."""
_NEVER: Final = RECALL_FIRST | {Entity.PASSWORD}
_PAIRS: Final = ((Hearing.MAIN, Hearing.SECOND), (Hearing.SECOND, Hearing.MAIN))


def may_be_outvoted(span: Span) -> bool:
    """Whether it is a finding of the reader that is neither sure nor of payment or a secret."""
    of_reader = span.recognizer == Recognizer.READER
    return of_reader and span.score < _SURE and span.entity not in _NEVER


def outvoted(span: Span, opinions: Opinions, below: float, rate: int) -> bool:
    """Whether what the reader found in one hearing may be heard because of the other one.

    Args:
        span: what was found, of any kind.
        opinions: what the reader holds of the words of every hearing, up to ``APART_S`` after it.
        below: with less than this every word of the other hearing has to be held for sensitive.
        rate: Hz.
    """
    if not may_be_outvoted(span):
        return False
    apart = round(APART_S * rate)
    around = [*opinions.within(span.channel, span.start - apart, span.end + apart)]
    words = [one for one in around if shared(one, span) > 0]
    if any(one.secret >= _SURE for one in words) or any(
        one.types.get(entity, 0.0) >= _NAMED for one in words for entity in _NEVER
    ):
        return False
    return any(
        all(
            one.secret < (below if shared(one, span) > 0 else _BESIDE * below)
            for one in around
            if one.hearing is not own
        )
        and _covered(
            [one for one in words if one.hearing is own],
            span,
            [Interval(one.start, one.said_until) for one in around if one.hearing is other],
        )
        for own, other in _PAIRS
    )


def _covered(found: Sequence[Opinion], span: Span, said: Sequence[Interval]) -> bool:
    """Whether one hearing has something in a stretch, and what the other one said lies over it."""
    own = [one for one in found if one.secret >= _HELD or one.start >= span.start]
    has = any(one.secret >= _HELD for one in own)
    return has and all(_lies_under(one, span, said) for one in own)


def _lies_under(word: Opinion, span: Span, said: Sequence[Interval]) -> bool:
    whole = Interval(max(word.start, span.start), min(word.end, span.end))
    return length(subtract_intervals([whole], said)) <= (1 - _COVERED) * len(whole)
