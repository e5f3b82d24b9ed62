"""Health as people tell it who name no illness: "my sugar's up", "I've done my back in"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import says_will
from models.lexicon import alternatives
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.health import HealthRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_PART: Final = rf"{alternatives('body_parts')}s?"
_OWN: Final = r"(?:my|me|his|her|their)(?: left| right| lower| upper| whole| poor)*"
_IS: Final = (
    r"(?: (?:is|are|was|were|has|have|had|been|keeps?|got|gets|getting|went|gone|going|feels?"
    r"|all|so|too|very|really|just|a bit|a little|quite|always|still|completely|right))*"
)
_MISSES: Final = r"(?! (?:of|to|and tired|with (?:you|this|it|the)|about|note|leave|pay|days?)\b)"
_MEASURED: Final = (
    r"(?:blood pressures?|blood sugars?|sugars?|sugar levels?|blood count|white count|iron|sodium"
    r"|potassium|h[ae]moglobin|cholesterol|platelets|oxygen levels?|a1c|hba1c|inr|egfr|psa|tsh"
    r"|creatinine|ferritin|uric acid|heart rate|pulse|temperature)"
)
_WRONG: Final = Worded(
    # The possessive is the verb of a contraction too: "my heart's racing" reads "hearts racing".
    rf"\b(?:{_OWN} {_PART}{_IS} (?:racing|pounding|failing|swollen|swelling|infected|abscessed"
    r"|inflamed|sore|numb|stiff|blocked|weak|bleeding|aching|throbbing|burning|itching|itchy"
    r"|dodgy|tight|upset|under ?active|over ?active|rumbling|cramping|seized up|gone funny"
    r"|killing me|playing up|acting up|giving (?:me|him|her) (?:trouble|grief|hell|problems|gyp)"
    r"|in (?:knots|bits|agony)|flared up|flaring up|bothering (?:me|him|her))"
    rf"|(?:wound|cut|incision|stitches|bite|burn|scar)s?{_IS} (?:infected|weeping|oozing|septic"
    r"|bleeding)"
    rf"|(?:stitches|staples|pins|a plate|metal) in {_OWN} {_PART}"
    rf"|(?:done|did|put|doing|threw|thrown) {_OWN} (?!heads?\b){_PART} (?:in|out)"
    rf"|(?:lost|losing|no|lack of) (?:all )?(?:the )?(?:feeling|sensation|movement|use)"
    rf"(?: (?:in|of) {_OWN} {_PART})"
    rf"|(?:broke|broken|cracked|fractured|bruised|chipped|ruptured|dislocated|tore|torn|pulled"
    rf"|snapped|sprained|strained|busted|smashed|twisted) (?:my|his|her|their|a|two|some|both)"
    rf"(?: left| right)* {_PART}"
    rf"|(?:cracked|bruised|chipped|ruptured|dislocated|abscessed|trapped) (?:{_PART})"
    rf"|(?:my|his|her|the|its|fasting)(?: \w+)? {_MEASURED}{_IS} (?:high|low|up|down|sky high"
    r"|elevated|dropped|dropping|spiked|spiking|dangerous|out of (?:control|whack|range)"
    r"|all over the (?:place|shop)|through the roof|off the (?:chart|scale)s?|[1-9]\d\d?"
    r"|(?:one|two|three|four|five) (?:hundred|oh|\w+ty))"
    r"|(?:my|his|her) (?:blood pressure|blood sugars?|sugars?|blood count|cholesterol)"
    r"|(?:iron|sodium|potassium|h[ae]moglobin|platelets)(?: levels?)?(?: is| are) (?:a bit |too"
    r" |very |really )*(?:low|high))\b"
    r"(?! (?:degrees )?(?:outside|in the (?:shade|room|oven|freezer|fridge|pool|water))\b)",
)
_UNWELL: Final = Worded(
    r"\b(?:(?:been|feel|feels|feeling|felt|hes|shes|im|is|was|quite|very|really|so) (?:poorly"
    r"|unwell|rough as|under the weather|off (?:his|her|my) food|off colou?r|run down)"
    rf"|(?:(?:he|she|i|been|being|hes|shes|was|feel|feeling|felt|feels|makes? (?:me|him|her)"
    rf"|making (?:me|him|her)|violently|so|really) (?:sick|ill)(?: (?:again|twice|(?:two|three"
    rf"|four|several|five) times|all (?:night|day|week|morning)|in the (?:night|morning)))?"
    rf"{_MISSES})"
    r"|(?:had|has had|took|taken|having) (?:a|another|a bad|a nasty) (?:fall|turn|funny turn"
    r"|reaction|flare ?up|relapse|dizzy spell|bleed)(?! (?:in price|signal|light|to (?:the|that"
    r"|this) (?:news|call|bill|price)))"
    r"|sick to (?:my|his|her|their) stomach|(?:ive|ive been|been|im|hes|shes|started|keeps?)"
    r" bleeding(?! (?:edge|money|cash|customers))"
    r"|in remission|(?:flared|flares|flaring) up"
    r"|chesty cough|(?:tickly|hacking|nasty) cough"
    r"|(?:going|gone|stone|profoundly|partially|born|completely|registered) (?:deaf|blind)"
    r"(?! (?:to|without)\b)"
    r"|(?:(?:im|hes|shes|is|am) (?:deaf|blind)(?! (?:to|without|spot|trust)\b))"
    r"|(?:drinking|drug|drugs|alcohol|gambling|substance) (?:problem|habit|addiction|abuse))\b"
)
_DISGUST: Final = re.compile(
    r"\b(?:that|it|this|price|prices|bill|bills|cost|fees?|charges?|you|service|attitude|news|wait"
    r"|thought|tune|music|sight|way) (?:just )?(?:makes?|making|made) (?:me|him|her|us) (?:\w+ )?"
    r"(?:sick|ill)\b"
)
"""What people are sick of; in a call about health it may be meant."""
_PREGNANT: Final = Worded(r"\b(?:\w+ )?(?:weeks|months) pregnant\b")
_SCLEROSIS: Final = Worded(r"\b(?:have|has|had|ive|got|with|my|his|her) (?P<ms>ms)\b")
"""MS, which is written as the title is: no name follows it."""
_DONE: Final = Worded(
    rf"\b(?:(?:operation|operated|op|surgery|procedure|injections?|jab|scan|x ray) (?:on|in|for|of)"
    rf" {_OWN} {_PART}"
    r"|(?:had|having|needs?|needed|get|getting|waiting for|waiting on|booked (?:in )?for|in for"
    r"|due for|due|after|got|ive got) (?:a|an|my|his|her|another|the|some)(?: \w+)? (?:scan"
    r"|filling|smear"
    r"|operation|op|extraction|transfusion|infusion|amputation|check scan|brain scan|stitches)"
    r"(?! (?:of|to|from|station|manual|system|code|copy|team|number|for (?:the|my) (?:document"
    r"|cake|sandwich))\b)"
    rf"|(?:had|have|having|get|getting|got|took|taken|taking|needs?) (?:(?:my|his|her|a|an|the|both"
    rf"|all)(?: \w+)? )?{_PART} (?:out|removed|taken out|replaced|done|pinned|drained|pulled"
    r"|amputated|lasered|syringed)"
    r"|(?:been in|was in|went to|go to|going to|goes to|out of|through|in) rehab)\b"
)


class ComplaintRecognizer(HealthRecognizer):
    """What ails somebody and what was done about it, told in everyday words."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION, Entity.MEDICAL_PROCEDURE)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_WRONG, _UNWELL, _PREGNANT, _SCLEROSIS, _DONE)

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """Parts of the body with what is wrong with them, readings, being unwell, operations."""
        for pattern, name in (
            (_WRONG, "what is wrong"),
            (_UNWELL, "unwell"),
            (_PREGNANT, "unwell"),
        ):
            for found in turn.search(pattern):
                if not says_will(turn, found) and (turn.medical or not _DISGUST.search(turn.plain)):
                    yield Hit(Entity.MEDICAL_CONDITION, found.first, found.last, 0.55, name)
        for found in turn.search(_SCLEROSIS):
            first, last = turn.span_of(found, "ms")
            ends = last == len(turn.tokens) or turn.tokens[first].after.strip() != "."
            named = last < len(turn.tokens) and turn.tokens[first].after == " "
            if ends and not (named and turn.tokens[last].title):
                yield Hit(Entity.MEDICAL_CONDITION, first, last, 0.5, "sclerosis")
        for found in turn.search(_DONE):
            yield Hit(Entity.MEDICAL_PROCEDURE, found.first, found.last, 0.55, "what was done")
