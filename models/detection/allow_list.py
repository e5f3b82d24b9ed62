"""Values that the policy leaves audible although their type is muted: the company's own number.

Outcome of :meth:`Allowed.drop`: the spans without those whose whole value stands in the policy's
list. Every hearing that has words there has to say the whole value; anything else, such as a part
of it or more than it, stays muted. Payment data is never allowed (the policy is refused).
"""

from __future__ import annotations

from collections.abc import Sequence

from models.disclosure.transcript_values import without_signs
from models.text.turn_segmentation import streams_of
from pipeline.detection.language.normalise import plain
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.detection.numbers.runs import read
from pipeline.policy.model import Policy
from pipeline.records.entities import NEVER_ALLOWED, SPOKEN_NUMBERS
from pipeline.records.model import Action, Reason, Span, Word


class Allowed:
    """Of one call.

    Args:
        policy: with its lists.
        language: of the number words.
    """

    def __init__(self, policy: Policy, language: str) -> None:
        self._voc = vocabulary(language)
        self._values = {
            entity: {_normal(entity, value) for value in values}
            for entity, values in policy.allow.items()
            if entity not in NEVER_ALLOWED
        }
        self._passed: list[Span] = []

    def __repr__(self) -> str:
        """Content-free."""
        return "Allowed()"

    def drop(self, spans: Sequence[Span], words: Sequence[Word]) -> list[Span]:
        """The spans that stay.

        Args:
            spans: of one stretch.
            words: every hearing of that stretch.
        """
        if not self._values:
            return list(spans)
        self._passed += [span for span in spans if self._is_allowed(span, words)]
        return [span for span in spans if not self._is_part(span)]

    def forget(self, before: int) -> None:
        """Drop what ends before a sample."""
        self._passed = [span for span in self._passed if span.end >= before]

    def _is_part(self, span: Span) -> bool:
        """Whether a span of the same type lies within an allowed value."""
        return span.reason is Reason.RECOGNISED and any(
            span.entity == one.entity
            and span.channel == one.channel
            and one.start <= span.start
            and span.end <= one.end
            for one in self._passed
        )

    def _is_allowed(self, span: Span, words: Sequence[Word]) -> bool:
        values = self._values.get(span.entity)
        if not values or span.action is not Action.MUTE or span.reason is not Reason.RECOGNISED:
            return False
        inside = [
            word
            for word in words
            if word.channel == span.channel and word.start < span.end and span.start < word.end
        ]
        heard = [row for row in streams_of(inside).values() if row]
        return bool(heard) and all(self._said(span.entity, row) in values for row in heard)

    def _said(self, entity: str, words: Sequence[Word]) -> str:
        if entity in SPOKEN_NUMBERS:
            return "".join(run.characters for run in read(words, voc=self._voc)).upper()
        return _normal(entity, " ".join(word.text for word in words))


def _normal(entity: str, value: str) -> str:
    """A value as it is compared: characters of a number, or words in lower case."""
    if entity in SPOKEN_NUMBERS:
        return "".join(filter(str.isalnum, plain(value))).upper()
    return without_signs(plain(value))
