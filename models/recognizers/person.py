"""PERSON: names as callers give them, spell them and are called by them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Final

from models.answers import skip_lead_in
from models.frequency import zipf
from models.lexicon import alternatives, given_names, listed
from models.patterns import Worded
from models.recognizers.around import (
    alone,
    coordinated,
    corrected,
    initials,
    said_again,
    spelled_after,
    spelled_names,
    spelled_too,
    whole,
    with_letter,
)
from models.recognizers.asked import asked_for
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.called import (
    acting,
    answering_firm,
    called,
    called_oddly,
    companies_in,
    named_companies,
    thanked_name,
)
from models.recognizers.naming import (
    HONORIFICS,
    TITLES,
    bare,
    has_capitals,
    in_address,
    in_surnames,
    is_frequent_surname,
    is_given,
    is_large,
    may_be_name,
    name_end,
    names_thing,
    well_known,
)
from models.recognizers.spelling import spelled_run
from models.recognizers.wordnames import word_names
from models.spoken import PAUSE, OfLastTurn, Turn
from pipeline.entities import Entity

_RELATIONS: Final = alternatives("relations")
_STATED: Final = Worded(
    r"\b(?:(?:my|the|his|her|their|our|your|whose|patients?|full|first|last|middle|maiden|given"
    r"|family|legal|sur|second|real|proper|good|actual) names?(?: is| was| are| its| would be| as)?"
    r"|(?:sur|fore)names? (?:is|was|its)|(?:my|your|his|her|the|their) surnames"
    r"|my names|name is|call me|goes by|known as|named|everyone calls? (?:him|her|me)"
    r"|i go by|(?:its|is) said|is under|listed under|it under|be under|thats under|pronounced"
    r"|speaking (?:to|with)|spelled|spelling is|you say it|i say it"
    r"|spell it|spell that|on behalf of|calling (?:for|about)"
    r"|(?:my|his|her|their|our|your|the|a|me) (?:late |ex |little |big |older |younger "
    rf"|eldest |youngest |oldest |other |new |step )?{_RELATIONS}s?(?: name)?"
    r"(?: is| was| called| named)?"
    r"|mr|mrs|ms|miss|mister|missus|doctor|dr|nurse|professor|prof|reverend|rev|pastor|rabbi|imam"
    r"|captain|sergeant|constable|officer|inspector|councillor|judge|auntie|aunty|uncle|granny|nana"
    r"|(?:ask|asked|asking|looking) for|(?:speak|talk|spoke|talked|talking) (?:to|with)"
    r"|made out to|(?:check|cheque|payable) (?:out )?(?:to)?|through to|care of"
    r"|(?:transfer|connect|reach|meet|met|saw|see|add|remove|take) (?:me (?:to|with|back to) )?"
    r"|(?:reservation|appointment|booking|booked|order|package|parcel|delivery|cab|taxi|gift|policy"
    r"|account|message|letter)(?: is| here)? (?:for|under|to)(?: an?)?"
    r"|under the name(?: of)?|by the name of|is this|this is|are you|youre|you are"
    r"|driver (?:was|is)|informant|executor"
    r"|(?:hi|hiya|hello|hey|morning|afternoon|evening|ah|oh)(?: \w+){0,2} its"
    r"|is(?= \w+ (?:there|about|around|available|home|free|awake)\b)"
    r"|(?:got|have|with) an?|calls? (?:me|him|her)|called (?:me|him|her)?"
    r"|tell|told|text|contact|thank|cancel it for|change it to|(?:surgeon|dentist|therapist"
    r"|manager|supervisor|agent|rep|driver|lawyer|nanny) (?:is|was)"
    r"|(?:put|down|entered|registered|saved|showing|recorded|written)(?: down| in)? as"
    r"|(?:should|supposed to|meant to|ought to) be"
    r"|(?:signed|accepted|collected)(?: for)? by(?: an?)?"
    r"|left with|handed to"
    r"|its(?= \w+ (?:from|at|over at|calling|ringing|phoning|speaking|here)\b)"
    r"|account (?:of|holder is)|patient is|member is|addressed to|attention|i am|im|it is for"
    r"|its for)\b(?! the)"
)
_CERTAIN: Final = re.compile(
    r"(?:names?(?: is| was| its| as| would be)?|my names|spelled|spelling is|spell it|spell that"
    r"|mr|mrs|ms|mister|missus)$"
)
_WEAK: Final = re.compile(
    r"(?:this is|is this|i am|im|youre|you are|its? (?:is )?for|calling (?:for|about)|meet|met|saw"
    r"|see|reach|add|remove|take|order for|tell|told|text|contact|thank|cancel it for"
    r"|change it to|(?:got|have|with|by) an?|called(?: \w+)?|be|left with|handed to"
    r"|(?:showing|recorded|written|saved)(?: down| in)? as"
    r"|account for|are you)$"
)
"""Much else follows these words: an odd word has to be odder to be a name."""
_INDEFINITE: Final = re.compile(r"(?:(?:got|have|with|for) an?)$")
_CALLS: Final = frozenset({("from",), ("calling",), ("ringing",), ("phoning",), ("speaking",)})
_SPEAKER: Final = 4.4
_WHOSE: Final = frozenset({("name",), ("names",), ("surname",)})
_IS: Final = re.compile(r"(?:this is|its|i am|im)$")
_MENTIONED: Final = re.compile(
    r"(?:meet|met|saw|see|take|calling about|tell|told|thank|(?:got|have|with) an?"
    r"|called(?: \w+)?)$"
)
"""Words behind which one may speak of somebody famous as well as of somebody one knows."""
_TITLE: Final = re.compile(
    r"(?:doctor|dr|nurse|professor|prof|miss|reverend|rev|pastor|rabbi|imam|captain|sergeant"
    r"|constable|officer|inspector|councillor|judge|auntie|aunty|uncle)$"
)
_ASKED_TO: Final = re.compile(
    r"\b(?:can|cant|could|couldnt|would|to|you|youve|they|theyve|please|dont"
    r"|nobody)$"
)
"""Words after which "spell it" announces no spelling."""
_COPULA: Final = re.compile(r"(?:is|was|its|be|names|says?|spelled|informant|executor)$")
_NAME_IS: Final = re.compile(
    r"(?:first|last|middle|maiden|family|sur) ?name(?:s| is| was| its| as| down as)$"
)
_SPELLS: Final = re.compile(
    r"(?:(?:last|first|middle|maiden|sur|family) names? (?:is|was|its)|spelled|spell)"
)
_GREETS: Final = re.compile(r"\bthis is$")
_INTRODUCED: Final = "introduced"
_TITLED: Final = "titled"
_NAMED: Final = "named"
"""What is plain needs no tagger that sees it, too: "your surname's Morgan?"."""
_PERSONAL: Final = frozenset(
    [_INTRODUCED, _TITLED, _NAMED, "acts", "asked for", "called by name", "named before"]
)
"""Patterns of a name that somebody on the call has, whoever famous has it, too."""
_OF_THINGS: Final = frozenset(
    ["the", "a", "an", "any", "our", "your", "that", "this", "those", "these", "some", "new", "all"]
)
"""Words before a thing that has a person's name."""
_BOTH: Final = 2
_LEAD_IN: Final = 4
_BROKEN_WORDS: Final = 8
_RARE: Final = 3.5


class SpokenPersonRecognizer(SpokenRecognizer):
    """Names by what stands round them; lists of names decide where that is not enough."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.PERSON,)

    def find(self, turn: Turn) -> tuple[Hit, ...]:
        """Names that are stated, asked for, called, spelled or known from before."""
        return people_in(turn)


def _people(turn: Turn) -> Iterator[Hit]:
    public, firm = well_known(turn), answering_firm(turn)
    stated = [
        _whole_famous(hit, public)
        for hit in _stated(turn, firm)
        if not _is_public(turn, hit, public)
    ]
    spelled = list(spelled_names(turn))
    others = [
        hit
        for hit in (
            *asked_for(turn, alone=not stated),
            *_free(turn, firm),
            *alone(turn, stated),
            *whole(turn),
        )
        if not _is_public(turn, hit, public)
    ]
    yield from stated
    yield from spelled
    yield from others
    yield from spelled_too(turn, stated)
    yield from coordinated(turn, (*stated, *others, *spelled), public)
    yield from said_again(turn, (*stated, *others))
    yield from initials(turn)
    yield from with_letter(turn)
    yield from corrected(turn)
    yield from (
        hit for hit in word_names(turn, (*stated, *others)) if not _is_public(turn, hit, public)
    )


def _stated(turn: Turn, firm: set[int]) -> Iterator[Hit]:
    for found in turn.search(_STATED):
        said = found.match.group()
        certain = _CERTAIN.search(said) is not None
        first = _after_lead_in(turn, found.last, said, certain=certain)
        if first is None or first in firm:
            continue
        # "the first name on the booking"
        certain = certain and (
            first == found.last
            or _COPULA.search(said) is not None
            or _COPULA.search(turn.tokens[first - 1].key) is not None
        )
        end = spelled_run(turn, first)
        if end > first and certain:
            yield Hit(Entity.PERSON, first, end, 0.9, "spelled")
            continue
        titled = _is_titled(turn, first, said)
        cued = _is_cued(turn, first, said)
        last = name_end(turn, first, free=certain or titled, cued=cued)
        if _GREETS.search(said) and first in named_companies(turn):
            continue
        sure = certain or titled or cued or is_given(turn, first)
        if last > first and (sure or last - first > 1):
            pattern = "stated" if _MENTIONED.search(said) else _INTRODUCED
            if turn.tokens[first - 1].key in HONORIFICS:
                pattern = _TITLED
            elif certain and _NAME_IS.search(said) and in_surnames(turn.tokens[first].key):
                pattern = _NAMED
            yield Hit(Entity.PERSON, first, last, 0.85 if certain else 0.6, pattern)
            yield from spelled_after(turn, last)
        elif certain and _announces_spelling(turn, found.match.start(), said):
            last = _broken(turn, found.last)
            yield Hit(Entity.PERSON, found.last, last, 0.5, "broken spelling")


def _is_cued(turn: Turn, first: int, said: str) -> bool:
    """Whether a name that is on no list stands where a person is named."""
    if _INDEFINITE.search(said):  # "I have a Ngozi Thornbury here", but "a Samsung"
        both = may_be_name(turn, first) and may_be_name(turn, first + 1)
        return both and is_large(turn, first) and turn.tokens[first + 1].title
    return may_be_name(turn, first, odd=2.0 if _WEAK.search(said) else 3.0)


def _free(turn: Turn, firm: set[int]) -> Iterator[Hit]:
    companies = companies_in(turn) | firm
    yield from acting(turn, companies)
    for index in range(len(turn.tokens)):
        if turn.known and bare(turn, index) in turn.known and _is_meant(turn, index):
            yield Hit(Entity.PERSON, index, index + 1, 0.7, "named before")
        if not is_given(turn, index):
            if turn.known and thanked_name(turn, index):
                yield Hit(Entity.PERSON, index, index + 1, 0.45, "thanked by name")
            elif index not in companies and called_oddly(turn, index):
                yield Hit(Entity.PERSON, index, index + 1, 0.5, "called by name")
            elif index not in companies and _is_pair(turn, index):
                yield Hit(Entity.PERSON, index, index + 2, 0.5, "two names")
            continue
        last = name_end(turn, index, free=False)
        if names_thing(turn, last):
            continue
        if last - index > 1 and not in_address(turn, last) and index not in companies:
            plain = _is_plain(turn, index, last)
            pattern = "full name" if plain else "given name and surname"
            yield Hit(Entity.PERSON, index, last, 0.65, pattern)
            yield from spelled_after(turn, last)
        elif called(turn, index):
            yield Hit(Entity.PERSON, index, index + 1, 0.55, "called by name")


def _is_plain(turn: Turn, first: int, last: int) -> bool:
    """Whether a name is one that many people have, and no thing's ("the Tom Collins")."""
    given, surname = bare(turn, first), bare(turn, last - 1)
    words = listed("names_that_are_words")
    before = turn.keys(max(0, first - 1), first)
    both = given in given_names() and given not in words and is_frequent_surname(surname)
    return both and last - first == _BOTH and _OF_THINGS.isdisjoint(before)


people_in: Final = OfLastTurn(lambda turn: tuple(_people(turn)))
"""Names in a turn, by what stands round them."""


def _after_lead_in(turn: Turn, at: int, said: str, *, certain: bool) -> int | None:
    """Where a name would begin behind words that announce it; None where none is stated."""
    before = turn.tokens[at - 1]
    if before.stops and before.key not in TITLES and not _COPULA.search(said):
        return None  # "Can I get your name? And the address?" states nothing
    first = at
    while certain and not is_given(turn, first) and skip_lead_in(turn, first) > first:
        first += 1
    if first > at + _LEAD_IN or any(token.stops for token in turn.tokens[at:first]):
        return None
    return None if turn.keys(first + 1, first + 2) in _WHOSE else first  # "my daughter's name"


def _is_titled(turn: Turn, first: int, said: str) -> bool:
    """Whether nearly any word is a name here: behind a title, or where somebody says who calls."""
    if _TITLE.search(said) is not None and may_be_name(turn, first):
        return True
    return _IS.search(said) is not None and _speaks(turn, first)


def _announces_spelling(turn: Turn, at: int, said: str) -> bool:
    """Whether a spelling is given here, not asked for."""
    return _SPELLS.search(said) is not None and not _ASKED_TO.search(turn.plain[: max(0, at - 1)])


def _speaks(turn: Turn, at: int) -> bool:
    """Whether a short word is the name of who calls: "it's Mo from the garage"."""
    if turn.keys(at + 1, at + 2) not in _CALLS or turn.tokens[at].stops:
        return False
    large = turn.tokens[at].title or not has_capitals(turn)
    return large and may_be_name(turn, at, odd=_SPEAKER)


def _broken(turn: Turn, first: int) -> int:
    """Token after what should have been a spelling and was misheard ("W. Oh, I. Z. Hey.")."""
    at = first
    while at < min(len(turn.tokens), first + _BROKEN_WORDS):
        at += 1
        if PAUSE in turn.tokens[at - 1].after:
            break
    return at


def _is_public(turn: Turn, hit: Hit, known: set[int]) -> bool:
    """Whether a brand or a famous person is meant: nobody on the call said to have that name."""
    if hit.first not in known or bare(turn, hit.first) in turn.known:
        return False
    return hit.pattern not in _PERSONAL or hit.first - 1 in known


def _whole_famous(hit: Hit, known: set[int]) -> Hit:
    """A caller's name that somebody famous has, to its end ("johnny cash")."""
    last = hit.last
    while hit.first in known and last in known:
        last += 1
    return replace(hit, last=last)


def _is_meant(turn: Turn, at: int) -> bool:
    """Whether a name that was said before is meant here, and not the word that it is, too."""
    if in_address(turn, at + 1):
        return False
    key = bare(turn, at)
    if key not in listed("names_that_are_words") or key in given_names() or is_large(turn, at):
        return True
    token = turn.tokens[at]
    return token.title and (token.stops or "," in token.after) and key in listed("word_names")


def _is_pair(turn: Turn, index: int) -> bool:
    """Whether two capitalised odd words amid a sentence are a name ("take Lin Lindqvist off")."""
    if index + 1 >= len(turn.tokens) or not (
        is_large(turn, index) and turn.tokens[index].after == " "
    ):
        return False
    first, second = turn.tokens[index], turn.tokens[index + 1]
    rare = max(zipf(first.key), zipf(second.key)) < _RARE
    listed = in_surnames(first.key) or in_surnames(second.key)
    both = may_be_name(turn, index) and may_be_name(turn, index + 1)
    return both and rare and listed and not in_address(turn, index + 2)
