"""MEDICAL_CONDITION: how somebody is, and what his body brings up, told in everyday words.

"She's gone all floppy", "deaf as a post", "peeing blood", "has a temperature", "it's MS".
Words with other meanings count only in a call about health.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import says_will
from models.frequency import zipf
from models.lexicon import alternatives, any_of, inflected
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.health import HealthRecognizer
from models.recognizers.symptom import OWN, PLACE
from models.spoken import Found, Turn
from pipeline.entities import Entity

_KIN: Final = (
    r"(?:boy|girl|son|daughter|baby|mum|mom|dad|wife|husband|nan|kid|mam|lad|sister|brother|father"
    r"|mother)"
)
_LINK: Final = (
    rf"(?:i|he|she|they|we|you|{_KIN}s?|im|ive|hes|shes|youre|theyre|been|be|being|am|is|was"
    rf"|were|are|has"
    r"|have|had|feel|feels|feeling|felt|get|gets|getting|got|go|goes|going|went|gone|come"
    r"|comes|came"
    r"|look|looks|looking|seem|seems|sound|sounds|makes?|making|left|keep|keeps|kept|woke"
    r"|wakes?|waking|woken)"
)
_DEGREE: Final = (
    r"(?:all|up|so|very|really|proper|dead|pretty|a|bit|little|quite|too|more|terribly|awfully|ever"
    r"|constantly|always|still|just|right|kind|sort|of|like|over|me|him|her|us|them|well|pure"
    r"|pretty"
    r"|extremely|totally|absolutely|completely|slightly|also|on|and|um|uh|back|ever|nearly|almost"
    r"|half|getting|feeling|only|fierce|wicked|mad|hella|bare|right|mighty|real|awful|dreadful"
    r"|desperate|badly|severely|mildly|borderline|an|registered|an?)"
)
_STATE: Final = Worded(
    rf"\b{_LINK}(?: {_LINK}| {_DEGREE}){{0,6}} (?P<it>(?:(?P<strong>{alternatives('unwell')})"
    rf"|(?P<weak>{alternatives('unwell_weak')}))"
    r"(?: (?:as a \w+|in (?:this|that|one|my|his|her|both|the)(?: left| right| other)? (?:ear"
    r"|eye)s?"
    r"|when (?:i|he|she) \w+(?: up| down)?|all the time|with it)){0,2})"
    r"(?! (?:of|to|rate|screen|fee|cost|balance|price|prices|line|call|lines|enough|time|limit"
    r"|about|that|delivery|delivered|tyre|pack|season|spot|track|side|key)\b)\b"
)
_ALONE: Final = Worded(rf"\b(?P<it>{alternatives('unwell')})\b")
_SYMPTOMS: Final = Worded(
    rf"\b(?P<it>{alternatives('symptoms')}(?: {PLACE})?)"
    r"(?! (?:letter|summary|papers|paperwork|form|date|team|lounge|from (?:hospital|the)|turbine"
    r"|bill|supplier|engineer|company|boiler|meter|main|leak|farm|fire|hob|cooker|bag|room"
    r"|customers|money|cash|edge|obvious"
    r"|button|packs?)\b)"
    r"\b"
)
_MATTER: Final = (
    r"(?:blood|pus|phlegm|bile|clots?|mucus|gunk|stones?|snot|worms|tissue|froth|foam|black stuff"
    r"|green stuff|yellow stuff)"
)
_PASSES: Final = any_of(inflected("excretion_verbs"))
_BRINGS_UP: Final = Worded(
    rf"\b(?P<it>{_PASSES}(?: (?:up|out|a|lot|some|bits|bit|loads|bright|red|green|yellow|black"
    rf"|white"
    rf"|brown|thick|fresh|dark|of|little|tiny|more|this|like|just|pure|lots|frank|his|her|my))*"
    rf" {_MATTER}|{_MATTER}(?: (?:is|was|s|keeps|kept|just|thats))* (?:coming|pouring|gushing"
    rf"|leaking"
    rf"|oozing|dripping|running|came|comes|comin)(?: (?:out|up|of|from|down|through|away))*"
    rf"(?: {OWN}(?: \w+)?)?"
    rf"|(?:pouring|gushing|dripping|streaming|leaking|oozing|bleeding|running|coming)(?: out)?"
    rf" (?:of|from|down|out) (?:both )?{OWN} (?:left |right )?(?:nose|ears?|mouth|eyes?|bum|bottom"
    r"|nostrils?|rectum|penis|vagina|nipples?|wound|leg|head|backside|face)"
    rf"|(?:(?:being|been|was|were|feeling|feel) sick|{_PASSES}) (?:all night|all day|all morning"
    r"|every (?:hour|half hour|few minutes|ten minutes|five minutes|time (?:i|he|she) \w+)"
    r"|(?:two|three|four|five|six|ten) times|non stop|constantly)"
    rf"|(?:leak|leaks|leaking|wet(?:ting)?|wets|soil(?:ed|ing)|dirt(?:ied|ying)) (?:when (?:i"
    rf"|she|he)"
    rf" \w+|myself|himself|herself|themselves|the bed|{OWN} (?:bed|pants|trousers|knickers|nappy"
    r"|pad|sheets))"
    r"|(?:chuck|throw|puk|hurl|spew|heav|sick)(?:ing|ed|s|e|es)? (?:it |everything |him |her "
    r"|my guts"
    r" |his guts |her guts |back )*up|threw (?:it |everything )?(?:back )?up"
    r"|bring(?:ing|s)? (?:up|back)(?: all)? (?:his|her|my|the|their) (?:milk|feeds?|food|bottles?"
    r"|dinner|tea|breakfast|lunch)"
    r"|(?:mak(?:e|ing|es)|made) (?:myself|himself|herself|yourself|themselves) (?:be |throw "
    r"|chuck )?"
    r"(?:sick|up|vomit|puke))\b"
    r"(?! (?:an?|errors?|the error|messages?|warnings?|results?|more questions)\b)"
)
_BACK_UP: Final = Worded(
    r"\b(?:it|that|everything|they|milk|food|bottle|feed|medicine|calpol|dinner|tablet)"
    r" (?P<it>(?:just |all )?(?:came|comes|coming) (?:all |right |straight |just )*(?:back )?"
    r"(?:up|out the other end))\b(?! (?:with|on|as|for|to|in|at)\b)"
)
_HARMS: Final = Worded(
    r"\b(?P<it>(?:hurt|hurts|hurting|harm|harms|harming|harmed|cut|cuts|cutting|kill|killing|killed"
    r"|burn|burning|starving|poisoned|scratching|biting|hanging|stabbed)"
    r" (?:myself|himself|herself|yourself|themselves|themself)"
    r"|(?:end|ending|take|taking|took) (?:my|his|her|your|their)(?: own)? life|end it all"
    r"|(?:dont|didnt|doesnt|not) want to (?:be here|live|be alive|wake up|go on|carry on|exist)"
    r" (?:any ?more|anymore)|better off dead|thoughts? of (?:suicide|ending|death|dying|killing)"
    r"|suicid\w+(?: thoughts?| attempts?)?|(?:took|taken|take|taking) (?:an overdose|too many"
    r" (?:pills|tablets))|hear(?:s|ing)? (?:the |some )?voices(?! (?:on|in the background)\b)"
    r"|see(?:s|ing)? (?:double|stars|spots|flashes|floaters|halos))"
    r"(?! (?:off|some|a (?:break|favou?r|slice)|short|laughing|out|trying|in half|over|up|into"
    r"|to (?:get|make)|squad|rate|for)\b)\b"
)
_SEES: Final = Worded(
    r"\b(?P<it>(?:see|sees|seeing|saw) (?:things|people|spiders|bugs|shapes|black dots|dots|lights)"
    r"|hear(?:s|ing)? things|talk(?:s|ing)? to (?:people|someone|her mum|himself"
    r"|herself) (?:who|thats"
    r"|not|that) (?:\w+ )?there|leav(?:es|ing) (?:the )?(?:gas|cooker|oven|stove|taps?|hob"
    r"|front door"
    r"|iron|door)(?: on| running| open)|(?:wander(?:s|ing|ed)? (?:off|out|about|around)"
    r"|getting lost|gets lost)(?: at night| in the night)?|forget(?:s|ting)? (?:who|where|what day"
    r"|everything|things|names|faces|her own|his own|to eat)(?: \w+ (?:am|is|are))?"
    r"|(?:doesnt|didnt|dont) (?:recogni[sz]e|know who) (?:me|us|people|anyone|i am|her own|his own)"
    r"|repeat(?:s|ing)? (?:herself|himself)|ask(?:s|ing)? the same (?:question|thing)"
    r"|not (?:him|her)self|(?:very |so )?confused)\b(?! (?:about|by|on the|with|the|them|it|that|me"
    r"|us|everyone|everybody)\b)"
)
_FEVERISH: Final = Worded(
    r"\b(?:(?P<sure>(?:hes|shes|ive|ive got|hes got|shes got|he has|she has|i have|he had|she had"
    r"|i had|babys got|sons got|daughters got|running|spiked|kids got) (?:got )?an? )|(?:has"
    r"|have|had|having|got|hes|shes|ive|run|runs|running|ran|with|spiked|spiking|youve"
    r"|youd|without|her|his|my|the|any|of|you|a|an)(?: got| running| any| bit| of)* )"
    r"(?P<it>(?:(?:high|slight|raging|low grade|very|really|bit of a|mild|bad) )*"
    r"(?:temperature|temp)(?: (?:of|is|was|at|up to|hit|went|up|to|over))*"
    r"(?: (?:\d+|thirty|forty|a hundred|hundred|one oh|one hundred)(?: \w+){0,2})?)"
    r"(?! (?:of (?:the|my|your)|control|gauge|sensor|setting|job|agency|worker|position|role"
    r"|contract"
    r"|staff|probe|range|drop|outside|in (?:the|my)|password|check|mail|worker|dropped)\b)\b",
)
_WEEKS: Final = Worded(
    r"\b(?:im|i am|shes|she is|i was|she was|(?:ill|shell) be)(?: (?:about|nearly|only|just|around"
    r"|now|like|um))*"
    r" (?P<it>(?:\d\d?|\w+|\w+ty \w+) (?:weeks|months)(?: (?P<sure>gone|along|pregnant)| and \w+"
    r" days| now)?)(?! (?:old|late|away|into|behind|off|on|in|ago|away|from|to|out|of|before|after"
    r"|without|waiting|since|short|ahead|clean|sober|overdue|left|post|post op)\b)\b",
)
_TOLD: Final = Worded(
    r"\b(?P<it>"
    r"waters? (?:have |has |just )*(?:broke|broken)"
    r"|reduced movements?"
    r"|off (?:my|his|her|their|your) (?:food|feeds?|bottle|milk|legs|grub)"
    r"|(?:lost|losing|lose|put on|putting on|gained|gaining)(?: (?!money|pounds?)\w+){0,2}"
    r" (?:weight|stone)(?: (?:without|and) \w+(?: \w+)?)?"
    r"|(?:hot|cold) (?:sweats|flush(?:es)?|flash(?:es)?)"
    r"|(?:soaked? (?:in|with)|drenched in) sweat"
    r"|(?:sweating|soaking|sweated) through (?:the|my|his|her) (?:sheets|bed|clothes|shirt)"
    r"|(?:not|havent|hasnt) (?:been|gone) (?:to the (?:toilet|loo)|for a (?:poo|number two))"
    r"(?: (?:for|in|since) \w+(?: \w+)?)?"
    r"|blood when (?:i|he|she) (?:wipes?|goes?|poos?|wees?|pees?|coughs?)"
    r"|blood (?:in|on) (?:my|his|her|the) (?:tissue|toilet paper|pants|knickers|pad"
    r"|nappy|vomit"
    r"|sick|poo|wee|stools?|urine|spit)"
    r"|(?:splitting|thumping|banging|pounding|muzzy|really bad|terrible) head"
    r"|(?:drinks?|drinking|drank) too much(?! (?:coffee|tea|coke|pop|fuel|petrol|power)\b)"
    r"|(?:gone|going|went|turned|turning) (?:all )?(?:yellow|blue|gr[ea]y|white as a sheet)"
    r" (?:in the (?:face|eyes)|round the (?:lips|mouth|eyes))"
    rf"|(?:hes|shes|{_KIN}s) (?:gone|going|turned"
    rf"|turning) (?:all )?(?:yellow"
    r"|blue|gr[ea]y)"
    rf"|(?:i|ive|he|she|hes|shes|{_KIN}s?) (?:has |just |had |nearly |almost |keeps )*(?:collapsed"
    r"|collapsing|keeled over|conked out|fitted)(?! in price)"
    r"|(?:always|constantly|really|so) thirsty|always (?:needing|wanting|going for) a (?:wee|pee)"
    r"|(?:had )?no wet (?:nappies|nappy|diapers?)|pulling at (?:his|her) ears?"
    r"|(?:absolute|pure|sheer|such|its) agony|loose (?:stools?|motions?)"
    r"|(?:nervous|mental|complete|total) breakdown"
    r"|drink(?:s|ing)? (?:an?|two|three|four|half a) (?:bottle|litre|crate|pint|can)s?(?: of \w+)?"
    r" (?:a|every|per) (?:day|night)"
    r"|(?:see|sees|seeing|hear|hears|hearing) things that (?:arent|werent|isnt"
    r"|are not)(?: \w+)? there"
    r"|new (?:hip|knee|kidney|liver|heart valve)"
    r"|cant get it up"
    r"|coughing (?:my|his|her|your) (?:guts|lungs) (?:up|out)"
    r"|(?:crying|tired) all the time"
    r"|bleeding (?:from )?(?:down (?:below|there)|below|(?:my|his|her|your) bum"
    r"|the back passage)"
    r"|(?:come|came|coming|broke|broken|breaking)(?: up)? out in (?:an? |these |big |red )*"
    r"(?:spots|hives|rash(?:es)?|blisters|welts|bumps|lumps|boils|sores|bruises|sweats?)"
    r"|(?:have|has|having|had|gets|getting|get) (?:epileptic )?fits(?! of)"
    r"|(?:tummy|stomach|sickness|vomiting|flu) bugs?"
    r"|(?:hurting|aching|hurts|aches|itching) all over"
    r"|(?:allergic|allergy|intolerant) to (?:bees?|wasps?|bee stings|nuts|peanuts|eggs?|milk"
    r"|dairy|gluten|wheat|soya?|shellfish|fish|cats?|dogs?|pollen|dust|grass|plasters|metal"
    r"|nickel|perfumes?|mou?ld|strawberr\w+|kiwi|sesame|horses?|hair dye|feathers|tomatoes"
    r"|citrus|mustard|celery)"
    r")\b"
)
"""What nobody says of anything but a body."""
_LOO: Final = Worded(
    r"\b(?P<it>(?:(?:going|go|goes|went|running|up and down|back and forth) )?(?:to |on )?(?:the )?"
    r"(?:loo|toilet|bathroom|bog|lav|dunny) (?:all (?:night|day|morning|week|the time)"
    r"|every (?:\w+ )?(?:minutes|hours?|half hour)))\b",
)
_CHANGED: Final = Worded(
    r"\b(?P<it>"
    r"waters? (?:have |has )?gone"
    r"|contractions?"
    r"|bab(?:y|ys|ies)(?: (?:has|have|hasnt|isnt|not|is))* (?:stopped moving|moved|moving"
    r"|not moving|breech|transverse)"
    r"|(?:not|havent|hasnt) felt (?:the baby|it|him|her) move"
    r"|(?:come|came|breaking|broke) out in (?:an? )?\w+"
    r"|(?:dropped|lost|put on|gained)(?: \w+){0,3} (?:pounds|kilos|kg|lbs)"
    r"|(?:going|go|goes|went|running|up and down|on|to|back and forth)(?: \w+){0,2} (?:loo"
    r"|toilet|bathroom|bog|lav|dunny) (?:a lot|constantly|non stop|\w+ times|more|so much)"
    r"|(?:the |bright )?lights? (?:hurts?|hurting|bothers?|stings?)(?: (?:my|his"
    r"|her) eyes?)?"
    r"|type (?:one|two|1|2)(?! (?:plug|connector|charger|cable|error|visa|diabet\w+)\b)"
    r"|stage (?:two|three|four|2|3|4)"
    r"|grade (?:two|three|2|3) (?:tear|sprain)"
    r")\b"
)
_FOR_IT: Final = Worded(
    r"\b(?:for|has|have|had|got|having|of|and|also|with)(?: the| my| her| his| me| a bit of| some)?"
    r" (?P<it>(?:high |low |blood )*(?:sugars?|pressure|bp|b p|gas|acidity|thyroid|cholesterol"
    r"|nerves"
    r"|prostate|waterworks|uric acid|kidneys?|reflux|bones|joints|heart|stomach|skin|water|pain"
    r"|sleep|bowels|bladder|chest|back|hormones|mood)(?: (?:problem|problems|trouble|issues?"
    r"|patient))?)\b",
)
"""What a medicine is for, or what somebody has, by the organ alone; nothing may come after it."""
_ENDS: Final = frozenset(
    ["and", "but", "so", "since", "at", "twice", "once", "yes", "is", "it", "its", "only", "too",
     "also", "thats", "as", "from", "because", "right", "okay"]
)  # fmt: skip
_LETTERS: Final = Worded(rf"\b(?P<it>{alternatives('condition_letters')})\b")
_RARE: Final = 3.4
"""Zipf frequency below which a word is a symptom whatever the call is about."""
_CAPITALS: Final = Worded(rf"\b(?P<it>{alternatives('condition_capitals')})\b")
_OWN_TENDON: Final = Worded(r"\b(?:my|his|her|your) (?:left |right )?(?P<it>[amp]cl)\b")
_HAVING: Final = frozenset(
    ["have", "has", "had", "got", "with", "a", "an", "of", "my", "his", "her", "the", "for", "ive",
     "its", "is", "no", "and", "or", "from", "did", "does", "tore", "torn", "your", "hes",
     "shes", "having"]
)  # fmt: skip
_OWNED: Final = frozenset(["have", "has", "had", "got", "my", "his", "her", "did", "tore", "ive"])
_LOWER: Final = frozenset(["af", "acl", "mcl", "bp", "tb", "cp", "ra", "adhd", "tia"])
_PERSONS: Final = frozenset(
    ["i", "im", "ive", "he", "hes", "she", "shes", "me", "him", "her", "boys", "girls", "sons",
     "daughters", "babys", "mums", "moms", "dads", "wifes", "husbands", "nans", "mams", "lads"]
)  # fmt: skip
_FEELING: Final = frozenset({"feel", "feels", "feeling", "felt"})
_FIGURED: Final = frozenset(
    ["low", "flat", "tired", "fitting", "seizing", "sweating", "shaking", "overdue", "sick", "ill",
     "deaf", "stiff", "stuffy", "pale", "blocked up", "all over the place", "on edge", "out of it",
     "run down", "puffed", "scratching", "choking", "yellow", "weak", "rough", "withdrawn",
     "exhausted", "anxious", "frail", "irritable", "panicking", "in bits", "under it", "worn out",
     "wiped out", "whacked", "weary", "sluggish", "sleepy", "confused", "blind", "limp", "lousy",
     "hurting", "tender", "flushed", "off balance", "spaced out", "very hot", "going downhill",
     "hot and bothered", "distressed", "depressed", "collapsing", "rundown", "rough as"]
)  # fmt: skip
_OPINIONS: Final = frozenset(
    {"confused", "sick", "ill", "deaf", "out of it", "overdue", "off balance"}
)
"""What people feel about prices and forms, too."""
_CERTAIN: Final = (
    (_BRINGS_UP, "brings up"),
    (_HARMS, "harms"),
    (_TOLD, "told"),
    (_LOO, "told"),
    (_LETTERS, "abbreviation"),
    (_OWN_TENDON, "abbreviation"),
)
_TELLING: Final = (
    (_ALONE, "state"),
    (_SYMPTOMS, "symptom"),
    (_FEVERISH, "temperature"),
    (_WEEKS, "weeks"),
)
"""Some matches of these are sure, by a group or by the rarity of their words."""
_PERSONAL: Final = ((_SEES, "confused"), (_BACK_UP, "brings up"), (_CHANGED, "change"))
"""These count wherever somebody is spoken of."""


class UnwellRecognizer(HealthRecognizer):
    """States of somebody, what his body brings up, fevers, abbreviations of conditions."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        _STATE, _ALONE, _SYMPTOMS, _BRINGS_UP, _BACK_UP, _HARMS, _SEES, _FEVERISH, _WEEKS, _TOLD,
        _LOO, _CHANGED, _FOR_IT, _LETTERS, _CAPITALS, _OWN_TENDON,
    )  # fmt: skip

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """States, symptoms, emissions, abbreviations; most only in a call about health."""
        for found in turn.search(_STATE):
            if says_will(turn, found):
                continue
            sure = bool(found.group("strong")) or _meant(found)
            if sure or turn.medical:
                yield _hit(turn, found, "state", sure=sure)
        for found, name in turn.search_each(_CERTAIN):
            yield _hit(turn, found, name, sure=True)
        for found, name in turn.search_each(_TELLING):
            if turn.medical or _tells(found):
                yield _hit(turn, found, name, sure=False)
        if turn.ailing:
            for found, name in turn.search_each(_PERSONAL):
                yield _hit(turn, found, name, sure=False)
        if turn.medical:
            yield from self._medical(turn)

    def _medical(self, turn: Turn) -> Iterator[Hit]:
        for found in turn.search(_FOR_IT):
            first, last = turn.span_of(found, "it")
            over = last == len(turn.tokens) or turn.tokens[last].key in _ENDS
            if over or turn.tokens[last - 1].after.strip():
                yield _hit(turn, found, "what it is for", sure=False)
        for found in turn.search(_CAPITALS):
            first, last = turn.span_of(found, "it")
            if _stands_for_one(turn, first, last):
                yield _hit(turn, found, "abbreviation", sure=False)


def _tells(found: Found) -> bool:
    """Whether a match is about health whatever the call is about."""
    if "sure" in found.match.groupdict():
        return bool(found.group("sure"))
    return max(map(zipf, found.group("it").split()[:2])) < _RARE


def _meant(found: Found) -> bool:
    """Whether a weak word is of a person, and no figure of speech."""
    words = found.match.group()[: -len(found.group("it"))].split()
    weak = found.group("weak")
    return (weak not in _FIGURED and not _PERSONS.isdisjoint(words)) or (
        weak not in _OPINIONS and not _FEELING.isdisjoint(words)
    )


def _stands_for_one(turn: Turn, first: int, last: int) -> bool:
    """Whether a short word is an abbreviation, by its capitals or by who has it."""
    before = turn.tokens[first - 1].key if first else ""
    written = turn.text[turn.tokens[first].start : turn.tokens[last - 1].end]
    if written.isupper() and not turn.text.isupper():
        return before in _HAVING
    return turn.text.islower() and before in _OWNED and turn.tokens[first].key in _LOWER


def _hit(turn: Turn, found: Found, pattern: str, *, sure: bool) -> Hit:
    first, last = turn.span_of(found, "it")
    return Hit(Entity.MEDICAL_CONDITION, first, last, 0.6 if sure else 0.55, pattern)
