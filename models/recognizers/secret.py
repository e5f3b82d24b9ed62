"""PASSWORD: passwords, user names and answers to security questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import (
    FILLERS,
    is_function,
    is_number,
    is_spelled,
    sentence_end,
    trim_fillers,
)
from models.lexicon import listed
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_STATED: Final = Worded(
    r"\b(?:(?:my|the|our) (?:password|pass word|pass ?phrase|pass ?code|user ?name"
    r"|user name|user id"
    r"|login|log in|screen name|code ?word|security word|mothers maiden name|maiden name"
    r"|verbal password|secret word)"
    r"(?: (?:that )?(?:ive|i have|i|weve|we)"
    r" (?:been using|use|used|set up|set|chose|gave|made|have))?"
    r"(?: is| was| its| would be| should be)"
    r"|(?:password|pass ?phrase|pass word|login|log in|security answer|maiden name)"
    r"(?:s| is| was| should be| would be)"
    r"|(?:user ?name and (?:the )?password|password and (?:the )?user ?name|passwords?) (?:is|are)"
    r"(?: both)?(?: the same)?"
    r"|first pets? name (?:is|was)|(?:answer|secret word|memorable word) (?:is|was|would be))\b"
)
_BEFORE: Final = (FILLERS | listed("secret_lead_ins")) - {"oh"}
"""What leads to a secret. "My", "the", "first" are no lead-in here: "my first dog Rex"."""
_REFUSES: Final = listed("refusals")
_SYMBOLS: Final = listed("symbols")
_LONGEST: Final = 16
_SHORT: Final = 9


class SecretRecognizer(SpokenRecognizer):
    """What only the customer should know, when it is asked for or announced."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.PASSWORD,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_STATED,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """The answer after a stated or asked secret."""
        for found in turn.search(_STATED):
            yield from self._answer(turn, found.last, 0.8, "stated")
        asked = turn.expected(Entity.PASSWORD)
        if asked is not None:
            yield from self._answer(turn, asked, 0.65, "asked for")

    @staticmethod
    def _answer(turn: Turn, at: int, score: float, pattern: str) -> Iterator[Hit]:
        first = at
        while first < len(turn.tokens) and turn.tokens[first].key in _BEFORE:
            first += 1
        last = trim_fillers(turn, first, sentence_end(turn, first, _LONGEST))
        keys = turn.keys(first, last)
        content = sum(_tells(key) for key in keys)
        # A sentence of grammar ("I don't remember it") is no secret.
        refused = any(key in _REFUSES for key in keys)
        short = len(keys) <= _SHORT and not refused
        if content and (short or content * 2 >= len(keys)):
            yield Hit(Entity.PASSWORD, first, last, score, pattern)


def _tells(key: str) -> bool:
    """Whether a word says something of a secret: content, a letter, a number or a symbol."""
    spelled = is_spelled(key) and key not in {"a", "i"}
    return spelled or is_number(key) or key in _SYMBOLS or not is_function(key)
