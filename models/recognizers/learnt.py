"""What a learnt tagger takes for personal: who and where, health and secrets told in words.

Rules find what they were written for; the tagger finds what is told in other words, and doubts what
a rule takes for more than it is. Doubt halves a rule's score, and the policy's threshold decides:
what a rule is sure of (0.8 and more) stays silent under the shipped policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import ClassVar, Final

from presidio_analyzer import RecognizerResult

from models.attributes import is_small
from models.catalogue import entry
from models.loader import find
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from models.tagging import Tagger, Weights
from pipeline.entities import Entity

MODEL: Final = "tagger-en"
_DEARER: Final = 1.5
"""How many harmless words muted weigh as much as one word left audible."""
_PART: Final = 0.25
"""Likelihood of a word beside a likelier one, from which it is part of the same."""
_LEAST: Final = 0.3
"""Likelihood of the likeliest word of what is found."""
_DOUBTED: Final = 0.03
"""Likelihood of the likeliest word below which a rule's finding is doubted."""


@cache
def _tagger() -> Tagger:
    return Tagger(Weights.load(find(MODEL, allow_hub=False) / entry(MODEL).main))


class LearntRecognizer(SpokenRecognizer):
    """Words that the tagger holds for likely; scores are its probabilities, with leaks dearer."""

    ENTITIES: ClassVar[tuple[str, ...]] = (
        Entity.PERSON,
        Entity.STREET_ADDRESS,
        Entity.EMAIL_ADDRESS,
        Entity.MEDICAL_CONDITION,
        Entity.MEDICAL_PROCEDURE,
        Entity.MEDICATION,
        Entity.PASSWORD,
    )

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelError: they are missing or altered.
        """
        self._tagger = _tagger()
        labels = self._tagger.labels
        self._own = [index for index, label in enumerate(labels) if label in self.ENTITIES]
        self._last: tuple[Turn, list[float], list[str]] | None = None

    def may_find(self, turn: Turn) -> bool:
        """Whether there is a word in it that says something."""
        return not all(map(is_small, turn.all_keys))

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Runs of likely words; each is of the type that its likeliest word is."""
        likely, entities = self._likely(turn)
        first = 0
        while first < len(likely):
            last = first
            while last < len(likely) and likely[last] >= _PART:
                last += 1
            if last > first:
                peak = max(range(first, last), key=likely.__getitem__)
                if likely[peak] >= _LEAST:
                    yield Hit(entities[peak], first, last, _score(likely[peak]), "learnt")
            first = last + 1

    def doubts(self, turn: Turn, result: RecognizerResult) -> bool:
        """Whether no word of a rule's finding is likely to be part of anything."""
        likely, _ = self._likely(turn)
        return all(
            value < _DOUBTED
            for value, token in zip(likely, turn.tokens, strict=True)
            if result.start < token.end and token.start < result.end
        )

    def _likely(self, turn: Turn) -> tuple[Sequence[float], Sequence[str]]:
        """How likely each word is part of something told in words, and of what type."""
        if self._last is None or self._last[0] is not turn:
            found = self._tagger.probabilities(turn)[:, self._own]
            types = [self._tagger.labels[self._own[at]] for at in found.argmax(axis=1)]
            self._last = (turn, found.sum(axis=1).tolist(), types)
        return self._last[1:]


def _score(likely: float) -> float:
    return round(likely * _DEARER / (likely * _DEARER + 1.0 - likely), 3)
