"""STREET_ADDRESS: house number, street, unit, city, state and ZIP, as spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import (
    FILLERS,
    MONTHS,
    is_function,
    is_number,
    is_spelled,
    sentence_end,
    skip_lead_in,
    trim_fillers,
)
from models.lexicon import alternatives, listed, zipf
from models.patterns import Worded
from models.places import (
    DWELLINGS,
    ENOUGH,
    KINDS,
    LABELS,
    PREFIXES,
    SUFFIXES,
    WEAK,
    addresses,
    is_name,
    labelled,
)
from models.recognizers.base import Hit, SpokenRecognizer
from models.repeats import AGAIN, just_said, said_again
from models.spoken import Turn
from pipeline.entities import Entity

_NUMBER: Final = (
    r"(?:(?!\d+(?:st|nd|rd|th)\b)\d+[a-z]{0,2}|zero|nought|oh|one|two|three|four|five|six|seven"
    r"|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|double|triple)"
)
_SUFFIX: Final = (
    "(?:" + "|".join(sorted(map(re.escape, KINDS), key=lambda kind: (-len(kind), kind))) + ")"
)
_STATE: Final = alternatives("states")
_STREET: Final = Worded(
    rf"\b(?:{_NUMBER} ){{1,7}}(?:[a-h] )?(?:(?:north|south|east|west|and a half|old|northeast"
    rf"|northwest|southeast|southwest|n|s|e|w) )?"
    rf"(?P<name>(?!(?:minutes?|hours?|days?|percent|dollars?) )"
    rf"(?:[^\W_]+ ){{1,3}}?)(?P<kind>{_SUFFIX})\b",
    holds=rf"{_SUFFIX}\b",
)
_ROUTE: Final = Worded(
    rf"\b(?:{_NUMBER} ){{1,6}}(?:(?:north|south|east|west|old|n|s|e|w) )?(?:(?:county|state|us|u s"
    rf"|farm to market|ranch|township|forest|national|regional) (?:road|route|highway|hwy)|highway"
    rf"|hwy|route|avenue|fm|f m) (?:{_NUMBER} ?){{1,4}}(?:(?:north|south|east|west)\b)?"
    rf"|\b(?:{_NUMBER} ){{1,6}}avenue (?:[a-z]|of the [a-z]+)\b",
    holds=r"(?:road|route|highway|hwy|avenue|fm|f m) ",
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
    r"\b(?:(?:i|we|he|she|they|you|who) (?:still |now |all )?lives? (?:at|on|in)"
    r"|living (?:at|on|in)|moved to|moving to"
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
_OTHER: Final = frozenset(
    ["iban", "account", "card", "email", "e", "phone", "cell", "mobile", "fax", "number", "sort",
     "version"]
)  # fmt: skip
"""Where else something is sent to."""
_UNITS: Final = frozenset(["flat", "apartment", "apt", "unit", "suite", "lot", "shop", "room"])
_UNIT_WORDS: Final = frozenset(["apartment", "apt", "unit", "suite", "lot"])
_JOINED: Final = frozenset(["dash", "hyphen", "stroke", "slash", "oblique", "number", "no"])
"""What joins the parts of a house number."""
_PARTS: Final = SUFFIXES | _UNITS | (_JOINED - {"no"})
"""What belongs to an address beside a word of it that is said again."""
_CLAUSES: Final = frozenset(
    ["but", "i", "im", "ive", "he", "hes", "she", "shes", "they", "theyre", "we", "you", "youll",
     "thats", "theres", "its", "if", "because", "cause", "cos", "which", "so", "when", "only"]
)  # fmt: skip
"""With what other talk goes on behind an address."""
_QUESTIONS: Final = listed("question_words") | {"is that", "is it", "is there", "did you"}
_HESITATES: Final = listed("interjections")
_COUNTED: Final = listed("counted")
"""What numbers count: "twenty minutes"."""
_STATES_AGAIN: Final = FILLERS | frozenset(
    ["is", "that", "thats", "its", "did", "you", "say", "said", "was", "still", "at", "number",
     "not", "youre", "they", "theyre", "be", "would", "have", "weve", "ive", "put"]
)  # fmt: skip
"""What leads to a house number that is read back or corrected ("so that's sixteen?")."""
_FOLLOW: Final = KINDS | {"with", "was", "not", "is", "dash", "hyphen", "as", "or"}
_STATED: Final = "stated"
_SURE: Final = 0.5
_PLACEHOLDERS: Final = frozenset({"there", "exactly", "again"})
_BEFORE_A_STREET: Final = 7
_NEXT: Final = frozenset({("whats",), ("what",), ("your",), ("can",), ("could",)})
"""With what the other side goes on, on one channel: "and your postcode"."""
_PLACES: Final = KINDS | DWELLINGS
_EARLY: Final = 4
_LONGEST_NUMBER: Final = 9
_LONGEST_HEAD: Final = 12
_LONGEST_AGAIN: Final = 8
_LONGEST_SENTENCE: Final = 30
_ANSWER: Final = 40
_SENTENCES: Final = 3
_SHORT_ANSWER: Final = 5
_SHORT_QUESTION: Final = 4
_RARE_NAME: Final = 4.6
_DIRECTIONS: Final = frozenset({"north", "south", "east", "west", "old", "upper", "lower"})
_MOST_COMMON: Final = 3
"""Common words in a row that may stand inside an address ("on the corner of …")."""
_RARE: Final = 3.5
_VERY_RARE: Final = 2.5
_UNCOUNTED: Final = 4.3
_UNHEARD: Final = 3.3
_FREQUENT: Final = 5.6
_AFTER: Final = 16
_GRAMMAR: Final = 5.6
_IN_PLACES: Final = frozenset({"new", "a", "b", "of"})


class SpokenAddressRecognizer(SpokenRecognizer):
    """Addresses by their shape and by their pieces; the whole answer where one was asked for."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.STREET_ADDRESS,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        _STREET, _ROUTE, _BOX, _UNIT, _PLACE, _LIVES, _PIECE,
    )  # fmt: skip

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Streets with what follows them, post boxes, units, cities with a ZIP, and answers."""
        asked = turn.expected(Entity.STREET_ADDRESS)
        found: list[tuple[int, int]] = []
        for first, last, score, pattern in (*_shaped(turn, asked), *_told(turn, asked)):
            if score >= _SURE:
                found.append((first, last))
            yield Hit(Entity.STREET_ADDRESS, first, last, score, pattern)
        for first, last in said_again(turn, Entity.STREET_ADDRESS, _PARTS.__contains__, found):
            yield Hit(Entity.STREET_ADDRESS, first, last, 0.6, AGAIN)
        for first, last in _numbers_again(turn, just_said(turn, Entity.STREET_ADDRESS, found)):
            yield Hit(Entity.STREET_ADDRESS, first, last, 0.5, f"number {AGAIN}")


def _shaped(turn: Turn, asked: int | None) -> Iterator[tuple[int, int, float, str]]:
    """Addresses by their form."""
    streets = list(_streets(turn))
    for first, last in streets:
        yield _head(turn, first), _tail(turn, last), 0.8, "number and street"
    if _PIECE in turn.opened:
        least = 1 if asked is not None else ENOUGH
        for one in addresses(turn, streets):
            if one.weight >= least:
                last = _tail(turn, one.last)
                yield _head(turn, one.first), last, 0.6, "parts of an address"
    for found in turn.search(_BOX):
        yield found.first, _tail(turn, found.last), 0.8, "post box"
    for found in turn.search(_UNIT):
        yield found.first, found.last, 0.6 if asked is not None else 0.3, "unit"
    for found in turn.search(_PLACE):
        yield found.first, found.last, 0.6, "city, state and ZIP"


def _told(turn: Turn, asked: int | None) -> Iterator[tuple[int, int, float, str]]:
    """Addresses that are stated or asked for."""
    for found in turn.search(_LIVES):
        yield from _answer(turn, found.last, 0.6, _STATED)
    if asked is not None:
        yield from _answer(turn, asked, 0.65, "asked for")


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


def _answer(
    turn: Turn, at: int, score: float, pattern: str
) -> Iterator[tuple[int, int, float, str]]:
    """Sentences of an answer that hold an address, or the whole of a short one."""
    stop = min(len(turn.tokens), at + _ANSWER)
    given = False
    for place in range(_SENTENCES):
        at = skip_lead_in(turn, at)
        while at < stop and turn.all_keys[at] in _HESITATES | _PLACEHOLDERS:
            at = skip_lead_in(turn, at + 1)
        if at >= stop or turn.all_keys[at] in _OTHER | {"same"}:
            return
        whole = sentence_end(turn, at, _LONGEST_SENTENCE)
        if _asks(turn, at, whole):
            return
        limit = trim_fillers(turn, at, _other_answer(turn, at))
        end = trim_fillers(turn, at, min(whole, limit))
        number = _house_number(turn, at, end)
        if number < end or _names_place(turn, at, end):
            first = number if all(map(is_function, turn.keys(at, number))) else _article(turn, at)
            if not given:
                limit = _clause(turn, number, limit)
                further = max(end, _last_number(turn, at, limit, _LONGEST_SENTENCE))
                end = trim_fillers(turn, first, min(further, limit))
            begun = number if first <= number < end else first
            yield first, _worded_end(turn, begun, end), score, pattern
            given = True
        elif given:
            return
        elif not place and end - at <= _SHORT_ANSWER and _odd(turn, at, end, whole, pattern):
            yield _article(turn, at), end, score - 0.15, pattern
        at = max(whole, end)


def _article(turn: Turn, at: int) -> int:
    """``at`` moved back over the article of a house's name ("The Gables")."""
    article = at > 0 and turn.all_keys[at - 1] == "the" and turn.tokens[at].title
    return at - 1 if article and turn.tokens[at - 1].title else at


def _worded_end(turn: Turn, first: int, last: int) -> int:
    """``last`` moved back to where common words go on that are no part of an address."""
    end = first
    for at in range(first, last):
        key = turn.all_keys[at]
        part = key in _PLACES or is_number(key) or is_spelled(key) or zipf(key) < _UNCOUNTED
        if part or (turn.tokens[at].title and zipf(key) < _FREQUENT) or key in _DIRECTIONS:
            end = at + 1
        elif at - end >= _MOST_COMMON:
            break
    return max(end, min(first + 1, last))


def _house_number(turn: Turn, first: int, last: int) -> int:
    """First token of a number that may be a house's; ``last`` for none.

    Not a phone number, a date, or what counts something; and it stands at the beginning, or a
    street or dwelling is named, too.
    """
    keys = turn.keys(first, last)
    if not MONTHS.isdisjoint(keys):
        return last
    at = first
    named = not _PLACES.isdisjoint(keys)
    while at < last:
        end = at
        while end < last and is_number(turn.all_keys[end]):
            end += 1
        following = turn.all_keys[end] if end < len(turn.tokens) else ""
        digits = sum(len(key) if key[:1].isdigit() else 1 for key in turn.keys(at, end))
        free = named or (at - first <= _EARLY and _stands_free(turn, end))
        if end > at and free and digits <= _LONGEST_NUMBER and following not in _COUNTED:
            return at
        at = max(end, at + 1)
    return last


def _stands_free(turn: Turn, end: int) -> bool:
    """Whether a number counts nothing: a name or a letter follows, or nothing at once."""
    if end >= len(turn.tokens) or turn.tokens[end - 1].after.strip():
        return True
    token = turn.tokens[end]
    if token.key in _DIRECTIONS:
        return True
    plural = token.key.endswith("s") and zipf(token.key) > _VERY_RARE
    return token.title or len(token.key) == 1 or (zipf(token.key) < _RARE and not plural)


def _names_place(turn: Turn, first: int, last: int) -> bool:
    """Whether words hold a state, or a street's kind."""
    keys = turn.keys(first, last)
    states = listed("states")
    return any(
        key in SUFFIXES - WEAK or key in states or f"{key} {following}" in states
        for key, following in zip(keys, (*keys[1:], ""), strict=True)
    )


def _clause(turn: Turn, first: int, last: int) -> int:
    """Where other talk goes on behind an address: "…, that's the trailer park"."""
    for at in range(first + 1, last):
        parted = turn.tokens[at - 1].after.strip() or turn.tokens[at - 1].stops
        if parted and turn.all_keys[at] in _CLAUSES:
            return at
    return last


def _odd(turn: Turn, first: int, last: int, whole: int, pattern: str) -> bool:
    """Whether a short answer has a name: a street or a city without its number."""
    if pattern == _STATED and "?" in turn.tokens[whole - 1].after:
        return False  # "have you got the address of the rental?"
    return any(
        zipf(key) < (_RARE_NAME if index else _UNHEARD)
        or (index and turn.tokens[index].title and zipf(key) < _FREQUENT)
        for index, key in enumerate(turn.keys(first, last), first)
    )


def _asks(turn: Turn, first: int, last: int) -> bool:
    """Whether a sentence is a question itself ("and the postcode", "where is it exactly?")."""
    keys = turn.keys(first, last)
    if any(map(is_number, keys)):
        return False
    if turn.keys(max(0, first - 2), first) in {("and", "the"), ("and", "your")}:
        return len(keys) <= _SHORT_QUESTION
    asks = "?" in turn.tokens[last - 1].after
    begin = first
    while begin > 0 and not turn.tokens[begin - 1].stops:
        begin -= 1
    if asks and turn.all_keys[begin] == "and":
        return True
    return " ".join(keys[:2]) in _QUESTIONS or (
        keys[0] in _QUESTIONS and (asks or keys[0].startswith("wh"))
    )


def _numbers_again(turn: Turn, at: int) -> Iterator[tuple[int, int]]:
    """House numbers right after an address: "sixteen, not six", "146-22 with a dash?"."""
    while at < len(turn.tokens):
        end = sentence_end(turn, at, _LONGEST_SENTENCE)
        first = at
        while first < end and turn.all_keys[first] in _STATES_AGAIN:
            first += 1
        last = first
        while last < end and (is_number(turn.all_keys[last]) or turn.all_keys[last] in _JOINED):
            last += 1
        following = turn.all_keys[last] if last < end else ""
        joined = following and not turn.tokens[last - 1].after.strip()
        priced = not {"$", "£", "€", "%"}.isdisjoint(
            turn.text[turn.tokens[at].start : turn.tokens[end - 1].end + 1]
        )
        counts = following in _COUNTED or priced
        free = not joined or following in _FOLLOW
        if last > first and end - at <= _LONGEST_AGAIN and free and not counts:
            yield first, last
        at = end


def _head(turn: Turn, first: int) -> int:
    """``first`` moved back over unit and number that stand before a street."""
    at = _unit_before(turn, first)
    while at > 0 and first - at < _LONGEST_HEAD and not turn.tokens[at - 1].stops:
        key = turn.all_keys[at - 1]
        letter = is_spelled(key) and key <= "h" and (key != "a" or turn.tokens[at - 1].title)
        ordinal = key[:1].isdigit() and key[-2:] in {"st", "nd", "rd", "th"}
        hundred = (key == "and" and turn.keys(max(0, at - 2), at - 1) == ("hundred",)) or (
            key == "a" and turn.all_keys[at] == "hundred"
        )
        number = (is_number(key) and not ordinal) or letter or hundred
        no = key == "no" and "," in turn.tokens[at - 1].after
        if no or not (number or key in _JOINED or key in DWELLINGS):
            break
        at -= 1
    return at


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
        if turn.tokens[at].key == "and" and (
            "," in turn.tokens[at - 1].after or turn.keys(at + 1, at + 2) in _NEXT
        ):
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
        if key in states or key in _UNIT_WORDS or is_number(key):
            end = index + 1
        elif pair in states:
            end = min(index + 2, stop)
        elif index > end and (key in FILLERS or (zipf(key) > _GRAMMAR and key not in _IN_PLACES)):
            break
        if index > end + 4:
            break
    # A unit's letter, or a city without its state, right behind the street.
    if end < len(keys) and keys[end - 1] in _UNIT_WORDS:
        end += 1
    while (
        end < stop
        and not turn.tokens[end - 1].stops
        and (turn.tokens[end].title and keys[end] not in FILLERS and keys[end] != "i")
    ):
        end += 1
    return min(end, len(keys))
