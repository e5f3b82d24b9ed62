"""Pieces of addresses: streets, dwellings, houses and what is near them, as people say them.

Outcome: :func:`addresses` returns where pieces stand together that make an address, each with what
speaks for it. A street's name alone ("opposite the bank on Mill Lane") is none: people give
directions by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from models.answers import FILLERS, LEAD_IN, MONTHS, ORDINALS, is_number, is_spelled
from models.frequency import zipf
from models.lexicon import given_names, listed
from models.spoken import Turn

SUFFIXES: Final = listed("street_suffixes")
EVERYDAY: Final = listed("everyday_street_suffixes")
KINDS: Final = SUFFIXES | EVERYDAY
DWELLINGS: Final = listed("dwellings")
PREFIXES: Final = listed("street_prefixes")
WEAK: Final = EVERYDAY | {
    "way", "place", "close", "row", "drive", "court", "dr", "st", "ct", "trail", "square", "circle",
    "loop", "walk", "rise", "hill", "ridge", "crossing", "alley", "parade", "circuit", "circus",
}  # fmt: skip
"""Kinds that are everyday words too."""
HOUSES: Final = frozenset(
    ["house", "cottage", "lodge", "villa", "farm", "farmhouse", "manor", "grange", "bungalow",
     "gables", "croft", "barn", "rectory", "vicarage", "mansions", "apartments", "residency",
     "towers"]
)  # fmt: skip
"""What houses with a name are called."""
_ELSEWHERE: Final = listed("not_streets")
_SEATS: Final = listed("not_addresses")
_HOMES: Final = frozenset(
    {"mooring", "pontoon", "flat", "apartment", "apt", "house", "plot", "door", "unit"}
)
"""Dwellings with a number of their own: "flat number one zero zero four"."""
_ORDERED: Final = frozenset(
    {"floor", "cross", "main", "block", "phase", "stage", "sector", "storey"}
)
"""Behind an ordinal: "third cross", "second floor"."""
_LETTERED: Final = frozenset({"wing", "block", "tower", "building", "sector"})
"""Behind a letter: "B wing"."""
_WHICH: Final = frozenset(
    ["garden", "upstairs", "downstairs", "top", "ground", "basement", "lower", "upper", "middle",
     "rear", "front", "back", "granny", "attic", "studio"]
)  # fmt: skip
_FLAT: Final = frozenset({"flat", "floor", "apartment", "maisonette", "bedsit", "annexe", "annex"})
_NEAR: Final = frozenset({"near", "opposite", "behind", "beside", "above", "over", "off", "past"})
_LINKS: Final = frozenset({"y", "yr", "na", "nan", "an", "uwch"})
"""Articles inside Welsh and Irish names ("Tan y Bwlch", "Tí na Coille")."""
_INSIDE: Final = frozenset({"the", "of", "and", "saint", "st", "la", "le", "de", "del"}) | _LINKS
_PARTS_OF_TOWN: Final = frozenset({"north", "south", "east", "west", "n", "s", "e", "w"})
_GRAMMAR: Final = 6.1
_EVERYDAY_WORD: Final = 4.8
"""Zipf frequency of "next", "other", "right"; a street's name has a rarer word, or a capital."""
_FREQUENT: Final = 5.6
_RARE: Final = 4.0
_VERY_RARE: Final = 2.8
_LONGEST_NAME: Final = 3
_LONGEST_NUMBER: Final = 6
_GAP: Final = 4
LABELS: Final = frozenset(["row", "block", "square", "circle", "place", "gate", "bay", "court"])
"""What numbers and letters are put on, as on seats."""
_HOME: Final = 2
"""What the number of a flat or of a house says for an address."""
NUMBERED: Final = 3
"""What speaks for a number with a street; enough by itself."""
ENOUGH: Final = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens ``[first, last)`` that may be part of an address."""

    first: int
    last: int
    numbered: int = 0
    """What a house number and a street say for it."""
    unit: int = 0
    named: int = 0
    house: bool = False
    """Whether it is a house by its name: "Elm Tree Cottage"."""


@dataclass(frozen=True, slots=True)
class Address:
    """Tokens ``[first, last)`` and how much speaks for their being an address."""

    first: int
    last: int
    weight: int


def addresses(turn: Turn, streets: list[tuple[int, int]]) -> Iterator[Address]:
    """Pieces that stand together, with what speaks for them.

    Args:
        turn: what was said.
        streets: tokens ``[first, last)`` of numbers with a street.
    """
    if not _SEATS.isdisjoint(turn.all_keys):
        pieces = [Piece(first, last, numbered=NUMBERED) for first, last in streets]
    else:
        pieces = [*_pieces(turn, streets)]
    group: list[Piece] = []
    for piece in sorted(pieces, key=lambda one: (one.first, -one.last)):
        if group and not _together(turn, max(one.last for one in group), piece.first):
            yield _weighed(group)
            group = []
        group.append(piece)
    if group:
        yield _weighed(group)


def is_name(turn: Turn, first: int, last: int, kind: str) -> bool:
    """Whether tokens are a street's name before its kind ("two in a row" is not)."""
    keys = turn.keys(first, last)
    if not keys or f"{keys[-1]} {kind}" in _ELSEWHERE:
        return False
    if any(key in FILLERS - {"right", "well", "good"} or key in MONTHS for key in keys):
        return False
    if any(turn.tokens[index].stops for index in range(first, last)):
        return False
    if any(zipf(key) > _GRAMMAR and key not in _INSIDE and not is_number(key) for key in keys):
        return False
    if kind in WEAK and any(zipf(key) > _FREQUENT and key not in _INSIDE for key in keys):
        return False
    common = _RARE if kind in WEAK else _EVERYDAY_WORD
    return any(
        _is_title(turn, index)
        or key in ORDINALS
        or (zipf(key) < common and not is_number(key))
        or (is_number(key) and kind not in WEAK)
        for index, key in zip(range(first, last), keys, strict=True)
    )


def street_before(turn: Turn, at: int) -> int:
    """First token of a street's name of which the token ``at`` is the kind; ``at`` for none."""
    kind = turn.all_keys[at]
    best = at
    for first in range(at - 1, max(-1, at - 1 - _LONGEST_NAME), -1):
        key = turn.all_keys[first]
        letter = is_spelled(key) and zipf(kind) >= _VERY_RARE  # but "J P Nagar"
        if turn.tokens[first].stops or "," in turn.tokens[first].after or letter:
            break
        named = _is_title(turn, first) or zipf(key) < _RARE or key in ORDINALS
        if is_number(key) and key not in ORDINALS and not key[:1].isdigit():
            break
        if named and is_name(turn, first, at, kind):
            best = first
        elif key not in _INSIDE:
            break
    return best


def _is_title(turn: Turn, at: int) -> bool:
    """Whether a capital tells something: not that of a sentence's first word or of "I'm"."""
    token = turn.tokens[at]
    if not token.title or (token.key[:1] == "i" and zipf(token.key) > _GRAMMAR):
        return False
    return (at > 0 and not turn.tokens[at - 1].stops) or zipf(token.key) < _EVERYDAY_WORD


def _weighed(group: list[Piece]) -> Address:
    numbered = max(piece.numbered for piece in group)
    home = any(piece.unit == _HOME for piece in group)
    units = min(_HOME + home, sum(piece.unit for piece in group))
    streets = sum(piece.named > 1 for piece in group)
    houses = any(piece.house for piece in group)
    named = min(2 + (houses and streets > 0), sum(piece.named for piece in group))
    last = max(piece.last for piece in group)
    return Address(group[0].first, last, numbered + units + named)


def _together(turn: Turn, end: int, begin: int) -> bool:
    """Whether two pieces belong together: only fillers, letters and names stand between."""
    if begin <= end:
        return True
    between = range(end, begin)
    plain = sum(not is_spelled(turn.all_keys[at]) for at in between)
    if plain > _GAP:
        return False
    if any(turn.tokens[at - 1].stops for at in range(end, begin + 1)) and plain:
        return False
    return all(
        turn.tokens[at].title or key in LEAD_IN or key in _NEAR or is_number(key)
        or is_spelled(key) or key in _INSIDE
        for at, key in zip(between, turn.keys(end, begin), strict=True)
    )  # fmt: skip


def _pieces(turn: Turn, streets: list[tuple[int, int]]) -> Iterator[Piece]:
    yield from (Piece(first, last, numbered=NUMBERED) for first, last in streets)
    keys = turn.all_keys
    for at, key in enumerate(keys):
        following = keys[at + 1] if at + 1 < len(keys) else ""
        if key in DWELLINGS:
            yield from _dwelling(turn, at)
        if (key in _WHICH or key in ORDINALS or key[:1].isdigit()) and following in (
            _FLAT if key in _WHICH else _ORDERED
        ):
            yield Piece(at, at + 2, unit=1)
        if is_spelled(key) and following in _LETTERED:
            yield Piece(at, at + 2, unit=1)
        labels = key in LABELS and at + 1 < len(keys) and labelled(turn, at + 1)
        if key in KINDS and not labels:
            first = street_before(turn, at)
            if first < at:
                yield Piece(first, at + 1, named=1 if key in WEAK else 2, house=key in HOUSES)
        if key in _NEAR:
            yield from _landmark(turn, at)
        if key in PREFIXES or (key in _LINKS and at):
            yield from _celtic(turn, at)
        if key == "number" and is_number(following):
            yield from _numbered_house(turn, at)


def labelled(turn: Turn, at: int) -> bool:
    """Whether a token is a number or a letter that follows directly: "row 12", "square 4"."""
    key = turn.all_keys[at]
    return not turn.tokens[at - 1].after.strip() and (is_number(key) or is_spelled(key))


def _landmark(turn: Turn, at: int) -> Iterator[Piece]:
    """Such as "near Ganesh temple", "opposite the Co-op": goes on with an address, and is none."""
    last = at + 1 + (turn.keys(at + 1, at + 2) == ("the",))
    end = last
    while end < len(turn.tokens) and end - last < _LONGEST_NAME and not turn.tokens[end - 1].stops:
        key = turn.all_keys[end]
        comma = end > last and "," in turn.tokens[end - 1].after
        if comma or not (turn.tokens[end].title or zipf(key) < _EVERYDAY_WORD):
            break
        end += 1
    if end > last:
        yield Piece(at, end)


def _dwelling(turn: Turn, at: int) -> Iterator[Piece]:
    """Such as "flat number one zero zero four", "sector 21", "lot 14", "unit B"."""
    key = turn.all_keys[at]
    last = first = at + 1
    told = turn.keys(first, first + 1) in {("number",), ("no",)}
    last = first = first + told
    while last < len(turn.tokens) and last - first < _LONGEST_NUMBER:
        token = turn.tokens[last]
        letter = is_spelled(token.key) and (token.key not in {"a", "i"} or token.title)
        if turn.tokens[last - 1].stops or not (is_number(token.key) or letter):
            break
        last += 1
    if last > first:
        home = key in _HOMES and (told or key in {"flat", "apartment", "apt", "mooring", "pontoon"})
        yield Piece(at, last, unit=_HOME if home else 1)


def _celtic(turn: Turn, at: int) -> Iterator[Piece]:
    """Such as "Ffordd Pentre", "Calle Ocho", "Tan-y-Bwlch", "Tí na Coille"."""
    keys = turn.all_keys
    if keys[at] in PREFIXES:
        last = at + 1
        while (
            last < len(keys)
            and last - at <= _LONGEST_NAME
            and (
                (turn.tokens[last].title or keys[last] in _INSIDE or zipf(keys[last]) < _VERY_RARE)
                and not turn.tokens[last - 1].stops
            )
        ):
            last += 1
        if last > at + 1 and (turn.tokens[at].title or zipf(keys[at]) < _VERY_RARE):
            before = at - (at > 1 and keys[at - 1] in _PARTS_OF_TOWN)
            numbered = is_number(keys[before - 1]) if before else False
            numbered = numbered or (last < len(keys) and is_number(keys[last]))
            sure = numbered or zipf(keys[at]) < _VERY_RARE
            yield Piece(at, last, numbered=NUMBERED if sure else 0, named=2)
    elif at + 1 < len(keys) and not turn.tokens[at - 1].stops and not turn.tokens[at].stops:
        around = (keys[at - 1], keys[at + 1])
        capitals = turn.tokens[at - 1].title and turn.tokens[at + 1].title
        rare = min(map(zipf, around)) < _VERY_RARE and keys[at] != "an"
        hyphened = turn.tokens[at - 1].after == turn.tokens[at].after == "-"
        if capitals and (rare or hyphened) and min(map(len, around)) > 1:
            yield Piece(at - 1, at + 2, named=2)


def _numbered_house(turn: Turn, at: int) -> Iterator[Piece]:
    """Such as "Number seven, Tí na Coille": a number and a name of two words, one unheard of."""
    last = at + 1
    while last < len(turn.tokens) and is_number(turn.all_keys[last]):
        last += 1
    end = last
    while (
        end < len(turn.tokens)
        and not turn.tokens[end - 1].stops
        and (turn.tokens[end].title or (end > last and turn.all_keys[end] in _INSIDE))
    ):
        end += 1
    names = [key for key in turn.keys(last, end) if key not in _INSIDE]
    unheard = not _LINKS.isdisjoint(turn.keys(last, end)) or any(
        zipf(key) < _VERY_RARE and key not in given_names() for key in names
    )
    if end - last > 1 and unheard:
        yield Piece(at, end, numbered=NUMBERED)
    elif end > last:
        yield Piece(at, last, unit=1)
