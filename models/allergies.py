"""“I'm allergic to penicillin”: what is told is the medicine, as in “I take bisoprolol”.

Of foods and animals the whole phrase is the condition; a medicine is silenced by itself, and the
words before it are everybody's.
"""

from __future__ import annotations

from typing import Final

from models.lexicon import listed, longest, medicines
from models.patterns import Worded
from models.spoken import OfLastTurn, Turn
from pipeline.entities import Entity

_TO: Final = Worded(
    r"\b(?:(?:im|i am|i|he|shes|hes|she|youre|you|theyre|they|we|were|is|am|are|was|also|really"
    r"|very|severely|badly|highly|quite|mildly|deathly|deadly|terribly|have|has|had|an?) )*"
    r"(?:allergic|allergy|intolerant|(?:(?:bad|severe|nasty|terrible|awful|allergic) )?reaction"
    r"|react(?:s|ed)?)(?: (?:badly|terribly|severely|horribly|strongly|really))* (?:to|with)"
    r"(?: (?:the|my|all|any|some))?\b"
)

_NOTHING_YET: Final = frozenset(
    ["anything", "any", "it", "that", "this", "something", "everything", "what", "some"]
)
"""What asks, or says nothing yet."""


def _led_up_to(turn: Turn) -> frozenset[int]:
    keys = turn.bare_keys
    return frozenset(
        at
        for found in turn.search(_TO)
        if found.last < len(keys) and _is_medicine(turn, found.last)
        for at in range(found.first, found.last)
    )


def _is_medicine(turn: Turn, at: int) -> bool:
    """Whether a token begins a medicine; where medicines are asked for, whatever is nothing else.

    The recogniser writes "sofa" for "sulfa".
    """
    key = turn.bare_keys[at]
    if key in listed("allergens") or key in _NOTHING_YET:
        return False
    if longest(medicines(), turn.bare_keys, at):
        return True
    return any(Entity.MEDICATION in types for types in (turn.recent, turn.wanted, turn.lately))


led_up_to: Final = OfLastTurn(_led_up_to)
"""Tokens that say no more than that somebody can't have the medicine right behind them."""
