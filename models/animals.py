"""Calls about animals and plants: what ails a dog or a rose is nobody's health.

Nothing is raised. Doubt keeps what was found: only in a call that is about animals, and only where
the words before it speak of no person, is a finding about health dropped.
"""

from __future__ import annotations

from typing import Final

from models.spoken import Turn
from pipeline.entities import HEALTH
from pipeline.vocabulary import Subject, vocabulary

_SELF: Final = frozenset({"i", "im", "ive", "id", "me", "myself", "we", "were", "weve"})
_OTHER: Final = frozenset(
    {"he", "she", "it", "its", "hes", "shes", "his", "her", "him", "they", "theyre", "theyve",
     "their",
     "them", "the", "this", "that", "these"}
)  # fmt: skip
_SAYS: Final = frozenset({"think", "noticed", "thought", "reckon", "guess", "know", "found", "saw"})
"""Somebody who thinks that something ails an animal speaks of the animal."""
_NAMED: Final = 3
_PEOPLE: Final = frozenset(
    {"husband", "wife", "mum", "mom", "mam", "dad", "mother", "father", "son", "daughter", "nan",
     "gran",
     "grandma", "grandad", "baby", "child", "children", "kid", "kids", "brother", "sister",
     "partner", "boyfriend", "girlfriend", "neighbour", "neighbor", "uncle", "aunt", "friend",
     "myself", "wifes", "husbands", "mums", "dads", "sons", "daughters"}
)  # fmt: skip


def _names_one(turn: Turn, at: int) -> bool:
    """Whether an animal or a plant is named from a token on: "my dog has"."""
    found = vocabulary(turn.language).worded.find(" ".join(turn.keys(at, at + _NAMED)))
    return any(subject is Subject.ANIMALS for subject, _, _ in found)


def of_an_animal(turn: Turn, entity: str, start: int) -> bool:
    """Whether a finding in a call about animals is about one of them.

    Args:
        turn: with the finding.
        entity: its type; only those about health can be an animal's.
        start: its first character in the turn's text.
    """
    if entity not in HEALTH:
        return False
    at = sum(token.end <= start for token in turn.tokens)
    first = at
    while first > 0 and not turn.tokens[first - 1].stops:
        first -= 1
    before = turn.keys(first, at + 1)
    if _PEOPLE.intersection(before):
        return False
    for place in range(len(before) - 1, -1, -1):
        key = before[place]
        if key in _OTHER:
            return True
        if key == "my":
            return place + 1 < len(before) - 1 or _names_one(turn, first + place)
        if key in _SELF and not _SAYS.intersection(before[place:]):
            return False
    return True
