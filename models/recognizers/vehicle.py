"""VEHICLE_ID and LICENSE_PLATE: letters and figures that were asked for or announced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.codes import code_after
from models.spoken import Turn
from pipeline.entities import Entity

_VIN: Final = Worded(r"\b(?:v i n|vin|vehicle identification)(?: number)?(?: is| its)?\b")
_PLATE: Final = Worded(
    r"\b(?:(?:license|licence|number|registration) plates?|plate|tag)(?: number)?(?: is"
    r"| its| reads)?\b"
)


class VehicleRecognizer(SpokenRecognizer):
    """Identification numbers and plates of vehicles."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.VEHICLE_ID, Entity.LICENSE_PLATE)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_VIN, _PLATE)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Codes after their name, and codes in an answer."""
        yield from code_after(turn, Entity.VEHICLE_ID, _VIN, shortest=6)
        yield from code_after(turn, Entity.LICENSE_PLATE, _PLATE, shortest=4)
