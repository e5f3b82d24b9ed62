"""AGE_OVER_89: ages that HIPAA counts as an identifier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_AGE: Final = (
    r"(?P<age>ninety(?: (?:one|two|three|four|five|six|seven|eight|nine))?"
    r"|(?:a|one) hundred(?: and)?(?: (?:one|two|three|four|five|six|seven|eight|nine|ten))?"
    r"|9\d|1[01]\d)"
)
_WHO: Final = (
    r"he|she|who|(?:grand|great grand|step)?(?:mother|father|mom|mum|dad|ma|pa|parent)|wife|husband"
    r"|aunt|uncle|patient|nana|nan|brother|sister|neighbou?r|resident|member"
)
_STATED: Final = Worded(
    rf"\b(?:(?:i am|im|hes|shes|whos|(?:{_WHO})(?:s| is| was| just turned| will be"
    rf"| would be)|turned"
    rf"|turns|turning|turn|aged|age(?: is| of)?|is now|just) {_AGE}(?! (?:dollars|percent|minutes"
    rf"|miles|days|milligrams|degrees|pounds|people|cents|hours|feet|of|to))\b"
    rf"|{_AGE.replace('?P<age>', '?P<years>')} ?(?:years? old|year old|yrs? old|years of age)\b)",
    holds=r"(?:ninety|hundred|9\d|1[01]\d)",
)
_ALONE: Final = Worded(rf"\b{_AGE}\b")


class SpokenAgeRecognizer(SpokenRecognizer):
    """Ages of ninety and more."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.AGE_OVER_89,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_STATED,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Ages that are stated as such, and the answer to "how old"."""
        for found in turn.search(_STATED):
            group = "age" if found.match.group("age") else "years"
            yield Hit(Entity.AGE_OVER_89, *turn.span_of(found, group), 0.75, "stated age")
        asked = turn.expected(Entity.AGE_OVER_89)
        if asked is not None:
            for found in turn.search(_ALONE):
                if found.first >= asked:
                    yield Hit(Entity.AGE_OVER_89, found.first, found.last, 0.6, "asked for")
