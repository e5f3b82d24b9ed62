"""MEMBER_ID: the letters behind the number of an Ontario health card ("…, version K L").

The number itself is the number engine's; its letters are said behind a word that no other number
has there, and are not taken for a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar, Final

from models.answers import is_number
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_VERSION: Final = Worded(
    r"\b(?:version|version code|version letters|letters are|letters)(?: is| are)?"
    r" (?P<letters>[a-z] (?:and )?[a-z])\b"
)
_CARD: Final = frozenset({"ontario", "ohip"})
_HEALTH_CARD: Final = ("health", "card")
_DIGITS: Final = 7
"""Digits said before the letters from which they are a card's."""


class HealthCardRecognizer(SpokenRecognizer):
    """Version codes of health cards."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEMBER_ID,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_VERSION,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """The two letters, where a card is spoken of or a long number stands before them."""
        for found in turn.search(_VERSION):
            first, last = turn.span_of(found, "letters")
            if _speaks_of_a_card(turn) or _digits(turn, found.first) >= _DIGITS:
                yield Hit(Entity.MEMBER_ID, first, last, 0.6, "version code")


def _speaks_of_a_card(turn: Turn) -> bool:
    for keys in (turn.all_keys, turn.heard):
        if not _CARD.isdisjoint(keys) or _HEALTH_CARD in pairwise(keys):
            return True
    return False


def _digits(turn: Turn, before: int) -> int:
    """How many digits were said, each figure and each number word as one."""
    keys = turn.keys(0, before)
    return sum(len(key) if key.isdigit() else 1 for key in keys if is_number(key))
