"""MEDICAL_CONDITION: what ails somebody by what it does to him, in whole phrases of lay talk.

"It brings me out in hives", "I don't want to get out of bed", "my crown's come off", "it's gone
black round the edge", "she's not great on stairs". Weaker ones count in a call about health only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.lexicon import alternatives, any_of, listed
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.health import HealthRecognizer
from models.recognizers.symptom import BODY, OWN, PLACE
from models.spoken import Turn
from pipeline.entities import Entity

_SOMEBODY: Final = r"(?:me|him|her|us|them|you|\w+)"
_FIGURE: Final = (
    r"(?:\d+(?: \d+)?|(?:a |one |two |three |four |five |six |seven |eight |nine |ten |eleven "
    r"|twelve |thirteen |fourteen |fifteen |sixteen |seventeen |eighteen |nineteen |twenty |thirty "
    r"|forty |fifty |sixty |seventy |eighty |ninety |hundred |and |oh |point |over )*(?:one|two"
    r"|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred))"
)
_REACTS: Final = Worded(
    rf"\b(?P<it>(?:brings?|brought|bringing) {_SOMEBODY} (?:all )?(?:out|up) in"
    r" (?:(?:an?|these|big|red|terrible|itchy|awful|horrible) )*\w+"
    r"|(?:come|comes|came|coming) up in (?:(?:an?|these|big|red|terrible|itchy|awful|horrible) )*"
    r"(?:hives|spots?|rash(?:es)?|lumps?|bumps?|blisters?|welts?|wheals?|bruises|boils|sores)"
    r"|(?:makes?|made|making) (?:me|him|her) (?:itch|itchy|wheeze|wheezy|vomit|faint|dizzy|drowsy"
    r"|sneeze|cough|swell up|come out in (?:\w+ )?\w+|throw up|go dizzy|feel (?:sick|dizzy|faint"
    r"|awful|spaced out|woozy|like a zombie))"
    r"|(?:i|he|she|it) (?:swells?|swelled|puffs?|puffed|balloons?|ballooned|blows?|blew)"
    r"(?: right| all)? up(?: like \w+ \w+)?"
    r"|(?:goes?|went|going|gone) into (?:anaphyla\w+|anaphylactic shock|(?:early "
    r"|pre ?term )?labou?r"
    r"|cardiac arrest|a coma|remission|(?:heart|kidney|liver|organ) failure|seizures?|afib"
    r"|withdrawal"
    r"|septic shock)"
    r"|(?:bad|allergic|nasty|severe|terrible) reactions? to \w+"
    rf"|(?:made|makes|making) {OWN} (?:\w+ )?{BODY} (?:swell|itch|bleed|tingle|burn|close|blow"
    rf"|come)"
    r"(?: up| out)?)\b"
)
_MIND: Final = Worded(
    rf"\b(?P<it>{any_of(listed('mind_told') | listed('lost_and_mobile'))}(?! (?:it|them)\b)"
    r"|(?:cry|cries|crying|sob|sobs|sobbing|weeping) (?:in|at|on|before|after|into) (?:the |my |his"
    r" |her )?(?:car(?: park)?|work|bed|toilets?|shower|office|night|pillow|bathroom|shops?)"
    r"|(?:nod|nods|nodding|nodded) off(?: (?:at|in|mid|during|behind) (?:the |my |his |her )?\w+)?"
    r"|(?:dropping|dropped|dozing|dozed|drifting) off (?:at|mid|during|behind) (?:the |my |his "
    r"|her "
    r")?\w+"
    r"|(?:fall|falls|falling|fell) asleep (?:at|in|on|during|mid|behind) (?:the |my |his |her )?\w+"
    r"|(?:wake|wakes|woke|waking)(?: me| him| her)? up (?:every (?:\w+ )?(?:hours?|night"
    r"|few minutes)"
    r"|(?:in a|drenched in|soaked in) \w+(?: \w+)?|(?:gasping|choking|coughing|sweating|shaking"
    r"|screaming|panicking))"
    r"|(?:up|awake) (?:all|half the|most of the) night (?:with|coughing|crying|being|scratching"
    r"|vomiting|in)(?: (?:the|a|it|sick|pain|my|his|her|earache|toothache|\w+))?"
    r"|easier if (?:i|he|she) (?:wasnt|werent|was not|were not) (?:here|around|alive)"
    r"|(?:think|thought|wish|feel like|thinking)(?: \w+){0,4} (?:if )?(?:i|he|she) (?:wasnt"
    r"|werent|was"
    r" not|were) (?:here|around|alive|dead|born)(?: any ?more)?"
    r"|cry (?:over|for|about) (?:nothing|no reason|everything|anything)"
    r"|(?:doesnt|dont|didnt|cant) (?:know|remember|recogni[sz]e) (?:who (?:i am|we are|he is|she is"
    r"|people are)|what day it is|where (?:he|she) is|her own \w+|his own \w+)"
    r"|(?:a (?:bit|little)|very|quite|more|really|so|still|getting|gets|got"
    r"|more and more) (?:confused"
    r"|muddled|agitated|forgetful|aggressive)(?: (?:in the (?:evenings?|mornings?|nights?"
    r"|afternoons?)"
    r"|at (?:night|nights|times|teatime)|these days|lately|and \w+|since (?:the|his|her) \w+))"
    r"|(?:bad|funny|dizzy|giddy|blank|queer) (?:turns?|spells?|dos?)\b"
    r")\b"
)
_UNSTEADY: Final = Worded(
    r"\b(?P<it>(?:not|isnt|arent|no|never|wasnt)(?: very| too| so| that| really| as)* (?:great|good"
    r"|steady|brilliant|clever|sure|strong|confident|safe|any good|much good|fast)(?: at all)?"
    r" (?:on|with|at|managing|doing|going) (?:(?:my|his|her|the|up|down) )*(?:stairs?|steps|feet"
    r"|legs|pins|slopes|hills|escalators?|knees|eyes|stairs|hands)"
    r"|(?:no|cant do|cant manage|couldnt manage|dont do|avoid)(?: the| any)? (?:stairs|steps)"
    r"(?! (?:to|in|involved|at|on|are|required)\b)"
    r"|(?:lost|missing|born without|only (?:got |have |has )?one|got one|got only one|blind in one"
    r"|deaf in one) (?:(?:my|his|her|a|an|one|both|left|right|of|working) )*(?:leg|legs|arm|eye"
    r"|hand"
    r"|foot|finger|toes?|kidney|lung|breast|ear|testicle|ovary|kidneys|lungs)"
    r"|(?:prosthetic|artificial|false|glass|fake|wooden) (?:leg|arm|eye|hand|foot|limb|hip)"
    r"|need(?:s|ed|ing)? (?:help|a hand|someone|somebody|carers?)(?: \w+){0,2} (?:wash\w*|dress\w*"
    r"|bath\w*|toilet\w*|eating|feeding|getting (?:dressed|up|washed|in|out)|to (?:wash|dress|bathe"
    r"|eat|walk|get (?:up|dressed|out of bed))))\b"
)
_DENTAL: Final = (
    r"(?:(?:front|back|top|bottom|loose|temporary|new|gold|porcelain|wisdom) )*(?:tooth|teeth|crown"
    r"|crowns|fillings?|veneers?|dentures?|braces?|retainer|false teeth|molar|temporary crown"
    r"|abutment)"
)
_LOOSE: Final = (
    r"(?:bridge|cap|plate|wire|bracket|implant|post|temporary|temp|band|stitch|stitches)"
)
_FELL_OUT: Final = (
    r"(?:s|is|has|have|had|are|just|came|started|keeps|been|all|half|bit|a|gone|got|of|it|was)"
)
_FELL: Final = (
    r"(?:fell|fallen|falling|come|came|coming|popped|pinged|dropped|broken?|snapped|cracked|chipped"
    r"|crumbled|crumbling|split|shattered|knocked|loose|wobbly|wobbling|digging in|rubbing|gone)"
    r"(?: (?:off|out|away|loose|down|in half|in two|apart|clean off|right off|right out))?"
)
_TEETH: Final = Worded(
    rf"\b(?P<it>(?:(?P<sure>{_DENTAL})|{_LOOSE})s?(?: {_FELL_OUT}){{0,3}} {_FELL})\b",
)
_IT_WENT: Final = Worded(
    r"\b(?:it|its|theyre|they|that|thats|theyve|which|one|ones)(?: (?:has|have|is|are|was|just|all"
    r"|really|started|keeps?|kept|feels?|looks?|looking|getting|quite|very|still|now|be))*"
    r" (?P<it>(?:(?:gone|going|goes|went|go|turned|turning|got|getting|gets|become|becoming|looks?"
    r"|been|started|feels?|a|bit|little|all|really|very|quite|so|sort|kind|of|more|proper) )*"
    rf"(?:{alternatives('it_turned')})(?: and (?:{alternatives('it_turned')}))?"
    r"(?! (?:us|me|to|it|my|the|your|our|him|her|them|his)\b)(?: (?:round|around|at|on|along|in"
    r"|near|under) the (?:edges?|middle|tip|tips|tops?|sides?"
    r"|centre|center|bottom|outside|inside|ends?|back|front))?"
    rf"(?: {PLACE})?)\b",
)
_SENSITIVE: Final = Worded(
    r"\b(?P<it>(?:(?:really|very|so|quite|a bit|too|super|over|hyper) )*sensitive (?:to"
    r"|when)(?: the"
    r"| bright)? (?:cold|hot|heat|light|lights|touch|sweet things?|sweets|noise|noises|sunlight|sun"
    r"|pressure|smells?|food|cold drinks?|hot drinks?|ice cream|biting|chew\w*|bite|drink\w*|eat\w*"
    r"|i \w+)(?: (?:and|or) (?:cold|hot|heat|light|touch|noise|sweet|sound))?)\b"
)
_READS: Final = Worded(
    r"\b(?P<it>(?:(?:my|his|her|your|blood|the) )*(?:sugars?|pressures?|b p|bp|temperature|temp"
    r"|pulse"
    r"|sats|oxygen|inr|peak flow|heart rate|cholesterol|fever|reading|readings|a1c|hba1c|levels"
    r"|level(?! (?:\d|one|two|three|four|five|six|seven|eight|nine)\b)"  # not a storey's
    r"|potassium|h[ae]moglobin|iron|psa|platelets|white count|creatinine|ketones|bmi)"
    r"(?: (?:is|are|was|were|s|at|of|around|about|reading|came|back|been|up|down|to|like|has|hit"
    r"|went"
    r"|sitting|running|over|under|just|still|only|nearly|almost|high|low|said|says|a|gone|it|as"
    r"|this"
    rf"|morning|last|night)){{0,5}} {_FIGURE}(?: over {_FIGURE})?(?: point {_FIGURE})?"
    r"(?: degrees)?)\b"
    r"(?! (?:months|weeks|days|tablets|puffs|pounds|dollars|o clock|oclock|p m|a m|pm|am)\b)"
)
_OVER: Final = Worded(
    r"\b(?P<it>(?:\d{2,3}|(?:a |one |two )(?:hundred |oh |\w+ty |\w+teen )(?:and )?(?:\w+ty |\w+ )?"
    r"|hundred (?:and )?(?:\w+ty )?) ?over (?:\d{2,3}|(?:\w+ty|hundred)(?: (?:one|two|three|four"
    r"|five"
    r"|six|seven|eight|nine|and \w+))?))\b"
)
_LEVELS: Final = Worded(
    r"\b(?P<it>(?:blood pressures?|cholesterols?|blood sugars?|ferritins?|h[ae]moglobins?|platelets"
    r"|inrs?|hba1cs?|a1cs?|psas?|tshs?|white counts?|liver enzymes|kidney function|oxygen levels"
    r"|iron levels?|vitamin d|(?:my|your|his|her) (?:iron|thyroid|sodium|potassium|b ?12|b twelve"
    r"|folate)s?|sugar levels?|thyroid levels?|blood count|egfrs?)"
    r"(?: (?:is|are|was|were|has|been|came|come|back|a|bit|little|touch|too|very|really|still|quite"
    r"|always|on|the|slightly|gone|right|come))* (?:high|low|up|down|raised|borderline|abnormal"
    r"|sky high"
    r"|through the roof|all over the place|elevated|deranged|out of range|high side|low side"
    r"|dangerously \w+))\b"
)
_TOILET: Final = Worded(
    r"\b(?P<it>(?:not|hasnt|havent|isnt|aint)(?: been| very)* regular"
    r"|(?:cant|couldnt|can not) (?:hold (?:it|my water|my wee|his wee|her wee|my bladder)"
    r"|make it to the (?:loo|toilet|bathroom)|get to the (?:loo|toilet|bathroom) in time)"
    r"|(?:dont|doesnt|didnt) (?:always )?make it(?: to the (?:loo|toilet|bathroom))?(?: in time)?"
    r"|(?:up|get up|getting up|gets up|going|goes) (?:\w+ ){0,3}times (?:a|in the|every|during the)"
    r" (?:night|day)(?: (?:to|for a) (?:pee|wee|go|use the \w+))?"
    r"|(?:sat|stuck|sitting|living) on the (?:loo|toilet|bog)(?: all \w+)?"
    r"|(?:accidents?|dribbles?|leaks?) (?:in (?:the )?bed|at night|when (?:i|she|he) \w+)"
    r"|blood when (?:i|he|she|you) (?:went|go|goes|wiped?|wipes|pee|peed|poo|pooed|weed|wee)"
    r"|(?:wax|water|fluid|ringing|buzzing) (?:in|build ?up|stuck in)(?: (?:my|his|her|that|the"
    r"|both|one"
    r"|this))*(?: ears?| lungs?)?)\b"
)
_ACCIDENT: Final = Worded(
    r"\b(?P<it>(?:fell|fallen|falling|tripped|slipped|came|come|flew|thrown|tumbled|knocked|jumped"
    r"|collapsed|went|toppled|slid) (?:(?:off|down|over|from|out of|on|in|up|onto|over on) )+"
    r"(?:(?:the|a|an|my|his|her|some|our|wet|loose|black) )*(?:stairs?|steps?|ladder|bike"
    r"|bicycle|horse"
    r"|roof|bed|chair|kerb|curb|ice|floor|pavement|escalator|motor ?bike|moped|scooter|scaffold\w*"
    r"|tree|swing|slide|trampoline|toilet|shower|bath|loft|rug|paving|cot|sofa|wall|climbing frame"
    r"|skateboard|path|snow|mat|wire|cable|hole|garage roof|quad)"
    r"|(?:hit|knocked down|knocked over|run over|knocked off my bike|mown down) by (?:a|an|the) \w+"
    r"|(?:something|grit|metal|glass|bleach|acid|chemicals?|paint|sand|dust|a \w+) (?:in|into"
    r"|in to|up"
    r"|down|stuck in|stuck up) (?:my|his|her)(?: left| right)? (?:eyes?|nose|ears?|throat|hand|foot"
    r"|finger)"
    r"|swallowed (?:a|an|some|the|his|her)(?: \w+)? (?:coin|battery|bleach|button|magnet|bone"
    r"|tablets?"
    r"|pills?|marble|lego|penny|chewing gum|detergent|pod|capsule)"
    r"|(?:scalded|burnt|burned|electrocuted|poisoned|stabbed|winded|gassed|concussed|impaled"
    r"|bruised)"
    r"(?: (?:my|him|her)self)?(?: (?:on|with) (?:the|a|an|some|hot) ?\w*)?"
    r"|(?:went|gone|go|going|rolled|rolling) over on (?:my|his|her|it|the)(?: \w+)?"
    r"|(?:turned|twisted|rolled|tweaked|cricked|ricked) (?:my|his|her|an?)(?: left| right)?"
    r" (?:ankle|knee|neck|foot|wrist|back)"
    r"|(?:black|bruised|puffy|closed up) eyes?)\b"
)
_CLEAN: Final = Worded(
    r"\b(?P<it>(?:been |got |stayed |staying |getting |im |hes |shes )*(?:clean|sober)(?: off \w+)?"
    r"(?: (?:for|now|about|over|nearly|since))* (?:\w+ ){0,2}(?:days?|weeks?|months?|years?)"
    r"|(?:relapsed|relapsing|using again|back on the (?:drink|booze|gear|drugs|bottle))"
    r"|(?:coming|come|came) off (?:the )?(?:drink|drugs|heroin|methadone|booze|alcohol|gear|benzos"
    r"|opiates|crack|coke|cocaine|painkillers))\b"
)
_NAMED_AS: Final = Worded(
    r"\b(?:put (?:it )?down (?:as|to)|(?:off|out)(?: \w+){0,3} (?:with|because of|due to)"
    r"|signed off with) (?:my |the )?(?P<it>(?:work )?(?:stress|exhaustion|grief|burnout|nerves"
    r"|my back|flu"
    r"|anxiety|depression|a virus|a bug|(?:his|her|my) (?:nerves|back|chest|hip|knee|heart"
    r"|shoulder))"
    r"(?: and (?:stress|anxiety|depression|exhaustion|burnout|grief|panic))?)\b"
)
_FEVER_OF: Final = Worded(
    rf"\b(?P<it>fever(?: (?:of|is|was|at|up|to|over|about|around|a|s))+"
    rf" {_FIGURE}(?: point {_FIGURE})?)\b"
)
_BABY: Final = Worded(
    r"\b(?P<it>trying for a (?:baby|child)|trying to (?:conceive|get pregnant|fall pregnant)"
    r"|(?:lost|losing|lose) (?:the|a|our|my|her) baby|(?:expecting|having) (?:twins|triplets"
    r"|a (?:baby"
    r"|boy|girl|little)|our (?:first|second|third)|my (?:first|second|third)|number \w+)"
    r"|(?:gave|given|giving) birth|(?:just )?had (?:a|my|our) (?:baby|first|second)(?= |$)"
    r"|(?:baby|shes|hes|its) (?:is )?(?:breech|transverse|back to back)"
    r"|on (?:my|her) period|(?:bleeding|bled) (?:since|after|between|heavily|for) \w+(?: \w+)?"
    r"|(?:overstimulate|over stimulate|ovulat\w+|hyperstimulat\w+|miscarr\w+|contract(?:ing|ions)"
    r"|dilated|effaced|crowning|lactating|expressing milk))\b"
)
_REASON: Final = Worded(
    r"\b(?P<it>(?:with|because of|due to|on account of|cause of|cos of|down to|thanks to)"
    r" (?:(?:my|his|her|mums|dads) (?:(?:bad|poor|dodgy|left|right|lower|gammy|heart|old) )*"
    r"(?:backs?|knees?|hips?|legs?|chest|nerves|heart|lungs|eyes|eyesight|hearing|feet|joints"
    r"|condition|health|bowels|bladder|stomach|breathing|mobility|disability|illness|neck|shoulder"
    r"|ankles?|memory|sight|skin|hands|waterworks|tummy|prostate|balance|mental health|pain|injury"
    r"|ears?))(?! (?:to|against|on|in|up|full|free|and soul|service|visitor|cover|plan|out|glued"
    r"|pressed)\b)"
    r"|(?:struggl(?:e|es|ing) (?:with|on|up|down|getting up|to get up)(?: (?:the|my|his|her|any"
    r"))? (?:stairs|steps|walking|breathing|sleep|sleeping|hills|eating|mobility|standing|hearing"
    r"|seeing|legs|knees|memory|back|nerves|bending|pain|getting about|getting around)))\b"
)
_ALLERGIC: Final = Worded(
    r"\b(?P<it>(?:severely |very |badly |highly |really |quite |mildly |deathly )*(?:allergic"
    r"|intolerant|anaphylactic) to (?:the |all |some |certain |any )*(?!(?:anything|any|something"
    rf"|it|that|this|everything|what|be|{alternatives('not_allergens')})\b)\w+"
    r"(?: (?:and|or) \w+| (?:stings?|oil|juice|milk|nuts?"
    r"|products|fur|dust|tape|dressings?))?)\b"
)
_BAD_PART: Final = Worded(
    r"\b(?P<it>(?:bad|dodgy|gammy|dicky|wonky|ropey|crook|bum|busted|buggered|knackered|poorly|sore"
    r"|stiff|arthritic|weak|trick|rubbish|duff|crocked|screwed up|messed up|injured|swollen"
    r"|infected"
    r"|broken|fractured|sprained|frozen|numb|gouty|collapsed|crumbling|damaged|withered)"
    r" (?:left |right |lower |upper |big |little )*(?:back|knees?|hips?|legs?|shoulders?|ankles?"
    r"|wrists?|elbows?|ears?|chest|heart|lungs?|feet|foot|neck|toes?|toenails?|discs?|vertebrae"
    r"|joints|tooth|teeth|gums?|eyesight|ticker|tummy|stomach|spine|ribs?|thumbs?|fingers?|pelvis"
    r"|collar ?bone|jaw|nose|throat|kidneys?|liver|bladder|eye))"
    r"(?! (?:of|seat|rest|up|end|light|door|row|office|room|garden|to)\b)\b"
)
_CERTAIN: Final = (
    (_REASON, "reason"),
    (_ALLERGIC, "allergic"),
    (_BAD_PART, "bad part"),
    (_REACTS, "reacts"),
    (_MIND, "mind and sleep"),
    (_UNSTEADY, "unsteady"),
    (_FEVER_OF, "fever"),
    (_LEVELS, "levels"),
    (_NAMED_AS, "named as"),
)
"""Nobody says these of anything but a person."""
_TELLING: Final = (
    (_IT_WENT, "it went"),
    (_SENSITIVE, "sensitive"),
    (_OVER, "reads"),
    (_CLEAN, "clean"),
    (_BABY, "baby"),
)
"""These are said of other things, too."""
_PERSONAL: Final = ((_TOILET, "toilet"), (_ACCIDENT, "accident"))
"""These count wherever somebody is spoken of."""


_OWN_READING: Final = re.compile(
    r"(?:my|his|her) (?:blood )?(?:sugars?|sats|inr|ketones|platelets)\b"
)
"""A reading that nobody has but a patient."""


class AilmentRecognizer(HealthRecognizer):
    """Reactions, moods and sleep, unsteadiness, teeth, readings, accidents, pregnancies."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        *(pattern for pattern, _ in (*_CERTAIN, *_TELLING, *_PERSONAL)),
        _TEETH,
        _READS,
    )

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """Whole phrases; most only in a call about health."""
        for found, name in turn.search_each(_CERTAIN):
            yield Hit(Entity.MEDICAL_CONDITION, *turn.span_of(found, "it"), 0.6, name)
        for found in turn.search(_TEETH):
            if turn.medical or found.group("sure"):
                yield Hit(Entity.MEDICAL_CONDITION, *turn.span_of(found, "it"), 0.55, "teeth")
        for found in turn.search(_READS):
            if turn.medical or _OWN_READING.match(found.group("it")):
                yield Hit(Entity.MEDICAL_CONDITION, *turn.span_of(found, "it"), 0.55, "reads")
        if turn.ailing:
            for found, name in turn.search_each(_PERSONAL):
                yield Hit(Entity.MEDICAL_CONDITION, *turn.span_of(found, "it"), 0.55, name)
        if not turn.medical:
            return
        for found, name in turn.search_each(_TELLING):
            yield Hit(Entity.MEDICAL_CONDITION, *turn.span_of(found, "it"), 0.55, name)
