"""What one side asks the other for, as far as words answer it (numbers: ``pipeline.cues``).

Plates, vehicle numbers and devices are answered by letters too; the phrases that ask for them are
those of the language's number words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from models.spoken import Turn
from pipeline.entities import Entity
from pipeline.vocabulary import DEFAULT, vocabulary

_WHOSE: Final = (
    r"(?:your|the|a|an|patients?|his|her|their|its|childs?|sons?|daughters?|wifes|husbands|spouses"
    r"|cardholders?|customers?|callers?|members?|accounts?|holders?|insureds?|subscribers?)"
)

_KEPT: Final = r"security|secret|memorable|safe|code|verbal|magic"
_ASKED_ABOUT: Final = (
    r"(?:ever )?(?:pets?|dogs?|cats?|school|teachers?|cars?|jobs?|street|friends?|concert|boss"
    r"|employer|movie|film|book|colou?r|food|dish|team|sport|band|song|singer|place|city|holiday"
    r"|animal|flower|hero|actor|author|restaurant|toy|nickname|cousin|phone|house|subject"
    r"|drink|dessert|season|number|character|show|game|player|album|country|crush|date)s?"
    r"(?:s name| name)?"
)
_TAIL: Final = (
    r"(?: (?:on|for|of|with|to) (?:the |your |this |that |my )?(?:file|account|card|records?"
    r"|profile|system|policy|order|login))?(?: (?:did|do|have) you \w+)?(?: please)?"
)
"""What belongs to the question still: "the password on file"."""

_PROMPTS: Final = tuple(
    (entity, re.compile(rf"\b(?:{pattern})\b"))
    for entity, pattern in (
        (
            Entity.PERSON,
            (
                rf"{_WHOSE} (?:full |first |last |middle |legal |maiden |given |family "
                rf"|sur ?|complete "
                r"|and |or )*names?(?! (?:of (?:the|your) (?:company|business|product|item"
                r"|model|store))"
                r"| is)"
                r"|(?:full|first|last|middle|maiden) names?(?! is)(?! s)"
                r"|names? (?:on|for|under|in) (?:the|your|that|this)(?: \w+)?"
                r"|who am i (?:speaking|talking)(?: (?:with|to))?(?: today)?"
                r"|whom? (?:am|do) i (?:have|speaking|talking)(?: (?:with|to|the pleasure"
                r" \w+ \w+))?"
                r"(?: today)?"
                r"|who is (?:this|calling|speaking)|whos (?:this|calling|speaking)"
                r"|may i ask whos calling"
                r"|(?:can|could|would) (?:you|i|we) (?:please )?(?:get you to )?spell"
                r" (?:that|it|this)?"
                r"|how (?:do you|is that|do i|would you) spell(?:ed| it| that)?"
                r"|(?:emergency contact|next of kin|authorized user)|who (?:should|shall)"
                r" i (?:say|ask)"
                r"|what (?:should|can|do) (?:i|we) call you|and you are|your name"
            ),
        ),
        (
            Entity.EMAIL_ADDRESS,
            (
                r"(?:your|an|the|a|best|good|what|which|current|different|any)(?: \w+)? e ?mails?"
                r"(?: address)?(?: do you use| on file| for you| to (?:use|send)| please)?"
                r"|e ?mail address(?: \w+ is)?|e ?mail for (?:the|your)|e ?mail is"
                r"|where (?:can|should|do) (?:i|we) e ?mail"
            ),
        ),
        (
            Entity.STREET_ADDRESS,
            (
                r"(?:your|the|a|an|new|current|service|billing|shipping|mailing|delivery"
                r"|home|street"
                r"|property|correct|full|complete)(?: \w+)? address(?:es)?(?! is)"
                r"|(?:home|billing|mailing|shipping|service|street) address(?! is)"
                r"|where (?:do you live|are you living|is (?:the|your) (?:house|home"
                r"|property|service)"
                r"|(?:should|can|do|shall) (?:we|i|it) (?:send|ship|deliver|mail|be)(?: \w+)*)"
                r"|(?:what|which) (?:street|city|state|town)(?: and state)?|city and state"
                r"|where (?:are you|is it) (?:located|going)|(?:moved|moving|move) to"
            ),
        ),
        (
            Entity.MEDICATION,
            (
                r"(?:what|which|any|other|your|the|current)(?: \w+)? (?:medications?"
                r"|medicines?|meds"
                r"|prescriptions?|drugs?)(?: or \w+)?(?: are you(?: \w+)? (?:taking|on))?"
                r"|(?:any|drug|known|other) allerg(?:y|ies)|allergic to (?:any \w+|anything)"
                r"|what are you (?:taking|on)(?! (?:it|that|this|them) for)"
                r"|(?:medication|drug|medicine|prescription) (?:name|is it|do you need)"
                r"|(?:what|which) (?:one )?(?:do you need|are we) refill(?:ed|ing)?"
                r"|what (?:can i|do you need|would you like)(?: \w+)* refill(?:ed)?"
                r"|are you (?:taking|on) anything(?: else)?|do you take anything(?: else)?"
            ),
        ),
        (
            Entity.MEDICAL_CONDITION,
            (
                r"what (?:are you|do you|is (?:he|she)|does (?:he|she)) (?:taking|take|using|use)"
                r" (?:it|that|this|them) for"
                r"|reason for (?:your|the|this|todays) (?:visit|appointment)"
                r"|(?:what|which|any|other|your|the)(?: \w+)? (?:symptoms?|diagnos[ei]s|condition"
                r"|conditions|medical (?:conditions?|history|problems?|issues?)|health"
                r" (?:conditions?"
                r"|problems?|issues?|concerns?))(?: (?:are|have) you(?: been)?(?: having)?)?"
                r"|what brings you (?:in|to \w+|here)(?: today)?|what were you diagnosed with"
                r"|what (?:is|are|was) (?:it|that|this|the \w+|they)(?: prescribed)? for"
                r"|(?:whats|what is) (?:it|that|this|bothering you|wrong|going on with"
                r" you)(?: for)?"
                r"|what (?:seems|appears) to be (?:the )?(?:problem|trouble|matter|wrong"
                r"|bothering you)"
                r"|what (?:kind|type) of (?:pain|problem|issue)s?(?: are you having)?"
                r"|what (?:do|would) you (?:need|like) to be seen for|how are you feeling"
                r"|why do you (?:need|want) to (?:see|be seen)(?: \w+)*"
            ),
        ),
        (
            Entity.PASSWORD,
            (
                r"(?:your|the|a|an|what|which|current|new|online|account|verbal|any)(?: \w+)?"
                r" (?:password|pass ?phrase|pass word|pass ?code|pass ?key|user ?name|user name"
                r"|user id|login|log in|screen name"
                rf"|(?:{_KEPT}) (?:word|answer|phrase|name|place|date|information)|code ?word)"
                rf"(?! is){_TAIL}"
                rf"|(?:{_KEPT}) (?:word|answer|phrase|place|date|question)(?! is){_TAIL}"
                rf"|(?:password|pass ?phrase|pass ?word|user ?name)(?! is){_TAIL}"
                r"|(?:security|secret|challenge|verification|recovery|hint) (?:question|hint)"
                r"|(?:which|what) (?:word|phrase|place|answer) (?:did|do) you (?:pick|choose|set"
                r"|give|use|put|register|have)(?: \w+){0,4}"
                r"|for (?:your )?security(?: purposes)? (?:whats?|which|(?:the )?name)(?: \w+){0,8}"
                r"|mothers maiden name|maiden name"
                r"|(?:first|favou?rite|childhood|oldest|best|high|primary|elementary)"
                rf" {_ASKED_ABOUT}"
                rf"(?: (?:called|named|from|in|as a child|growing up|at)(?: \w+)?)?"
                r"|(?:street|town|city|village|house|place|road|hospital|country) (?:did )?"
                r"(?:you (?:were )?|were you )(?:grew up|grow up|born|raised|lived?)"
                r"(?: (?:on|in|at))?"
                r"|where (?:did you (?:grow up|meet|go to school|get married)|were you born)"
                r"|(?:mothers|fathers|grandmothers|grandfathers|spouses|partners|childs) "
                r"(?:first |middle |maiden )?name"
                r"|what (?:did|do) you (?:pick|choose|put|set)(?: \w+){0,5}|verbal password"
            ),
        ),
        (Entity.IP_ADDRESS, r"(?:i p|ip) address"),
        (Entity.URL, r"(?:your|the) (?:web ?site|web page|web address|profile|homepage)"),
        (Entity.AGE_OVER_89, r"how old|(?:your|his|her|the patients?) age"),
    )
)

_SPELLED: Final = (Entity.LICENSE_PLATE, Entity.VEHICLE_ID, Entity.DEVICE_ID)

_HEALTH: Final = re.compile(
    r"\b(?:clinic|pharmac(?:y|ist)|hospital|physician|doctors?|nurse|medical|medications?"
    r"|medicines?"
    r"|prescriptions?|patients?|diagnos\w+|health (?:plan|center|care|insurance)|healthcare"
    r"|dentist|dental|surger(?:y|ies)|surgeon|therapist|therapy|urgent care|emergency room"
    r"|symptoms?|allergic|allergies|dosage|milligrams?|pediatric\w*|cardiolog\w+|dermatolog\w+"
    r"|optometr\w+|orthopedic\w*|copay|lab results?|test results?|insurance member)\b"
)


def asked(turn: Turn) -> Iterator[tuple[str, int]]:
    """Entity types that the turn asks for, with the token after the question's key words."""
    for entity, pattern in _PROMPTS if turn.language == DEFAULT else ():
        for found in turn.search(pattern):
            yield str(entity), found.last
    phrases = vocabulary(turn.language).ask
    for entity in _SPELLED:
        for found in turn.search(phrases[entity]) if entity in phrases else ():
            yield str(entity), found.last


def about_health(turn: Turn) -> bool:
    """Whether the turn has a word that only a call about health has."""
    return turn.language == DEFAULT and _HEALTH.search(turn.plain) is not None
