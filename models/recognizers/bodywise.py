"""MEDICAL_CONDITION: in a call about health, whatever is said of a part of somebody's body.

There nearly every predicate of a part is a symptom ("her mouth's drooping on one side"), and so is
what happens in it ("like somebody's standing on my chest") and what somebody keeps doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.answers import is_function
from models.lexicon import alternatives, words_in
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.health import HealthRecognizer
from models.recognizers.reach import until
from models.spoken import Turn
from pipeline.entities import Entity

_OWN: Final = r"(?:my|me|his|her|your|mums|dads|moms|nans|babys)"
_PART: Final = (
    rf"(?:{alternatives('body_parts')}|{alternatives('bodily')}|wee|poo|stools?|cycle"
    rf"|soft spot|cord"
    r"|lenses|tongue|sex|phlegm|spots?|milk|mood|weight|speech|walking|swallowing|peeing|weeing)"
)
_PREDICATE: Final = Worded(
    rf"\b{_OWN} (?P<it>(?:(?:left|right|whole|other|bad|both|lower|upper|big|little) )*(?P<part>"
    rf"{_PART})(?:s| is| are| was| were| has| have| had| feels?| felt| looks?| looked| keeps?| kept"
    rf"| goes| went| gets?| got| started| wont| cant| doesnt| isnt| arent| just| all| seems?| came"
    rf"| comes| been) (?!(?:appointment|referral|results?|scan|test|fine|ok|okay|good|better|great"
    rf"|normal|alright|all right|healed|insured|covered|in (?:the|your|a) (?:system|post|file)"
    rf"|on (?:file"
    rf"|the (?:system|phone|line))|ready|not (?:bad|too bad))\b)\w+)",
)
_WITHIN: Final = Worded(
    rf"\b(?:in|on|under|behind|down|up|across|round|around|from|over|at|through|into|against|along)"
    rf" (?:both |all )?{_OWN} (?:(?:left|right|whole|other|bad|lower|upper|big|little) )*"
    rf"(?P<part>{_PART})s?(?! of\b)\b",
)
_KEEPS: Final = Worded(
    r"\b(?:i|he|she|we|they|it|hes|shes|\w+s?) (?P<it>(?:keeps?|kept)(?: on)? (?P<doing>\w+ing)\b)",
)
_FEELS: Final = Worded(
    r"\b(?:i|he|she|it|ive been|hes|shes) (?P<it>(?:just |sort of |kind of )*(?:feels?|feeling"
    r"|felt|walks?"
    r"|talks?|sounds?|looks?|breathes?) (?:a bit |all |really |so )*(?:like|as if|as though)"
    r"(?! (?:you|we|they|a (?:fool|mug|idiot|lot)|its (?:taking|been|going)"
    r"|ive been (?:waiting|on))\b))"
    r" \w+",
)
_CANT_DO: Final = Worded(
    r"\b(?:i|he|she|they|me|you|it|mum|mom|dad|hes|shes|im|we|baby|son|daughter|wife|husband) "
    r"(?:(?:just|really|also|still|sometimes|now) )*(?P<it>(?:cant|couldnt|cannot|can not"
    r"|can hardly"
    r"|can barely|could hardly|could barely|hardly|barely|not able to|unable to|struggles? to"
    r"|struggling to|struggled to|have trouble|has trouble|having trouble|had trouble"
    r"|find it hard to"
    r"|finds it hard to)(?: (?:even|really|properly|hardly|barely))* (?P<doing>\w+))\b"
)
_DOES: Final = Worded(
    r"\b(?:hes|shes|theyre|he is|she is|been|he was|she was|keep|keeps|started|starts|constantly"
    r"|always)(?: (?:just|all|always|constantly|been|really|been constantly|still|now|started))*"
    r" (?P<it>(?P<doing>\w{2,}ing)\b)"
)
_VERY: Final = Worded(
    r"\b(?:i feel|i felt|feel|feels|feeling|felt|hes|shes|im|ive been|been|he is|she is|looks"
    r"|looking|went|gone|get|gets|getting)(?: (?:feeling|looking|getting|been|just|gone|all))*"
    r" (?P<it>(?:(?:really|very|so|ever so|a bit|a little|all|proper|quite|too|pretty|dead"
    r"|extremely"
    r"|terribly|awfully|totally|completely|rather|kind of|sort of) )+(?P<mood>\w{3,})\b)"
)
_COURSE: Final = Worded(
    r"\b(?P<it>(?:(?:just|it|really|sort of|kind of) )?(?:comes and goes|come and go|came and went"
    r"|coming and going|wak(?:es|ing) (?:me|him|her)(?: up)?|keep(?:s|ing) (?:me|him|her) (?:up"
    r"|awake)"
    r"|(?:gets?|getting|got|much|far|even|its|a lot|a bit) worse(?: (?:at night|in the \w+"
    r"|when (?:i"
    r"|he|she) \w+(?: \w+)?|after \w+(?: \w+)?|and worse|every day|by the day|lately))?"
    r"|(?:shoot|shoots|shooting|radiat\w+|travel|travels|travelling|spread|spreads|spreading"
    r"|creeping"
    r"|runs|running|goes|going|moves|moving|moved) (?:right |all )?(?:down|up|across|through|into"
    rf"|round|along|to) (?:the |my |his |her |both |one )*{_PART}s?"
    r"|(?:stops|stopping|stopped) (?:me|him|her) (?:from )?(?:sleeping|walking|working|eating"
    r"|breathing|moving|going out|driving)|takes my breath away|took my breath away"
    r"|doubles? (?:me|him|her) (?:up|over)|floors me|lays me out|knocks me (?:out|for six)))\b"
)
_IS_LIKE: Final = Worded(
    r"\b(?:its|it is|it was|theres|thats|sort of|kind of|bit|just) (?P<it>like (?:a|an|being|having"
    r"|something|someone|somebody|theres|im|ive|hes|shes|my|electric|pins|needles|knives|wading"
    r"|walking"
    r"|looking|broken|burning|period|labou?r|tiny|little|hot|cold|razor)) \w+"
)
_SELF: Final = Worded(
    r"\b(?P<it>(?:grind(?:s|ing)?|clench(?:es|ing)?|bit(?:e|es|ing)) (?:my|his|her) (?:teeth"
    r"|jaw|nails|lip"
    r"|tongue)|(?:been|got|was|getting) (?:bitten|stung|scratched)(?: by \w+(?: \w+)?)?"
    r"|(?:nearly|almost|about) (?:fainted|passed out|blacked out|collapsed|fell over)|bled through"
    r"(?: \w+){0,3}|frog in (?:my|his|her) throat|(?:i|he|she|they) (?:goes|go|went) (?:blank"
    r"|vacant"
    r"|stiff|rigid|limp|quiet)|walk(?:s|ing)? into things|tender to (?:the )?touch"
    r"|stopped (?:talking"
    r"|walking|growing|eating|feeding|sleeping|crawling)|cr(?:y|ies|ying) (?:at|over"
    r"|for) \w+(?: \w+)?"
    r"|(?:not|havent|hasnt|never) had (?:a|my|her) period(?: since \w+)?|gone right off (?:my"
    r"|his|her)"
    r" \w+)\b"
)
_BACK: Final = 6
_BEGINS: Final = frozenset(
    ["got", "have", "has", "had", "having", "get", "gets", "getting", "theres", "there", "is",
     "its", "was", "with", "feels", "feel", "feeling", "felt", "and", "but", "ive", "im", "hes",
     "shes", "i", "he", "she", "so", "because", "like", "been", "the", "this", "these", "a",
     "an", "some", "of", "about", "are", "it", "that", "just", "really", "yeah", "yes", "no"]
)  # fmt: skip
"""Words after which that begins which is in or on a part."""
_OFFICE: Final = frozenset(
    ["ringing", "calling", "asking", "telling", "saying", "trying", "sending", "cancelling",
     "being", "canceling", "changing", "emailing", "texting", "going", "writing", "paying",
     "coming", "moving", "charging", "booking", "waiting", "holding", "looking", "checking",
     "putting", "giving", "taking"]
)  # fmt: skip
_SENT: Final = frozenset(
    ["letters", "letter", "text", "texts", "emails", "calls", "message", "messages", "cut",
     "through", "bills", "bill", "charged", "error", "engaged", "appointment", "appointments"]
)  # fmt: skip
"""What people keep getting from an office."""
_FIGURED: Final = frozenset(
    ["side", "behalf", "hand", "hands", "mind", "blood", "bits", "sleep", "hearing"]
)  # fmt: skip
"""What is at somebody's hand or side may be anything."""


class BodywiseRecognizer(HealthRecognizer):
    """Predicates of parts of the body, what is in them, and what somebody keeps doing."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (
        _PREDICATE, _WITHIN, _KEEPS, _FEELS, _SELF, _CANT_DO, _DOES, _VERY, _COURSE, _IS_LIKE,
    )  # fmt: skip

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """Clauses about somebody's body; nothing outside a call about health."""
        if turn.ailing:
            for pattern in (_SELF, _COURSE):
                for found in turn.search(pattern):
                    yield _hit(*turn.span_of(found, "it"), "does")
        if not turn.medical:
            return
        yield from _of_parts(turn)
        for found in turn.search(_KEEPS):
            first, last = turn.span_of(found, "it")
            letters = _SENT.intersection(turn.keys(last, last + 3))
            if found.group("doing") not in _OFFICE and not letters:
                yield _hit(first, until(turn, last), "keeps doing")
        for pattern in (_FEELS, _IS_LIKE):
            for found in turn.search(pattern):
                first, last = turn.span_of(found, "it")
                yield _hit(first, until(turn, last), "feels like")
        yield from _not_everyday(turn)


def _of_parts(turn: Turn) -> Iterator[Hit]:
    """What is said of a part of somebody's body, and what is in it or on it."""
    for found in turn.search(_PREDICATE):
        if found.group("part") not in _FIGURED:
            first, last = turn.span_of(found, "it")
            yield _hit(first, until(turn, last - 1), "of a part")
    for found in turn.search(_WITHIN):
        first = _since(turn, found.first)
        if first < found.first and found.group("part") not in _FIGURED:
            yield _hit(first, found.last, "within a part")


def _not_everyday(turn: Turn) -> Iterator[Hit]:
    """What somebody can't do, is doing or is very much, unless people do and are so in any call."""
    doings, moods = words_in("everyday_doings"), words_in("everyday_moods")
    for pattern, name in ((_CANT_DO, "can't do"), (_DOES, "is doing")):
        for found in turn.search(pattern):
            if found.group("doing") not in doings:
                first, last = turn.span_of(found, "it")
                yield _hit(first, until(turn, last), name)
    for found in turn.search(_VERY):
        mood = found.group("mood")
        if mood not in moods and mood not in doings and not is_function(mood):
            yield _hit(*turn.span_of(found, "it"), "very")


def _since(turn: Turn, at: int) -> int:
    """First token of what is in or on a part: words of content just before ``at``."""
    first = at
    while (
        first > 0
        and at - first < _BACK
        and not turn.tokens[first - 1].after.strip(" -")
        and turn.tokens[first - 1].key not in _BEGINS
    ):
        first -= 1
    return first


def _hit(first: int, last: int, pattern: str) -> Hit:
    return Hit(Entity.MEDICAL_CONDITION, first, last, 0.5, pattern)
