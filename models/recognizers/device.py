"""DEVICE_ID: serial numbers, IMEI and MAC addresses of something that one person owns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from models.patterns import Worded
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.codes import code_after
from models.spoken import Turn
from pipeline.entities import Entity

_DEVICE: Final = Worded(
    r"\b(?:serial(?: number)?|i m e i|imei|mac address|device id|implant number)"
    r"(?: number)?(?: is| its| reads)?\b"
)


class DeviceRecognizer(SpokenRecognizer):
    """Identifiers of devices."""

    ENTITIES: ClassVar[tuple[str, ...]] = (Entity.DEVICE_ID,)
    PATTERNS: ClassVar[tuple[Worded, ...]] = (_DEVICE,)

    def find(self, turn: Turn) -> Iterator[Hit]:
        """Codes after their name, and codes in an answer."""
        yield from code_after(turn, Entity.DEVICE_ID, _DEVICE, shortest=6)
