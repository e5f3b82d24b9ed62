"""What a call remembers of e-mail addresses, passwords, web and street addresses that were found.

What was said once is read back, corrected and spelled again, mostly without a word that announces
it: "Penhaligon with a P-E-N?", "Biscuit, it was Biscuit the rabbit". Only its telling words are
kept, in memory and for the call; they are in no ``repr``. Nothing is raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from models.answers import FILLERS, MONTHS, NUMBER_WORDS
from models.frequency import zipf
from models.lexicon import listed
from models.spoken import Turn
from pipeline.entities import Entity

KEPT: Final = frozenset(
    {
        Entity.DATE_OF_BIRTH,
        Entity.EMAIL_ADDRESS,
        Entity.IP_ADDRESS,
        Entity.PASSWORD,
        Entity.STREET_ADDRESS,
        Entity.URL,
        Entity.ZIP_CODE,
    }
)
"""Entity types of which it is remembered that, and in which words, a value was said."""
RECENT_S: Final = 12.0
"""How long after it was said, or said again, talk may still be of a value."""
COMMON_S: Final = 45.0
"""How long a value's more common words are remembered; rare ones are for the whole call."""
LONGEST: Final = 24
"""Tokens of the longest value that is remembered; more is mostly talk around it."""
_RARE: Final = 3.6
"""Zipf frequency below which a word is hardly ever said of something else."""
_COMMON: Final = {Entity.PASSWORD: 5.0, Entity.EMAIL_ADDRESS: 4.5}
"""Zipf frequency from which a word of a value tells nothing; 4.3 where nothing is said."""
_COMMON_ELSEWHERE: Final = 4.3
_SHORTEST: Final = 3
_FIGURES: Final = 3
_PIECE: Final = re.compile(r"[^\W\d_]+|\d+")
_NO_PART: Final = (
    listed("email_providers")
    | listed("top_level_domains")
    | listed("symbols")
    | listed("spelling_words")
    | listed("states")
    | listed("street_suffixes")
    | listed("dwellings")
    | FILLERS
    | MONTHS
    | NUMBER_WORDS
    | {"mister", "missus", "miss", "www", "http", "https", "letter", "word"}
)
"""Words that stand in many values."""
_NO_SECRET: Final = _NO_PART - listed("spelling_words")
"""The same of passwords, for which "tiger" and "apple" are favourites."""


@dataclass(slots=True)
class _Value:
    words: dict[str, int] = field(default_factory=dict, repr=False)
    """Telling words, and the sample at which each was last said."""
    touched: int = 0


class Memory:
    """The values of one call.

    Args:
        sample_rate: Hz of the samples that times are counted in.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._values: dict[str, _Value] = {}

    def take(self, entity: str, turn: Turn, first: int, last: int, now: int) -> None:
        """Remember the tokens ``[first, last)`` of a turn as a value that was said at ``now``."""
        value = self._values.setdefault(entity, _Value())
        value.touched = max(value.touched, now)
        for word in telling(turn, entity, first, last):
            value.words[word] = now

    def touch(self, entity: str, now: int) -> None:
        """Note that a value was said again."""
        if entity in self._values:
            value = self._values[entity]
            value.touched = max(value.touched, now)

    def known(self, now: int) -> Mapping[str, frozenset[str]]:
        """Telling words by entity type, as far as they still tell something."""
        late = now - round(COMMON_S * self._rate)
        return {
            entity: frozenset(
                word
                for word, said in value.words.items()
                if said >= late or (not word.isdigit() and zipf(word) < _RARE)
            )
            for entity, value in self._values.items()
        }

    def recent(self, now: int) -> frozenset[str]:
        """Entity types of which a value was said just before ``now``."""
        late = now - round(RECENT_S * self._rate)
        return frozenset(entity for entity, one in self._values.items() if one.touched >= late)


def telling(turn: Turn, entity: str, first: int, last: int) -> Iterator[str]:
    """Words of the tokens ``[first, last)`` that tell of a value and of little else."""
    if entity == Entity.ZIP_CODE:
        return  # that it was said is all that counts
    if entity == Entity.STREET_ADDRESS:
        last = _street_end(turn, first, last)
    most = _COMMON.get(Entity(entity), _COMMON_ELSEWHERE)
    for token in turn.tokens[first:last]:
        for piece in _PIECE.findall(token.key):
            if piece.isdigit():
                told = entity == Entity.PASSWORD and len(piece) >= _FIGURES
            else:
                common = _NO_SECRET if entity == Entity.PASSWORD else _NO_PART
                told = len(piece) >= _SHORTEST and piece not in common and zipf(piece) < most
            if told:
                yield piece


def _street_end(turn: Turn, first: int, last: int) -> int:
    """Token after the street: the town behind it is said in other talk too."""
    kinds = listed("street_suffixes") | listed("dwellings")
    ends = [at + 1 for at in range(first, last) if turn.tokens[at].key in kinds]
    return max(ends, default=last)
