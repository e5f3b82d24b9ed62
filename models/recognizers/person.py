"""PERSON: names as callers give them, spell them and are called by them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import (
    is_function,
    is_number,
    is_spelled,
    sentence_end,
    skip_lead_in,
    spelled_run,
)
from models.lexicon import zipf
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.naming import (
    COMPANY,
    FREE,
    MOST_NAMES,
    NO_NAMES,
    TITLES,
    begins,
    has_capitals,
    in_address,
    in_surnames,
    is_given,
    is_large,
    may_be_name,
    name_end,
    well_known,
)
from models.spoken import PAUSE, Turn
from pipeline.entities import Entity

_STATED: Final = Worded(
    r"\b(?:(?:my|the|his|her|their|our|whose|patients?|full|first|last|middle|maiden|given|family"
    r"|legal|sur) names?(?: is| was| are| its| would be)?|surnames?(?: is| was| its)|my surnames"
    r"|my names|name is|call me|goes by|named"
    r"|i go by|is under|listed under|it under|this is|speaking (?:to|with)|spelled|spelling is"
    r"|spell it|spell that|on behalf of|calling (?:for|about)|my (?:wife|husband|son"
    r"|daughter|mother"
    r"|father|mom|dad|sister|brother|partner|boss|fiancee?|roommate|neighbou?r|landlord|friend"
    r"|doctor|child|baby|mother in law|uncle|aunt|grand(?:mother|father|son|daughter|ma|pa)"
    r"|boyfriend|girlfriend|cousin|nephew|niece|step(?:son|daughter|mom|dad)|kid|spouse|manager"
    r"|supervisor|lawyer|accountant|assistant|dentist|therapist|surgeon|caregiver|carer|tenant)s?"
    r"(?: name)?(?: is)?|mr|mrs|ms|miss|mister|missus|doctor|dr|nurse|professor"
    r"|(?:ask|asked|asking|looking) for|(?:speak|talk|spoke|talked|talking) (?:to|with)"
    r"|made out to|(?:check|cheque|payable) (?:out )?to|put me through to"
    r"|(?:transfer|connect|reach|meet|met|saw|see|add|remove|take) (?:me (?:to|with|back to) )?"
    r"|(?:reservation|appointment|booking|booked|order|package|gift|policy|account|message)"
    r"(?: is)? (?:for|under|to)|under the name(?: of)?|is this|youre|you are|driver (?:was|is)"
    r"|(?:got|have|with) an?|calls? (?:me|him|her)|called (?:me|him|her)?"
    r"|tell|told|text|contact|thank|cancel it for|change it to|(?:surgeon|dentist|therapist"
    r"|manager|supervisor|agent|rep|driver|lawyer|nanny) (?:is|was)"
    r"|account (?:of|holder is)|patient is|member is|addressed to|attention|i am|im|it is for"
    r"|its for)\b(?! the)"
)
_CERTAIN: Final = re.compile(
    r"(?:names?(?: is| was| its| would be)?|my names|spelled|spelling is|spell it|spell that"
    r"|mr|mrs|ms|mister|missus)$"
)
_WEAK: Final = re.compile(
    r"(?:this is|is this|i am|im|youre|you are|its? (?:is )?for|calling (?:for|about)|meet|met|saw"
    r"|see|reach|add|remove|take|order for|tell|told|text|contact|thank|cancel it for"
    r"|change it to|(?:got|have|with) an?|called(?: \w+)?"
    r"|account for)$"
)
"""Much else follows these words: an odd word has to be odder to be a name."""
_INDEFINITE: Final = re.compile(r"(?:got|have|with) an?$")
_TITLE: Final = re.compile(r"(?:doctor|dr|nurse|professor|miss)$")
_COPULA: Final = re.compile(r"(?:is|was|its|be|names|spelled)$")
_SPELLED_LETTERS: Final = 4
"""Letters of a row that is no abbreviation."""
_SPELLS: Final = re.compile(
    r"(?:(?:last|first|middle|maiden|sur|family) names? (?:is|was|its)|spelled|spell)"
)
_CALLED: Final = re.compile(
    r"\b(?:(?:thanks|thank you)(?: so much| very much| again)?|hi|hello|hey|okay|alright|all right"
    r"|perfect|great|sorry|dear|bye|worries|problem|meet you|hear you|talk to you|of course|there"
    r"|goodbye|morning|afternoon|evening|sure|yes|welcome|right|now|well|day)$"
)
_THANKED: Final = re.compile(r"\b(?:thanks|tanks|thank you)$")
_ACTS: Final = Worded(
    r"\b(?:speaking|here|calling|again|told (?:me|us)|said (?:i|it|that|to|you)|promised|helped me"
    r"|called (?:me|us)|gave me|sent me|from (?:your|the) \w+|(?:is|was) (?:my|our|the) (?:wife"
    r"|husband|son|daughter|agent|doctor|manager|rep))\b"
)
_IS: Final = Worded(r"\b(?:this is|name is|names|name was)\b")
_GREETING: Final = Worded(
    r"\b(?:(?:thanks|thank you) for (?:calling|choosing)|welcome to|(?:youve|you have) reached)\b"
)
"""A company's name follows."""
_GREETS: Final = re.compile(r"\bthis is$")
_COMPANY_NAMES: Final = 2
"""Words of a company's own name before the word for what it is."""
_ACRONYMS: Final = frozenset(map(tuple, ("cvv", "cvc", "ssn", "dob", "pin", "vin", "usa", "pdf")))
_SHORT_ANSWER: Final = 6
_BROKEN_WORDS: Final = 8
_RARE: Final = 3.5


class SpokenPersonRecognizer(SpokenRecognizer):
    """Names by what stands round them; lists of names decide where that is not enough."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.PERSON,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Names that are stated, asked for, called, spelled or known from before."""
        known = well_known(turn)
        stated = [hit for hit in self._stated(turn) if hit.first not in known]
        yield from stated
        yield from _spelled_too(turn, stated)
        for hit in (*self._asked(turn, alone=not stated), *self._free(turn)):
            if hit.first not in known:
                yield hit

    def _stated(self, turn: Turn) -> Iterator[Hit]:
        for found in turn.search(_STATED):
            said = found.match.group()
            certain = _CERTAIN.search(said) is not None
            before = turn.tokens[found.last - 1]
            if before.stops and before.key not in TITLES and not _COPULA.search(said):
                continue  # "Can I get your name? And the address?" states nothing
            first = found.last
            while certain and not is_given(turn, first) and skip_lead_in(turn, first) > first:
                first += 1
            if first > found.last + 4 or any(
                token.stops for token in turn.tokens[found.last : first]
            ):
                continue
            end = spelled_run(turn, first)
            if end > first and certain:
                yield Hit(Entity.PERSON, first, end, 0.9, "spelled")
                continue
            titled = _TITLE.search(said) is not None and may_be_name(turn, first)
            cued = self._is_cued(turn, first, said)
            last = name_end(turn, first, free=certain or titled, cued=cued)
            if _GREETS.search(said) and first in _named_companies(turn):
                continue
            if last > first and (
                certain or titled or cued or is_given(turn, first) or last - first > 1
            ):
                yield Hit(Entity.PERSON, first, last, 0.85 if certain else 0.6, "stated")
                yield from _spelled_after(turn, last)
            elif certain and _SPELLS.search(said):
                yield Hit(
                    Entity.PERSON, found.last, _broken(turn, found.last), 0.5, "broken spelling"
                )

    @staticmethod
    def _is_cued(turn: Turn, first: int, said: str) -> bool:
        """Whether a name that is on no list stands where a person is named."""
        if _INDEFINITE.search(said):  # "I have a Ngozi Thornbury here", but "a Samsung"
            both = may_be_name(turn, first) and may_be_name(turn, first + 1)
            return both and is_large(turn, first) and turn.tokens[first + 1].title
        return may_be_name(turn, first, odd=2.0 if _WEAK.search(said) else 3.0)

    def _asked(self, turn: Turn, *, alone: bool) -> Iterator[Hit]:
        at = turn.expected(Entity.PERSON)
        if at is None:
            return
        first = skip_lead_in(turn, at)
        last = name_end(turn, first, free=True)
        if last > first:
            yield Hit(Entity.PERSON, first, last, 0.75, "asked for")
        for index in range(at, len(turn.tokens)):
            end = spelled_run(turn, index)
            if end > index and turn.keys(index, end) not in _ACRONYMS:
                yield Hit(Entity.PERSON, index, end, 0.85, "spelled when asked for")
                return
        if last == first and alone:
            yield from self._unreadable(turn, first)

    @staticmethod
    def _unreadable(turn: Turn, first: int) -> Iterator[Hit]:
        """Where the name stands that was asked for, though the words make none ("the new one")."""
        for found in turn.search(_IS):
            if found.first >= first and found.last < len(turn.tokens):
                end = sentence_end(turn, found.last, MOST_NAMES)
                yield Hit(Entity.PERSON, found.last, end, 0.45, "asked for, unreadable")
                return
        keys = turn.keys(first, len(turn.tokens))
        if 0 < len(keys) <= _SHORT_ANSWER and any(zipf(key) < _RARE for key in keys):
            yield Hit(Entity.PERSON, first, len(turn.tokens), 0.45, "odd answer")

    def _free(self, turn: Turn) -> Iterator[Hit]:
        companies = _companies(turn)
        yield from self._acting(turn, companies)
        for index, token in enumerate(turn.tokens):
            if token.key in turn.known and not in_address(turn, index + 1):
                yield Hit(Entity.PERSON, index, index + 1, 0.7, "named before")
            if not is_given(turn, index):
                if turn.known and self._thanked_name(turn, index):
                    yield Hit(Entity.PERSON, index, index + 1, 0.45, "thanked by name")
                elif index not in companies and self._called_oddly(turn, index):
                    yield Hit(Entity.PERSON, index, index + 1, 0.5, "called by name")
                elif index not in companies and _is_pair(turn, index):
                    yield Hit(Entity.PERSON, index, index + 2, 0.5, "two names")
                continue
            last = name_end(turn, index, free=False)
            if last - index > 1 and not in_address(turn, last) and index not in companies:
                yield Hit(Entity.PERSON, index, last, 0.65, "given name and surname")
                yield from _spelled_after(turn, last)
            elif self._called(turn, index):
                yield Hit(Entity.PERSON, index, index + 1, 0.55, "called by name")

    @staticmethod
    def _acting(turn: Turn, companies: set[int]) -> Iterator[Hit]:
        """Who speaks, is here or told something: "Hiroshi told me", "Nkechi Obi here"."""
        for found in turn.search(_ACTS):
            last = found.first
            first = last
            while first > 0 and last - first < MOST_NAMES and not turn.tokens[first - 1].stops:
                at = first - 1
                initial = is_spelled(turn.tokens[at].key) and turn.tokens[at].key not in {"i", "a"}
                if not (may_be_name(turn, at) or (initial and first < last)):
                    break
                first = at
            while first > 0 and first < last and is_spelled(turn.tokens[first - 1].key):
                first -= 1  # "J. R. Whitfield here"
            if first < last and begins(turn, first) and not companies.intersection({first}):
                yield Hit(Entity.PERSON, first, last, 0.55, "acts")

    @staticmethod
    def _called_oddly(turn: Turn, index: int) -> bool:
        """Whether a word on no list of given names is a vocative: "Alright Mateusz, let me"."""
        key = turn.tokens[index].key
        if not (is_large(turn, index) or in_surnames(key)) or zipf(key) >= _RARE:
            return False
        before = turn.plain[: max(0, turn.offsets[index] - 1)]
        called = _CALLED.search(before) is not None and not in_address(turn, index + 1)
        return called and may_be_name(turn, index)

    @staticmethod
    def _thanked_name(turn: Turn, index: int) -> bool:
        """Whether an odd word follows "thanks" in a call in which a name was given."""
        token = turn.tokens[index]
        before = turn.plain[: max(0, turn.offsets[index] - 1)]
        odd = token.key not in NO_NAMES and not is_function(token.key) and zipf(token.key) < FREE
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
        if not has_capitals(turn) and zipf(token.key) < _RARE and _CALLED.search(before):
            return True  # without punctuation nothing shows where a vocative ends
        comma = index > 0 and "," in turn.tokens[index - 1].after
        return bool(ends and (comma or _CALLED.search(before)))


def _companies(turn: Turn) -> set[int]:
    """Tokens after "thank you for calling", where a company's name stands ("Willow Creek")."""
    tokens = _named_companies(turn)
    for found in turn.search(_GREETING):
        if found.last < len(turn.tokens) and not turn.tokens[found.last - 1].stops:
            tokens.update(range(found.last, sentence_end(turn, found.last, MOST_NAMES)))
    return tokens


def _named_companies(turn: Turn) -> set[int]:
    """Tokens of odd names right before what a company is ("Valley Electric"), no known name."""
    tokens: set[int] = set()
    for index, token in enumerate(turn.tokens):
        if token.key not in COMPANY:
            continue
        for at in range(index - 1, max(-1, index - 1 - _COMPANY_NAMES), -1):
            before = turn.tokens[at]
            if "," in before.after or before.stops or not before.title:
                break
            if is_given(turn, at) or in_surnames(before.key):
                break
            tokens.add(at)
    return tokens


def _broken(turn: Turn, first: int) -> int:
    """Token after what should have been a spelling and was misheard ("W. Oh, I. Z. Hey.")."""
    at = first
    while at < min(len(turn.tokens), first + _BROKEN_WORDS):
        at += 1
        if PAUSE in turn.tokens[at - 1].after:
            break
    return at


def _spelled_too(turn: Turn, stated: list[Hit]) -> Iterator[Hit]:
    """Rows of letters further on in a turn that gives a name ("…, then Q U I N …")."""
    index = min((hit.last for hit in stated), default=len(turn.tokens))
    while index < len(turn.tokens):
        end = spelled_run(turn, index)
        if end - index >= _SPELLED_LETTERS and turn.keys(index, end) not in _ACRONYMS:
            yield Hit(Entity.PERSON, index, end, 0.6, "spelled further on")
        index = max(index + 1, end)


def _spelled_after(turn: Turn, last: int) -> Iterator[Hit]:
    """A spelling that follows a name directly ("Sherri Clarke, C, L, A …")."""
    end = spelled_run(turn, last)
    if end > last:
        yield Hit(Entity.PERSON, last, end, 0.85, "spelled")


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
