"""MEDICAL_CONDITION: what befell somebody's body, what was found on it, and with child or small.

"Jammed a bead up her nose", "they found something on his lung", "landed on my coccyx", "thirty
weeks gone". Weaker ones count in a call about health only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.lexicon import alternatives, any_of, inflected, listed
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.health import HealthRecognizer
from models.recognizers.reach import unbroken
from models.recognizers.symptom import BODY
from models.spoken import Found, Turn
from pipeline.entities import Entity

_OWN: Final = r"(?:my|me|his|her|their|mums|dads|moms|nans|grans|babys|wifes|husbands)"
_WHICH: Final = (
    r"(?:left|right|lower|upper|whole|both|other|bad|good|poor|big|little|front|back|one|two|side"
    r"|entire|top|bottom|inner|outer|middle|index|ring|soft|private|dominant|older)"
)
_PART: Final = rf"(?:{_WHICH} )*{BODY}"
_INTO: Final = (
    r"(?:on|in|into|up|down|under|over|across|behind|through|onto|against|at the back of|inside"
    r"|round|around|at the side of|at the base of|at the top of|beside|above|below|near|between)"
)
_SPOT: Final = rf"{_INTO} (?:the (?:side|back|top|tip|inside|bottom|roof|end) of )?"
_FOUND: Final = Worded(
    r"\b(?:found|finds?|noticed|notice|spotted|discovered|seen|saw|felt|feel|detected|picked up"
    r"|come up with|came up with|developed|getting|got|had|have|has|having|theres|with|ive|shes"
    r"|hes|grown|growing|sprouted|appeared) (?P<it>(?:(?:a|an|this|these|some|two|three|any|another"
    r"|something|the) )(?:(?!that\b|who\b|card\b|pin\b|signature\b)\w+ ){0,3}?"
    rf"(?:growing |coming up |come up |appear\w* |there )?{_SPOT}(?P<own>{_OWN}|the|both|one)"
    rf" (?P<part>{_PART}))\b"
)
_SCANNED: Final = Worded(
    r"\b(?P<it>(?:found|seen|saw|spotted|picked up|showed|shown|shows|theres) (?:something|a shadow"
    r"|a mass|a spot|shadows|a blockage|a growth|an abnormality|abnormal\w*|changes|signs|traces"
    rf"|blood|protein|sugar|fluid) (?:on|in) (?:{_OWN}|the) (?:scan|x ?ray|mri|ct|lungs?|liver"
    rf"|kidneys?|bloods?|wee|urine|sample|smear|mammogram|brain|breast|bowel|ultrasound|{BODY}))\b"
)
_PUT_UP: Final = Worded(
    r"\b(?P<it>(?:jammed|stuck|shoved|pushed|poked|lodged|wedged|rammed|stuffed|dropped"
    r"|spilt|spilled|poured|splashed|sprayed|squirted|rubbed) (?:(?:a|an|some|the|his|her|my|hot"
    r"|boiling|it|two|something|bits? of) )*(?:\w+ ){0,3}?(?:stuck )?(?:up|in|into|down|on|over|all"
    rf" over|all down) {_OWN} {_PART})\b"
)
_SWALLOWED: Final = Worded(
    r"\b(?P<it>(?:swallow|swallows|swallowed|ingested|inhaled|breathed in|choked on|choking on"
    r"|gulped down|drank|drunk|eaten|ate|chewed) (?:(?:a|an|some|the|his|her|my|one|two|three|half"
    r"|all|of|bottle|whole|handful) )*(?:(?:button|watch|hearing aid|lithium|dishwasher|washing"
    r"|laundry|weed|rat|ant|slug|nail|paint|toilet|drain|oven|metal|toy|small|fish|chicken|hand)"
    r" )*(?:batter(?:y|ies)|beads?|coins?|penny|pence|marbles?|magnets?|buttons?|bleach|polish"
    r"|remover|pods?|capsules?|tablets?|pills?|poison|killer|pellets|berries|mushrooms?|gum|bones?"
    r"|screws?|nails?|pins?|needles?|lego|brick|toys?|cleaner|detergent|white spirit|antifreeze"
    r"|petrol|smoke|fumes|chlorine|water|gas|glass|plastic|stones?|conkers?|sanitiser|perfume"
    r"|shampoo|liquid|grapes?|peanuts?|foil|hair ?grip|bottle top|cap|lid|ring|sweets?|crayons?"
    r"|soap|acid|alcohol|vapes?|refill))\b"
)
_LANDED: Final = Worded(
    r"\b(?P<it>(?:landed|fell|fallen|came down|rolled over|gone over|went over|sat|knelt|lay|slept"
    r"|hit|bumped|banged|bashed|whacked|knocked|smashed|smacked|cracked|caught|trapped|shut|crushed"
    r"|slammed|got|stabbed|shot|bitten|stung|kicked|punched|hit|cut|burnt|burned|scalded|pricked"
    rf"|scratched|bruised|fell and \w+|tripped and \w+|slipped and \w+)(?: (?:hard|badly|heavily"
    rf"|funny|awkwardly|flat|right))?(?: (?:on|in|onto"
    rf"|through|across|round))? {_OWN} {_PART})\b"
)
_BY_WHAT: Final = Worded(
    r"\b(?:got |been |was |were |getting |being |is )+(?P<it>(?:bitten|stung|scratched|kicked"
    r"|mauled"
    r"|attacked|run over|knocked down|knocked over|knocked off|hit|punched|beaten up|beaten|stabbed"
    r"|shot|mugged|assaulted|raped|strangled|electrocuted|burnt|burned|scalded|trampled|crushed"
    r"|butted|pecked|headbutted|glassed|poisoned|abused|molested|groomed|spiked|drugged|thrown"
    r")(?: (?:on|in) (?:the|my|his|her) \w+)?(?: by (?:(?:a|an|the|my|his|her|some|our) )?\w+)?"
    r")\b(?! (?:with (?:a|an|the) (?:bill|charge|fee|fine)|for (?:a|the)|by (?:the|this) (?:price"
    r"|cost|news|strike))\b)"
)
_AMPUTEE: Final = Worded(
    r"\b(?P<it>(?:lost|missing|lose|losing|without|only got|only have|has only|born without) (?:"
    r"(?:both|one|two|three|my|his|her|the|a|all|half|part|most|some|of|left|right|other) )+"
    r"(?:legs?|arms?|feet|foot|hands?|eyes?|fingers?|toes?|breasts?|ears?|kidney|lung|testicles?"
    r"|ovary|spleen|teeth|tongue|thumbs?|sight|hearing)(?: (?:above|below|at|from|up to|to) the"
    r" (?:knee|knees|elbow|elbows|hip|ankle|wrist|shoulder))?|(?:lost|missing) (?:both|one|two|"
    r"them|it|them both)(?: \w+)? (?:above|below|at|from|up to) the (?:knee|knees|elbow|elbows|hip"
    r"|ankle|wrist|shoulder)|(?:no|any|lost|little|numb|without) (?:feeling|sensation|movement"
    r"|power|strength|nothing|use)?(?: ?(?:at all))? ?(?:from|below|above|down from) the"
    r" (?:waist|neck|knee|knees|chest|hips?|elbow|shoulder)(?: down| up)?|paraly\w+ from the"
    r" (?:waist|neck|chest) down|(?:amputated|cut off|taken off) (?:above|below|at) the"
    r" (?:knee|knees|elbow|wrist|ankle|hip))\b"
)
_NUMBER: Final = (
    r"(?:\d+(?: and a half)?|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety) )?(?:one"
    r"|two|three|four|five|six|seven|eight|nine)|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
)
_WEIGHS: Final = Worded(
    rf"\b(?P<it>(?:down to|weigh|weighs|weighed|weighing|up to|dropped to|only|lost|lose|put on"
    rf"|gained|shed) (?:about |around |nearly |just |over |under |only )*{_NUMBER} (?:and a half )?"
    rf"(?:stones?|kilos?|kgs?|pounds|lbs)(?: {_NUMBER}(?: pounds?)?)?(?: in \w+ \w+)?)\b"
    r"(?! (?:bag|box|parcel|suitcase|case|luggage|of (?!weight)|sterling|a month|off|for|on|per"
    r"|each"
    r"|more|less|in (?:credit|debt))\b)"
)
_WITH_CHILD: Final = Worded(
    rf"\b(?P<it>(?:shes|im|wifes|daughters|sisters|girlfriends|partners|we are|were) (?:now )?"
    rf"expecting(?= (?:in|again|twins|triplets|our|her|my|and|so|too|now)\b|$)"
    rf"|{_NUMBER} (?:weeks|months)(?: and {_NUMBER} days)? (?:gone|pregnant|along|prem|premature"
    r"|early|post ?partum|into (?:my|her|the) pregnancy)|(?:two|faint|second|pink|positive)"
    r" (?:pink |blue |faint )?lines?(?= on (?:the|my|it)\b)|(?:due|expecting) (?:my|our|her|the)"
    r" (?:baby|first|second|third|fourth|twins)|(?:carrying|having|expecting) (?:twins|triplets)"
    r"|(?:fell|fall|fallen|got) pregnant|(?:missed|late|skipped|no) (?:my |her |a )?period"
    r"|(?:when|since|after|before|ever since) (?:i|she) (?:had (?:the|my|our|her) (?:baby"
    r"|second|first|third|twins|little one))|in (?:established )?labou?r(?! (?:party|camp|market))"
    r"|(?:born|baby came|arrived|delivered) (?:at )?(?:\w+ )?(?:weeks|months)? ?(?:early|premature"
    r"|prem|at (?:\w+ )?weeks)|in (?:the )?(?:nicu|scbu|special care|neonatal)|breast ?feeding"
    r"|waters? (?:have |has |just )*(?:gone|broke|broken|leaking|went)|having contractions"
    r"|contractions (?:are |every )\w+(?: \w+){0,3})\b"
)
_NOT_YET: Final = Worded(
    r"\b(?P<it>(?:not|isnt|still not|hasnt started|hasnt|wont|never|isnt even|stopped)(?: \w+)?"
    r" (?:walking|talking|crawling|sitting up|feeding|eating|weeing|gaining|growing|babbling"
    r"|smiling|speaking|responding|toilet trained|potty trained|sleeping|latching|settling|waking"
    r"|moving|breathing|drinking|taking (?:his|her|the|any) \w+|keeping (?:it|anything|food|milk"
    r"|water|fluids) down|meeting (?:his|her) milestones|put on (?:any )?weight|had (?:a"
    r"|any) (?:wet"
    r"|dirty) \w+|pooed|weed|woken up|moved)(?: (?:yet|much|at all|properly|well|today|since \w+"
    r"|through|on|(?:his|her) own))*)\b"
)
_VERB: Final = any_of(inflected("body_verbs") | listed("body_faults"))
_THE_PART: Final = Worded(
    rf"\b(?:(?:(?P<own>{_OWN})|the) )?(?P<it>(?:{_WHICH} )*(?P<part>{alternatives('body_parts')}"
    rf"|nipples?|coccyx|waters"
    r"|gums|glands|eyeballs?|nostrils?|toenails?|fingernails?|nails|scalp|bum|boobs?|willy|wee|poo"
    r"|pee|piss|stools?|hair|skin|scar|stitches|wound|lump|mole|rash|blister|bump|swelling|bruise"
    r"|graze|burn|cut|bite|sting|ulcer|boil|spot|spots|scab|speech|voice|words|breathing"
    r"|breath|heartbeat|pulse|bowels|bladder|periods?|bleeding|vision|eyesight|hearing|balance"
    r"|memory|appetite|temperature|fever)s?"
    r"(?: (?:is|are|was|were|has|have|had|been|just|all|really|very|so|keeps?|kept|started|gone"
    r"|going|getting|got|went|a bit|starting to|quite|still|always|completely|totally))*"
    rf" (?P<does>{_VERB}|bubbl\w+|weep\w*|coming (?:out|through|off|away|up)|(?:drop|droop)\w+"
    r"|(?:crack|split|peel|flak|crumbl|blister|ooz|leak|drip|pour|gush|squirt|pus|swell|burst|tear"
    r"|rip|snap|lock|seiz|freez|cramp|twitch|jerk|trembl|spasm|shak|wobbl|buckl)\w*"
    r"|tied|like (?:an? )?\w+(?: \w+)?|stuck (?:out|up|together|shut)|slurr\w+|turned \w+|hanging"
    r" (?:off|out|down|on)|gaping|sunken|bulging|popping|rolling|rolled (?:back|up)|flickering"
    r"|failing|fading|going|vanish\w+|jumbled|muddled|all over the place|shallow|raspy|rasping"
    r"|laboured|wet|heavy|late|irregular|to bits|to pieces|black|blue|purple|yellow|green|grey|red"
    r"|white|bloody|murky|cloudy|dark|brown|hot|cold|numb|dead|raw|hard|itchy|sore|tender))\b"
)
_BLAMED: Final = Worded(
    rf"\b(?:its|it is|it was|thats|mainly|mostly|problem with|trouble with|issues? with|something"
    rf" (?:wrong )?with|wrong with|about|for|waiting list for|list for|seen about|referred for"
    rf"|checked|looked at|bad with|suffers? with|gyp with|grief with|off with|murder with|having"
    rf" (?:trouble|problems) with|down to|because of|on account of) {_OWN} "
    rf"(?P<it>(?:{_WHICH} )*(?P<part>{alternatives('body_parts')}|nerves|eyesight|hearing"
    rf"|waterworks"
    r"|breathing|memory|balance|skin|bowels|bladder|periods?|hernia|back|piles|varicose veins"
    r"|cataracts?|sugar|blood pressure|cholesterol|depression|drinking|mental health)s?)"
    r"(?= (?:and|but|so|because|again|really|mainly|mostly|yeah|i|its|ive|since|now|that|you|thats"
    r"|he|she|been|then|please|today|for|in|as)\b|$)"
)
_CERTAIN: Final = (
    (_SCANNED, "found"),
    (_AMPUTEE, "lost"),
    (_WITH_CHILD, "with child"),
)
_PERSONAL: Final = (
    (_LANDED, "landed"),
    (_PUT_UP, "put up"),
    (_SWALLOWED, "swallowed"),
)
"""These count wherever somebody is spoken of."""
_TELLING: Final = (
    (_WEIGHS, "weighs"),
    (_NOT_YET, "not yet"),
    (_BY_WHAT, "by what"),
    (_BLAMED, "blamed"),
)
"""These are said of other things, too."""
_FIGURED: Final = frozenset(
    [
        "hand",
        "hands",
        "head",
        "mind",
        "side",
        "back",
        "face",
        "heart",
        "name",
        "foot",
        "feet",
        "ear",
        "eye",
        "bit",
        "voice",
        "word",
        "words",
        "blood",
        "memory",
        "hair",
        "temperature",
        "balance",
        "period",
        "cut",
        "spot",
        "breath",
        "finger",
        "arm",
        "leg",
    ]
)
"""What is meant in many a figure of speech."""
_OWNERS: Final = frozenset({"my", "his", "her"})


class BefallenRecognizer(HealthRecognizer):
    """Injuries, what was found on a body, what a part does, pregnancies, children's complaints."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        _FOUND, _THE_PART, *(pattern for pattern, _ in (*_CERTAIN, *_PERSONAL, *_TELLING)),
    )  # fmt: skip

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """Whole phrases; most only in a call about health."""
        for found, name in turn.search_each(_CERTAIN):
            yield from _hit(turn, found, name, 0.6)
        if turn.ailing:
            for found, name in turn.search_each(_PERSONAL):
                yield from _hit(turn, found, name)
        yield from _of_parts(turn)
        if turn.medical:
            for found, name in turn.search_each(_TELLING):
                yield from _hit(turn, found, name)


def _of_parts(turn: Turn) -> Iterator[Hit]:
    """What was found on a part of somebody's body, and what it does."""
    for found in turn.search(_FOUND):
        if _meant(turn, found, sure=found.group("part") not in _FIGURED):
            yield from _hit(turn, found, "found")
    for found in turn.search(_THE_PART):
        if _meant(turn, found, sure=turn.medical):
            yield from _hit(turn, found, "the part does")


def _meant(turn: Turn, found: Found, *, sure: bool) -> bool:
    """Whether a part of the body is somebody's, and no figure of speech."""
    owned = found.group("own") in _OWNERS
    if turn.medical:
        return owned or sure
    return owned and found.group("part").removesuffix("s") not in _FIGURED


def _hit(turn: Turn, found: Found, pattern: str, score: float = 0.55) -> Iterator[Hit]:
    """A match, where nothing ends within it."""
    first, last = turn.span_of(found, "it")
    if unbroken(turn, first, last):
        yield Hit(Entity.MEDICAL_CONDITION, first, last, score, pattern)
