"""Talk of health that is nobody's: cover and its price, courses, goods, what ails a machine.

Nothing is raised. Doubt keeps what was found: a finding is dropped only where its sentence speaks
of no person, and in a call about goods or cover only until somebody is asked for something of his
own or tells it.
"""

from __future__ import annotations

import re
from typing import Final

from models.lexicon import listed
from models.patterns import Worded
from models.prompts import is_about
from models.spoken import Turn
from pipeline.entities import HEALTH, Entity
from pipeline.vocabulary import Subject

_OWN: Final = re.compile(
    r"\b(?:my|mine|me|his|her|hers|him|he|she|hes|shes|ive|myself|us"
    r"|im(?! (?:just |only |actually |really )*(?:comparing|looking|calling|ringing|phoning"
    r"|wondering|after|delivering|doing|trying|interested|asking|enquiring|inquiring|writing"
    r"|researching|organising|organizing|shopping|checking|collecting|fitting|quoting|running)\b)"
    r"|i (?:also |just |only |really |still |think |actually )*(?:have|had|got|get|am|was"
    r"|were|take|took|suffer|feel|felt|cant|can not|use|used|keep|broke|did|done|do|hurt|lost"
    r"|been|went|go|came|tested|wear|live|could have|might have"
    r"|havent|hadnt|dont|didnt|couldnt|cannot|never|fell|hit|burnt|burned|cut|come|collapsed"
    r"|blacked|passed|fainted|sleep|slept|drink|drank|gamble|smoke|struggle|threw|throw|tripped"
    r"|slipped|landed|twisted|sprained|tore|banged|swallowed|found|noticed|see|hear|cry|cried"
    r"|wake|woke|wet|cough|sneeze|itch|ache|reacted|react|gave birth|miscarried|overdosed"
    r"|relapsed|might be|may be|could be|walk|limp|stopped|started|nearly|almost|bled|bleed"
    r"|forget|shake|stammer|stutter|find it|ended up)"
    r"|(?:youre|youve|you had|you are|you get|do you suffer)"
    r"|you (?:have|take)(?! (?:people|anyone|anybody|those|residents|patients|children|kids"
    r"|customers|clients))"
    r"|husbands?|wifes?|mums?|moms?|mams?|dads?|mothers?|fathers?|sons?|daughters?|nans?|grans?"
    r"|grandma|grandmas|grandad|grandads|grandpa|babys?|brothers?|sisters?|partners?|boyfriends?"
    r"|girlfriends?|uncles?|aunts?|auntie|aunties|cousins?|nephews?|nieces?|neighbours?|patients?"
    r"|little (?:one|boy|girl|lad)|toddlers?|mate|friends?|flatmate|boys?|girls?|lads?|lass|bairns?"
    r"|mammys?|daddys?|hubby|missus|nana|granny|grandson|granddaughter|stepson|stepdaughter|twins"
    r"|baby|newborn|infant|fiancee?)\b"
)
"""Words of a sentence that is about somebody."""
_ENDS: Final = frozenset({Entity.DATE_OF_BIRTH, Entity.PERSON, Entity.MEMBER_ID}) | HEALTH
"""Who is asked for these speaks of himself from then on."""
_MACHINES: Final = Worded(
    r"\b(?:computers?|laptops?|printers?|routers?|modems?|boilers?|car|cars|engines?|van|vans"
    r"|motor ?bikes?|tractors?|lorry|truck|batter(?:y|ies)|washing machine|dishwasher|fridge"
    r"|freezer"
    r"|tumble dryer|hoover|vacuum cleaner|lawn ?mower|mower|strimmer|television|telly|laser ?jet"
    r"|keyboard|hard drive|server|servers|software|broadband|wi ?fi|hot ?spot|gear ?box|clutch"
    r"|exhaust|alternator|radiator|carburettor|heat pump|central heating|invoice|spreadsheet"
    r"|purchase order|invoices|website|app|till|photocopier|scanner)\b"
)
_AILS: Final = listed("machine_ailments")
"""What people say that a machine has, or needs."""
_PERSONS: Final = frozenset(
    ["i", "im", "ive", "my", "me", "he", "hes", "she", "shes", "his", "her", "him", "we", "you"]
)
_ITS: Final = frozenset({"it", "its", "this", "that", "these", "those", "they", "them"})
_SOME: Final = (
    r"(?:people|anyone|anybody|someone|somebody|those|patients|adults|kids|children|customers"
    r"|residents|women|men|folks|users|clients|babies|guests|passengers|travellers|students|drivers"
    r"|employees|members|persons?|sufferers|everybody|everyone|most of us|pensioners|toddlers)"
)
_ANYONES: Final = Worded(
    rf"\b(?:{_SOME} (?:who |that |whove |with |living |suffering |over \w+ )*(?:have |has |had "
    rf"|get "
    r"|gets |got |suffer |suffering |with |from |living |prone |recovering |undergoing |taking |on "
    r"|are |is )+(?:\w+ ){0,2}?(?P<it>\w+(?: \w+)?)"
    r"|(?P<kind>\w+(?: \w+)?) (?:sufferers?|patients|awareness|charit(?:y|ies)|care|units?|wards?"
    r"|wings?|centres?|centers?|departments?|hospitals?|society|foundation|trust|research"
    r"|helplines?|support groups?|capsules|sachets|lozenges|medicines?|remed(?:y|ies)|policy"
    r"|policies|specialists?|services?|friendly|resistant|prevention|leave|season|risk|classes"
    r"|relief|products?|range|kits?|tests? (?:kits?|in stock))"
    r"|(?:courses?|classes|training|modules?|leaflet|brochure|poster|book|chapter|article"
    r"|documentary|programme|podcast|film|novel|essay|story|exam|quiz|crossword|dissertation"
    r"|lecture|webinar|talk|workshop)(?: \w+){0,3} (?:covers?|covering|on|about|includes?"
    r"|including|deals? with|called)(?: \w+){0,8}"
    r")\b"
)
"""Whoever has it, and places and goods called after it."""


class Impersonal:
    """Whether a call is about goods, cover or courses so far, or a machine; by its turns."""

    def __init__(self) -> None:
        self._goods = False
        self._personal = False
        self._machine = False
        self.told = False
        """Whether somebody's own health was told."""

    def take(self, turn: Turn, wanted: frozenset[str], *, medical: bool) -> None:
        """Read one turn.

        Args:
            turn: the turn.
            wanted: the entity types that it asks for.
            medical: whether the call was about somebody's health before it.
        """
        # A word in passing says little once somebody has told of himself.
        self._personal = self._personal or not wanted.isdisjoint(_ENDS)
        self._goods = not self._personal and (self._goods or is_about(turn, Subject.GOODS))
        self._machine = self._machine or (not medical and any(turn.search(_MACHINES)))

    def drops(self, turn: Turn, entity: str, start: int, end: int) -> bool:
        """Whether a finding is about nobody; one that is about somebody ends talk of goods.

        Args:
            turn: with the finding.
            entity: its type; only those about health can be nobody's.
            start: its first character in the turn's text.
            end: the character after it.
        """
        if entity not in HEALTH:
            return False
        first = sum(token.end <= start for token in turn.tokens)
        last = sum(token.start < end for token in turn.tokens)
        if self._machine and not self.told and _of_a_machine(turn, first, last):
            return True
        if _OWN.search(_sentence(turn, first, last)):
            self._personal, self._goods = True, False
            self.told = True
            return False
        if turn.expected(entity) is not None:
            return False
        return self._goods or (
            entity == Entity.MEDICAL_CONDITION
            and any(one.first <= first and last <= one.last for one in turn.search(_ANYONES))
        )


_REACH: Final = 8
"""How many words before what ails it a machine is looked for."""


def _of_a_machine(turn: Turn, first: int, last: int) -> bool:
    """Whether "it" has or needs what is said, rather than somebody."""
    if " ".join(turn.keys(first, last)) not in _AILS:
        return False
    for key in reversed(turn.keys(max(0, first - _REACH), first)):
        if key in _ITS:
            return True
        if key in _PERSONS:
            break
    return turn.keys(last, last + 2) in {("on", "it"), ("on", "this"), ("on", "that")}


def _sentence(turn: Turn, first: int, last: int) -> str:
    """The keys of the sentence round some tokens."""
    begin = first
    while begin > 0 and not turn.tokens[begin - 1].stops:
        begin -= 1
    close = last
    while close < len(turn.tokens) and not turn.tokens[close - 1].stops:
        close += 1
    return " ".join(turn.keys(begin, close))
