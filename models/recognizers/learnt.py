"""What a learnt tagger takes for personal: who and where, health and secrets told in words.

Rules find what they were written for; the tagger finds what is told in other words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from models.attributes import is_small
from models.likelihood import HEALTH, LEARNT, likely, load
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.health import with_determiner, without_reaction
from models.spoken import Turn
from pipeline.entities import Entity

_SURE: Final[Mapping[str, float]] = {
    Entity.PERSON: 0.5,
    Entity.STREET_ADDRESS: 0.5,
    Entity.EMAIL_ADDRESS: 0.5,
    Entity.MEDICAL_CONDITION: 0.5,
    Entity.MEDICAL_PROCEDURE: 0.4,
    Entity.MEDICATION: 0.4,
    Entity.PASSWORD: 0.4,
    Entity.PIN: 0.85,
    Entity.DATE_OF_BIRTH: 0.85,
}
"""Likelihood of the likeliest word of what is found; more is asked of what is mostly said in
numbers, of which most are harmless."""
_PART: Final = 0.3
"""Likelihood from which a word beside a likelier one is part of the same."""


class LearntRecognizer(SpokenRecognizer):
    """Words that the tagger holds for likely; scores are its probabilities."""

    ENTITIES: ClassVar[tuple[str, ...]] = LEARNT

    def load(self) -> None:
        """Read the weights.

        Raises:
            ModelError: they are missing or altered.
        """
        load()

    def may_find(self, turn: Turn) -> bool:
        """Whether there is a word in it that says something."""
        return not all(map(is_small, turn.all_keys))

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Runs of likely words; each is of the type that its likeliest word is."""
        if not turn.tokens:
            return
        values, entities, *_ = likely(turn)
        first = 0
        while first < len(values):
            last = first
            while last < len(values) and values[last] >= _PART:
                last += 1
                if turn.tokens[last - 1].stops and entities[last - 1] == Entity.PERSON:
                    break  # "… is Brittany. What can I do …"
            if last > first:
                peak = max(range(first, last), key=values.__getitem__)
                entity, value = entities[peak], values[peak]
                if value >= _SURE[entity]:
                    begin = without_reaction(turn, first) if entity in HEALTH else first
                    if entity == Entity.MEDICATION:
                        begin = with_determiner(turn, begin)
                    if begin < last:
                        yield Hit(entity, begin, last, round(value, 3), "learnt")
            first = max(last, first + 1)
