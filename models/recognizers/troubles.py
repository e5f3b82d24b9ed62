"""MEDICAL_CONDITION: aids that somebody needs, bites and wounds, and what does not get better.

"I use a wheelchair", "the dog bit me on the leg", "it's gone to my chest", "I burst into tears".
Weaker ones count in a call about health only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.health import HealthRecognizer
from models.recognizers.symptom import BODY
from models.spoken import Turn
from pipeline.entities import Entity

_OWN: Final = r"(?:my|his|her|their|your)(?: left| right| lower| upper| whole| little| big)*"
_BIT: Final = (
    r"(?:bit|bitten|bites|scratched|stung|kicked|clawed|mauled|butted|nipped) (?:me|him|her|my \w+)"
)
_WHERE: Final = rf"(?:on|in) (?:the|{_OWN}) {BODY}"
_AID: Final = Worded(
    r"\b(?P<it>(?:uses?|using|used|needs?|in|on|with|wears?|wearing|relies on|rely on|got|have|has)"
    r" (?:a |an |my |his |her |two )?(?:wheel ?chair|walking (?:frame|stick)|zimmer(?: frame)?"
    r"|rollator|mobility scooter|hearing aids?|crutches|white cane|guide dog|prosthe\w+"
    r"|colostomy bag|stoma bag|oxygen (?:tank|cylinder|concentrator)|home oxygen|c ?pap"
    r"(?: machine)?|insulin pump|pacemaker|stair ?lift))\b"
    r"(?! (?:access|friendly|users?|ramps?|service|hire|rental|shop|spaces?|bay|taxi|covers?"
    r"|batteries))"
)
"""What a person needs whose body fails him."""
_ATTACKED: Final = Worded(
    r"\b(?:(?:dogs?|cats?|horse|snake|spider|insect|tick|rat|wasps?|bees?|jellyfish|parrot|hamster)"
    rf" (?:has |had |just )?(?P<by>{_BIT}(?: {_WHERE})?)|(?P<it>{_BIT} {_WHERE}"
    r"|(?:trod|trodden|stood|stepped) on (?:a|some|the|broken)(?: rusty| broken)? (?:nails?|glass"
    r"|needles?|pins?|tacks?|plug|thorns?|wasp|bee|jellyfish|screws?|splinters?)))\b"
)
_BROKE: Final = Worded(
    r"\b(?P<it>burst(?:s|ing)? into tears|(?:dont|doesnt|cant|couldnt|didnt) see (?:the|any) point"
    r"(?: any ?more| in (?:anything|it|living|going on)| of (?:anything|it all))"
    r"|(?:coming|came|comes|come) over (?:all )?(?:dizzy|faint|funny|queer|hot|peculiar|weird|sick"
    r"|shaky|clammy)"
    r"|(?:had|having|has|have|took) (?:a )?(?:bit of a |bit of |funny |nasty |bad |little )?turns?"
    r"(?= (?:this|last|on|in|yesterday|today|at|and|while|when|the)|$))\b"
)
_LINGERS: Final = Worded(
    r"\b(?P<it>(?:wont|doesnt|isnt|not|hasnt|wouldnt|didnt|never)(?: really| quite| properly)?"
    r" (?:shift(?:ed|ing)?|go(?:ne|ing)? away|clear(?:ed|ing)? up|budge|heal(?:ed|ing)?"
    r"|settl(?:e|ed|ing)(?: down)?|eas(?:e|ed|ing)(?: off)?|get(?:ting)? (?:any )?better|been right"
    r"|been (?:himself|herself|myself)|(?:himself|herself|myself)))\b"
)
_SPREADS: Final = Worded(
    r"\b(?P<it>(?:gone|going|went|goes|settled|spread|spreads|spreading|moved|travel+ed|shooting|shoots"
    r"|radiat\w+) (?:to|on|onto|in|into|down|down to|up|up to|across|round to|through)"
    rf" (?:{_OWN}|the) {BODY})\b"
)
_LIMITED: Final = Worded(
    r"\b(?P<it>can (?:only|barely|hardly|just about) (?:walk|stand|manage|sit|eat|drink|lift|move"
    r"|climb|sleep|see|hear|swallow|breathe)(?: (?!and\b|but\b|before\b|so\b)\w+){0,4})\b"
)
_HURTS_TO: Final = Worded(
    r"\b(?P<it>(?:hurts?|hurting|painful|sore|uncomfortable|agony|stings?|burns?)(?: me| him| her)?"
    r"(?: (?:to|when i|when he|when she|if i))"
    r" (?:breathe?|walk|swallow|move|sit|wee|pee|touch|chew|talk|cough|lie|bend|press|stand)s?"
    r"(?: (?:in|out|down|on it|it|deeply|up))?)\b"
)
_SMELLS: Final = Worded(
    r"\b(?P<it>(?:gone|going|goes|went|got|getting|is|its) (?:all |a bit |really |very )*(?:smelly"
    r"|manky|gunky|weepy|crusty|septic|oozy|pussy|yellow and sticky)"
    r"|chang(?:ed|ing|es?) (?:shape|colou?r|size))\b"
)
_TESTED: Final = Worded(
    r"\b(?P<it>(?:(?:liver|kidney|thyroid|blood|lung)(?: function)? (?:tests?|results?|bloods?)"
    r"|bloods|smears?|scans?|biops(?:y|ies)) (?:came|come|coming|came up|was|were|is|are)(?: back)?"
    r" (?:a bit |very |quite |all )*(?:high|low|raised|abnormal|positive|bad|borderline|wrong"
    r"|irregular|suspicious|funny))\b"
)
_SOBER: Final = Worded(
    r"\b(?P<it>(?:\w+ )?(?:days|weeks|months|years) (?:sober|clean)"
    r"|(?:been|stay(?:ed|ing)?) sober)\b"
)
_CERTAIN: Final = (
    (_AID, "aid"),
    (_BROKE, "breaks down"),
    (_ATTACKED, "bitten"),
    (_SOBER, "sober"),
    (_TESTED, "tested"),
)
_TELLING: Final = (
    (_LINGERS, "lingers"),
    (_SPREADS, "spreads"),
    (_SMELLS, "looks bad"),
)
"""These are said of other things, too."""
_PERSONAL: Final = ((_LIMITED, "limited"), (_HURTS_TO, "hurts to"))
"""These count wherever somebody is spoken of."""


class TroubleRecognizer(HealthRecognizer):
    """Aids, bites and wounds, tears and turns, and complaints by how they go on."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = tuple(
        pattern for pattern, _ in (*_CERTAIN, *_PERSONAL, *_TELLING)
    )

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """Whole phrases; most only in a call about health."""
        for found, name in turn.search_each(_CERTAIN):
            group = "it" if found.group("it") else "by"
            yield Hit(Entity.MEDICAL_CONDITION, *turn.span_of(found, group), 0.6, name)
        if turn.ailing:
            for found, name in turn.search_each(_PERSONAL):
                yield Hit(Entity.MEDICAL_CONDITION, *turn.span_of(found, "it"), 0.55, name)
        if turn.medical:
            for found, name in turn.search_each(_TELLING):
                yield Hit(Entity.MEDICAL_CONDITION, *turn.span_of(found, "it"), 0.55, name)
