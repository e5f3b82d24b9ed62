"""STREET_ADDRESS: house number, street, unit, city, state and ZIP, as spoken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import (
    FILLERS,
    MONTHS,
    ORDINALS,
    is_number,
    sentence_end,
    skip_lead_in,
    trim_fillers,
)
from models.lexicon import alternatives, listed, zipf
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_NUMBER: Final = (
    r"(?:\d+[a-z]{0,2}|zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty"
    r"|sixty|seventy|eighty|ninety|hundred|thousand|double|triple)"
)
_SUFFIX: Final = alternatives("street_suffixes")
_STATE: Final = alternatives("states")
_STREET: Final = Worded(
    rf"\b(?:{_NUMBER} ){{1,7}}(?:(?:north|south|east|west|and a half|old|northeast|northwest"
    rf"|southeast|southwest|n|s|e|w) )?(?P<name>(?!(?:minutes?|hours?|days?|percent|dollars?) )"
    rf"(?:[a-z0-9]+ ){{1,3}}?)(?P<kind>{_SUFFIX})\b",
    holds=rf"{_SUFFIX}\b",
)
_BOX: Final = Worded(
    rf"\b(?:(?:(?:p o|po|post office|postal) box|gpo box|g p o box|locked bag|private bag)"
    rf" (?:(?:number )?{_NUMBER} ?)+|(?:rural route|r r|rr|star route|county road"
    rf"|state route|highway|route) (?:(?:number )?{_NUMBER} ?)+(?:box|number)"
    rf" (?:{_NUMBER} ?)+(?:[a-h]\b)?)"
)
_UNIT: Final = Worded(
    rf"\b(?:apartment|apt|unit|suite|lot|building|bldg|flat|penthouse|floor|level) (?:number )?"
    rf"(?:(?:{_NUMBER}|[a-h]) ?){{1,5}}\b"
)
_PLACE: Final = Worded(
    rf"\b(?P<city>(?:[a-z]+ ){{1,3}}?)(?P<state>{_STATE})(?P<zip>(?: {_NUMBER}){{2,9}})\b",
    holds=rf"{_STATE}\b",
)
_LIVES: Final = Worded(
    r"\b(?:i live (?:at|on|in)|we live (?:at|on|in)|living (?:at|on|in)|moved to|moving to"
    r"|(?:my|our|the|new|home|billing|mailing|shipping|service|delivery|street|current) address is"
    r"(?: now)?|address (?:is|of)|(?:ship|send|deliver|mail) (?:it|that|them|this) to"
    r"|reside (?:at|on|in)|house is (?:at|on)|located at)\b"
)
_WEAK_KINDS: Final = frozenset(
    ["way", "place", "close", "row", "drive", "court", "dr", "st", "ct", "trail", "square"]
)
_OTHER: Final = frozenset(
    [
        "iban",
        "account",
        "card",
        "email",
        "e",
        "phone",
        "cell",
        "mobile",
        "fax",
        "number",
        "sort",
        "version",
    ]
)
"""Where else something is sent to."""
_UNITS: Final = frozenset(["flat", "apartment", "apt", "unit", "suite", "lot", "shop", "room"])
_BEFORE_A_STREET: Final = 7
_AFTER: Final = 16
_GRAMMAR: Final = 5.6
_IN_PLACES: Final = frozenset({"new", "a", "b", "of"})


class SpokenAddressRecognizer(SpokenRecognizer):
    """Addresses by their shape; the whole answer where one was asked for."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.STREET_ADDRESS,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_STREET, _BOX, _UNIT, _PLACE, _LIVES)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Streets with what follows them, post boxes, units, cities with a ZIP, and answers."""
        asked = turn.expected(Entity.STREET_ADDRESS)
        for found in turn.search(_STREET):
            if self._is_street(turn, *turn.span_of(found, "name"), found.group("kind")):
                last = _tail(turn, found.last)
                first = _unit_before(turn, found.first)
                yield Hit(Entity.STREET_ADDRESS, first, last, 0.8, "number and street")
        for found in turn.search(_BOX):
            last = _tail(turn, found.last)
            yield Hit(Entity.STREET_ADDRESS, found.first, last, 0.8, "post box")
        for found in turn.search(_UNIT):
            score = 0.6 if asked is not None else 0.3
            yield Hit(Entity.STREET_ADDRESS, found.first, found.last, score, "unit")
        for found in turn.search(_PLACE):
            yield Hit(Entity.STREET_ADDRESS, found.first, found.last, 0.6, "city, state and ZIP")
        for found in turn.search(_LIVES):
            yield from self._answer(turn, found.last, 0.6, "stated")
        if asked is not None:
            yield from self._answer(turn, asked, 0.65, "asked for")

    @staticmethod
    def _is_street(turn: Turn, first: int, last: int, kind: str) -> bool:
        """Whether the words between number and kind are a street's name ("two in a row" is not)."""
        keys = turn.keys(first, last)
        if any(key in FILLERS or key in MONTHS for key in keys):
            return False
        if any(turn.tokens[index].stops for index in range(first, last)):
            return False
        named = any(
            turn.tokens[index].title
            or key in ORDINALS
            or zipf(key) < 4.8  # noqa: PLR2004 - rarer than "next", "other", "right"
            or is_number(key)
            for index, key in zip(range(first, last), keys, strict=True)
        )
        if kind in _WEAK_KINDS:
            named = named and not any(zipf(key) > 5.6 for key in keys)  # noqa: PLR2004
        return named

    @staticmethod
    def _is_other(turn: Turn, first: int) -> bool:
        """Whether something else than an address is named ("send it to IBAN …")."""
        return turn.tokens[first].key in _OTHER

    @staticmethod
    def _answer(turn: Turn, at: int, score: float, pattern: str) -> Iterator[Hit]:
        first = skip_lead_in(turn, at)
        last = trim_fillers(turn, first, _other_answer(turn, first))
        keys = turn.keys(first, last)
        if not keys or SpokenAddressRecognizer._is_other(turn, first):
            return
        numbers = sum(map(is_number, keys))
        kinds = listed("street_suffixes") - _WEAK_KINDS
        states = any(
            key in listed("states") or f"{key} {following}" in listed("states")
            for key, following in zip(keys, (*keys[1:], ""), strict=True)
        )
        if numbers or states or any(key in kinds for key in keys):
            end = max(min(sentence_end(turn, first, 30), last), _last_number(turn, first, last, 30))
            yield Hit(Entity.STREET_ADDRESS, first, trim_fillers(turn, first, end), score, pattern)
        elif len(keys) <= 5 and any(  # noqa: PLR2004 - a street or a city without its number
            zipf(key) < 4.6 or turn.tokens[index].title  # noqa: PLR2004
            for index, key in enumerate(keys, first)
            if index
        ):
            yield Hit(Entity.STREET_ADDRESS, first, last, score - 0.15, pattern)


def _last_number(turn: Turn, first: int, last: int, limit: int) -> int:
    stop = min(last, first + limit)
    return max(
        (index + 1 for index in range(first, stop) if is_number(turn.tokens[index].key)),
        default=first,
    )


def _unit_before(turn: Turn, first: int) -> int:
    """``first`` moved back over what stands before a number and a street ("flat 12 Rosewood …")."""
    for at in range(max(0, first - _BEFORE_A_STREET), first + 1):
        if turn.tokens[at].key in _UNITS and not any(
            token.stops for token in turn.tokens[at:first]
        ):
            return at
    return first


def _other_answer(turn: Turn, first: int) -> int:
    """Where another answer begins ("… Ohio, and 40 02"), or the end of the turn."""
    for at in range(first + 1, len(turn.tokens)):
        if turn.tokens[at].key == "and" and "," in turn.tokens[at - 1].after:
            return at
    return len(turn.tokens)


def _tail(turn: Turn, last: int) -> int:
    """``last`` moved on over unit, city, state and ZIP that follow a street."""
    stop = min(len(turn.tokens), last + _AFTER)
    end = last
    keys = turn.keys(0, len(turn.tokens))
    stop = min(stop, _other_answer(turn, last))
    states = listed("states")
    for index in range(last, stop):
        key = keys[index]
        pair = " ".join(keys[index : index + 2])
        if key in states or key in {"apartment", "apt", "unit", "suite", "lot"} or is_number(key):
            end = index + 1
        elif pair in states:
            end = min(index + 2, stop)
        elif index > end and (key in FILLERS or (zipf(key) > _GRAMMAR and key not in _IN_PLACES)):
            break
        if index > end + 4:
            break
    # A unit's letter, or a city without its state, right behind the street.
    if end < len(keys) and keys[end - 1] in {"unit", "apartment", "apt", "suite", "lot"}:
        end += 1
    while (
        end < stop
        and not turn.tokens[end - 1].stops
        and (turn.tokens[end].title and keys[end] not in FILLERS and keys[end] != "i")
    ):
        end += 1
    return min(end, len(keys))
