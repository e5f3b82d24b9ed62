"""MEDICAL_CONDITION: diagnoses and symptoms, by name and in lay words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Final

from models.answers import FILLERS, is_function, is_number, sentence_end, skip_lead_in, trim_fillers
from models.lexicon import alternatives, diseases, entries_in, listed
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.figures import figures, within
from models.recognizers.health import HealthRecognizer, graded
from models.spoken import Turn
from pipeline.entities import Entity

_PART: Final = alternatives("body_parts")
_COMPLAINT: Final = alternatives("complaints")
_WHERE: Final = (
    r"(?:my|me|the|his|her|their|your|both|one|left|right|lower|upper|inner|back|of|side)"
)
_IN_A_PART: Final = Worded(
    rf"\b(?:(?:a |really |very |bad |severe |sharp |constant |some |strange |weird |burning "
    rf"|high |low |stabbing |dull |persistent |shooting |horrible |nasty "
    rf"|these )*{_COMPLAINT}(?: \w+)? (?:in|on|under|around|behind"
    rf"|near|from|down"
    rf"|with|inside|to|of)(?: {_WHERE})* {_PART}(?: and (?:{_WHERE} )?{_PART})?"
    rf"|{_PART} (?:{_COMPLAINT})(?: {_COMPLAINT})?"
    rf"|(?:my|his|her|their|the)(?: left| right| lower| upper| whole| both| other)* {_PART}"
    rf"(?: and {_PART})? (?:is|are|was|has been|have been|keeps?|feels?|been|started"
    rf"|really|just|got|gets|have)"
    rf"(?: \w+){{0,2}} (?:{_COMPLAINT}|killing me|falling asleep|acting up)"
    rf"|(?:my|me|his|her|their)(?: left| right| lower| upper)* {_PART}(?: (?:keeps?|is|was"
    rf"|has been|kept|starts?|started))? (?:rac(?:es|ing)|pound(?:s|ing)"
    rf"|giv(?:es|ing) (?:out|way)|gave (?:out|way)"
    rf"|lock(?:s|ing) up|(?:goes|going|went) numb|twitch(?:es|ing)|flutter(?:s|ing)|skip(?:s|ping)"
    rf"(?: beats)?|pop(?:s|ping) out|seiz(?:es|ing) up|act(?:s|ing) up|swell(?:s|ing)(?: up)?)"
    rf"|(?:my|me|his|her|their)(?: left| right| lower| upper)* {_PART} (?:hurts?|aches?"
    rf"|itch(?:es)?|throbs?"
    rf"|burns?|bleeds?|cramps?|swells?)"
    rf"|(?:broke|broken|sprained|twisted|fractured|injured|burned|tore|torn|dislocated|hurt|cut)"
    rf" (?:my|his|her|a|the)(?: left| right)* {_PART}"
    rf"|(?:swollen|sore|itchy|stiff|numb|broken|sprained|painful|bleeding|infected|burning"
    rf"|torn|weak"
    rf"|fractured|achy|aching|dislocated|enlarged) {_PART})\b",
)
_LAY: Final = Worded(
    r"\b(?:(?:trouble|difficulty|problems?|hard time) (?:breathing|sleeping|swallowing"
    r"|walking|seeing"
    r"|hearing|urinating|peeing|standing|concentrating|focusing|eating|remembering)"
    r"|(?:cant|cannot|couldnt|can not|havent been able to) (?:breathe|sleep|swallow"
    r"|pee"
    r"|urinate|keep (?:food|anything|it) down|stop (?:coughing|shaking|crying"
    r"|bleeding))"
    r"|(?:threw|throwing) up|(?:feel|feeling|felt|been feeling|get|getting)(?: really"
    r"| very| so| a bit"
    r"| a little| kind of)? (?:dizzy|nauseous|nauseated|faint|light ?headed|depressed"
    r"|anxious|suicidal"
    r"|feverish|weak|tired all the time|short of breath|numb|bloated|queasy)"
    r"|(?:shortness|short|out) of breath|(?:lost|losing|gained|gaining)(?: a lot of| some)? weight"
    r"|(?:high|low|elevated)(?: \w+)? (?:blood (?:pressure|sugar)|cholesterol|fever|sugar"
    r"|pressure(?! (?:is|in|on)\b)(?<!is low pressure)(?<!is high pressure))"
    r"|(?:burns?|burning|hurts?|pain) when (?:i|he|she) (?:pee|urinate|go|swallow|breathe"
    r"|walk|eat|cough)s?"
    r"|(?:pregnant|expecting a baby)|(?:passed|passing|blacked|blacking) out"
    r"|(?:tested|testing) positive(?: for(?: \w+){1,2})?|(?:missed|late|heavy|irregular) periods?"
    r"|(?:bad|severe|terrible|constant|nagging|persistent|dry) (?:cough|headaches?"
    r"|migraines?|nausea"
    r"|diarrhea|pain|itch|itching|rash|cramps|cold|flu)|(?:ringing|buzzing) in (?:my|his"
    r"|her|the) ears?"
    r"|(?:cough|coughing|throwing|spitting) up blood|(?:stage|type) (?:one|two|three|four|1|2|3|4)"
    r"(?: \w+){0,2} (?:cancer|diabetes|kidney disease))\b"
)
_DIAGNOSED: Final = Worded(
    r"\b(?:diagnos(?:ed|is)(?: \w+){0,2}? (?:with|is|of|was|as)|suffer(?:s|ing|ed)? from"
    r"|treated for"
    r"|treatment for|history of|symptoms of|recovering from|battling|living with|died from"
    r"|dying (?:of|from)|born with|riddled with|laid up with|struck down with"
    r"|(?:come|came|gone|went|going) down with|signed off(?: work| sick)?(?: with| for| because of)"
    r"|(?:admitted|rushed in|taken in|kept in|in hospital|off sick|off work"
    r"|off school) (?:with|for)"
    r"|suffer(?:s|ing|ed)? with|prone to|got over|a touch of|a bout of|a dose of|riddled with"
    r"|(?:up all night|in bed|stuck in bed|doubled up) with"
    r"|complications? from"
    r"|(?:being|been) seen for|treating (?:me|him|her) for|tested (?:positive )?for|died of)\b"
    r"(?! (?:that|this|it|the (?:call|account|order)))"
)
_HAS: Final = Worded(
    r"\b(?:ive been having|i have been having|ive been getting|been having|ive had|i have had"
    r"|i think i have|i think i might have|i might have|i may have|think its|i have|ive got|he has"
    r"|she has|he had|she had|i had|im having|i am having|hes having|shes having|i keep getting"
    r"|im getting|hes getting|shes getting|hes been having|hes been getting|shes been having"
    r"|shes been getting|i keep having|keeps getting|keeps having|started getting|started having"
    r"|(?:ive |i |weve |he |she )?noticed (?:a|an|some|this|these|that his|that her|that my)"
    r"|found (?:a|an|this|these) (?:small |little |hard |big )?(?=lump|bump|spot|mass|shadow|clot"
    r"|growth)|theres (?:this|these|like)|left (?:me|him|her) with|i was having|i was getting"
    r"|he gets|she gets|been troubled with|bothered with|bothered by|troubled by|picked up a"
    r"|caught (?:a|the)|developed (?:a|an|some|this|these)?|youve got|complaining of|complains of"
    r"|plagued with|crippled with|bad with (?:my|his|her|the)|martyr to (?:my|his|her)"
    r"|feels? (?:really|so|very|all)"
    r"|feeling (?:really|so|very|all|a bit)|been feeling|i feel|i felt|hes feeling|shes feeling"
    r"|(?<!can )(?<!could )(?<!may )i get|because of my|because of|due to my|for my|about my"
    r"|with my|it is for|its for)\b"
)
_SKIPPED: Final = listed("condition_leads")
"""Words before what somebody has."""
_WHEN: Final = frozenset(["last", "ago", "year", "years", "month", "months", "week", "weeks"])
_TURNS: Final = frozenset(
    ["but", "so", "that", "which", "since", "because", "when", "would", "can"]
)
_SPEAKERS: Final = frozenset(["i", "im", "ive", "my", "he", "she", "we", "it", "its", "they"])
"""Who begins another sentence after "and"."""
_NO_CONDITION: Final = listed("not_named_conditions")
_ENDS_NAME: Final = _NO_CONDITION | _TURNS
_LONGEST: Final = 9
_SENTENCES: Final = 3
"""How many sentences of an answer are looked at for what was asked."""


class ConditionRecognizer(HealthRecognizer):
    """Diagnoses and symptoms; in a call about health also what "I have …" names."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_CONDITION,)

    def hits(self, turn: Turn) -> Iterator[Hit]:
        """Lexicon entries, complaints of a part of the body, stated and asked conditions."""
        found = list(self._all(turn))
        if not found:
            return
        idioms = figures(turn)
        for hit in found:
            grown = graded(turn, replace(hit, last=_qualified(turn, hit.last)))
            if not within((grown.first, grown.last), idioms):
                yield grown

    def _all(self, turn: Turn) -> Iterator[Hit]:
        for first, last in entries_in(diseases(), turn):
            yield Hit(Entity.MEDICAL_CONDITION, first, last, 0.65, "lexicon")
        for found in turn.search(_IN_A_PART):
            score = 0.6 if turn.medical or _PERSONAL.search(found.match.group()) else 0.45
            yield Hit(Entity.MEDICAL_CONDITION, found.first, found.last, score, "part of the body")
        for found in turn.search(_LAY):
            yield Hit(Entity.MEDICAL_CONDITION, found.first, found.last, 0.55, "lay words")
        stated = list(turn.search(_DIAGNOSED))
        for found in stated:
            yield from self._named(turn, found.last, 0.7, "diagnosed")
        if turn.medical:
            for found in turn.search(_HAS):
                yield from self._named(turn, found.last, 0.5, "has")
        asked = turn.expected(Entity.MEDICAL_CONDITION)
        if asked is not None and turn.medical and not stated:
            yield from self._asked(turn, asked)

    @staticmethod
    def _asked(turn: Turn, asked: int) -> Iterator[Hit]:
        """What the first sentence names that names anything; not the question's own end."""
        at = asked
        for _ in range(_SENTENCES):
            at = skip_lead_in(turn, at)
            if at >= len(turn.tokens):
                return
            stop = sentence_end(turn, at, len(turn.tokens))
            rest = asked and at == asked and "?" in turn.tokens[stop - 1].after
            hits = [] if rest else list(ConditionRecognizer._named(turn, at, 0.55, "asked for"))
            if hits:
                yield from hits
                return
            at = stop

    @staticmethod
    def _named(turn: Turn, at: int, score: float, pattern: str) -> Iterator[Hit]:
        first = at
        while first < len(turn.tokens) and turn.tokens[first].key in _SKIPPED:
            first += 1
        last = first
        stop = sentence_end(turn, first, _LONGEST) if first < len(turn.tokens) else first
        while last < stop:
            key = turn.tokens[last].key
            if key in _NO_CONDITION and last > first:
                return  # "symptoms of a slow router"
            if key in _ENDS_NAME or (key in FILLERS and key not in {"right", "and"}):
                break
            # "my sleep apnea I can't drive"
            if (
                (key in {"i", "im", "ive"} and last > first)
                or key in _WHEN
                or (key == "and" and set(turn.keys(last + 1, last + 2)) & _SPEAKERS)
            ):
                break
            if key in {"and", "or"} and last > first:
                yield from ConditionRecognizer._named(turn, last + 1, score, pattern)
                break
            last += 1
        while (
            last > first
            and is_function(turn.tokens[last - 1].key)
            and (turn.tokens[last - 1].key not in {"down", "up", "out", "back"})
        ):
            last -= 1
        last = trim_fillers(turn, first, last)
        keys = turn.keys(first, last)
        if keys and not all(is_function(key) or is_number(key) for key in keys):
            yield Hit(Entity.MEDICAL_CONDITION, first, last, score, pattern)


def _qualified(turn: Turn, last: int) -> int:
    """``last`` moved over its letter or type ("haemophilia A"), or "of my life"."""
    following = turn.keys(last, last + 3)
    if not following or turn.tokens[last - 1].stops:
        return last
    if following[0] == "of" and following[1:2] and following[2:3] in {("life",), ("lives",)}:
        return last + 3
    if following[0] in _KINDS and following[1:2] and following[1] in _NUMBERED:
        return last + 2
    lettered = turn.tokens[last - 1].key in _LETTERED or following[0] in {"b", "c"}
    written = turn.text[turn.tokens[last].start : turn.tokens[last].end]
    ends = last + 1 == len(turn.tokens) or bool(turn.tokens[last].after.strip())
    if lettered and following[0] in _TYPES and (ends or written.isupper()):
        return last + 1
    return last


_KINDS: Final = frozenset({"type", "stage", "grade", "class"})
_NUMBERED: Final = frozenset({"one", "two", "three", "four", "1", "2", "3", "4", "a", "b", "c"})
_LETTERED: Final = frozenset(
    ["haemophilia", "hemophilia", "hepatitis", "hep", "influenza", "flu", "strep", "bipolar"]
)
_TYPES: Final = frozenset({"a", "b", "c", "d", "e", "one", "two", "1", "2"})
"""Letters and figures that tell kinds of one illness apart."""
_PERSONAL: Final = re.compile(r"\b(?:my|his|her|i|ive|im|shes|hes)\b")
