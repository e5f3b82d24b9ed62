"""How likely the words of a turn are part of something personal, by the learnt tagger.

A turn is tagged once, whoever asks: the recogniser that finds by it, those that it saves work, and
the doubt about what rules found.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
words: that of health for what is told of health, that of anything else for the rest."""
_SELDOM: Final[Mapping[float, tuple[str, ...]]] = {
    0.05: (
        "AilmentRecognizer: accident",
        "AilmentRecognizer: it went",
        "BodywiseRecognizer: feels like",
        "ConditionRecognizer: diagnosed",
        "SecretRecognizer: asked for",
        "SecretRecognizer: stated",
        "SpokenAddressRecognizer: asked for",
        "SpokenAddressRecognizer: stated",
        "SpokenPersonRecognizer: introduced",
    ),
    0.1: (
        "BodywiseRecognizer: keeps doing",
        "ComplaintRecognizer: what was done",
        "ConditionRecognizer: asked for",
        "ConditionRecognizer: has",
        "NamedPersonRecognizer: ner and name list",
        "SpokenPersonRecognizer: given name and surname",
        "SpokenPersonRecognizer: two names",
    ),
    0.3: (
        "AilmentRecognizer: reads",
        "BodywiseRecognizer: can't do",
        "SecretRecognizer: signs",
        "SpokenAddressRecognizer: address in its frame",
        "SpokenPersonRecognizer: with a letter",
        "TroubleRecognizer: aid",
        "UnwellRecognizer: what it is for",
    ),
}
"""Rules that are seldom right where the tagger sees little: of what they alone found in calls by
writers that the weights had not seen, and what held no word likelier than this, at most a ninth of
the words were sensitive."""
LEAST: Final[Mapping[str, float]] = {
    rule: least for least, rules in _SELDOM.items() for rule in rules
}
"""How likely the likeliest word has to be of what such a rule finds."""
HEALTH: Final = frozenset({Entity.MEDICAL_CONDITION, Entity.MEDICAL_PROCEDURE, Entity.MEDICATION})


class Likely(NamedTuple):
    """Of each token of a turn."""

    values: list[float]
    """How likely it is part of anything of ``LEARNT``."""
    entities: list[str]
    """Of which type, if so."""
    health: list[float]
    """How likely it is part of what is told of health."""
    others: list[float]
    """How likely it is part of anything else of ``LEARNT``."""

    def told(self, entity: str) -> list[float]:
        """How likely each token is part of what is told as an entity of ``DOUBTED`` is."""
        return self.health if entity in HEALTH else self.others

    def believed(self, rule: str, entity: str, first: int, last: int) -> tuple[int, int]:
        """What is left of tokens ``[first, last)`` that a rule takes for an entity; perhaps none.

        What is harmless at both ends is no part of it. Of a password all is part or nothing:
        whatever words may stand in one.
        """
        least, values = DOUBTED[entity], self.told(entity)
        if max(values[first:last]) < LEAST.get(rule, least):
            return first, first
        likely = [at for at in range(first, last) if values[at] >= least]
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


class _Own(NamedTuple):
    """What of the tagger's labels is told in words."""

    columns: list[int]
    labels: list[str]
    sums: NDArray[np.float64]
    """All labels by three: adds up those of ``LEARNT``, of ``HEALTH``, and of the others."""


@cache
def _own() -> _Own:
    labels = _tagger().labels
    columns = [at for at, label in enumerate(labels) if label in LEARNT]
    sums = [(label in LEARNT, label in HEALTH, label in {*LEARNT} - HEALTH) for label in labels]
    return _Own(columns, [labels[at] for at in columns], np.array(sums, np.float64))


def _tagged(turn: Turn) -> Likely:
    own = _own()
    found = _tagger().probabilities(turn)
    values, health, others = (found @ own.sums).T.tolist()
    types = [own.labels[at] for at in found[:, own.columns].argmax(axis=1).tolist()]
    return Likely(values, types, health, others)


likely: Final = OfLastTurn(_tagged)
"""How likely each token of a turn is; the turn has at least one.

Raises ``ModelError`` where the weights are missing or altered.
"""


class Most(NamedTuple):
    """How likely the likeliest token of a turn is."""

    others: float = 1.0
    health: float = 1.0


def likeliest(turn: Turn) -> Most:
    """How likely the likeliest token is told of health, and of anything else; 1 without any."""
    if not turn.tokens:
        return Most()
    found = likely(turn)
    return Most(max(found.others), max(found.health))
