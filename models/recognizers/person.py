"""PERSON: names as callers give them, spell them and are called by them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import (
    FILLERS,
    LEAD_IN,
    MONTHS,
    is_function,
    is_number,
    is_spelled,
    sentence_end,
    skip_lead_in,
    spelled_run,
)
from models.lexicon import given_names, listed, surnames, zipf
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import PAUSE, Turn
from pipeline.entities import Entity

_STATED: Final = re.compile(
    r"\b(?:(?:my|the|his|her|their|our|whose|patients?|full|first|last|middle|maiden|given|family"
    r"|legal|sur) names?(?: is| was| are| its| would be)?|my names|name is|call me|goes by|named"
    r"|i go by|is under|listed under|it under|this is|speaking (?:to|with)|spelled|spelling is"
    r"|spell it|spell that|on behalf of|calling (?:for|about)|my (?:wife|husband|son"
    r"|daughter|mother"
    r"|father|mom|dad|sister|brother|partner|boss|fiancee?|roommate|neighbou?r|landlord|friend"
    r"|doctor|child|baby|mother in law|uncle|aunt|grand(?:mother|father|son|daughter|ma|pa))s?"
    r"(?: name)?(?: is)?|mr|mrs|ms|miss|mister|missus|doctor|dr|nurse|professor"
    r"|(?:ask|asked|asking) for|(?:speak|talk|spoke|talked) (?:to|with)|made out to"
    r"|account (?:of|holder is)|patient is|member is|addressed to|attention|i am|im)\b(?! the)"
)
_CERTAIN: Final = re.compile(
    r"(?:names?(?: is| was| its| would be)?|my names|spelled|spelling is|spell it|spell that"
    r"|mr|mrs|ms|mister|missus)$"
)
_TITLE: Final = re.compile(r"(?:doctor|dr|nurse|professor|miss)$")
_COPULA: Final = re.compile(r"(?:is|was|its|be|names|spelled)$")
_SPELLS: Final = re.compile(
    r"(?:(?:last|first|middle|maiden|sur|family) names? (?:is|was|its)|spelled|spell)"
)
_COMPANY: Final = listed("company_words")
_CALLED: Final = re.compile(
    r"\b(?:thanks|thank you|hi|hello|hey|okay|alright|all right|perfect|great|sorry|dear|bye"
    r"|goodbye|morning|afternoon|evening|sure|yes|welcome|right|now|well|day)$"
)
_THANKED: Final = re.compile(r"\b(?:thanks|tanks|thank you)$")
_IS: Final = re.compile(r"\b(?:this is|name is|names|name was)\b")
_GREETING: Final = re.compile(
    r"\b(?:(?:thanks|thank you) for (?:calling|choosing)|welcome to|(?:youve|you have) reached)\b"
)
"""A company's name follows."""
_PARTICLES: Final = listed("name_particles")
_NO_NAMES: Final = listed("not_names")
_ACRONYMS: Final = frozenset(map(tuple, ("cvv", "cvc", "ssn", "dob", "pin", "vin", "usa", "pdf")))
_STREETS: Final = frozenset(["street", "road", "avenue", "boulevard", "parkway", "highway"])
_MOST_NAMES: Final = 4
_SHORT_ANSWER: Final = 6
_BROKEN_WORDS: Final = 8
_FREE: Final = 4.8
"""Zipf frequency up to which any word may be a name where a name was asked for."""
_RARE: Final = 3.5
_ODD: Final = 2.5
_SURNAME_AFTER_GIVEN: Final = 5.9


class SpokenPersonRecognizer(SpokenRecognizer):
    """Names by what stands round them; lists of names decide where that is not enough."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.PERSON,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Names that are stated, asked for, called, spelled or known from before."""
        yield from self._stated(turn)
        yield from self._asked(turn)
        yield from self._free(turn)

    def _stated(self, turn: Turn) -> Iterator[Hit]:
        for found in turn.search(_STATED):
            said = found.match.group()
            certain = _CERTAIN.search(said) is not None
            if turn.tokens[found.last - 1].stops and not _COPULA.search(said):
                continue  # "Can I get your name? And the address?" states nothing
            first = found.last
            while certain and not _is_given(turn, first) and skip_lead_in(turn, first) > first:
                first += 1
            if first > found.last + 4 or any(
                token.stops for token in turn.tokens[found.last : first]
            ):
                continue
            end = spelled_run(turn, first)
            if end > first and certain:
                yield Hit(Entity.PERSON, first, end, 0.9, "spelled")
                continue
            titled = _TITLE.search(said) is not None and _is_rare_surname(turn, first)
            last = _name(turn, first, free=certain or titled)
            if last > first and (certain or titled or _is_given(turn, first) or last - first > 1):
                yield Hit(Entity.PERSON, first, last, 0.85 if certain else 0.6, "stated")
                yield from _spelled_after(turn, last)
            elif certain and _SPELLS.search(said):
                yield Hit(
                    Entity.PERSON, found.last, _broken(turn, found.last), 0.5, "broken spelling"
                )

    def _asked(self, turn: Turn) -> Iterator[Hit]:
        at = turn.expected(Entity.PERSON)
        if at is None:
            return
        first = skip_lead_in(turn, at)
        last = _name(turn, first, free=True)
        if last > first:
            yield Hit(Entity.PERSON, first, last, 0.75, "asked for")
        for index in range(at, len(turn.tokens)):
            end = spelled_run(turn, index)
            if end > index and turn.keys(index, end) not in _ACRONYMS:
                yield Hit(Entity.PERSON, index, end, 0.85, "spelled when asked for")
                return
        if last == first:
            yield from self._unreadable(turn, first)

    @staticmethod
    def _unreadable(turn: Turn, first: int) -> Iterator[Hit]:
        """Where the name stands that was asked for, though the words make none ("the new one")."""
        for found in turn.search(_IS):
            if found.first >= first and found.last < len(turn.tokens):
                end = sentence_end(turn, found.last, _MOST_NAMES)
                yield Hit(Entity.PERSON, found.last, end, 0.45, "asked for, unreadable")
                return
        keys = turn.keys(first, len(turn.tokens))
        if 0 < len(keys) <= _SHORT_ANSWER and any(zipf(key) < _RARE for key in keys):
            yield Hit(Entity.PERSON, first, len(turn.tokens), 0.45, "odd answer")

    def _free(self, turn: Turn) -> Iterator[Hit]:
        companies = _companies(turn)
        for index, token in enumerate(turn.tokens):
            if token.key in turn.known and not in_address(turn, index + 1):
                yield Hit(Entity.PERSON, index, index + 1, 0.7, "named before")
            if not _is_given(turn, index):
                if turn.known and self._thanked_name(turn, index):
                    yield Hit(Entity.PERSON, index, index + 1, 0.45, "thanked by name")
                continue
            last = _name(turn, index, free=False)
            if last - index > 1 and not in_address(turn, last) and index not in companies:
                yield Hit(Entity.PERSON, index, last, 0.65, "given name and surname")
                yield from _spelled_after(turn, last)
            elif self._called(turn, index):
                yield Hit(Entity.PERSON, index, index + 1, 0.55, "called by name")

    @staticmethod
    def _thanked_name(turn: Turn, index: int) -> bool:
        """Whether an odd word follows "thanks" in a call in which a name was given."""
        token = turn.tokens[index]
        before = turn.plain[: max(0, turn.offsets[index] - 1)]
        odd = token.key not in _NO_NAMES and not is_function(token.key) and zipf(token.key) < _FREE
        return odd and not is_number(token.key) and _THANKED.search(before) is not None

    @staticmethod
    def _called(turn: Turn, index: int) -> bool:
        """Whether the token is a vocative: "Thanks, Laurie", "…, Laurie."."""
        if in_address(turn, index + 1):
            return False
        token = turn.tokens[index]
        before = turn.plain[: max(0, turn.offsets[index] - 1)]
        if _THANKED.search(before):
            return True
        ends = index + 1 == len(turn.tokens) or "," in token.after or token.stops
        comma = index > 0 and "," in turn.tokens[index - 1].after
        return bool(ends and (comma or _CALLED.search(before)))


def _companies(turn: Turn) -> set[int]:
    """Tokens after "thank you for calling", where a company's name stands ("Willow Creek")."""
    tokens: set[int] = set()
    for found in turn.search(_GREETING):
        if found.last < len(turn.tokens) and not turn.tokens[found.last - 1].stops:
            tokens.update(range(found.last, sentence_end(turn, found.last, _MOST_NAMES)))
    return tokens


def _broken(turn: Turn, first: int) -> int:
    """Token after what should have been a spelling and was misheard ("W. Oh, I. Z. Hey.")."""
    at = first
    while at < min(len(turn.tokens), first + _BROKEN_WORDS):
        at += 1
        if PAUSE in turn.tokens[at - 1].after:
            break
    return at


def _spelled_after(turn: Turn, last: int) -> Iterator[Hit]:
    """A spelling that follows a name directly ("Sherri Clarke, C, L, A …")."""
    end = spelled_run(turn, last)
    if end > last:
        yield Hit(Entity.PERSON, last, end, 0.85, "spelled")


def _is_rare_surname(turn: Turn, index: int) -> bool:
    if index >= len(turn.tokens):
        return False
    token = turn.tokens[index]
    return token.key in surnames() and (token.title or zipf(token.key) < _RARE)


def _is_given(turn: Turn, index: int) -> bool:
    if index >= len(turn.tokens):
        return False
    token = turn.tokens[index]
    if token.key in given_names():
        return True
    # "Will Turner": a word that is also a name counts where it is written large amid a sentence.
    large = token.title and index > 0 and not turn.tokens[index - 1].stops
    following = turn.tokens[index + 1] if index + 1 < len(turn.tokens) else None
    return bool(
        large
        and token.key in listed("names_that_are_words")
        and token.key not in MONTHS | FILLERS
        and following
        and following.title
        and following.key in surnames()
        and zipf(following.key) < _FREE
    )


def _name(turn: Turn, first: int, *, free: bool) -> int:
    """Token after the name that begins at ``first``; ``first`` if none does."""
    at = first
    while at < len(turn.tokens) and at - first < _MOST_NAMES:
        token = turn.tokens[at]
        if at > first and turn.tokens[at - 1].stops and not is_spelled(turn.tokens[at - 1].key):
            break
        if token.key in _NO_NAMES or token.key in _COMPANY or is_number(token.key):
            break
        if at > first and token.key in _STREETS:
            break
        if not (_fits(turn, at, first=first, free=free) or _joins(turn, at, first=first)):
            break
        at += 1
    while at > first and (
        turn.tokens[at - 1].key in _PARTICLES and turn.tokens[at - 1].key not in given_names()
    ):
        at -= 1
    return at


def _fits(turn: Turn, at: int, *, first: int, free: bool) -> bool:
    token = turn.tokens[at]
    key = token.key
    if (key in given_names() and key not in LEAD_IN) or (at == first and _is_given(turn, at)):
        return True
    large = token.title and (at > first or (at > 0 and not turn.tokens[at - 1].stops))
    if key in LEAD_IN or key in MONTHS or is_spelled(key):
        return bool(large and at > first and key not in FILLERS and key in surnames())
    after_given = at > first and (
        turn.tokens[at - 1].key in given_names() or _is_given(turn, at - 1)
    )
    if after_given:
        limit = _SURNAME_AFTER_GIVEN if token.title else _FREE
        return zipf(key) < limit and (key in surnames() or token.title or zipf(key) < _ODD)
    if free:
        return (large and zipf(key) < _SURNAME_AFTER_GIVEN) or zipf(key) < _FREE
    return at > first and large and not is_function(key) and key in surnames()


def _joins(turn: Turn, at: int, *, first: int) -> bool:
    """A particle or an initial inside a name ("Maria de la Cruz", "John F Miller")."""
    token = turn.tokens[at]
    following = turn.tokens[at + 1] if at + 1 < len(turn.tokens) else None
    if following is None or is_function(following.key):
        return False
    particle = token.key in _PARTICLES and token.key not in {"o", "a"}
    initial = at > first and is_spelled(token.key) and token.key != "i"
    prefix = token.key in {"mc", "mac", "o", "st", "saint", "van", "von", "de", "di", "la", "el"}
    return (particle and (at > first or prefix)) or (initial and not is_spelled(following.key))


def in_address(turn: Turn, at: int) -> bool:
    """Whether a street's kind, a state or a company's kind follows ("Jackson Road")."""
    following = turn.keys(at, at + 2)
    if not following:
        return False
    return (
        following[0] in _COMPANY
        or following[0] in listed("street_suffixes") - {"st", "dr", "close", "way", "row", "place"}
        or following[0] in listed("states")
        or " ".join(following) in listed("states")
    )
