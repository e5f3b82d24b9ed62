"""What stands round a name: its spelling, a further name, a correction, the name once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from models.answers import is_function, is_spelled
from models.frequency import zipf
from models.lexicon import given_names, listed, plain_given_names, surnames
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.naming import (
    FREE,
    NO_NAMES,
    PARTICLES,
    bare,
    has_capitals,
    in_address,
    in_codes,
    in_surnames,
    is_large,
    may_be_name,
)
from models.recognizers.spelling import WITH_LETTER, named_letter, spelled_run, spellings
from models.spoken import Turn
from pipeline.accents import plain
from pipeline.entities import Entity

_SPELLED_LETTERS: Final = 4
"""Letters of a row that is no abbreviation."""
_SPELLED_NAME: Final = 4
"""Letters of a row that spells a name of the lists, wherever it stands."""
_ALONE: Final = 2.6
"""Zipf frequency below which a word alone between commas is a name where names were said."""
_BEFORE_ALONE: Final = frozenset(
    ["it", "its", "is", "thats", "that", "you", "youre", "im", "am", "be", "for", "or", "to", "not"]
)
"""Words between which and a comma a name may stand ("is it Shaun?", "no, it's Iolo.")."""
_INITIALS: Final = Worded(
    r"\binitials? (?:is |are |its |was )?(?P<letters>(?!a )[a-z]\b(?: (?:and )?[a-z]\b)*)"
)
UNREAD: Final = frozenset(["asked for, unreadable", "odd answer", "broken spelling"])
"""Patterns of what need not be the name."""
_JOINS: Final = frozenset(["or", "and", "hyphen", "dash"])
_RARE: Final = 3.5
_SHORTEST: Final = 3
_LONGEST: Final = 4
"""Words of a name that is all that is said between two stops."""


def spelled_too(turn: Turn, stated: list[Hit]) -> Iterator[Hit]:
    """Rows of letters further on in a turn that gives a name ("…, then Q U I N …")."""
    index = min((hit.last for hit in stated), default=len(turn.tokens))
    for row in spellings(turn, index):
        if row.last - row.first >= _SPELLED_LETTERS:
            yield Hit(Entity.PERSON, row.first, row.last, 0.6, "spelled further on")


def spelled_names(turn: Turn) -> Iterator[Hit]:
    """Rows of letters that spell a name of the lists, of this call, or of this turn."""
    rows = list(spellings(turn))
    if not rows:
        return
    codes = in_codes(turn)
    for row in rows:
        if codes.intersection(range(row.first, row.last)):
            continue
        letters = row.letters
        here = {
            plain(token.key)
            for at, token in enumerate(turn.tokens)
            if token.title and not row.first <= at < row.last and len(token.key) >= _SPELLED_NAME
        }
        said = any(letters in plain(name) for name in {*turn.known, *here})
        listed_name = len(letters) >= _SPELLED_NAME and (
            letters in given_names() or letters in surnames()
        )
        if said or (listed_name and letters not in NO_NAMES):
            yield Hit(Entity.PERSON, row.first, row.last, 0.7, "spelled name")


def initials(turn: Turn) -> Iterator[Hit]:
    """Single letters of a name: "Catherine, C for Charlie", "first initial V"."""
    for found in turn.search(_INITIALS):
        first, last = turn.span_of(found, "letters")
        yield Hit(Entity.PERSON, first, last, 0.5, "initials")
    for at in range(1, len(turn.tokens)):
        if not is_spelled(turn.tokens[at].key):
            continue
        last = named_letter(turn, at)
        before = bare(turn, at - 1)
        same = len(before) > 1 and before[:1] == turn.tokens[at].key
        if last > at and same and (before in given_names() or before in turn.known):
            yield Hit(Entity.PERSON, at, last, 0.5, "first letter")


def spelled_after(turn: Turn, last: int) -> Iterator[Hit]:
    """A spelling that follows a name directly ("Sherri Clarke, C, L, A …")."""
    end = max(spelled_run(turn, last), named_letter(turn, last))
    if end > last:
        yield Hit(Entity.PERSON, last, end, 0.85, "spelled")


def with_letter(turn: Turn) -> Iterator[Hit]:
    """What tells a name from another one, and that name: "Shaun with a U, not Sean"."""
    for found in turn.search(WITH_LETTER):
        first, last = found.first, found.last
        if first == 0:
            continue
        before = bare(turn, first - 1)
        named = (
            before in given_names()
            or before in turn.known
            or (is_large(turn, first - 1) and may_be_name(turn, first - 1))
        )
        if not (named or is_spelled(before)):
            continue
        if turn.keys(last, last + 1) == ("not",) and may_be_name(turn, last + 1):
            last += 2
        yield Hit(Entity.PERSON, first - 1, last, 0.5, "with a letter")


def corrected(turn: Turn) -> Iterator[Hit]:
    """Two like words of which one is meant: "Pierce, not Pearce", "Clark not Clarke"."""
    for at in range(1, len(turn.tokens) - 1):
        if turn.tokens[at].key != "not":
            continue
        first, second = turn.tokens[at - 1], turn.tokens[at + 1]
        like = first.key[:1] == second.key[:1] and first.title == second.title
        if like and all(
            may_be_name(turn, one) or in_surnames(bare(turn, one)) for one in (at - 1, at + 1)
        ):
            yield Hit(Entity.PERSON, at - 1, at + 2, 0.5, "one name, not another")


def coordinated(turn: Turn, hits: Iterable[Hit], public: set[int]) -> Iterator[Hit]:
    """Further names behind names: "Eirlys, or Dafydd", "Adebayo, hyphen, Wright".

    Args:
        turn: the turn.
        hits: names in it.
        public: tokens of brands and famous people.
    """
    ends = {hit.last for hit in hits}
    for at, token in enumerate(turn.tokens):
        if token.key not in _JOINS or not is_large(turn, at + 1):
            continue
        if public & {at - 1, at + 1}:
            continue
        named = at > 0 and turn.tokens[at - 1].title and bare(turn, at - 1) in plain_given_names()
        if not (at in ends or named) or not may_be_name(turn, at + 1):
            continue
        key = turn.tokens[at + 1].key
        if token.key in {"hyphen", "dash"}:
            yield Hit(Entity.PERSON, at, at + 2, 0.5, "joined by a hyphen")
        elif zipf(key) < _RARE or in_surnames(key):
            yield Hit(Entity.PERSON, at + 1, at + 2, 0.45, "beside a name")


def alone(turn: Turn, stated: list[Hit]) -> Iterator[Hit]:
    """An odd word alone between commas, in a call in which names are said ("Jitesh. He's …")."""
    asked = turn.expected(Entity.PERSON) is not None
    if not (turn.known or stated or asked):
        return
    capitals = has_capitals(turn)
    for at, token in enumerate(turn.tokens):
        if (
            (capitals and not token.title)
            or len(token.key) < _SHORTEST
            or not (
                at + 1 == len(turn.tokens)
                or token.stops
                or "," in token.after
                or "?" in token.after
            )
        ):
            continue
        key = plain(token.key)
        odd = zipf(key) < _ALONE and (asked or key in surnames())
        if not (odd or key in given_names()) or not may_be_name(turn, at, odd=_ALONE):
            continue
        before = turn.tokens[at - 1] if at else None
        if before is None or before.stops or "," in before.after or before.key in _BEFORE_ALONE:
            yield Hit(Entity.PERSON, at, at + 1, 0.45, "alone where names are said")


def whole(turn: Turn) -> Iterator[Hit]:
    """A name that is all that is said between two stops: "Iolo Gwynedd-Parry, I'm his step-dad"."""
    if not has_capitals(turn):
        return
    first = 0
    for at, token in enumerate(turn.tokens):
        if not (at + 1 == len(turn.tokens) or token.stops or "," in token.after):
            continue
        if 1 < at + 1 - first <= _LONGEST and _is_whole_name(turn, first, at + 1):
            yield Hit(Entity.PERSON, first, at + 1, 0.5, "name and nothing else")
        first = at + 1


def _is_whole_name(turn: Turn, first: int, last: int) -> bool:
    if in_address(turn, last):
        return False
    keys = [bare(turn, at) for at in range(first, last)]
    for at, key in enumerate(keys, start=first):
        if at > first and key in PARTICLES:
            continue
        if not turn.tokens[at].title or not (
            may_be_name(turn, at, odd=FREE) or key in listed("word_names")
        ):
            return False
    given = keys[0] in plain_given_names() or keys[0] in listed("word_names")
    odd = [key for key in keys if zipf(key) < _ALONE]
    family = keys[-1] in surnames() and zipf(keys[-1]) < FREE
    return bool((given and (odd or family)) or (odd and family and zipf(keys[0]) < _RARE))


def said_again(turn: Turn, hits: Iterable[Hit]) -> Iterator[Hit]:
    """The words of a name once more in the same turn: "Tobias Wren. Wren, like the bird"."""
    said = {
        key
        for hit in hits
        if hit.pattern not in UNREAD
        for at in range(hit.first, hit.last)
        if len(key := bare(turn, at)) >= _SHORTEST
        and (turn.tokens[at].title or zipf(key) < _RARE)
        and not is_function(key)
    }
    if not said:
        return
    for at, token in enumerate(turn.tokens):
        large = token.title or not has_capitals(turn)
        if large and bare(turn, at) in said and not in_address(turn, at + 1):
            yield Hit(Entity.PERSON, at, at + 1, 0.45, "said again")
