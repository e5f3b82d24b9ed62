"""MEDICAL_PROCEDURE: what was or will be done to somebody, told by those who name no operation.

"They took two of my toes", "tests on my brain", "on the waiting list for my hip", "he's on a
ventilator". Weaker ones count in a call about health only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.lexicon import alternatives
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.reach import unbroken
from models.recognizers.symptom import BODY
from models.spoken import Found, Turn
from pipeline.entities import Entity

_OWN: Final = r"(?:my|me|his|her|their|your)"
_WHICH: Final = (
    r"(?:left|right|lower|upper|both|other|bad|wrong|big|little|front|back|one|two|three|half|whole"
    r"|top|bottom|middle|part|of|some|all|four|most)"
)
_THE_PART: Final = rf"(?:(?:{_OWN}|the|a|an|of|both|half|part|two|one|three|some|all) )*"
_INNARDS: Final = (
    rf"(?:{BODY}|appendix|tonsils?|adenoids|gall ?bladder|spleen|womb|ovar(?:y|ies)|tubes|piles"
    r"|cataracts?|veins|growths?|lumps?|cysts?|moles?|polyps?|stones?|tumou?rs?|fibroids?|warts?"
    r"|verrucas?|abscess|boil|toenails?|discs?|cartilage|implants?|prostate|thyroid|kidneys?"
    r"|lymph nodes?|skin tags?|stitches|staples|cast|plaster|bandages?|dressings?|drains?|catheter"
    r"|wires?|plates?|pins?|screws?|coil|pacemaker|stents?|valves?|grommets?|braces?|crowns?"
    r"|bridge|fillings?|molars?|wisdoms|bunions?|ingrown \w+|cancer|foreskin|placenta|baby|eggs)"
)
_ON_IT: Final = Worded(
    r"\b(?P<it>(?:(?:blood|some|more|further|any|lots of|these|a load of|genetic|allergy|nerve"
    r"|lung|heart|hearing|eye|memory) )*(?:tests?|checks?|scans?|biops(?:y|ies)|x ?rays?|surgery"
    r"|operations?|op|ops|procedures?|injections?|jabs?|work|treatment|physio|laser|exam|swabs?"
    rf"|ultrasound|mri|ct|keyhole|grafts?) (?:on|in|into|for|of|to|done on) (?:{_OWN}|both)"
    rf" (?:{_WHICH} )*{BODY})\b"
)
_TAKEN: Final = Worded(
    r"\b(?P<it>(?:take|took|taken|taking|cut|cutting|remove|removed|removing|whip|whipped|have|had"
    r"|having|get|getting|got|chop|chopped|saw|sawed|amputate|amputated|pull|pulled|pulling|lop"
    r"|lopped|freeze|froze|frozen|burn|burnt|burned|drain|drained|fix|fixed|repair|repaired|pin"
    r"|pinned|replace|replaced|straighten|straightened|unblock|unblocked|fuse|fused|laser|lasered"
    r"|stitch|stitched|glue|glued|reset|set|wire|wired|strip|stripped|tie|tied|widen|widened|scrape"
    r"|scraped|tap|tapped|clean|cleaned|syringe|syringed|graft|grafted|reattach|reattached|plate"
    r"|plated|sew|sewed|sewn|lance|lanced|inject|injected|numb|numbed|x ray|x rayed|scan|scanned)"
    rf" {_THE_PART}(?:{_WHICH} )*{_INNARDS}"
    r"(?: (?:out|off|away|removed|taken out|taken off|cut off|cut out|done|drained|pinned|replaced"
    r"|fixed|repaired|lasered|checked|looked at|seen to|scanned|x rayed|tested|biopsied|frozen off"
    r"|burnt off|burned off|pulled|tied|stripped|stitched(?: up)?|wired|whipped out|operated on"
    r"|amputated|syringed|cleaned(?: out)?|straightened|whitened|injected|unblocked|reset|put in"
    r"|fitted|inserted|changed|dressed|redressed|glued|bandaged|strapped(?: up)?|plastered"
    r"|back (?:in|on)|open|up|together))?)\b"
)
_VERBLESS: Final = frozenset(
    ["out", "off", "away", "removed", "done", "drained", "pinned", "replaced", "fixed", "repaired",
     "lasered", "checked", "scanned", "rayed", "tested", "biopsied", "pulled", "tied", "stripped",
     "stitched", "wired", "on", "amputated", "syringed", "cleaned", "straightened", "whitened",
     "injected", "unblocked", "reset", "in", "fitted", "inserted", "changed", "dressed",
     "redressed", "glued", "bandaged", "strapped", "plastered", "at", "to"]
)  # fmt: skip
"""Last words of what somebody had done."""
_HAD_DONE: Final = frozenset(["have", "had", "having", "get", "getting", "got", "take", "took",
                              "taken", "taking", "set", "fix", "fixed", "clean", "cleaned", "cut",
                              "cutting", "saw", "tap", "tapped", "burn", "burnt", "burned",
                              "pull", "pulled", "freeze", "froze", "frozen", "tie",
                              "tied", "plate", "straighten", "scrape", "scraped"])  # fmt: skip
"""Verbs that say nothing of an operation unless the end does."""
_HAVING: Final = frozenset(["have", "had", "having", "get", "getting", "got"])
_WHOSE: Final = frozenset(["my", "me", "his", "her", "their", "your", "the", "a", "an", "some"])
_LISTED: Final = Worded(
    r"\b(?:waiting list for|list for|listed for|booked (?:in )?for|in for|went for|went in for"
    r"|go for"
    r"|going for|going in for|gone for|sent (?:me |him |her )?for|sending (?:me |him |her )?for"
    r"|referred (?:me |him |her )?for|referral for|due for|due|waiting (?:on|for)|had|having|have"
    r"|needs?|needed|need|getting|after|before|since|recovering from|recovery from|missed|got|did"
    r"|done|book|booked|check|checking|results? (?:of|from)|come out of|follow up (?:from|to|for)"
    r"|under|on|off|ready for|prep for|consent for|in the middle of|halfway through|started"
    r"|starting"
    r"|finished|finishing|through|awaiting|cancelled|postponed|refused) "
    r"(?:(?:a|an|the|my|his|her|your|another|some|more|first|second|third|last|next|final"
    r"|two|three|four|six|emergency|urgent|routine|yearly|annual|monthly|weekly|daily|repeat|pre"
    r"|full|six month|twelve week|twenty week|follow up) )*"
    rf"(?P<it>{alternatives('treated')})(?! (?:of (?:the|my) (?:form|document|letter)|cover"
    rf"|insurance"
    r"|machine|form|department|team|leaflet|fees?|costs?|price|prices|list)\b)\b"
)
_ON_AID: Final = Worded(
    r"\b(?:on|off|came off|come off|using|uses?|need|needs|in|wears?|wearing|through|with"
    r"|has|have|got|had) (?:(?:a|an|the|his|her|my|one of those) )*(?P<it>(?:(?:home|portable"
    r"|permanent|two|three|four|one|half a|continuous) )*(?:ventilators?|vents?|life support"
    r"|oxygen|dialysis"
    r"|drips?|(?:feeding|nasal|ng|peg|breathing|chest) tubes?|tubes? (?:feeding|in (?:my|his|her)"
    r" \w+)|peg|catheters?|stoma(?: bag)?|colostomy(?: bag)?|ileostomy|frame|zimmer|rollator|walker"
    r"|crutches|splints?|neck brace|back brace|calipers?|walking boot|sling|morphine pump"
    r"|syringe driver|insulin pump|tens(?: machine)?|c ?pap(?: machines?)?|bi ?pap(?: machine)?"
    r"|nebuliser|nebulizer|litres of oxygen|litres(?= (?:of oxygen|round|a minute|all|at night))"
    r"|ecmo|incubator|pacemaker|defibrillator|heart monitor|holter|trachy|tracheostomy|halo"
    r"|pressure (?:mattress|stockings)|compression (?:stockings|socks)|monitor))\b"
)
_SPELLED: Final = Worded(
    r"\b(?P<it>i n r|inr|m r i|c t(?= (?:scan|done|on|of|yesterday|today|tomorrow|last|next)\b|$)"
    r"|e c g|e k g|e e g|e m g|i v f|i u i|e c t|t m s|c b t|e m d r|p e t(?= scan)|d n c"
    r"|c section|h b a one c|p s a|t s h|b m t|p i c c|c p r|i c d|t e n s|l p|a m h)\b"
)
_UNDERGONE: Final = Worded(
    r"\b(?P<it>(?:gone|going|go|went|goes|was|been|being|back) under the knife|(?:put"
    r"|putting) (?:me"
    r"|him|her) (?:under|to sleep|out|on (?:a |the )?(?:ventilator|drip|life support|monitor))"
    r"|(?:open|opened|cut|sliced|sewed|stitched|patched|sewn|strapped|plastered) (?:me|him|her)"
    r"(?: back)? (?:up|open|together)|(?:operate|operated|operating|operates) on (?:me|him|her|it"
    rf"|{_OWN} \w+)|(?:camera|tube|scope|needle|line|swab|probe|finger) (?:down|up|in|into"
    rf"|through|inside) {_OWN} (?:\w+ )?(?:throat|nose|bum|bottom|back passage|arm|neck|back|chest"
    r"|stomach|spine|bladder|bowel|willy|penis|leg|groin|belly|tummy|side|lung|hand|vein|eye|ear"
    r"|gullet|mouth)|(?:jump|jumped|jumping) (?:me|him|her)|(?:shock|shocked|resuscitat\w+|intubat"
    r"\w+|sedat\w+|section|sectioned|sectioning|ventilat\w+|transfus\w+|cathet\w+|sterili[sz]ed"
    r"|induc(?:e|ed|ing)|circumcis\w+|biopsied|cannulat\w+|swabbed|pumped|discharged|detained|"
    r"restrained) (?:me|him|her)|(?<!have )(?<!has )(?:sectioned(?! off)|intubated|sedated"
    r"|ventilated|induced|sterili[sz]ed|circumcised|cannulated"
    r"|biopsied|transfused|resuscitated|operated on|stitched up|x rayed|detained under \w+"
    r"(?: \w+)?|tube fed|peg fed)|(?<=\bin )(?:resus|traction|rehab|detox)\b"
    r"|pelvic floor (?:exercises|physio)|(?:pregnancy|covid|lateral flow|ovulation|paternity|drug"
    r"|drugs|dna|hiv"
    r"|sti|chlamydia|poo|stool|memory) tests?|terminat(?:e|ed|ing) (?:the|my|her)"
    r" (?:pregnancy|baby)|(?:abortions?"
    r"|epidurals?|caesars?|c sections?|water birth|home birth|angiogram|lumbar puncture|amnio))\b"
)
_CHECKED: Final = Worded(
    r"\b(?:check|checked|checking|test|tested|testing|monitor|measure|do|done|did|run|had) (?:my"
    r"|his"
    r"|her|your|the) (?P<it>(?:thyroid|iron|bloods?|sugars?|hba1c|blood pressure|bp|b p|cholesterol"
    r"|liver|kidneys?|kidney function|liver function|hormones?|hormone levels|levels|wee|urine"
    r"|stools?|pulse|sats|heart|hearing|eyes|eyesight|sight|platelets|white count|clotting|vitamin"
    r" \w+|b ?12|b twelve|folate|ferritin|glucose|ketones|peak flow|lungs?|breasts?|prostate|psa"
    r"|cervix|moles?|feet|bone density|oxygen|temperature|weight)"
    r"(?:(?: and(?: the| your| my| his| her)?| or) (?:thyroid|iron|bloods?|sugars?|hba1c|blood"
    r" pressure|cholesterol|liver|kidneys?|hormones|levels|wee|urine|weight|height|pulse|sats"
    r"|hearing|eyes|heart|folate|ferritin|glucose|vitamin \w+|b ?12))*)\b"
)
_CERTAIN: Final = ((_UNDERGONE, "undergone"), (_ON_IT, "on a part"))
_TELLING: Final = ((_ON_AID, "aid"), (_SPELLED, "spelled"), (_CHECKED, "checked"),
                   (_LISTED, "due"))  # fmt: skip
"""These are said of other things, too."""


class TreatedRecognizer(SpokenRecognizer):
    """What is done to somebody, in everyday words."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_PROCEDURE,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        *(pattern for pattern, _ in (*_CERTAIN, *_TELLING)),
        _TAKEN,
    )

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Whole phrases; most only in a call about health."""
        if turn.ailing:
            for found, name in turn.search_each(_CERTAIN):
                yield from _hit(turn, found, name, 0.6)
        if not turn.medical:
            return
        for found, name in turn.search_each(_TELLING):
            yield from _hit(turn, found, name, 0.55)
        for found in turn.search(_TAKEN):
            words = found.group("it").split()
            if words[0] not in _HAD_DONE or words[-1] in _VERBLESS or _of_mine(words):
                yield from _hit(turn, found, "taken", 0.55, _before(words))


def _before(words: list[str]) -> int:
    """How many words come before what somebody had done: "had my"."""
    if words[0] not in _HAVING:
        return 0
    return next(at for at, word in enumerate(words) if at and word not in _WHOSE)


def _of_mine(words: list[str]) -> bool:
    """Whether it was taken from a body: "two of my toes"."""
    return words[0] in {"take", "took", "taken", "taking"} and "of" in words


def _hit(turn: Turn, found: Found, pattern: str, score: float, skip: int = 0) -> Iterator[Hit]:
    """A match, where nothing ends within it."""
    first, last = turn.span_of(found, "it")
    first += skip
    if unbroken(turn, first, last):
        yield Hit(Entity.MEDICAL_PROCEDURE, first, last, score, pattern)
