"""How likely the words of a turn are part of something personal, by the learnt tagger.

A turn is tagged once, whoever asks: the recogniser that finds by it, those that it saves work, and
the doubt about what rules found.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from models.catalogue import entry
from models.loader import find
from models.spoken import OfLastTurn, Turn
from models.tagging import Tagger, Weights
from pipeline.entities import Entity

MODEL: Final = "tagger-en"
LEARNT: Final = (
    Entity.PERSON,
    Entity.STREET_ADDRESS,
    Entity.EMAIL_ADDRESS,
    Entity.MEDICAL_CONDITION,
    Entity.MEDICAL_PROCEDURE,
    Entity.MEDICATION,
    Entity.PASSWORD,
    Entity.PIN,
    Entity.DATE_OF_BIRTH,
)
"""What is told in words, and what is asked for in ever other ones; other numbers are the number
engine's alone."""
DOUBTED: Final[Mapping[str, float]] = {
    Entity.PERSON: 0.01,
    Entity.STREET_ADDRESS: 0.01,
    Entity.EMAIL_ADDRESS: 0.01,
    Entity.MEDICATION: 0.01,
    Entity.PASSWORD: 0.01,
    Entity.MEDICAL_CONDITION: 0.003,
    Entity.MEDICAL_PROCEDURE: 0.003,
}
"""Likelihood below which a word is harmless though a rule takes it for something that is told in
words."""


class Likely(NamedTuple):
    """Of each token of a turn."""

    values: list[float]
    """How likely it is part of anything of ``LEARNT``."""
    entities: list[str]
    """Of which type, if so."""

    def believed(self, entity: str, first: int, last: int) -> tuple[int, int]:
        """What is left of tokens ``[first, last)`` that a rule takes for an entity; perhaps none.

        What is harmless at both ends is no part of it. Of a password all is part or nothing:
        whatever words may stand in one.
        """
        least = DOUBTED[entity]
        likely = [at for at in range(first, last) if self.values[at] >= least]
        if not likely or entity == Entity.PASSWORD:
            return (first, last) if likely else (first, first)
        return likely[0], likely[-1] + 1


@cache
def _tagger() -> Tagger:
    return Tagger(Weights.load(find(MODEL, allow_hub=False) / entry(MODEL).main))


def load() -> None:
    """Read the weights now rather than at the first turn.

    Raises:
        ModelError: they are missing or altered.
    """
    _tagger()


@cache
def _own() -> tuple[list[int], list[str]]:
    """Columns of the labels of ``LEARNT``, and the labels."""
    own = [at for at, label in enumerate(_tagger().labels) if label in LEARNT]
    return own, [_tagger().labels[at] for at in own]


def _tagged(turn: Turn) -> Likely:
    columns, labels = _own()
    found = _tagger().probabilities(turn)[:, columns]
    types = [labels[at] for at in found.argmax(axis=1).tolist()]
    return Likely(found.sum(axis=1).tolist(), types)


likely: Final = OfLastTurn(_tagged)
"""How likely each token of a turn is; the turn has at least one.

Raises ``ModelError`` where the weights are missing or altered.
"""
likeliest: Final = OfLastTurn(lambda turn: max(likely(turn).values) if turn.tokens else 1.0)
"""How likely the likeliest token of a turn is; 1 for a turn without any."""
