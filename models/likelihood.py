"""How likely the words of a turn are part of something personal, by the learnt tagger.

A turn is tagged once, whoever asks: the recogniser that finds by it, those that it saves work, and
the doubt about what rules found.
"""

from __future__ import annotations

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
DOUBTFUL: Final = frozenset(
    {
        Entity.PERSON,
        Entity.STREET_ADDRESS,
        Entity.EMAIL_ADDRESS,
        Entity.MEDICATION,
        Entity.PASSWORD,
    }
)
"""What rules often take for more than it is; of health a third of what was doubted was true."""
DOUBTED: Final = 0.03
"""Likelihood below which a word is harmless, whatever a rule says."""


class Likely(NamedTuple):
    """Of each token of a turn."""

    values: list[float]
    """How likely it is part of anything of ``LEARNT``."""
    entities: list[str]
    """Of which type, if so."""

    def doubts(self, first: int, last: int) -> bool:
        """Whether no token of ``[first, last)`` is likely to be part of anything."""
        return all(value < DOUBTED for value in self.values[first:last])


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
