"""PASSWORD: passwords, user names and answers to security questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import is_function, sentence_end, skip_lead_in, trim_fillers
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_STATED: Final = re.compile(
    r"\b(?:(?:my|the|our) (?:password|pass word|pass ?phrase|pass ?code|user ?name"
    r"|user name|user id"
    r"|login|log in|screen name|code ?word|security word|mothers maiden name|maiden name"
    r"|verbal password|secret word)(?: is| was| its| would be)|first pets? name (?:is|was))\b"
)
_LONGEST: Final = 12
_SHORT: Final = 5


class SecretRecognizer(SpokenRecognizer):
    """What only the customer should know, when it is asked for or announced."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.PASSWORD,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """The answer after a stated or asked secret."""
        for found in turn.search(_STATED):
            yield from self._answer(turn, found.last, 0.8, "stated")
        asked = turn.expected(Entity.PASSWORD)
        if asked is not None:
            yield from self._answer(turn, asked, 0.65, "asked for")

    @staticmethod
    def _answer(turn: Turn, at: int, score: float, pattern: str) -> Iterator[Hit]:
        first = skip_lead_in(turn, at)
        last = trim_fillers(turn, first, sentence_end(turn, first, _LONGEST))
        keys = turn.keys(first, last)
        content = sum(not is_function(key) for key in keys)
        # A sentence of grammar ("I don't remember it") is no secret.
        if content and (len(keys) <= _SHORT or content * 2 >= len(keys)):
            yield Hit(Entity.PASSWORD, first, last, score, pattern)
