"""URL and IP_ADDRESS as spoken ("w w w dot … dot com", "one ninety two dot …")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import LEAD_IN, is_number, is_spelled
from models.frequency import zipf
from models.lexicon import alternatives, listed
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.repeats import AGAIN, said_again
from models.spoken import Turn
from pipeline.entities import Entity

_TLD: Final = alternatives("top_level_domains")
_DOT: Final = "(?:dot|period|point)"
_SLASH: Final = "(?:(?:forward |back )?slash|stroke)"
_URL: Final = Worded(
    rf"\b(?:https? |w w w |www |triple w |double u |slash )(?:dot )?(?:[a-z0-9]+ ){{1,6}}?"
    rf"(?:dot )?{_TLD}(?: (?:slash|forward slash)(?: [a-z0-9]+){{1,4}})?\b"
    r"|\b[a-z0-9]+ dot (?:com|net|org) (?:forward )?slash(?: [a-z0-9]+){1,4}\b",
)
_PATH: Final = Worded(
    rf"\b(?:(?:[a-z] ){{1,12}}|[a-z0-9]+ )(?:(?:dot|dash|hyphen|underscore) [a-z0-9]+ )*dot"
    rf" (?:[a-z0-9]{{2,}}|[a-z](?: [a-z]){{1,3}}) {_SLASH}\b",
)
"""A page on any site: "bit dot ly slash …"."""
_SCHEME: Final = Worded(r"\b(?:https?|h t t p(?: s)?) (?:colon )?(?:forward )?slash slash\b")
"""How a web address begins, spelled out."""
_OWN: Final = Worded(
    r"\b(?:my|our own|his|her|their)(?: own| new| old| personal| little)?"
    r" (?:web ?site|site|web page|page|blog|portfolio|profile|channel|shop|store|link|url"
    r"|web address|domain)"
    r"(?:s| is| was| its)?\b"
)
"""What somebody's own site follows."""
_SITE: Final = Worded(
    rf"\b[a-z0-9]+(?: (?:{_DOT}|dash|hyphen|underscore) [a-z0-9]+)*? {_DOT}"
    rf" (?:[a-z]{{2,}}|[a-z] [a-z])\b"
    rf"(?: {_DOT} (?:[a-z]{{2,3}}|[a-z] [a-z]))*\b",
)
_WRITTEN: Final = re.compile(r"(?:https?://)?(?:[\w-]+\.)+[a-z]{2,}/[^\s,;]+", re.IGNORECASE)
_SAID: Final = (
    "(?:zero|nought|oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen"
    "|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty"
    "|seventy|eighty|ninety|hundred|and|a|double|triple)"
)
_PAGE: Final = re.compile(r"\S/\S")
"""What every written page has; a pause stands between spaces."""
_GROUP: Final = rf"(?:\d(?: \d){{1,2}}|\d{{1,3}}|{_SAID}(?: {_SAID}){{0,4}})"
_IP: Final = Worded(
    rf"\b{_GROUP}(?: (?:dot|point) {_GROUP}){{3}}\b",
)
_IP_MIXED: Final = Worded(
    rf"\b(?:\d{{1,3}} ){{1,3}}(?:dot|point) {_GROUP}(?: (?:dot|point) {_GROUP}){{0,2}}\b",
)
"""Some of its dots written: "192.168 dot 1 dot 14"."""
_NET: Final = Worded(
    r"\b(?:(?:static |public |private |local |internal |external |old |new |router |host )?"
    r"(?:i p|ip|ipv4|ipv6)(?: address)?|gateway|subnet(?: mask)?|net ?mask|d n s|dns"
    r"|(?:wan|lan|network|server|host|loopback|remote) address|ping|pinging|ssh (?:to|into))"
    r"(?:s| is| was| its| says| shows| of| to| on| at| now| still| used to be| set to"
    r"| server| address)*\b"
)
"""What a network address follows."""
_NEAR_NET: Final = 4
_ENDS_IN: Final = frozenset(
    (first, second)
    for first in ("end", "ends", "ending", "finish", "finishes", "starts", "start", "starting")
    for second in ("in", "with", "on")
)
_DOTS: Final = frozenset({"dot", "dots", "point", "period", "colon", "again"})
_HEX: Final = re.compile(r"[0-9a-f]{1,4}")
_LEAST_GROUPS: Final = 3
_LEAST_COLONS: Final = 2
_GROUPS: Final = 4
"""Figures of the shortest network address."""
_FIGURES: Final = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_CURRENCIES: Final = ("$", "£", "€")
_SYMBOLS: Final = listed("symbols")
_CASES: Final = frozenset({"lower", "upper", "case", "all", "then", "and"})
_RARE: Final = 4.6
_LONGEST_PATH: Final = 24
_LONGEST_NAME: Final = 8
_PARTS: Final = _SYMBOLS | {"com", "www", "http", "https", "point"}


class SpokenWebRecognizer(SpokenRecognizer):
    """Personal web addresses and network addresses."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.URL, Entity.IP_ADDRESS)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        _URL, _PATH, _OWN, _IP, _IP_MIXED, _NET, _SCHEME,
    )  # fmt: skip

    def may_find(self, turn: Turn) -> bool:
        """Whether it may be said or written."""
        if super().may_find(turn) or turn.figures >= _GROUPS:
            return True
        return _PAGE.search(turn.text) is not None

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Addresses said with "dot", or written with dots."""
        yield from self._urls(turn)
        yield from self._networks(turn)
        asked = turn.expected(Entity.IP_ADDRESS)
        if asked is not None:
            for first, last in _network(turn, asked, _LEAST_GROUPS):
                yield Hit(Entity.IP_ADDRESS, first, last, 0.6, "asked for")
        if asked is not None or Entity.IP_ADDRESS in turn.recent:
            yield from _rest(turn, asked or 0)

    @staticmethod
    def _networks(turn: Turn) -> Iterator[Hit]:
        """Network addresses by their form, or behind their name."""
        for found in turn.search(_IP):
            first, last = _figures_only(turn, found.first, found.last)
            yield Hit(Entity.IP_ADDRESS, first, last, 0.7, "four groups")
        for found in turn.search(_IP_MIXED):
            written = any(turn.tokens[at].after == "." for at in range(found.first, found.last - 1))
            if written and _groups(turn, found.first, found.last) == _GROUPS:
                yield Hit(Entity.IP_ADDRESS, found.first, found.last, 0.7, "groups and dots")
        for first, last in _within(turn, _FIGURES):
            yield Hit(Entity.IP_ADDRESS, first, last, 0.7, "four figures")
        for found in turn.search(_NET):
            for first, last in _network(turn, found.last, _LEAST_GROUPS):
                if first - found.last <= _NEAR_NET:
                    yield Hit(Entity.IP_ADDRESS, first, last, 0.6, "named")

    @staticmethod
    def _urls(turn: Turn) -> Iterator[Hit]:
        asked = turn.expected(Entity.URL)
        for found in turn.search(_URL):
            # A company's own site is no secret; a page that was asked for is.
            score = 0.6 if asked is not None else 0.45
            yield Hit(Entity.URL, found.first, _path(turn, found.last), score, "dots")
        for found in turn.search(_PATH):
            yield Hit(Entity.URL, found.first, _path(turn, found.last), 0.6, "page of a site")
        for found in turn.search(_SCHEME):
            last = _path(turn, found.last)
            yield Hit(Entity.URL, found.first, last, 0.6, "scheme")
        for first, last in _within(turn, _WRITTEN):
            yield Hit(Entity.URL, first, last, 0.6, "written page")
        own = [found.last for found in turn.search(_OWN)]
        if asked is not None or own:
            begin = min([*own, *([asked] if asked is not None else [])])
            for found in turn.search(_SITE):
                if found.first >= begin and not _is_figure(turn, found.first, found.last):
                    first = _name(turn, begin, found.first)
                    yield Hit(Entity.URL, first, _path(turn, found.last), 0.6, "own site")
        for first, last in said_again(turn, Entity.URL, _PARTS.__contains__):
            yield Hit(Entity.URL, first, last, 0.6, AGAIN)


def _figures_only(turn: Turn, first: int, last: int) -> tuple[int, int]:
    """A match without the "and" or "a" around it."""
    while first < last and turn.all_keys[first] == "and":
        first += 1
    while last > first and turn.all_keys[last - 1] in {"and", "a"}:
        last -= 1
    return first, last


def _rest(turn: Turn, begin: int) -> Iterator[Hit]:
    """Parts of a network address that was said or asked for: "dot 205", "it ends in 20"."""
    for first, last in _network(turn, begin, 1):
        if turn.text[: turn.tokens[first].start].endswith(_CURRENCIES):
            continue
        dotted = any(
            turn.all_keys[at] == "dot" or (at + 1 < last and turn.tokens[at].after == ".")
            for at in range(first, last)
        )
        written = turn.text[: turn.tokens[first].start].endswith(" .")
        before = turn.keys(max(0, first - 2), first)
        if dotted or written or before in _ENDS_IN:
            yield Hit(Entity.IP_ADDRESS, first, last, 0.55, "part")


def _name(turn: Turn, begin: int, first: int) -> int:
    """``first`` moved back to where the name of a site begins, at ``begin`` at the earliest."""
    at = first
    while at > begin and not turn.tokens[at - 1].stops and first - at < _LONGEST_NAME:
        if turn.all_keys[at - 1] in LEAD_IN - {"all", "one", "and", "the"}:
            break
        at -= 1
    return at


def _within(turn: Turn, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Tokens ``[first, last)`` of every match in the text."""
    for match in pattern.finditer(turn.text):
        inside = [
            index
            for index, token in enumerate(turn.tokens)
            if match.start() <= token.start < match.end()
        ]
        if inside:
            yield inside[0], inside[-1] + 1


def _path(turn: Turn, last: int) -> int:
    """``last`` moved on over what is spelled behind a slash: letters, figures, signs, a word."""
    begun = last
    keys = turn.all_keys
    slash = keys[last - 1 : last] in {("slash",), ("stroke",)}
    while last < len(keys) and last - begun < _LONGEST_PATH:
        key = keys[last]
        after_sign = keys[last - 1] in _SYMBOLS
        then = key == "then" and keys[last + 1 : last + 2] in {("slash",), ("forward",)}
        sign = key in _SYMBOLS or key in _PARTS or is_number(key) or then
        letter = is_spelled(key) and (key not in {"a", "i"} or turn.tokens[last].title)
        case = key in _CASES and not turn.tokens[last - 1].stops
        odd = (slash or last > begun) and zipf(key) < _RARE and not turn.tokens[last - 1].stops
        if not (sign or letter or odd or after_sign or case):
            break
        if not slash and key not in {"slash", "forward", "stroke"} and last == begun:
            break
        last += 1
    while last > begun and keys[last - 1] in _CASES:
        last -= 1
    return last


def _is_figure(turn: Turn, first: int, last: int) -> bool:
    """Whether "point" stands in a number: "two point five gigs"."""
    keys = turn.keys(first, last)
    return any(
        key in {"point", "period"} and is_number(keys[at - 1]) for at, key in enumerate(keys) if at
    )


def _groups(turn: Turn, first: int, last: int) -> int:
    """How many groups of figures there are between dots, written or said."""
    groups = 1
    for at in range(first, last - 1):
        groups += turn.tokens[at].after == "." or turn.all_keys[at] in {"dot", "point"}
    return groups


def _network(turn: Turn, asked: int, least: int) -> Iterator[tuple[int, int]]:
    """A network address that was asked for: groups of figures, or of figures and letters."""
    at = asked
    keys = turn.all_keys
    while at < len(keys):
        last = at
        groups = colons = 0
        while last < len(keys):
            key = keys[last]
            figure = is_number(key) or (key[:1].isdigit() and _HEX.fullmatch(key) is not None)
            letter = is_spelled(key) and key <= "f"
            written = _HEX.fullmatch(key) is not None and any(map(str.isdigit, key))
            if not (figure or letter or written or key in _DOTS or key == "and"):
                break
            groups += figure or letter or written
            colons += key == "colon" or ":" in turn.tokens[last].after
            last += 1
        if groups >= least or colons >= _LEAST_COLONS:
            yield at, last
        at = max(last, at + 1)
