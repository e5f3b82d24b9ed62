"""MEDICAL_PROCEDURE: operations, examinations and tests in lay words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.lexicon import alternatives, listed, zipf
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.condition import TRADE
from models.spoken import Found, Turn
from pipeline.entities import Entity

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
    rf"\b(?:{_HOW} )*(?:{alternatives('body_parts')} )?{alternatives('procedures')}"
    rf"(?: {_CARRIED_OUT})?(?: {_ON})?\b"
    r"|(?<=had |ing |for |ted |her |his |ter )radiation\b(?! (?:leak|level|detector|shield))"
    rf"|\b(?:(?:{_HOW} )*{_ORGAN} (?:surgery|replacements?|transplants?|removal"
    rf"|operations?|op|biops(?:y|ies)|scans?|procedure|repair|grafts?|resection|ablation|screening"
    r"|aspiration|lift|bypass|fusion|release|reduction|augmentation|drainage|swabs?|smears?"
    r"|profile|panel|function tests?|infusions?|injections?|tests?"
    rf"|implants?|reconstruction)(?: {_CARRIED_OUT})?"
    rf"|{_VACCINE} (?:shots?|jabs?|vaccines?|vaccinations?|boosters?|injections?)"
    r"|(?!(?:an|ar|d|b)?(?:ec|l)?otomy)\w+(?:ectomy|oscopy|plasty|otomy|ostomy))\b"
)
_SNIP: Final = Worded(
    r"\b(?P<it>(?<=the )snip|(?<=his )snip|(?<=my )snip|(?<=a )snip|i u d)\b",
    holds=r"(?:snip"
    r"|u d)\b",
)
_HAS_DONE: Final = re.compile(
    r"\b(?:(?:having|ive had|i had|have had|hes had|shes had|he had|she had|im getting"
    r"|waiting (?:for|on)|booked (?:in )?for|due|in for|after|recovering from|got to have|i need"
    r"|needs|my|his|her)(?: (?:an?|my|his|her|the|some|another|two|three|four))?|were doing)$"
)
"""What stands before that which is done to somebody."""
_DONE: Final = Worded(
    rf"\b(?P<it>(?:{_HOW} )*{alternatives('treatments')}(?: {_CARRIED_OUT})?(?: {_ON})?)"
    r"(?! (?:tray|valve|moulding|molding|machine|bag|bottle|of (?:cash|money|capital|funds"
    r"|energy))\b)"
    r"(?! (?:of (?:the|my|your|this) (?!knee|hip|eye|back)|to (?:your|the) (?:email|phone|account)"
    r"|manual|system|code|copy|team|manager|room|station|number|hours|costs?|fees?|guide|document"
    r"|button|screen|department|desk|iron|for (?:the|my) (?:document|cake|sandwich|car|kitchen))\b)"
    r"\b"
)
"""Short words for what is done to somebody; in a call about health."""
_EVERYDAY: Final = frozenset({"rehab", "detox", "stress test", "blood test", "radiation treatment"})
_UNHEARD_OF: Final = 2.6
"""Zipf frequency of words that are in nobody's mouth but patients' and their doctors'."""
_TRADES: Final = frozenset(
    ["physio", "physiotherapy", "chiropractor", "oncologist", "psychiatrist", "counselling",
     "counseling", "physical therapist", "cbt", "speech therapy", "plastic surgery"]
)  # fmt: skip
_PRACTICES: Final = frozenset({"gp", "gps", "doctors", "dental", "vets", "vet", "medical", "local"})
"""Whose surgery is a house."""
_OFFERS: Final = frozenset(
    {"have", "offer", "provide", "got", "run", "do", "theres", "there", "is"}
)
_NEAR: Final = 4
_PLACES: Final = frozenset({"you", "we", "they", "theres", "there", "guys", "youve", "weve"})
"""Who asks whether a place has one speaks of nobody's health."""


class ProcedureRecognizer(SpokenRecognizer):
    """What was or will be done to a patient."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_PROCEDURE,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_NAMED, _SNIP, _DONE)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """What was done to somebody; not what a leaflet or a talk is about."""
        taught = [(found.first, found.last) for found in turn.search(TRADE)]
        for hit in self._all(turn):
            if not any(first <= hit.first < last for first, last in taught):
                yield hit

    @staticmethod
    def _all(turn: Turn) -> Iterator[Hit]:
        for found in turn.search(_NAMED):
            said = found.match.group()
            if _spelled(turn, found) or (said in _TRADES and _offered(turn, found)):
                continue
            if said == "surgery" and _PRACTICES.intersection(
                turn.keys(found.first - 1, found.first)
            ):
                continue
            score = 0.35 if said in _EVERYDAY and not turn.medical else 0.6
            yield Hit(Entity.MEDICAL_PROCEDURE, found.first, found.last, score, "named")
        for found in turn.search(_SNIP):
            yield Hit(Entity.MEDICAL_PROCEDURE, *turn.span_of(found, "it"), 0.6, "named")
        for found in turn.search(_DONE):
            had = _HAS_DONE.search(turn.plain[: found.match.start()].rstrip())
            if turn.medical or had or _rare(found):
                yield Hit(
                    Entity.MEDICAL_PROCEDURE, *turn.span_of(found, "it"), 0.55, "what is done"
                )


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
