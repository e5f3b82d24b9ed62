"""Records of the door for tests, and a seal that hides nothing but is bound like the real one."""

from __future__ import annotations

import hashlib
import json

from pipeline.errors import SealError
from pipeline.gateways.business import StatedBusiness
from pipeline.gateways.door.model import CallHeader, DoorChunk, DoorEnd, DoorRecord, canonical
from pipeline.gateways.door.wire import CallKey
from pipeline.gateways.events import Codec
from pipeline.records.model import Role

CALL = "call-7a1b2c3d4eabcdefghjkmnpqrs"
TOPIC = "hushwire.audio.in"
NUMBER = "+49 30 901820"
PLATFORM = "CA-4111111111111111 / +49 30 901820"
PLAIN = CallHeader(CALL, 8_000, (Role.MIXED,), Codec.PCMU)
FULL = CallHeader(
    CALL,
    16_000,
    (Role.CUSTOMER, Role.AGENT),
    Codec.L16,
    recorder_id=PLATFORM,
    started_at="2026-03-01T10:00:00+01:00",
    language="de",
    purpose="quality",
    numbers=(NUMBER, "sip:anna@example.com"),
    stated=canonical(
        json.dumps({"places": ["DE"], "evidence": [{"kind": "notice_played", "at_ms": -4000}]})
    ),
    recording=hashlib.sha256(b"file").hexdigest(),
    business=StatedBusiness(
        "inbound", "spring", "+49 30 555010", "Anna B.", "answered", "sip:anna@example.com"
    ),
)
RECORDS: dict[str, DoorRecord] = {
    "plain": DoorChunk(PLAIN, 0, 0, b"\xff" * 8),
    "full": DoorChunk(FULL, 7, 16_000, b"spoken 4111 words..."),
    "paused": DoorChunk(FULL, 8, 32_000, b"after the pause.", paused=True),
    "blank": DoorChunk(FULL, 9, 64_000, b"in a long pause.", paused=True, blank=True),
    "end": DoorEnd(FULL, 9, 48_000),
    "broken off": DoorEnd(PLAIN, 0, 0, complete=False),
}


class BoundSeal:
    """Puts a digest of the name and the associated data before a value."""

    def __init__(self, name: bytes = b"key") -> None:
        self._name = name

    def seal(self, value: bytes, associated: bytes) -> bytes:
        return hashlib.sha256(self._name + associated).digest() + value

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        if sealed[:32] != hashlib.sha256(self._name + associated).digest():
            raise SealError("the seal does not open")
        return sealed[32:]


SEAL = BoundSeal()
KEY = CallKey(b"wrapped", SEAL)
