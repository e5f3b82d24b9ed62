"""AGE_OVER_89: ages that HIPAA counts as an identifier."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from models.recognizers.base import Hit, SpokenRecognizer
from models.text.turn import Turn
from pipeline.records.entities import Entity

_AGE: Final = (
    r"(?P<age>ninety(?: (?:one|two|three|four|five|six|seven|eight|nine))?"
    r"|(?:a|one) hundred(?: and)?(?: (?:one|two|three|four|five|six|seven|eight|nine|ten))?"
    r"|9\d|1[01]\d)"
)
_WHO: Final = (
    r"he|she|who|(?:grand|great grand|step)?(?:mother|father|mom|mum|dad|ma|pa|parent)|wife|husband"
    r"|aunt|uncle|patient|nana|nan|brother|sister|neighbou?r|resident|member|gran|granny"
    r"|grandad|granddad|grandpa|grandma|auntie|great aunt|lady|gentleman"
    r"|client|tenant|customer|claimant|deceased|nanna|nonna|abuela|mam|nanny|mother in law"
    r"|father in law|cousin|friend"
)
_UNITS: Final = (
    r"(?! (?:dollars?|percent|per cent|minutes?|miles|days|milligrams|degrees|pounds?|people|cents"
    r"|hours?|feet|foot|of|to|quid|euros?|rupees|p|k|kilos?|weeks?|months?|metres|meters|yards"
    r"|mils?|inch|inches|litres|units|points?|seconds|mph|thousand|million|grams?|bucks|grand"
    r"|and a half"
    r"|pence|kilometres|watts?|volts?|times|more|off)\b)"
)
"""What may come after a number that is no age."""
_NEARLY: Final = (
    r"(?: (?:nearly|almost|about|around|coming up(?: to| on| for)?|going on|pushing|getting on for"
    r"|well|over|past|now|only|just(?: gone| turned)?|all of|the grand age of|at least|like|um|uh"
    r"|rising|approaching))*"
)
_ORDINAL: Final = "(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)"
_STATED: Final = re.compile(
    rf"\b(?:(?:(?:i am|im|hes|shes|whos|ill be|hell be|shell be|id be|hed be|shed be|wholl be"
    rf"|i (?:shall|will) be|(?:{_WHO}|ill|hed|shed|id|he|she)(?:s| is| was| just turned| will be"
    rf"| would be| shall be| would have been| have been)|turned"
    rf"|turns|turning|turn|aged|age(?: is| of)?|made it to|lived to(?: be)?|died at"
    rf"|passed away at){_NEARLY}|is now|just) {_AGE}"
    rf"{_UNITS}\b"
    rf"|{_AGE.replace('?P<age>', '?P<years>')} ?(?:years? old|year old|yrs? old|years of age"
    rf"|years young|next birthday)\b"
    rf"|(?:i|we) (?:was|were) {_AGE.replace('?P<age>', '?P<was>')}(?= (?:last|this|yesterday"
    r"|today|on (?:the|\w+day)|in (?:january|february|march|april|may|june|july|august"
    r"|september|october|november|december|the (?:spring|summer|autumn|winter)))\b)"
    rf"|(?P<birthday>(?:one )?hundredth|(?:one )?hundred and {_ORDINAL}|ninety {_ORDINAL}"
    r"|ninetieth|9\dth|9[123](?:st|nd|rd)|1[01]\d(?:st|nd|rd|th))(?= birthday\b))",
)
_GROUPS: Final = ("age", "years", "was", "birthday")
_ALONE: Final = re.compile(rf"\b{_AGE}{_UNITS}\b")
_CORRECTED: Final = frozenset(
    ["no", "wait", "sorry", "i", "mean", "um", "uh", "er", "hang", "on", "is", "she", "he", "it",
     "or", "rather", "actually", "well", "make", "that", "tell", "a", "lie", "nearly", "now",
     "just", "turned", "gone", "hes", "shes", "its", "im", "coming", "up", "to", "almost",
     "yes", "yeah"]
)  # fmt: skip
"""Words between an age and its correction."""
_NEAR: Final = 6


class SpokenAgeRecognizer(SpokenRecognizer):
    """Ages of ninety and more."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.AGE_OVER_89,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Ages that are stated as such, and their corrections."""
        for found in turn.search(_STATED):
            group = next(one for one in _GROUPS if found.match.group(one))
            first, last = turn.span_of(found, group)
            yield Hit(Entity.AGE_OVER_89, first, last, 0.75, "stated age")
            for other in turn.search(_ALONE):
                between = turn.keys(last, other.first)
                if other.first >= last and len(between) <= _NEAR and _CORRECTED.issuperset(between):
                    yield Hit(Entity.AGE_OVER_89, last, other.last, 0.6, "corrected")
                    last = other.last
