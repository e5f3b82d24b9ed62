"""MEDICAL_CONDITION: what is wrong with a part or a function of the body, whatever its words.

No list holds what people say of their bodies, but it has a frame: whose it is, what of the body,
and what it does, lacks or looks like ("me hands go numb", "can't open her mouth", "no voice").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.lexicon import alternatives, any_of, inflected, listed
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.health import HealthRecognizer
from models.spoken import Found, Turn
from pipeline.entities import Entity

BODY: Final = rf"(?:{alternatives('body_parts')}|{alternatives('bodily')})s?"
OWN: Final = r"(?:my|me|his|her|their|your|our|mums?|dads?|moms|nans|grans|husbands|wifes|babys?)"
_WHICH: Final = (
    r"(?:left|right|lower|upper|whole|both|other|bad|good|poor|big|little|front|back|one|side|inner"
    r"|entire|two|top|bottom)"
)
_PART: Final = rf"(?:{_WHICH} )*{BODY}"
_BETWEEN: Final = (
    r"(?:is|are|was|were|has|have|had|been|be|being|keeps?|kept|its|it|they|theyre|theyve|that"
    r"|just|really|very|so|all|both|a|an|bit|little|quite|feels?|feeling|felt|looks?|looking|seems?"
    r"|gets?|getting|got|goes|go|going|gone|went|started|starts|starting|turn|turns|turned|turning"
    r"|comes?|coming|came|up|out|to|like|um|uh|er|again|always|still|completely|totally|pretty"
    r"|right|too|proper|dead|pure|well|sort|kind|of|on|off|and|absolutely|constantly|sometimes"
    r"|wont|wouldnt|stop|stopped|not|dont|doesnt|never|hardly|one|the|left|ever|slightly|awful"
    r"|awfully|terribly|some|more|which)"
)
_STRONG: Final = any_of(inflected("body_verbs") | listed("body_faults"))
_WEAK: Final = alternatives("body_faults_weak")
_AT: Final = (
    r"(?:in|on|down|across|up|round|around|under|behind|over|through|into|from|out of|of|along|at"
    r"|inside|between|near|above|below|by|with|to)"
)
_OF_IT: Final = (
    r"(?:the|my|his|her|me|your|their|our|one|both|this|that|left|right|whole|other|back|top|bottom"
    r"|sides?|all|inside|outside|of|lower|upper|inner|front|corner|middle|base|tip|end|roof|pit)"
)
PLACE: Final = rf"(?:all )?{_AT}(?: {_OF_IT})* {BODY}"
_WHEN: Final = (
    r"when (?:i|he|she|you|we|they|it|im|hes|shes|youre) (?:\w+ )?(?:walk|bend|breathe|pee|wee|piss"
    r"|go|eat|swallow|cough|sneeze|laugh|stand|sit|lie|lay|move|lift|chew|bite|run|sleep|turn|touch"
    r"|press|drink|talk|urinate|pass water|go for a (?:wee|pee|poo|walk)|have a (?:wee|pee"
    r"|poo)|breath|climb|kneel|yawn|stretch|wake|chewing|walking)"
    r"(?:s|es|ing)?(?: (?:up|down|on it|it|over|water))?"
)
_LIKE: Final = r"(?:like (?:(?:a|an|the|some) )?\w+|as a \w+|like mad|like crazy)"
_STAYS: Final = (
    r"(?:(?:that |and it |it |which )?(?:just )?(?:wont|doesnt|isnt|not|hasnt"
    r"|aint) (?:shift(?:ing)?"
    r"|go(?:ing)? away|gone away|clear(?:ing|ed)?(?: up)?|heal(?:ing|ed)?|settl(?:e|ing)"
    r"|eas(?:e|ing)"
    r"|budg(?:e|ing)))"
)
_TAIL: Final = rf"(?: (?:{PLACE}|{_STAYS}|{_WHEN}|{_LIKE}|all the time|non stop)){{0,2}}"
_GOES_WRONG: Final = Worded(
    rf"\b(?:(?P<own>{OWN}) |(?P<that>the|that|this|its|a|both|one) )?"
    rf"(?P<it>(?P<part>{_PART})(?: and (?:{OWN} )?{BODY})?(?: {_BETWEEN}){{0,7}}"
    rf" (?:(?P<strong>{_STRONG}|the size of an? \w+|like (?:razor blades|cotton wool|sandpaper"
    rf"|jelly"
    rf"|lead|a balloon|balloons|pins|fire|mush)|went (?:numb|dead)|{_STAYS})|(?P<weak>{_WEAK}))"
    rf"{_TAIL})\b",
)
_INJURED: Final = Worded(
    rf"\b(?P<it>{alternatives('injury_verbs')}"
    rf"(?: (?P<own>my|me|his|her|their)|(?P<some> an?| two| three| some))(?: {_WHICH})*"
    rf" (?P<part>{BODY})(?: (?P<out>out|in|open|up))?)\b",
)
_LOOSE: Final = frozenset(
    ["put", "done", "did", "pulled", "popped", "hit", "cut", "split", "rolled", "slipped",
     "clipped", "pinched", "knocked", "messed", "smacked", "scraped", "whacked", "jammed"]
)  # fmt: skip
"""What people do with a hand or a leg without any harm."""
_SAFE: Final = frozenset(
    ["hand", "hands", "head", "face", "leg", "foot", "feet", "eye", "eyes", "mouth", "arm",
     "arms", "finger", "fingers", "nose", "heart", "hair", "blood", "side", "ear", "ears",
     "voice", "bit", "bits", "teeth", "period", "cap", "balance"]
)  # fmt: skip
_IT_DOES: Final = Worded(
    r"\b(?:it|they|its|that|these|those|theyre|which|one|ones)(?: (?:just|really|is|are|was|has"
    r"|been|keeps|kept|started|starts|still|all|so|very|feels|looks|got|gets|gone|went|a|bit|like"
    r"|only|always|sometimes|has been|have been|have|keep|to))*"
    rf" (?P<it>(?:keeps? |kept |started |wont stop )?(?:{_STRONG}){_TAIL})\b"
)
"""What "it" does is a symptom only where somebody's health is talked of."""
_THING: Final = (
    r"(?:(?P<sure>bits?|specks?|dots?|spots|flashe?s|floaters?|bumps?|blotches|tightness|heaviness"
    r"|swelling|redness|rash|sores?|pus|discharge|ache|cramps?|cramping|twinges?|tingling|numbness"
    r"|pins and needles|weakness|stiffness|growth|mole|ulcers?|blisters?|boils?|cysts?|wart|phlegm"
    r"|catarrh|stabbing|shooting pains?|splinter|gash|spasms?|itching|hives|welts|scabs?"
    r"|bruises?|bruising|infection|inflammation|clots?"
    r"|ringing|buzzing|soreness|lumps?(?! in (?:my|the) throat)|blood(?! on))"
    r"|lights?|lines|patch(?:es)?|marks?|band|veins|stabbing|shooting|burning|crackling?|noise"
    r"|whooshing|roaring|pressure|crust|gunk|blood|pains?|feeling|sensation|taste|smell|splinter"
    r"|fluid|water|mucus|wind|something|cobwebs|shadow|curtain|fog|butterflies|knots?|hole|crack"
    r"|click|clicking|itch|cut|gash|bite|burn|blockage|stones?)"
)
_SOMETHING_IN: Final = Worded(
    rf"\b(?P<it>(?:(?:black|white|red|dark|little|tiny|flashing|floating|sharp|dull|funny|weird"
    rf"|strange|horrible|nasty|big|hard|soft|green|yellow|brown|bad|metallic|constant|shooting"
    rf"|stabbing|burning|terrible|severe|itchy|sore|raised) )*{_THING}"
    rf"(?: (?:of \w+|floating|moving|coming|going|shooting|running|all|right|up|down|just|that|is"
    rf"|has|come|came|stuck|growing|appeared)){{0,3}} {_AT}(?: (?P<own>{OWN})|"
    rf" {_OF_IT})+ (?P<part>{BODY}){_TAIL})\b",
)
_LACK: Final = (
    r"(?:no|lost|losing|lose|loses|lack of|loss of|losing all|lost all|hardly any|not much|without"
    r"|going off|gone off|off|not got any|havent got any|got no)"
)
_LOST: Final = Worded(
    rf"\b(?P<it>{_LACK}(?: (?:all|any|her|his|my|their|the|your|me|much|a bit of))*(?: sense of)?"
    r" (?:(?P<sure>appetite|hair(?! dryer)|voice|sight|eyesight|hearing|sense of smell"
    r"|sense of taste"
    r"|consciousness"
    r"|bladder control|bowel control|sex drive|libido|baby)|(?P<weak>balance|memory|vision|speech"
    r"|taste|smell|feeling|sensation|strength|energy|grip|movement|coordination|concentration"
    r"|control|interest in (?:food|anything|everything|things)|motivation|food|feeds?|milk"
    rf"|use of))(?! (?:stick|card|foam|cancelling|impaired|aids?|transfer|sheet)\b)"
    rf"(?: {PLACE})?)\b"
)
_CANT: Final = (
    r"(?:cant hardly|cant barely|cant|cannot|can not|aint able to|couldnt|could not|(?:can"
    r"|could)? ?(?:barely|hardly)"
    r"|unable to"
    r"|(?:not|isnt|havent been|hasnt been|arent|wasnt) able to|struggl(?:e|es|ing|ed) to"
    r"|(?:finding|finds?|found) it (?:hard|difficult|tough|impossible) to|hard to|wont"
    r"|stopped being able to|hard for (?:me|him|her) to)(?: (?:even|really|properly|quite|ever))?"
)
_OBJECTS: Final = (
    r"(?! (?:it|that|the|you|any|anything on|your|where|how|why|what|a|an|him|them|this|if|whether"
    r"|who|which|there|away|past|out|over|back|about|to|for|with you|through|right now|long|on"
    r"|in|into|until|till|at the"
    r"|my (?:account|bill|order|statement|balance|name|card|policy|appointment|results|booking))\b)"
)
_ABLE: Final = Worded(
    rf"\b(?P<it>{_CANT} (?:(?P<sure>walk (?:that|too|very) far|breathe|eat|pee|wee|poo|poop"
    rf"|go to the (?:toilet|loo)|lie (?:down|flat)|kneel(?: down)?|stand up(?! (?:to|for)\b)"
    rf"|dress (?:my|him|her)self|wash (?:my|him|her)self|get warm|get (?:any )?sleep"
    rf"|catch {OWN} breath|get {OWN} breath|get enough air"
    rf"|swallow|pass (?:water|urine)|weight bear|put (?:any |much |his |her |my )*weight (?:on"
    rf"|through) (?:it|that|them|my leg"
    rf"|his leg|her leg)|get (?:out of|off the) (?:bed|floor|toilet|chair)"
    rf"|keep (?:\w+ )?(?:food|anything|nothing|fluids|liquids|water|milk|feeds|meals|tablets) down"
    rf"|(?:move|feel|bend|lift|raise|straighten|turn|open|close|use|twist|shut|wiggle|grip with"
    rf"|put (?:any |much )?weight on|put down)(?: all)? (?:{OWN}) {_PART}"
    rf"|(?:see|hear|smell|taste|feel) (?:anything |much |properly |well |a thing "
    rf"|nothing )?(?:out of|with"
    rf"|in) (?:(?:{OWN}|this|that|the|one) {_PART}|it\b)|stop (?:coughing|shaking|crying|bleeding"
    rf"|being sick|throwing up|sneezing|itching"
    rf"|scratching|vomiting|sweating|peeing|weeing|trembling|twitching))"
    rf"|(?P<weak>(?:see|hear|talk|speak|smell|taste){_OBJECTS}|walk{_OBJECTS}|sleep"
    rf"|stand(?! (?:it|this|the|him|them|that|waiting|people|being|her|to)\b)|sit(?: up| down)?|eat"
    rf"|drink{_OBJECTS}|pee|wee|poo|poop|go to the (?:toilet|loo|bathroom)|get up|lie (?:down|flat)"
    rf"|think straight|concentrate|focus|remember (?:anything|things|much)|get warm|stay awake|cope"
    rf"|grip|bend|kneel|climb|manage (?:the )?stairs|do (?:the )?stairs|dress (?:my|him|her)self"
    rf"|wash (?:my|him|her)self|keep (?:it|her eyes|his eyes|my eyes|still|much)(?: open| down)?"
    rf"|face (?:food|solids|eating|anything)|stomach (?:food|anything)|get comfortable|settle"
    rf"|find (?:my|his|her|the) words|get (?:my|his|her) words out|string a sentence together"
    rf"|hold (?:a|my|his|her|the) (?:cup|pen|fork|spoon|head up|knife)|do (?:my|his"
    rf"|her) buttons(?: up)?"
    rf"|make a fist|touch (?:my|his|her) toes|sit still|latch(?: on)?|keep up|look (?:down|up"
    rf"|at (?:the )?lights?)|lift|turn over|settle)){_TAIL})\b"
)
_REFUSES: Final = Worded(
    r"\b(?P<it>(?:aint|not|isnt|hasnt been|havent been|arent|dont|doesnt|didnt|wont|wasnt"
    r"|stopped|barely"
    r"|hardly)(?: been| really| even)? (?:eat(?:ing)?|sleep(?:ing)?|feed(?:ing)?|drink(?:ing)?"
    r"|walk(?:ing)?|talk(?:ing)?(?! (?:to|about)\b)|respond(?:ing)?|breath(?:e|ing)|wak(?:e"
    r"|ing) up|wee(?:ing)?"
    r"|pee(?:ing)?|poo(?:ing)?|mov(?:e|ing)|swallow(?:ing)?|gain(?:ing)? weight|suck(?:ing)?"
    r"|tak(?:e|ing) (?:\w+ )?(?:bottles?|feeds?|milk|breast)|focus(?:ing)?|settl(?:e|ing))"
    r"(?: (?:much|properly|well|right|at all|anything|enough|very \w+|a thing|\w+ feeds?))?)\b"
)
_IN_FULL: Final = frozenset(
    {"breathing", "responding", "swallowing", "weeing", "properly", "right"}
)
"""Last words of a refusal that no other talk has."""
_ANATOMY: Final = listed("body_parts")
"""Parts of a body and of nothing else on the phone, where it is said whose they are."""
_FELT: Final = frozenset(
    ["eyesight", "hearing", "breath", "breathing", "appetite", "sleep", "periods", "period",
     "bowels", "bladder", "waterworks", "speech", "pulse", "heartbeat", "nerves", "eyeball",
     "nostril", "boob", "boobs", "sinuses", "tendons", "nails", "fingertips", "privates",
     "stools", "limb", "limbs"]
)  # fmt: skip
"""Functions and more parts that nothing else on the phone has."""
_GROWN: Final = frozenset(
    {"hair", "nail", "nails", "stitches", "scar", "wound", "incision", "mole"}
)
"""What may be dry or red without any illness, but does not fall out or burst."""
_DENTAL: Final = frozenset({"tooth", "teeth", "filling", "crown", "veneer", "denture", "dentures"})
_HARMED: Final = _ANATOMY | _DENTAL | {"disc", "discs", "disk", "ligaments", "tendons", "cartilage"}
"""What is hurt, whatever the call is about."""
_PLAIN: Final = frozenset(
    ["up", "down", "off", "high", "low", "late", "hard", "wet", "slow", "soft", "split",
     "dropped", "changed", "changing", "turned", "green", "odd", "out", "fallen", "stopped",
     "cold", "hot", "better", "flat", "dry", "tired", "stuck", "failed", "not great", "no good",
     "up and down", "dark", "all over the place", "all over the shop", "come off", "come out",
     "came off", "came out", "red", "growing", "thin", "heavy", "rough", "loose", "not working",
     "stopped working", "funny"]
)  # fmt: skip
"""What hands and backs are figuratively, and things that are called like them."""
_MOVES: Final = re.compile(r" (?:up|down|to|on|off|through|over|in|into|from|for|back|with)\b")
"""Where a hand or a leg has gone."""
_FIGURED: Final = frozenset({"side", "blood", "head", "heart", "hand", "hands", "voice", "memory"})


class SymptomRecognizer(HealthRecognizer):
    """Symptoms by their frame; in a call about health also those of weaker words."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        _GOES_WRONG, _INJURED, _IT_DOES, _SOMETHING_IN, _LOST, _ABLE, _REFUSES,
    )  # fmt: skip

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """What a part does, what is in it, what is lost, what somebody can't or won't do."""
        for found in turn.search(_GOES_WRONG):
            yield from _of_part(turn, found)
        for found in turn.search(_INJURED):
            verb = found.match.group().split()[0]
            named = _noun(found)
            loose = verb in _LOOSE and named in _SAFE and not found.group("out")
            if not loose or turn.medical:
                yield from _hit(turn, found, "injured", sure=named in _HARMED or turn.personal)
        for found in turn.search(_SOMETHING_IN):
            named = _noun(found)
            sure = found.group("own") and found.group("sure") and named in _ANATOMY
            if not (found.group("own") or found.group("sure")):
                continue
            told = bool(found.group("own")) and turn.personal
            yield from _hit(turn, found, "something in a part", sure=bool(sure) or told)
        for found, name in turn.search_each(((_LOST, "lost"), (_ABLE, "unable"))):
            yield from _hit(turn, found, name, sure=bool(found.group("sure")) or turn.personal)
        for found in turn.search(_IT_DOES):
            yield from _hit(turn, found, "it does", sure=" when " in found.group("it"))
        for found in turn.search(_REFUSES):
            sure = found.match.group().split()[-1] in _IN_FULL
            yield from _hit(turn, found, "refuses", sure=sure or turn.personal)


def _noun(found: Found) -> str:
    """The last word of the part, without a contracted "is": "knee's" reads "knees"."""
    named = found.group("part").split()[-1]
    single = named.removesuffix("s")
    return single if named not in _ANATOMY and single in _ANATOMY | _FELT else named


def _of_part(turn: Turn, found: Found) -> Iterator[Hit]:
    """A part with its fault, as far as the words leave no doubt."""
    named = _noun(found)
    body = named in _ANATOMY or named in _FELT
    if not found.group("own"):
        if found.group("strong"):  # "blood thinning" is none
            yield from _hit(turn, found, "part and fault", sure=False)
    elif found.group("strong"):
        yield from _hit(turn, found, "part and fault", sure=body or named in _GROWN)
    else:
        plain = (
            (found.group("weak") in _PLAIN and named not in _FELT)
            or named in _FIGURED
            or _MOVES.match(turn.plain, found.match.end()) is not None
        )
        if not (plain and named in _FIGURED and found.group("weak") in _PLAIN):  # "my hand's up"
            yield from _hit(turn, found, "part and fault", sure=body and not plain)


def _hit(turn: Turn, found: Found, pattern: str, *, sure: bool) -> Iterator[Hit]:
    """A match, where it is sure or somebody's health is talked of."""
    if sure or turn.medical:
        first, last = turn.span_of(found, "it")
        yield Hit(Entity.MEDICAL_CONDITION, first, last, 0.6 if sure else 0.55, pattern)
