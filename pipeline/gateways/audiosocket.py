"""AudioSocket, as Asterisk speaks it over TCP: kind, length, payload.

A message is one byte of kind, two of length (big endian) and the payload. The first one names the
call by a UUID; audio is linear, 16 bit, little endian, one channel, its rate told by the kind. A
message may come in pieces and several at once. Source: ``res_audiosocket.h`` of Asterisk, and its
documentation of the protocol.

Outcomes: ``feed`` returns events and what is to be answered; ``GatewayError`` ends the connection.
"""

from __future__ import annotations

import uuid
from typing import Final

from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    Event,
    GatewayError,
    Reason,
    Started,
)
from pipeline.gateways.lone_keys import NO_KEYS, ConsentKeys

HANG_UP: Final = 0x00
NAME: Final = 0x01
KEY: Final = 0x03
ERROR: Final = 0xFF
RATES: Final = {
    0x10: 8_000, 0x11: 12_000, 0x12: 16_000, 0x13: 24_000, 0x14: 32_000, 0x15: 44_100,
    0x16: 48_000, 0x17: 96_000, 0x18: 192_000,
}  # fmt: skip
"""Hz by kind."""
HIGHEST_RATE: Final = 48_000
TRACK: Final = "audio"
"""The one channel's name, for the configuration of roles."""
_HEADER: Final = 3
_UUID: Final = 16
_SAMPLE: Final = 2
_NIL: Final = bytes(_UUID)


class AudioSocketConnection:
    """One connection, seen from the side that is called.

    Args:
        keys: by which a caller agrees or withdraws consent.
        most: longest payload that is taken, in bytes.
    """

    def __init__(self, *, keys: ConsentKeys = NO_KEYS, most: int = 65_535) -> None:
        self._keys, self._most = keys, most
        self._buffer = bytearray()
        self._name = ""
        self._kind = 0
        self._at = 0
        self._over = False

    @property
    def begun(self) -> bool:
        """Whether the call has named itself."""
        return bool(self._name)

    def feed(self, data: bytes) -> tuple[list[Event], list[bytes]]:
        """Take bytes as they come; no bytes: the other side closed the connection.

        Returns:
            Events, and what is to be sent back (never anything in this protocol).

        Raises:
            GatewayError: a payload that is too long, of an unknown kind or that doesn't fit its
                kind; anything before the UUID or after the end. Its ``before`` holds the events of
            what came ahead of it.
        """
        events: list[Event] = []
        if not data:
            if not self._over:
                self._end(events, complete=False)
            return events, []
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _HEADER:
            size = buffer[at + 1] << 8 | buffer[at + 2]
            if size > self._most:
                error = GatewayError(
                    Reason.TOO_LARGE, f"{size} bytes in one message, {self._most} are taken"
                )
                error.before = tuple(events)
                raise error
            end = at + _HEADER + size
            if len(buffer) < end:
                break
            try:
                self._message(buffer[at], bytes(buffer[at + _HEADER : end]), events)
            except GatewayError as error:
                error.before = tuple(events)
                raise
            at = end
        del buffer[:at]
        return events, []

    @staticmethod
    def error(code: int = 1) -> bytes:
        """The message by which the protocol ends a connection that can't go on."""
        return bytes((ERROR, 0, 1, code))

    def _message(self, kind: int, payload: bytes, events: list[Event]) -> None:
        if self._over:
            raise GatewayError(Reason.BAD_FRAME, "a message after the end of the call")
        if not self._name:
            self._named(kind, payload)
        elif kind in RATES:
            self._audio(kind, payload, events)
        elif kind == KEY:
            self._key(payload, events)
        elif kind in {HANG_UP, ERROR}:
            self._end(events, complete=kind == HANG_UP)
        else:
            raise GatewayError(Reason.BAD_FRAME, f"a message of kind 0x{kind:02x} has no place")

    def _named(self, kind: int, payload: bytes) -> None:
        if kind != NAME:
            raise GatewayError(
                Reason.BAD_FRAME,
                "the first message names the call by a UUID (kind 0x01)",
                ours=True,
            )
        if len(payload) != _UUID:
            raise GatewayError(Reason.BAD_FRAME, "a call's name is a UUID of 16 bytes", ours=True)
        if payload == _NIL:
            raise GatewayError(
                Reason.BAD_FRAME, "the nil UUID names no call; give each call its own", ours=True
            )
        self._name = str(uuid.UUID(bytes=payload))

    def _key(self, payload: bytes, events: list[Event]) -> None:
        if len(payload) != 1:
            raise GatewayError(Reason.BAD_FRAME, "a key is one byte")
        if self._kind:
            events.append(self._keys.pressed(payload.decode("latin-1"), 0, self._at))

    def _end(self, events: list[Event], *, complete: bool) -> None:
        self._over = True
        if self._kind:
            events.append(Ended(complete))

    def _audio(self, kind: int, payload: bytes, events: list[Event]) -> None:
        rate = RATES[kind]
        if kind != self._kind:
            if self._kind:
                raise GatewayError(Reason.BAD_AUDIO, "the rate changed in the middle of a call")
            if rate > HIGHEST_RATE:
                raise GatewayError(
                    Reason.UNSUPPORTED, f"audio at {rate} Hz; send at most {HIGHEST_RATE} Hz"
                )
            self._kind = kind
            events.append(Started(self._name, Codec.L16, rate, (TRACK,), timed=False))
        if len(payload) % _SAMPLE:
            raise GatewayError(Reason.BAD_AUDIO, "linear audio has two bytes a sample")
        if payload:
            events.append(Audio(0, self._at, payload))
            self._at += len(payload) // _SAMPLE
