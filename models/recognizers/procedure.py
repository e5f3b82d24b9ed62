"""MEDICAL_PROCEDURE: operations, examinations and tests in lay words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Final

from models.frequency import zipf
from models.lexicon import alternatives, any_of, listed
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.figures import exaggerated, taught, within
from models.recognizers.health import with_article
from models.spoken import Found, Turn
from pipeline.entities import Entity

_PROCEDURES: Final = any_of(listed("procedures") | listed("procedures_lay"))
_TREATMENTS: Final = any_of(
    listed("treatments") | listed("treatments_lay") | listed("lab_tests") | listed("vaccines")
)
_PART: Final = rf"{alternatives('body_parts')}s?"
_HOW: Final = (
    r"(?:left|right|both|total|partial|full|bilateral|double|emergency|elective|open|keyhole|laser"
    r"|robotic|routine|annual|fasting|repeat|second|another"
    r"|(?:cycles?|rounds?|sessions?|courses?) of)"
)
_ORGAN: Final = (
    rf"(?:{alternatives('body_parts')}s?|{alternatives('operated')}|(?:{alternatives('body_parts')}"
    r" )?(?:cancer|blood|bone|muscle|cartilage|mole|stone))"
)
_ON: Final = (
    rf"(?:(?:of|on|in|to|down) (?:my|me|his|her|your|the|their|both)(?: left| right| lower| upper)*"
    rf" {alternatives('body_parts')}s?)"
)
_CARRIED_OUT: Final = (
    r"(?:put in|in(?! \w)|placed|removed|taken out|taken off|done|fitted|changed|replaced|inserted"
    r"|redone|drained"
    r"|lanced|syringed|re ?done|reversed|adjusted|tightened)"
)
_VACCINE: Final = (
    r"(?:tetanus|flu|covid|shingles|pneumonia|hpv|mmr|polio|rabies|typhoid|yellow fever"
    r"|hepatitis \w"
    r"|cortisone|steroid|b ?twelve|b12|depo|vitamin \w|allergy|whooping cough|meningitis|rsv|bcg"
    r"|contraceptive|trigger|iron|insulin|hormone|botox|weight loss)"
)
_NAMED: Final = Worded(
    rf"\b(?:{_HOW} )*(?:{alternatives('body_parts')} )?{_PROCEDURES}"
    rf"(?: {_CARRIED_OUT})?(?: {_ON})?\b"
    r"|(?<=had |ing |for |ted |her |his |ter )radiation\b(?! (?:leak|level|detector|shield))"
    rf"|\b(?:(?:{_HOW} )*{_ORGAN} (?:surgery|replacements?|transplants?|removal"
    rf"|operations?|op|biops(?:y|ies)|scans?|procedure|repair|grafts?|resection|ablation|screening"
    r"|aspiration|lift|bypass|fusion|release|reduction|augmentation|drainage|swabs?|smears?"
    r"|profile|panel|function tests?|infusions?|injections?|tests?"
    rf"|implants?|reconstruction)(?: {_CARRIED_OUT})?"
    rf"|{_VACCINE} (?:shots?|jabs?|vaccines?|vaccinations?|boosters?|injections?)"
    r")\b",
)
_OPERATIONS: Final = ("ectomy", "oscopy", "plasty", "otomy", "ostomy")
"""What the names of operations end with."""
_NO_OPERATION: Final = re.compile(r"(?:an|ar|d|b)?(?:ec|l)?otomy")
_INSERTED: Final = alternatives("operated_things")
_PUT_IN: Final = Worded(
    r"\b(?P<it>"
    r"(?:(?:a|an|the|my|his|her|some|two|three|four|six|new|metal|another|both|these|them) )*"
    rf"{_INSERTED}(?: (?:was|were|is|are|being|be|got|get))? (?:put in(?:to)?|fitted|inserted"
    rf"|placed"
    r"|implanted|replaced|removed|taken out|taken off|came out|come out|coming out|pulled out|out"
    r"|burnt off|burned off|frozen off|froze off|cut off|cut out|shaved off|lasered off|zapped"
    r"|changed|flushed|drained|unblocked|tightened)(?: (?:of|in|from) (?:my|his|her|the)(?: left"
    rf"| right)? {_PART})?"
    r"|(?:put|putting|got|had|has|have|getting|fitted|inserted)(?: (?:me|him|her|in))?"
    rf"(?: (?:a|an|two|three|four|five|six|some|new|metal|the))+ {_INSERTED} in"
    rf"(?: (?:my|his|her|it|there|the)(?: left| right)?(?: {_PART})?)?"
    r"|removal of (?:the|my|his|her|a|an|both|some)(?: left| right)?"
    rf" (?:{_INSERTED}|{_PART}|cataracts?|gall ?bladder|appendix|tonsils|hernia)"
    r"|(?:chang(?:e|es|ing|ed)|re ?do(?:ing|ne)?|do(?:ing)?) (?:the|my|his|her) (?:dressings?"
    r"|bandages?|catheter|stoma bag|drip|cannula)"
    r"|(?:cut|cutting|burn|burnt|burned|froze|frozen|freeze|freezing|zap|zapped|shaved|sliced"
    r"|lasered|took|take|taken) (?:(?:a|an|the|my|his|her|some|couple|of|few|two|three|it|one|that"
    r"|them|those|these|both) )*"
    rf"(?:{_INSERTED} )?off (?:my|his|her|the)(?: left| right)? {_PART}"
    r")\b",
)
"""What is put into a body and taken out of it; in a call about health."""
_SNIP: Final = Worded(
    r"\b(?P<it>(?<=the )snip|(?<=his )snip|(?<=my )snip|(?<=a )snip|i u d)\b",
)
_HAS_DONE: Final = re.compile(
    r"\b(?:(?:having|ive had|i had|have had|hes had|shes had|he had|she had|im getting"
    r"|waiting (?:for|on)|booked (?:in )?for|due|in for|after|recovering from|got to have|i need"
    r"|needs|my|his|her)(?: (?:an?|my|his|her|the|some|another|two|three|four))?|were doing)$"
)
"""What stands before that which is done to somebody."""
_DONE: Final = Worded(
    rf"\b(?P<it>(?:{_HOW} )*{_TREATMENTS}(?: {_CARRIED_OUT})?(?: {_ON})?)"
    r"(?! (?:tray|valve|moulding|molding|machine|bag|bottle|of (?:cash|money|capital|funds"
    r"|energy))\b)"
    r"(?! (?:of (?:the|my|your|this) (?!knee|hip|eye|back)|to (?:your|the) (?:email|phone|account)"
    r"|manual|system|code|copy|team|manager|room|station|number|hours|costs?|fees?|guide|document"
    r"|button|screen|department|desk|iron|for (?:the|my) (?:document|cake|sandwich|car|kitchen))\b)"
    r"\b",
)
"""Short words for what is done to somebody; in a call about health."""
_EVERYDAY: Final = frozenset({"rehab", "detox", "stress test", "blood test", "radiation treatment"})
_OFFERED: Final = frozenset(
    ["eye test", "eye tests", "sight test", "sight tests", "hearing test", "hearing tests",
     "eye exam", "eye exams", "dental check up", "dental check ups", "flu jab", "flu jabs"]
)  # fmt: skip
"""What shops do for anybody."""
_UNHEARD_OF: Final = 2.6
"""Zipf frequency of words that are in nobody's mouth but patients' and their doctors'."""
_TRADES: Final = frozenset(
    ["physio", "physiotherapy", "chiropractor", "oncologist", "psychiatrist", "counselling",
     "counseling", "physical therapist", "cbt", "speech therapy", "plastic surgery"]
)  # fmt: skip
_PRACTICES: Final = frozenset(
    ["gp", "gps", "doctors", "dental", "vets", "vet", "medical", "local", "the", "which", "your",
     "our"]
)  # fmt: skip
"""Before a surgery that is a house, unless it is told when or why it was done:"""
_DONE_AT: Final = frozenset(
    ["after", "before", "since", "for", "during", "until", "when", "have", "had", "having", "need",
     "needs", "of", "recovering"]
)  # fmt: skip
_DONE_TO: Final = frozenset({"on", "went", "date", "itself"})
_OFFERS: Final = frozenset(
    {"have", "offer", "provide", "got", "run", "do", "theres", "there", "is"}
)
_NEAR: Final = 4
_PLACES: Final = frozenset({"you", "we", "they", "theres", "there", "guys", "youve", "weve"})
"""Who asks whether a place has one speaks of nobody's health."""


class ProcedureRecognizer(SpokenRecognizer):
    """What was or will be done to a patient."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_PROCEDURE,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_NAMED, _SNIP, _DONE, _PUT_IN)

    def may_find(self, turn: Turn) -> bool:
        """Whether something that may be done to somebody is named."""
        return super().may_find(turn) or next(_operations(turn), None) is not None

    def find(self, turn: Turn) -> Iterator[Hit]:
        """What was done to somebody; not what a leaflet or a talk is about."""
        found = list(self._all(turn))
        if not found:
            return
        meant_else = exaggerated(turn)
        subjects = taught(turn)
        for hit in found:
            at = (hit.first, hit.first + 1)
            if not within(at, subjects) and not within((hit.first, hit.last), meant_else):
                yield replace(hit, first=with_article(turn, hit.first))

    @staticmethod
    def _all(turn: Turn) -> Iterator[Hit]:
        for found in turn.search(_NAMED):
            said = found.match.group()
            if _spelled(turn, found) or (said in _TRADES and _offered(turn, found)):
                continue
            if said == "surgery" and _is_practice(turn, found.first):
                continue
            everyday = said in _EVERYDAY and not turn.medical
            offered = said in _OFFERED and not turn.personal
            score = 0.35 if everyday or offered else 0.6
            yield Hit(Entity.MEDICAL_PROCEDURE, found.first, found.last, score, "named")
        for at in _operations(turn):
            yield Hit(Entity.MEDICAL_PROCEDURE, at, at + 1, 0.6, "named")
        for found in turn.search(_SNIP):
            yield Hit(Entity.MEDICAL_PROCEDURE, *turn.span_of(found, "it"), 0.6, "named")
        medical = turn.medical or turn.expected(Entity.MEDICAL_PROCEDURE) is not None
        if medical:
            for found in turn.search(_PUT_IN):
                yield Hit(Entity.MEDICAL_PROCEDURE, *turn.span_of(found, "it"), 0.55, "put in")
        for found in turn.search(_DONE):
            had = _HAS_DONE.search(turn.plain[: found.match.start()].rstrip())
            if medical or had or _rare(found):
                yield Hit(
                    Entity.MEDICAL_PROCEDURE, *turn.span_of(found, "it"), 0.55, "what is done"
                )


def _is_practice(turn: Turn, at: int) -> bool:
    """Whether a surgery is a doctor's house ("Mill Road Surgery", "I rang the surgery")."""
    if turn.expected(Entity.MEDICAL_PROCEDURE) is not None:
        return False
    token, before = turn.tokens[at], turn.keys(max(0, at - 2), at)
    if not before:
        return "," in token.after or token.stops
    named = token.title and turn.tokens[at - 1].title and not turn.tokens[at - 1].stops
    done = not _DONE_AT.isdisjoint(before[:-1]) or not _DONE_TO.isdisjoint(
        turn.keys(at + 1, at + 2)
    )
    return named or (before[-1] in _PRACTICES and not done)


def _operations(turn: Turn) -> Iterator[int]:
    """Tokens that name an operation by how they end."""
    if not any(ending in turn.plain for ending in _OPERATIONS):
        return
    for at, key in enumerate(turn.all_keys):
        if key.endswith(_OPERATIONS) and key not in _OPERATIONS and not _NO_OPERATION.match(key):
            yield at


def _rare(found: Found) -> bool:
    """Whether the words are nothing but medicine's."""
    return min(map(zipf, found.group("it").split())) < _UNHEARD_OF


def _spelled(turn: Turn, found: Found) -> bool:
    """Whether "x-ray" stands for the letter: "X for X-ray", "whiskey X-ray nine"."""
    if not found.match.group().startswith("x ray"):
        return False
    before = turn.keys(max(0, found.first - 2), found.first)
    beside = (*before[-1:], *turn.keys(found.last, found.last + 1))
    words = listed("spelling_words")
    return (len(before) > 1 and before[0] == "x") or (
        len(beside) > 1 and all(len(key) == 1 or key in words or key.isdigit() for key in beside)
    )


def _offered(turn: Turn, found: Found) -> bool:
    before = turn.keys(max(0, found.first - _NEAR), found.first)
    return bool(_OFFERS.intersection(before) and _PLACES.intersection(before))
