"""CARD_EXPIRY in words: "the end of May next year", where an expiry date was asked for.

Months with figures are the spoken-number engine's; here are those without, and the words around.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.lexicon import any_of, listed
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_YEAR: Final = (
    r"(?: (?:of )?(?:the )?(?:(?:next|this|following|coming) year|year after(?: next)?"
    r"|same year|(?:twenty|thirty) [a-z]+|20\d\d|[23]\d))"
)
_PART: Final = r"(?:the )?(?:very )?(?:end|start|beginning|middle|last day|first) (?:of )?(?:the )?"
_DATE: Final = Worded(
    rf"\b(?:{_PART}(?:next|this) (?:month|year)"
    rf"|(?:{_PART})?{any_of(listed('months'))}{_YEAR}?"
    rf"|(?:next|this) {any_of(listed('months'))}|(?:next|this) month)\b"
)
_ANSWER: Final = 10
"""Tokens of an answer within which the date begins."""


class SpokenExpiryRecognizer(SpokenRecognizer):
    """When a card expires, said in words."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.CARD_EXPIRY,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_DATE,)

    def may_find(self, turn: Turn) -> bool:
        """Whether a date was asked for and there is one."""
        return turn.expected(Entity.CARD_EXPIRY) is not None and turn.opens(_DATE)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Months and years of an answer, such as "March", "the end of next year"."""
        asked = turn.expected(Entity.CARD_EXPIRY)
        if asked is not None:
            for found in turn.search(_DATE):
                if asked <= found.first <= asked + _ANSWER:
                    yield Hit(Entity.CARD_EXPIRY, found.first, found.last, 0.7, "asked for")
