"""STREET_ADDRESS: house number, street, unit, city, state and ZIP, as spoken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.homes import HOMES, by_number, described, framed, is_flat, left_at, rural
from models.lexicon import alternatives, any_of, listed
from models.patterns import Worded
from models.places import (
    DWELLINGS,
    ENOUGH,
    KINDS,
    LABELS,
    PREFIXES,
    SUFFIXES,
    WEAK,
    Address,
    addresses,
    is_name,
    labelled,
)
from models.reach import DIRECTIONS, JOINED, UNITS, head, tail
from models.recognizers.base import Hit, SpokenRecognizer
from models.repeats import AGAIN, just_said, said_again
from models.spoken import Turn
from models.wayfaring import WAYS, on_the_way
from models.whereabouts import STATED, answer, directions_again, numbers_again
from pipeline.entities import Entity

_NUMBER: Final = (
    r"(?:(?!\d+(?:st|nd|rd|th)\b)\d+[a-z]{0,2}|zero|nought|oh|one|two|three|four|five|six|seven"
    r"|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|double|triple)"
)
_SUFFIX: Final = any_of(KINDS)
_STATE: Final = alternatives("states")
_STREET: Final = Worded(
    rf"\b(?:{_NUMBER} ){{1,7}}(?:[a-h] )?(?:(?:north|south|east|west|and a half|old|northeast"
    rf"|northwest|southeast|southwest|n|s|e|w) )?"
    rf"(?P<name>(?!(?:minutes?|hours?|days?|percent|dollars?) )"
    rf"(?:[^\W_]+ ){{1,3}}?)(?P<kind>{_SUFFIX})\b",
)
_ROUTE: Final = Worded(
    rf"\b(?:{_NUMBER} ){{1,6}}(?:(?:north|south|east|west|old|n|s|e|w) )?(?:(?:county|state|us|u s"
    rf"|farm to market|ranch|township|forest|national|regional) (?:road|route|highway|hwy)|highway"
    rf"|hwy|route|avenue|fm|f m) (?:{_NUMBER} ?){{1,4}}(?:(?:north|south|east|west)\b)?"
    rf"|\b(?:{_NUMBER} ){{1,6}}avenue (?:[a-z]|of the [a-z]+)\b",
)
_BOX: Final = Worded(
    rf"\b(?:(?:(?:p o|po|post office|postal) box|gpo box|g p o box|locked bag|private bag)"
    rf" (?:(?:number )?{_NUMBER} ?)+|(?:rural route|r r|rr|star route|county road"
    rf"|state route|highway|route|c m r|cmr|p s c|psc) (?:(?:number )?{_NUMBER} ?)+(?:box|number)"
    rf" (?:{_NUMBER} ?)+(?:[a-h]\b)?)"
)
_UNIT: Final = Worded(
    rf"\b(?:apartment|apt|unit|suite|lot|building|bldg|flat|penthouse|floor|level) (?:number )?"
    rf"(?:(?:{_NUMBER}|[a-h]) ?){{1,5}}\b"
)
_PLACE: Final = Worded(
    rf"\b(?P<city>(?:[a-z]+ ){{1,3}}?)(?P<state>{_STATE})(?P<zip>(?: {_NUMBER}){{2,9}})\b",
)
_LIVES: Final = Worded(
    r"\b(?:(?:i|we|he|she|they|you|who) (?:still |now |all )?lives? (?:at|on|in)"
    r"|living (?:at|on|in)|moved to|moving to|(?:moved|moving) (?:house )?from"
    r"|(?:my|our|the|new|home|billing|mailing|shipping|service|delivery|street|current|his|her"
    r"|their) address(?:s| is| was)(?: now)?|address (?:is|of)"
    r"|(?:ship|send|deliver|mail|post) (?:it|that|them|this|those|these) (?:out |on )?to"
    r"|(?:house|flat|apartment|door|plot) (?:number|no|name)(?:s| is| was)"
    r"|reside (?:at|on|in)|house is (?:at|on)|located at)\b"
)
_PIECE: Final = Worded(
    r"\b(?:" + "|".join(sorted({*KINDS, *DWELLINGS, *PREFIXES, "y", "na", "yr", "number"})) + r")\b"
)
"""A word of a piece of an address."""
_PARTS: Final = SUFFIXES | UNITS | (JOINED - {"no"}) | DIRECTIONS | {"great", "little", "saint"}
"""What belongs to an address beside a word of it that is said again."""
_SURE: Final = 0.5


class SpokenAddressRecognizer(SpokenRecognizer):
    """Addresses by their shape and by their pieces; the whole answer where one was asked for."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.STREET_ADDRESS,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        _STREET, _ROUTE, _BOX, _UNIT, _PLACE, _LIVES, _PIECE, *HOMES, *WAYS,
    )  # fmt: skip

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Streets with what follows them, post boxes, units, cities with a ZIP, and answers."""
        asked = turn.expected(Entity.STREET_ADDRESS)
        streets = list(_streets(turn))
        pieces = [*addresses(turn, streets)] if turn.opens(_PIECE) else []
        told = [*_shaped(turn, asked, streets, pieces), *_told(turn, asked)]
        found = [(first, last) for first, last, score, _ in told if score >= _SURE]
        for first, last, score, pattern in (*told, *on_the_way(turn, asked, pieces, found)):
            yield Hit(Entity.STREET_ADDRESS, first, last, score, pattern)
        for first, last in said_again(turn, Entity.STREET_ADDRESS, _PARTS.__contains__, found):
            yield Hit(Entity.STREET_ADDRESS, first, last, 0.6, AGAIN)
        for first, last in directions_again(turn, just_said(turn, Entity.STREET_ADDRESS, found)):
            yield Hit(Entity.STREET_ADDRESS, first, last, 0.5, f"direction {AGAIN}")
        for first, last in numbers_again(turn, just_said(turn, Entity.STREET_ADDRESS, found)):
            yield Hit(Entity.STREET_ADDRESS, first, last, 0.5, f"number {AGAIN}")


def _shaped(
    turn: Turn, asked: int | None, streets: list[tuple[int, int]], pieces: list[Address]
) -> Iterator[tuple[int, int, float, str]]:
    """Addresses by their form."""
    for first, last in streets:
        yield head(turn, first), tail(turn, last), 0.8, "number and street"
    least = 1 if asked is not None else ENOUGH
    for one in pieces:
        if one.weight >= least:
            yield head(turn, one.first), tail(turn, one.last), 0.6, "parts of an address"
    yield from described(turn, pieces)
    yield from framed(turn, pieces)
    yield from rural(turn, asked)
    yield from left_at(turn)
    yield from by_number(turn)
    for found in turn.search(_BOX):
        yield found.first, tail(turn, found.last), 0.8, "post box"
    for found in turn.search(_UNIT):
        sure = asked is not None or is_flat(turn, found.first, found.last)
        yield found.first, found.last, 0.6 if sure else 0.3, "unit"
    for found in turn.search(_PLACE):
        yield found.first, found.last, 0.6, "city, state and ZIP"


def _told(turn: Turn, asked: int | None) -> Iterator[tuple[int, int, float, str]]:
    """Addresses that are stated or asked for."""
    for found in turn.search(_LIVES):
        yield from answer(turn, found.last, 0.6, STATED)
    if asked is not None:
        # On one channel a turn may hold several questions, each with its answer.
        for at in sorted({at for name, at in turn.expects if name == Entity.STREET_ADDRESS}):
            yield from answer(turn, at, 0.65, "asked for")


def _streets(turn: Turn) -> Iterator[tuple[int, int]]:
    """Numbers with a street."""
    seats = not listed("not_addresses").isdisjoint(turn.all_keys)
    for found in turn.search(_STREET):
        first, last = turn.span_of(found, "name")
        kind = found.group("kind")
        labels = kind in LABELS and found.last < len(turn.tokens) and labelled(turn, found.last)
        if not labels and not (seats and kind in WEAK) and is_name(turn, first, last, kind):
            yield found.first, found.last
    for found in turn.search(_ROUTE):
        yield found.first, found.last
