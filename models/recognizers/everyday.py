"""MEDICAL_CONDITION: what somebody can't do, and states that people tell of in everyday words.

"I can't get up the stairs any more", "she's off her legs", "he stops breathing in his sleep".
Weaker ones count in a call about health only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from models.lexicon import any_of, listed
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.health import HealthRecognizer
from models.recognizers.reach import unbroken, until
from models.spoken import Found, Turn
from pipeline.entities import Entity

_WHOSE: Final = {"my": ("my", "me", "his", "her", "their"), "myself": ("myself", "himself",
                 "herself", "themselves", "yourself")}  # fmt: skip


def _anybodys(name: str) -> str:
    """An expression for the entries of a list, whoever they speak of."""
    return any_of(form for entry in listed(name) for form in _forms(entry))


def _forms(entry: str) -> Iterable[str]:
    words = entry.split(" ")
    at = next((at for at, word in enumerate(words) if word in _WHOSE), None)
    if at is None:
        return (entry,)
    return (" ".join((*words[:at], each, *words[at + 1 :])) for each in _WHOSE[words[at]])


_CANT: Final = (
    r"(?:cant|cannot|can not|couldnt|could not|can hardly|can barely|can only just|can scarcely"
    r"|could hardly|could barely|not able to|isnt able to|wasnt able to|unable to|no longer able to"
    r"|(?:havent|hasnt|hadnt) been able to|struggle to|struggles to|struggling to|struggled to"
    r"|have to be helped to|need help to|needs help to|(?:find|finds|found|finding) it"
    r" (?:hard|difficult|painful|impossible|agony) to|(?:have|has|had|having) (?:trouble|difficulty"
    r"|a job) (?:to )?|too (?:weak|sore|ill|tired|breathless|dizzy|anxious|frightened|scared) to"
    r"|(?:scared|frightened|terrified) to|cant bear to|cant even|hurts to|hurts when (?:i|he|she)"
    r"|painful to|agony to|dare not|darent|ashamed to)"
    r"(?: (?:just|even|really|barely|hardly|still|properly|always|ever|physically|actually|now))*"
)
_UNDOABLE: Final = Worded(
    rf"\b(?P<it>{_CANT} (?:(?P<sure>{_anybodys('undoable')})|{_anybodys('undoable_weak')}"
    r"(?! (?:me|it|them|him|us|that|this|what|where|when|now|any (?:more )?of)\b))"
    r"(?! (?:the (?:app|website|site|page|file|form|account|phone|line|box|lid|parcel|button)"
    r"|my (?:account|order|bill|parcel|emails?|post|statement|appointment)|you|it (?:up|on) the"
    r"|to (?:you|anyone|anybody|somebody|someone|a (?:person|human)|the (?:manager|bank))"
    r"|about|whether|if|why|how|where|what|that (?:you|its|the)|on (?:a|the) (?:bus|train|plane"
    r"|tuesday|monday|day))\b))\b"
)
_TOLD: Final = Worded(rf"\b(?P<it>{_anybodys('everyday_told')})\b")
_TOLD_WEAK: Final = Worded(rf"\b(?P<it>{_anybodys('everyday_told_weak')})\b")
_HAD: Final = Worded(
    r"\b(?:had|has|have|having|took|taken|gets|getting|get|got) (?:(?:a|an|another|the|his|her|my"
    r"|first|second|third|bit|of|bad|nasty|little|massive|mini|minor|big|huge|few|two|three|loads"
    r"|terrible|proper|really|couple|several|sudden|small|horrible) )*"
    r"(?P<it>fits?(?! of)|fall|tumble|funny turns?|dizzy (?:turns?|spells?)|bad turn|blackouts?"
    r"|breakdown(?! (?:cover|service|on|of|at|in the))|clots?|brain bleed|mini stroke|miscarriages?"
    r"|stillbirth|shakes|runs(?! (?:in|on|of|from|to))|trots|squits|shivers|sweats|cold sweats"
    r"|funny spells?|nervous breakdown|panic attacks?|night terrors|flashbacks|mood swings"
    r"|seizures?|fainting (?:fits?|spells?)|absences|convulsions?|palpitations|tremors?|tics?"
    r"|spasms?|nosebleeds?|relapses?|meltdowns|overdose|asthma attack|heart flutters?|hot flushes"
    r"|learning (?:difficulties|disability|difficulty)|special needs|bad (?:nerves|back|chest"
    r"|heart|hip|knees?|leg|circulation)|weak (?:heart|chest|bladder|ankles?|stomach)|pacemaker"
    r"|hole in (?:the|my|his|her) heart|squint|stammer|stutter|lisp|lazy eye|cleft (?:palate|lip)"
    r"|club foot|hunch|limp)\b"
)
_SURVIVED: Final = Worded(
    r"\b(?P<it>(?:(?:breast|bowel|skin|blood|childhood|domestic|sexual|child|heart|polio|torture"
    r"|stroke|cancer|burns?|rape|abuse|violence|attack|trafficking) )+(?:survivors?|victims?)"
    r"|(?:survivors?|victims?) of (?:(?:domestic|sexual|child|childhood) )?(?:abuse|violence"
    r"|cancer|rape|torture|trafficking|assault|incest|stroke))\b"
)
_ADDICTED: Final = Worded(
    r"\b(?P<it>(?:addicted to|hooked on|dependent on|reliant on|an addiction to|addiction to"
    r"|withdrawing from|withdrawal from|detoxing from|weaning (?:myself |him |her )?off"
    r"|a (?:problem|habit|thing) with|abus(?:es|ed|ing)|misus(?:es|ed|ing)|relaps\w+ on"
    r"|overdos\w+ on|off my (?:face|head) on|strung out on) (?:the |my |his |her )?(?:drink\w*"
    r"|drugs?|alcohol|booze|heroin|smack|gear|coke|cocaine|crack|meth|ice|weed|cannabis|spice"
    r"|ket|ketamine|pills|painkillers|codeine|oxy\w*|opioids?|opiates|fentanyl|tramadol|morphine"
    r"|valium|xanax|benzos|sleeping (?:pills|tablets)|gambling|betting|slots|porn|tik|nyaope"
    r"|mandrax|speed|pregabalin|gas|solvents|glue|food|nicotine|fags|cigarettes|vodka|wine|gin"
    r"|whisky|cider|lean|substances?)"
    r"|(?:drinking|drinks|drank|smoking|smokes|snorting|injecting|shooting up|sniffing|using)"
    r" (?:heroin|crack|coke|cocaine|meth|weed|cannabis|spice|glue|gas|vodka|whisky|gin|gear"
    r"|(?:a|two|three|four) (?:bottles?|litres?|crates?|pints?)(?: of \w+)? (?:a|every|per)"
    r" (?:day|night)|every (?:day|night)|first thing|from morning|all day|in secret|drugs"
    r"|fifty a day|forty a day|thirty a day|twenty a day))\b"
)
_DELUDED: Final = Worded(
    r"\b(?P<it>(?:thinks|believes|convinced|swears|reckons|keeps saying|thinking|thought)"
    r" (?:that )?(?:the |her |his |my |our )?(?:people|neighbou?rs?|everyone|everybody|they"
    r"|theyre|someone|somebody|someones|tv|telly|radio|police|government|nurses?|carers?|husband"
    r"|wife|mother|dad|mum|family|hes|shes|i)(?: \w+)? (?:(?:poisoning|following|watching"
    r"|after|spying|talking|stealing|listening|bugging|plotting|filming|against|tracking|killing"
    r"|hurting|laughing|out to|trying|jesus|god|dead|being)(?: \w+){0,3}))\b"
)
_WORN_OUT: Final = Worded(
    r"\b(?P<it>(?:in|back in|stuck in|confined to|cant leave|never leaves|stays in|stay in"
    r"|straight to|straight back to) (?:my |his |her )?bed (?:for|all|by|most of|half|since)"
    r" (?:the |a )?(?:\w+ )?(?:days?|weeks?|months?|years?|morning|afternoon|time|five|six|seven)"
    r"|(?:sleep|sleeps|sleeping|slept) (?:for )?(?:all day|all the time|(?:about |only |maybe )*"
    r"(?:\w+ )?(?:hours?) (?:a|per|each|every) (?:day|night)|(?:two|three|four|one) hours?)"
    r"|(?:only |barely |hardly )(?:sleep|sleeps|sleeping|eats?|eating|drinks?|drinking|talks?"
    r"|talking|walks?|moves?|leaves|sees?|hears?)(?: \w+){1,4}|(?:no|zero|not an ounce of|not any"
    r"|hardly any|lack of|lost all|lost my) (?:energy|strength|stamina|motivation|sex drive|libido"
    r"|appetite)|wiped out (?:for|after|by)(?: \w+){1,3})\b"
)
_LIKENED: Final = Worded(
    r"\b(?P<it>like (?:(?:someone|somebody|something|theres|ive|im|being|having|a|an|my|the|knives"
    r"|needles|electric|pins|razor|broken|hot|barbed|walking|wading|shards"
    r"|lightning) )(?:\w+ ){0,7}"
    r"(?:ribs?|chest|back|head|neck|eyes?|skin|throat|leg|legs|stomach|knife|knives|needles?|glass"
    r"|vice|vise|wire|shock|shocks|toothache|poker|fire|brick|elephant|band|hammer|water|treacle"
    r"|cotton wool|sandpaper|razor blades?|labou?r|contractions?|ton of bricks|wood|lead|jelly"
    r"|rubber|balloon|sausage|golf ball|egg|plum|grape|pea|drum|cramp|period|kick|stabbing|burning"
    r"|tearing|punched|kicked|stabbed|squeezed|squeezing|crushed|twisting|standing|sitting))\b"
)
_KILLS: Final = Worded(
    r"\b(?P<it>(?:the )?(?:lights?|noise|pain|stairs|heat|cold|smell|sun|glare|itching|ache"
    r"|coughing|standing|sitting|walking|driving|lifting|tiredness|nausea|withdrawals?|cravings)"
    r" (?:(?:just|really|is|was|absolutely|always|still) )*(?:kills?|killing|hurts?|hurting"
    r"|bothers?"
    r"|cripples?|crippling|floors?|exhausts|finishes|gets|sets (?:me|him|her) off|knocks|wakes"
    r"|drives) (?:me|him|her|my \w+|his \w+|her \w+)(?: (?:up|off|out|mad|crazy|awake))?)\b"
)
_CERTAIN: Final = (
    (_TOLD, "told"),
    (_HAD, "had"),
    (_SURVIVED, "survived"),
    (_ADDICTED, "addicted"),
    (_DELUDED, "deluded"),
)
_TELLING: Final = ((_TOLD_WEAK, "told"), (_WORN_OUT, "worn out"), (_LIKENED, "likened"),
                   (_KILLS, "kills"))  # fmt: skip
"""These are said of other things, too."""


class EverydayRecognizer(HealthRecognizer):
    """What somebody can't do, and states in everyday words: of mind, drink, age and childhood."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        _UNDOABLE,
        *(pattern for pattern, _ in (*_CERTAIN, *_TELLING)),
    )

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """Whole phrases; most only in a call about health."""
        for found in turn.search(_UNDOABLE):
            if turn.medical or found.group("sure"):
                first, last = turn.span_of(found, "it")
                if unbroken(turn, first, last):
                    yield Hit(Entity.MEDICAL_CONDITION, first, until(turn, last), 0.6, "can't do")
        for found, name in turn.search_each(_CERTAIN):
            yield from _hit(turn, found, name, 0.6)
        if turn.medical:
            for found, name in turn.search_each(_TELLING):
                yield from _hit(turn, found, name, 0.55)


def _hit(turn: Turn, found: Found, pattern: str, score: float) -> Iterator[Hit]:
    """A match, where nothing ends within it."""
    first, last = turn.span_of(found, "it")
    if unbroken(turn, first, last):
        yield Hit(Entity.MEDICAL_CONDITION, first, last, score, pattern)
