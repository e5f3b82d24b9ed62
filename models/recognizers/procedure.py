"""MEDICAL_PROCEDURE: operations, examinations and tests in lay words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.lexicon import alternatives
from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.spoken import Turn
from pipeline.entities import Entity

_NAMED: Final = Worded(
    rf"\b(?:{alternatives('body_parts')} )?{alternatives('procedures')}"
    rf"(?: (?:put in|placed|removed|taken out|done))?\b"
    r"|(?<=had |ing |for |ted |her |his |ter )radiation\b(?! (?:leak|level|detector|shield))"
    rf"|\b(?:{alternatives('body_parts')} (?:surgery|replacement|transplant|removal"
    rf"|operation|biopsy|scan"
    r"|implants?|reconstruction)|\w+(?:ectomy|oscopy|plasty|otomy|ostomy))\b"
)
_EVERYDAY: Final = frozenset({"rehab", "detox", "stress test", "blood test", "radiation treatment"})


class ProcedureRecognizer(SpokenRecognizer):
    """What was or will be done to a patient."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.MEDICAL_PROCEDURE,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_NAMED,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Procedures of the list, and words with the endings of procedures."""
        for found in turn.search(_NAMED):
            everyday = found.match.group() in _EVERYDAY and not turn.medical
            score = 0.35 if everyday else 0.6
            yield Hit(Entity.MEDICAL_PROCEDURE, found.first, found.last, score, "named")
