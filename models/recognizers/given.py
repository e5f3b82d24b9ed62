"""PERSON: given names that stand anywhere, because they are hardly anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import FILLERS, LEAD_IN, is_spelled
from models.frequency import zipf
from models.lexicon import listed, plain_given_names, words_in
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.naming import (
    TITLES,
    bare,
    has_capitals,
    in_address,
    in_codes,
    in_surnames,
    is_acronym,
    is_large,
    names_thing,
    well_known,
)
from models.spoken import OfLastTurn, Turn
from pipeline.entities import Entity

_NO_PERSON_AFTER: Final = frozenset(
    ["the", "in", "near", "via", "lake", "mount", "port", "fort", "saint", "st", "san", "santa"]
) | frozenset(["queen", "king", "prince", "princess", "pope"])
"""Words after which it is a place, a model or a public person ("the Madison", "Queen Anne")."""
_PLACES: Final = frozenset(["to", "from", "at", "of", "into"])
"""Words after which a name that is a town's, too, is a town."""
_ASKS: Final = listed("requests")
"""Words with which one begins to ask somebody for something."""
_OPENERS: Final = FILLERS | LEAD_IN | listed("interjections") | listed("replies")
"""Words that begin a sentence before the name of whom one speaks to."""
_SAYS: Final = frozenset({"i", "im", "its", "thats", "hes", "shes", "youre", "is"})
"""With a capital too where they begin a sentence before a name ("I'm Rose.")."""
_POSSESSIVE: Final = 5
_MOTION: Final = 4
"""Words before "to" among which somebody moves."""
_ODD: Final = 2.5
_RARE: Final = 3.0
_TOWN: Final = re.compile(
    r"(?:[^aeiob]by|ford|ham|wick|worth|field|bury|burgh|borough|mouth|port|chester|shire|combe|stead"
    r"|thorpe|minster|pool|haven|ness)$"
)
"""How English towns end that are names of people, too ("the one at Ashby")."""
_LETTER_LINKS: Final = frozenset(["for", "as", "in", "like"])


class GivenNameRecognizer(SpokenRecognizer):
    """Given names without any frame: "love from Tasha", "cab for kirsty", "our Stephen can"."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.PERSON,)

    def find(self, turn: Turn) -> tuple[Hit, ...]:
        """Every given name that is little else, unless what stands round it says otherwise."""
        return given_names_in(turn)


def _given_names(turn: Turn) -> Iterator[Hit]:
    names = plain_given_names()
    words = listed("word_names")
    capitals = has_capitals(turn)
    keys = [bare(turn, at) for at in range(len(turn.tokens))]
    if not capitals:
        keys = [_without_s(key) for key in keys]
    places = [at for at, key in enumerate(keys) if key in names or key in words]
    if not places:
        return
    apart: set[int] | None = None
    for at in places:
        word = keys[at] in words
        if not turn.tokens[at].title and (capitals or word):
            continue
        if word and not (_stands_alone(turn, at) or _is_addressed(turn, at)):
            continue
        if in_address(turn, at + 1) or names_thing(turn, at + 1):
            continue
        if _is_apart(turn, at) or is_acronym(turn, at):
            continue
        apart = well_known(turn) | in_codes(turn) if apart is None else apart
        if at not in apart:
            pattern = "name that is a word" if word else "given name"
            yield Hit(Entity.PERSON, at, at + 1, 0.5, pattern)


given_names_in: Final = OfLastTurn(lambda turn: tuple(_given_names(turn)))
"""Given names in a turn, without any frame."""


def _without_s(key: str) -> str:
    """A name without a possessive "s" for which nobody wrote an apostrophe ("chantelles")."""
    rare = len(key) >= _POSSESSIVE and key.endswith("s") and zipf(key) < _ODD
    return key[:-1] if rare and key[:-1] in plain_given_names() else key


def _stands_alone(turn: Turn, at: int) -> bool:
    """Whether a word is written large amid a sentence, but for itself ("which Grace")."""
    if not is_large(turn, at):
        return False
    before = turn.tokens[at - 1]
    opens = at == 1 or turn.tokens[at - 2].stops  # "Okay Heather, your next payment"
    if before.title and before.key not in _SAYS and not (opens and before.key in _OPENERS):
        return False
    ends = turn.tokens[at].stops or "," in turn.tokens[at].after
    following = turn.tokens[at + 1] if at + 1 < len(turn.tokens) and not ends else None
    return (
        following is None
        or not following.title
        or following.key == "i"
        or (in_surnames(following.key) or zipf(following.key) < _RARE)
    )


def _is_addressed(turn: Turn, at: int) -> bool:
    """Whether a sentence begins by calling somebody: "Blessing, can you have a look"."""
    starts = at == 0 or turn.tokens[at - 1].stops
    addressed = "," in turn.tokens[at].after and at + 1 < len(turn.tokens)
    return bool(starts and addressed and turn.tokens[at + 1].key in _ASKS)


def _is_town(turn: Turn, at: int) -> bool:
    """Whether a name behind "to", "at" and the like is a town's: somebody goes there."""
    key, before = bare(turn, at), turn.tokens[at - 1].key
    if before == "at" and _TOWN.search(key) is not None:
        return True
    if key not in words_in("towns_that_are_names"):
        return False
    moves = not listed("motions").isdisjoint(turn.keys(max(0, at - 1 - _MOTION), at - 1))
    return moves or before not in {"to", "from"}


def _is_apart(turn: Turn, at: int) -> bool:
    """Whether the words before say that it names no private person."""
    if at == 0:
        return False
    before = turn.tokens[at - 1]
    if before.key in _NO_PERSON_AFTER and (not before.stops or before.key in TITLES):
        return True
    if before.stops:
        return False
    if before.key in _PLACES and _is_town(turn, at):
        return True
    return before.key in _LETTER_LINKS and any(
        is_spelled(key) and key != "i" for key in turn.keys(max(0, at - 3), at - 1)
    )
