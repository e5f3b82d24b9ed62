"""Addresses told by other than a number before a street: corners, three words, towns, units.

"On the corner of Fifth and Main", "kettle dot drifting dot maple", "…, that's in Plano", "he's on
Mulberry, number 380", "still Bunker Hill Street?".

Outcome of each: tokens ``[first, last)``, a score and the pattern's name; none where the words are
no place of somebody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from models.answers import FILLERS, LEAD_IN, MONTHS, ORDINALS, is_number, sentence_end
from models.frequency import zipf
from models.lexicon import alternatives, listed
from models.patterns import Worded
from models.places import KINDS, Address
from models.reach import DIRECTIONS, tail
from models.repeats import AGAIN
from models.spoken import Turn
from pipeline.entities import Entity

Told = tuple[int, int, float, str]

_NUMBER: Final = rf"(?:\d+[a-z]?|{alternatives('number_words')})"
_THREE: Final = Worded(
    r"\b(?:(?:what|the|my|our|your|its|are|those|these|with) (?:three|3) ?words|what3words"
    r"|what 3 words|w3w|three word address)(?: (?:is|are|its|was|were|for it|code|address|app))*"
)
"""Names of the service that gives every doorstep three words."""
_CORNER: Final = Worded(
    r"\b(?:corner|intersection|junction|crossroads|crossing|cross streets?) (?:of|with|at|are|is)\b"
)
_ON_NUMBER: Final = Worded(
    r"\b(?:on|in|at|along|up) (?P<name>(?:[a-z]+ ){1,3}?)"
    rf"number (?P<number>(?:{_NUMBER} ?){{1,5}})"
)
"""A street without its kind before the house's number: "he's on Mulberry, number 380"."""
_RURAL_BOX: Final = Worded(
    r"\b(?:r d|rd|rural delivery|r m b|rmb|r m d|rural mail ?box|roadside (?:mail ?)?box|c m b|cmb)"
    rf" (?:number )?(?:{_NUMBER} ?){{1,5}}"
)
"""Delivery in the country by the number of its round: "RD 3, Cromwell"."""
WAYS: Final = (_THREE, _CORNER, _ON_NUMBER, _RURAL_BOX)
_LONE_UNIT: Final = re.compile(r"[a-h]?[a-z]\d{1,4}")
_IN: Final = frozenset({"in", "unit", "apartment", "apt", "flat", "number", "its", "im", "is"})
_SIDES: Final = frozenset(
    ["front", "rear", "back", "upstairs", "downstairs", "upper", "lower", "basement", "garden"]
)
_BEHIND: Final = frozenset(
    ["thats", "its", "which", "this", "is", "and", "in", "near", "just", "outside", "over", "up",
     "down", "out", "by", "near", "so"]
)  # fmt: skip
_PLACED: Final = frozenset({"in", "near", "outside"})
_LIVES: Final = frozenset(
    ["im", "were", "hes", "shes", "theyre", "live", "lives", "living", "house", "home", "place",
     "flat", "apartment", "meet", "pick", "outside", "standing", "parked"]
)  # fmt: skip
_CONFIRMS: Final = frozenset({"still", "at", "and"})
_DOMAINS: Final = listed("top_level_domains") | {"www", "http", "https", "at", "dot"}
_STATES: Final = listed("states")
_NO_NAME: Final = (
    MONTHS | LEAD_IN | listed("company_words") | listed("numbered_things") | listed("counted")
)
_RARE: Final = 4.0
_FREQUENT: Final = 5.6
_MOST_NAMES: Final = 3
_LONGEST_LEAD: Final = 5
_LONGEST_WORDS: Final = 9
_SHORTEST_WORD: Final = 3
_NEAR: Final = 7
_MOST_FIGURES: Final = 5


def on_the_way(
    turn: Turn, asked: int | None, pieces: list[Address], found: Sequence[tuple[int, int]]
) -> Iterator[Told]:
    """Everything that is told so.

    Args:
        turn: what was said.
        asked: token from which an address is expected.
        pieces: of addresses in the turn.
        found: tokens ``[first, last)`` of addresses that were found by other means.
    """
    known = asked is not None or Entity.STREET_ADDRESS in turn.said
    yield from _three_words(turn, asked)
    yield from _corners(turn, asked)
    for one in turn.search(_ON_NUMBER):
        yield from _on_number(turn, *turn.span_of(one, "name"), *turn.span_of(one, "number"))
    if known:
        for one in turn.search(_RURAL_BOX):
            yield one.first, tail(turn, one.last), 0.7, "rural delivery"
        yield from _units(turn)
    yield from _confirmed(turn, pieces, known=known)
    for _, last in found:
        yield from _town_behind(turn, last)


def _is_name(turn: Turn, at: int) -> bool:
    """Whether a token may be a place's name: written large, or rare where nothing is."""
    key, token = turn.all_keys[at], turn.tokens[at]
    contracted = token.end - token.start > len(key)
    if key in _NO_NAME or is_number(key) or not key.isalpha() or contracted:
        return False
    return (turn.tokens[at].title and zipf(key) < _FREQUENT) or zipf(key) < _RARE


def _names_end(turn: Turn, at: int, most: int = _MOST_NAMES) -> int:
    """Token after a place's name that begins at ``at``; ``at`` for none."""
    last = at
    while last < len(turn.tokens) and last - at < most and _is_name(turn, last):
        last += 1
        if turn.tokens[last - 1].after.strip(" -"):
            break
    return last


def _three_words(turn: Turn, asked: int | None) -> Iterator[Told]:
    """Three words with dots between, or behind the name of the service."""
    named = [*turn.search(_THREE)]
    if asked is None and not named:
        return
    keys = turn.all_keys
    at = 0
    while at < len(keys):
        places = _dotted(turn, at)
        if len(places) == _MOST_NAMES and _DOMAINS.isdisjoint(keys[one] for one in places):
            yield at, places[-1] + 1, 0.6, "three words"
            at = places[-1]
        at += 1
    for one in named:
        first = one.last
        while first < len(keys) and keys[first] in LEAD_IN:
            first += 1
        last = sentence_end(turn, first, _LONGEST_WORDS)
        words = [key for key in turn.keys(first, last) if key not in FILLERS and key != "dot"]
        asks = turn.all_keys[first : first + 1] in {("do",), ("is",), ("are",), ("what",)}
        if len(words) == _MOST_NAMES and not asks and "?" not in turn.tokens[last - 1].after:
            yield first, last, 0.55, "three words"


def _dotted(turn: Turn, at: int) -> list[int]:
    """Tokens of words that are joined by dots from ``at`` on."""
    keys = turn.all_keys
    places = [at]
    while keys[places[-1]].isalpha() and len(keys[places[-1]]) >= _SHORTEST_WORD:
        last = places[-1]
        if turn.tokens[last].after == "." and last + 1 < len(keys):
            places.append(last + 1)
        elif keys[last + 1 : last + 2] == ("dot",) and last + 2 < len(keys):
            places.append(last + 2)
        else:
            return places
    return []


def _corners(turn: Turn, asked: int | None) -> Iterator[Told]:
    """Two streets that meet where somebody is: "on the corner of Fifth and Main"."""
    for one in turn.search(_CORNER):
        before = turn.keys(max(0, one.first - _NEAR), one.first)
        if asked is not None or not _LIVES.isdisjoint(before):
            last = _two_streets(turn, one.last)
            if last > one.last:
                yield one.last, tail(turn, last), 0.6, "corner"
    if asked is None:
        return
    at = asked
    while at < len(turn.tokens) and turn.all_keys[at] in LEAD_IN:
        at += 1
    last = _two_streets(turn, at) if at < len(turn.tokens) else at
    if last > at and (last == len(turn.tokens) or turn.tokens[last - 1].after.strip()):
        yield at, last, 0.55, "corner"


def _two_streets(turn: Turn, at: int) -> int:
    """Token after "Fifth and Main" or "Dundas Street and Bathurst"; ``at`` for none."""
    first = _street_end(turn, at)
    if first == at or turn.keys(first, first + 1) not in {("and",), ("at",)}:
        return at
    second = _street_end(turn, first + 1)
    return second if second > first + 1 else at


def _street_end(turn: Turn, at: int) -> int:
    keys = turn.all_keys
    last = at
    while last < len(keys) and last - at <= _MOST_NAMES:
        key = keys[last]
        part = key in ORDINALS or key in DIRECTIONS or (key[:1].isdigit() and not key.isdigit())
        if not (part or (key in KINDS and last > at) or _is_name(turn, last)):
            break
        last += 1
        if turn.tokens[last - 1].after.strip(" -."):
            break
    return last


def _on_number(turn: Turn, first: int, last: int, begin: int, end: int) -> Iterator[Told]:
    figures = sum(len(key) if key.isdigit() else 1 for key in turn.keys(begin, end))
    names = all(map(partial(_is_name, turn), range(first, last)))
    if names and figures <= _MOST_FIGURES and not turn.tokens[last - 1].stops:
        yield first, end, 0.55, "street with its number"


def _units(turn: Turn) -> Iterator[Told]:
    """Parts of a house by a letter or a side: "I'm in K12", "four rear"."""
    keys = turn.all_keys
    for at in range(1, len(keys)):
        if keys[at - 1] in _IN and _LONE_UNIT.fullmatch(keys[at]):
            yield at, at + 1, 0.5, "unit by its code"
        side = keys[at] in _SIDES and (
            at + 1 == len(keys) or turn.tokens[at].after.strip() or keys[at + 1] in {"and", "or"}
        )
        if side and is_number(keys[at - 1]) and not turn.tokens[at - 1].after.strip(" ,-"):
            yield at - 1, at + 1, 0.5, "side of a house"
        elif side and keys[at - 1] == "its" and Entity.STREET_ADDRESS in turn.recent:
            yield at, at + 1, 0.45, "side of a house"


def _confirmed(turn: Turn, pieces: list[Address], *, known: bool) -> Iterator[Told]:
    """Streets that are read back as a question: "still Bunker Hill Street?", "Elm Road?"."""
    for piece in pieces:
        asks = "?" in turn.tokens[piece.last - 1].after
        if not asks or turn.all_keys[piece.last - 1] not in KINDS:
            continue
        before = turn.keys(max(0, piece.first - 1), piece.first)
        starts = not before or turn.tokens[piece.first - 1].stops
        if before == ("still",) or (known and (starts or before[-1] in _CONFIRMS)):
            yield piece.first, piece.last, 0.55, "street asked about"


def _town_behind(turn: Turn, last: int) -> Iterator[Told]:
    """The town that is told behind an address: "…, that's in Plano, Texas"."""
    at = last
    while at < len(turn.tokens) and at - last < _LONGEST_LEAD and turn.all_keys[at] in _BEHIND:
        at += 1
    if at == last or at >= len(turn.tokens) or turn.all_keys[at - 1] not in _PLACED:
        return
    if any(one.stops for one in turn.tokens[last:at]):
        return
    end = _names_end(turn, at)
    if end > at and "?" not in turn.tokens[end - 1].after:
        while end < len(turn.tokens) and turn.all_keys[end] in _STATES:
            end += 1
        yield at, end, 0.5, f"town {AGAIN}"  # it is not kept: other talk has it, too
