"""Addresses that their frame tells: confirmed, in the country, and houses by their number alone.

"Are you still at 90 Prospect?", "out on County Road 14", "it was left at one two oh".

Outcome of each: tokens ``[first, last)``, a score and the pattern's name; none where the words
behind a frame are no place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from models.answers import FILLERS, MONTHS, ORDINALS, is_number, is_spelled, sentence_end
from models.frequency import zipf
from models.lexicon import alternatives, listed
from models.patterns import Worded
from models.places import KINDS, Address
from models.reach import DIRECTIONS, head, tail
from models.spoken import Turn
from models.whereabouts import stands_free
from pipeline.entities import Entity

Told = tuple[int, int, float, str]

_NUMBER: Final = rf"(?:\d+[a-z]?|{alternatives('number_words')})"
_NUMBERS: Final = rf"(?:{_NUMBER} ?){{1,8}}"
_KNOWS: Final = Worded(
    r"\b(?:(?:i|we|ive|weve) (?:got|have) you as (?:\w+ ){1,3}?(?:at|on)"
    r"|(?:are|is|were|was)(?: (?:you|he|she|they|it|that|this|we|yous|yall|the \w+))?"
    r"(?: guys| folks| both| all)? (?:still|now|currently|both still|all still)"
    r"(?: (?:living|staying|based|registered|going|coming|down|out|over|up|there))?"
    r" (?:at|in|on|to|for)"
    r"|(?:youre|are you|is that|is it|you both|yous) in"
    r"|(?:its|thats|youre|hes|shes|theyre|were|im|and) still(?: (?:at|in|on|to|for))?"
    r"|(?:ive|weve|i|we|ill|they|theyve|it) (?:got|have|had|see|show|shows|has)"
    r"(?: (?:you|him|her|them|it|this|that|an address|the address|your address))?"
    r"(?: (?:down|listed|registered|living|living here|here|recorded|showing|noted))?"
    r" (?:at|as|on|for|of)"
    r"|(?:you|he|she|they) (?:used to be|were) (?:at|on|in)"
    r"|(?:sent|posted|shipped|delivered|gone|going|coming|go|come) (?:out )?to"
    rf"|(?:ive|weve|i|we) (?:got|have|see|show)(?= (?:{_NUMBER} ){{1,5}}[a-z]+ (?:[a-z]+ )?(?:is"
    r" (?:that|it|this)|right|correct|still|does that|are you))"
    r"|(?:that|this) is (?:for|at)|(?:want|wanted|like) (?:it|this|that|them) sent(?: to)?)\b"
)
"""With what the asking side says an address itself."""
_THERE: Final = Worded(
    r"\b(?:(?:im|were|hes|shes|theyre|i am|we are|he is|she is|they are|its|it is|thats|moms"
    r"|mums|dads|sons|place is|house is|office is|shop is|truck is|car is)"
    r"(?: (?:still|now|over|out|down|up|just|based|here|outside|parked|staying|stood|standing))?"
    r" (?:at|in)|(?:he|she|it|they) (?:was|were|stays|stayed|stay) (?:at|in))\b",
)
"""With what people say where they are; mostly no address follows."""
_LEFT: Final = Worded(
    r"\b(?:(?:been|was|were|got|be) (?:left|delivered|dropped|dropped off|handed in|signed for)"
    r"|(?:left|leave|dropped|drop|delivered|deliver|handed|took|taken|put|pop)"
    r" (?:it|them|that|this|him|her|the (?:parcel|package|box|order|food|letter|keys))"
    r"(?: off| over| in| round)?"
    r"|next door|neighbou?rs?|(?:the|your|my) (?:parcel|package|order)(?: is|s)?)"
    rf" (?:at|with|to|by|in|over at|round at)(?: (?:number|no|house|flat|the people at))?"
    rf" (?P<number>{_NUMBERS})(?P<unit>[a-h] |[a-h]$)?",
)
"""Where something was left: a house's number alone, in a call with an address."""
_LETTERED: Final = re.compile(r"\d{1,4}[a-h]")
_RURAL_ROAD: Final = (
    r"(?:(?:county|state|rural|range|township|farm|forest|ranch|grid|section|quarter line|town"
    r"|fire|national|regional|provincial|parish) (?:road|route|highway|hwy|lane|line|trunk)"
    r"|concession(?: road)?|side ?road|farm to market(?: road)?|f m|r r|r d|rural route"
    r"|rural delivery)"
)
_RURAL: Final = Worded(
    rf"\b(?:(?:[nsew] )?(?:{_NUMBER} ){{1,8}}|[nsew]\d{{2,5}} )?(?:[nsew]\d{{2,5}} )?(?:old )?"
    rf"{_RURAL_ROAD}"
    rf" (?:number )?(?:{_NUMBERS}|[a-z]{{1,2}}\b)(?:north|south|east|west)?"
    rf"|\b(?:the )?(?:\d+(?:st|nd|rd|th)|{alternatives('ordinals')})"
    r" (?:concession|side ?road)(?: road| line| north| south| east| west)*\b"
    rf"|\b(?:{_NUMBER} ){{3,8}}(?:\d+(?:st|nd|rd|th)|{alternatives('ordinals')}) line\b",
)
"""Roads in the country by their number: "County Road 14", "the 8th Concession"."""
_SIGN: Final = Worded(
    r"\b(?:fire|civic|rural(?: address| property| road)?|emergency|blue|green|rapid|property"
    r"|nine one one|911)(?: (?:address|sign|house))? number(?:s| is| its| of)?"
    rf" {_NUMBERS}"
)
"""Numbers of houses in the country: "fire number 245318", "civic number 1120"."""
HOMES: Final = (_KNOWS, _THERE, _LEFT, _RURAL, _SIGN)
_CODE: Final = re.compile(r"(?:[nsew]\d{3,5})(?:[nsew]\d{2,5})?")
"""Numbers of houses on a county's grid: "N4380", "W229N1400"."""
_HOME: Final = frozenset(
    ["live", "lives", "living", "farms", "houses", "places", "farm", "place", "house", "home",
     "property", "out", "barn", "yard", "were", "im", "moved", "address", "cabin", "trailer",
     "ranch", "acreage", "located", "deliver",
     "ship", "send", "still"]
)  # fmt: skip
"""Words before a road in the country that is an address and no way to drive."""
_DRIVES: Final = frozenset(
    ["take", "turn", "turned", "turning", "follow", "onto", "along", "down", "off", "drive",
     "driving", "cross", "crossed", "crossing", "past", "exit", "accident", "traffic", "closed"]
)  # fmt: skip
_NEAR_BEFORE: Final = 6
_LEAST_SIGN: Final = 2
_LONGEST_NAME: Final = 4
_SMALL_TOWN: Final = 3.6
"""Zipf frequency of a town's name below which it tells where somebody lives."""
_HOUSES: Final = frozenset(
    ["house", "houses", "door", "neighbour", "neighbours", "neighbor", "neighbors", "parcel",
     "package", "delivered", "street", "flat", "flats", "next"]
)  # fmt: skip
_AT_NUMBER: Final = frozenset({"were", "im", "at", "to", "not", "is", "its", "with", "and", "from"})
_ASKS_IT: Final = frozenset(
    {("is", "it"), ("is", "that"), ("so", "thats"), ("was", "it"), ("and", "thats")}
)
_NAMED_HOUSES: Final = frozenset(
    ["house", "cottage", "lodge", "villa", "farm", "farmhouse", "manor", "grange", "court",
     "towers", "heights", "apartments", "residency", "mansions", "chambers", "buildings",
     "bungalow", "gables"]
)  # fmt: skip
_LONGEST_TOWN: Final = 3
_CALLED: Final = frozenset({"address", "place", "house", "property", "flat", "apartment"})
_SHORT_STREET: Final = 2
_LONGEST_FRAME: Final = 24
_FIRST_PIECE: Final = 4
_SURE_NAME: Final = 3.6
_FREQUENT: Final = 5.6
_COUNTED: Final = listed("counted")
_PUBLIC: Final = listed("public_places")
_NO_NAMES: Final = listed("counted") | listed("company_words") | MONTHS | FILLERS


def framed(turn: Turn, pieces: list[Address]) -> Iterator[Told]:
    """Addresses behind "are you still at", "I've got you down as", "we're at"."""
    knows, there = [*turn.search(_KNOWS)], [*turn.search(_THERE)]
    for frame, least in (*((one, 1) for one in knows), *((one, 2) for one in there)):
        at = frame.last
        while at < len(turn.tokens) and turn.all_keys[at] in FILLERS and not turn.tokens[at].title:
            at += 1
        if at >= len(turn.tokens) or any(one.stops for one in turn.tokens[frame.last - 1 : at]):
            continue
        end = sentence_end(turn, at, _LONGEST_FRAME)
        last = _numbered(turn, at, end)
        if least == 1 and last == at:
            last = _town(turn, frame.last - 1, at, end)
        for piece in pieces:
            if (
                _enough(turn, piece, least)
                and at <= piece.first < end
                and _leads(turn, at, piece.first)
                and _PUBLIC.isdisjoint(turn.keys(_street_end(turn, piece), piece.last + 1))
            ):
                last = max(last, tail(turn, piece.last))
                break
        if last > at:
            yield at, last, 0.6, "address in its frame"


def _street_end(turn: Turn, piece: Address) -> int:
    """Token after the street of a piece that ends with what the street stands before."""
    last = piece.last - (piece.last - piece.first > _SHORT_STREET)
    return last if turn.all_keys[last - 1] in KINDS else piece.last


def _enough(turn: Turn, piece: Address, least: int) -> bool:
    """Whether a piece is an address behind a frame: no floor alone, but a house with a name."""
    kind = turn.tokens[piece.last - 1]
    if piece.weight > 1:
        return True
    return (
        bool(piece.weight)
        and kind.key in (KINDS if least == 1 else _NAMED_HOUSES)
        and (least == 1 or (kind.title and turn.tokens[piece.first].title))
    )


def _town(turn: Turn, before: int, at: int, end: int) -> int:
    """Token after a place by its name alone ("are you still in Sandyford?"); ``at`` for none."""
    told = turn.keys(max(0, before - 2), before)
    comma = [one + 1 for one in range(at, end) if "," in turn.tokens[one].after]
    end = min([end, *comma])
    names = end - at <= _LONGEST_TOWN and all(turn.tokens[one].title for one in range(at, end))
    sure = "still" in told or (names and max(map(zipf, turn.keys(at, end))) < _SMALL_TOWN)
    town = names and sure and all(map(partial(_is_name, turn), range(at, end)))
    return end if town else at


def described(turn: Turn, pieces: list[Address]) -> Iterator[Told]:
    """Streets that a home is told by: "the Harrow Road address", "your Elm Street place"."""
    for piece in pieces:
        last = piece.last - (turn.all_keys[piece.last - 1] == "place")
        if last > piece.first + 1 and _CALLED.intersection(turn.keys(last, last + 1)):
            yield piece.first, last, 0.55, "home by its street"
        elif turn.all_keys[piece.last - 1] in KINDS and "?" in turn.tokens[piece.last - 1].after:
            before = turn.keys(max(0, piece.first - 2), piece.first)
            if before in _ASKS_IT or (piece.first and "," in turn.tokens[piece.first - 1].after):
                yield piece.first, piece.last, 0.55, "street asked about"


def by_number(turn: Turn) -> Iterator[Told]:
    """Houses by their number alone: "it went to the wrong house, we're number 18"."""
    if "number" not in turn.all_keys or _HOUSES.isdisjoint(turn.all_keys):
        return
    for at in range(1, len(turn.tokens) - 1):
        last = at + 1
        while last < len(turn.tokens) and is_number(turn.all_keys[last]):
            last += 1
        led = turn.all_keys[at - 1] in _AT_NUMBER
        told = turn.all_keys[at] == "number" and last > at + 1 and turn.all_keys[at + 1] != "one"
        if told and led and last - at <= _LONGEST_TOWN + 1 and stands_free(turn, last):
            yield at, last, 0.5, "house by its number"


def _leads(turn: Turn, at: int, first: int) -> bool:
    """Whether only a house's name stands between a frame and a piece of an address."""
    return first - at <= _FIRST_PIECE and all(
        turn.tokens[index].title
        or turn.all_keys[index] in {"the", "a", *DIRECTIONS}
        or is_number(turn.all_keys[index])
        or is_spelled(turn.all_keys[index])
        or zipf(turn.all_keys[index]) < _SURE_NAME
        for index in range(at, first)
    )


def _numbered(turn: Turn, at: int, end: int) -> int:
    """Token after a house's number and its street's name, with which the clause ends."""
    keys = turn.all_keys
    last = at + (keys[at] in {"number", "no"})
    begun = last
    while last < end and is_number(keys[last]):
        last += 1
    if last == begun or last >= end or turn.tokens[last - 1].after.strip(" -"):
        return at
    if keys[last] in DIRECTIONS and last + 1 < end:
        last += 1
    name = last
    while last < end and last - name < _LONGEST_NAME and _is_name(turn, last):
        last += 1
        if turn.tokens[last - 1].after.strip():
            break
    closed = last == end or turn.tokens[last - 1].after.strip() or keys[last] in KINDS
    return tail(turn, last) if last > name and closed else at


def _is_name(turn: Turn, at: int) -> bool:
    key = turn.all_keys[at]
    if key in _NO_NAMES or is_number(key) or (key.endswith("s") and not turn.tokens[at].title):
        return False
    return (turn.tokens[at].title and zipf(key) < _FREQUENT) or zipf(key) < _SURE_NAME


def rural(turn: Turn, asked: int | None) -> Iterator[Told]:
    """Country roads, the numbers of houses on them, and codes such as "N4380"."""
    known = Entity.STREET_ADDRESS in turn.said or asked is not None
    codes: list[tuple[int, int]] = []
    for found in turn.search(_RURAL):
        before = turn.keys(max(0, found.first - _NEAR_BEFORE), found.first)
        numbered = _CODE.fullmatch(turn.all_keys[found.first]) or is_number(
            turn.all_keys[found.first]
        )
        home = known or numbered or not _HOME.isdisjoint(before)
        if home and (numbered or _DRIVES.isdisjoint(before)):
            codes.append((found.first, found.last))
            yield head(turn, found.first), tail(turn, found.last), 0.6, "country road"
    for found in turn.search(_SIGN):
        if (
            sum(map(is_number, turn.keys(found.first, found.last)))
            and _figures(turn, found.first, found.last) > _LEAST_SIGN
        ):
            yield found.first, found.last, 0.6, "number of a house in the country"
    if known or codes:
        for at, key in enumerate(turn.all_keys):
            if key[:1] in "nsew" and _CODE.fullmatch(key):
                yield at, at + 1, 0.55, "code of a house"


def _figures(turn: Turn, first: int, last: int) -> int:
    keys = turn.keys(first, last)
    numbers = [key for key in keys if is_number(key)]
    return sum(len(key) if key[:1].isdigit() else key not in ORDINALS for key in numbers)


def left_at(turn: Turn) -> Iterator[Told]:
    """Houses by their number, in a call in which an address was said."""
    if Entity.STREET_ADDRESS not in turn.said:
        return
    for found in turn.search(_LEFT):
        first, last = turn.span_of(found, "number")
        following = turn.keys(last, last + 1)
        several = last - first > 1 and _COUNTED.isdisjoint(following)
        if found.group("unit") or several or stands_free(turn, last):
            yield first, last + bool(found.group("unit")), 0.5, "where it was left"
    for at, key in enumerate(turn.all_keys):
        if key[:1].isdigit() and _LETTERED.fullmatch(key) and turn.tokens[at].after[:1] != ".":
            yield at, at + 1, 0.45, "number of a house"


def is_flat(turn: Turn, first: int, last: int) -> bool:
    """Whether a flat is told by a number and a letter ("flat 2B"), which nothing else has."""
    keys = turn.keys(first, last)
    lettered = any(key[:1].isdigit() and key[-1:].isalpha() for key in keys)
    spelled = len(keys) > _LEAST_SIGN and is_spelled(keys[-1]) and keys[-1] not in {"a", "i"}
    return keys[0] in {"flat", "apartment", "apt", "unit"} and (lettered or spelled)
