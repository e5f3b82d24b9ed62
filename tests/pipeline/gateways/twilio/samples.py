"""Frames as both platforms document them, and how tests take them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

import pytest

from pipeline.gateways.events import Audio, Event, GatewayError
from pipeline.gateways.lone_keys import ConsentKeys
from pipeline.gateways.twilio.connection import TwilioConnection
from pipeline.records.model import Role

ROLES = {"inbound": Role.CUSTOMER, "outbound": Role.AGENT}
SID = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CA5d0d0d8047bf685c3f0ff980fe62c123"
CONNECTED = '{"event": "connected", "protocol": "Call", "version": "1.0.0"}'
START = """{
  "event": "start", "sequenceNumber": "1", "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0",
  "start": {
    "accountSid": "AC5EF8732A3C49700934481ADDD5CE1659",
    "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0",
    "callSid": "CA5d0d0d8047bf685c3f0ff980fe62c123",
    "tracks": ["inbound", "outbound"],
    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    "customParameters": {"from": "+15551230001", "to": "+15551230002", "language": "en-US",
      "token": "secret-of-this-test", "consent": "{\\"places\\": [\\"US-CA\\"]}", "x": "unread"}
  }
}"""
TELNYX_START = """{
  "event": "start", "sequence_number": "1", "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC",
  "start": {
    "user_id": "3E6F995F-85F7-4705-9741-53B116D28237",
    "call_control_id": "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
    "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f",
    "from": "+13122010094", "to": "+13122123456", "tags": ["TAG1", "TAG2"],
    "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d", "custom_parameters": {"customer_id": "c_123"},
    "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
  }
}"""
FRAME = 160


def media(
    number: int, ms: int, payload: bytes = bytes(FRAME), track: str = "inbound", chunk: int = 1
) -> str:
    return (
        f'{{"event": "media", "sequenceNumber": "{number}", "streamSid": "{SID}", "media": '
        f'{{"track": "{track}", "chunk": "{chunk}", "timestamp": "{ms}", '
        f'"payload": "{base64.b64encode(payload).decode()}"}}}}'
    )


def dtmf(number: int, digit: str, track: str = "inbound_track") -> str:
    return (
        f'{{"event": "dtmf", "streamSid": "{SID}", "sequenceNumber": "{number}", '
        f'"dtmf": {{"track": "{track}", "digit": "{digit}"}}}}'
    )


def stop(number: int) -> str:
    return (
        f'{{"event": "stop", "sequenceNumber": "{number}", "streamSid": "{SID}", '
        f'"stop": {{"accountSid": "AC5EF8732A3C49700934481ADDD5CE1659", "callSid": "{CALL}"}}}}'
    )


def started(**options: str) -> TwilioConnection:
    connection = TwilioConnection(roles=ROLES, keys=ConsentKeys(**options))
    connection.feed(CONNECTED)
    connection.feed(START)
    return connection


def events_of(connection: TwilioConnection, frames: Iterable[str]) -> list[Event]:
    return [event for frame in frames for event in connection.feed(frame)[0]]


def starts(connection: TwilioConnection, frames: Iterable[str]) -> list[int]:
    return [event.start for event in events_of(connection, frames) if isinstance(event, Audio)]


def refused(connection: TwilioConnection, frame: str | bytes) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        connection.feed(frame)
    return caught.value


def edited(text: str = START, **changes: object) -> str:
    """A start with other fields inside."""
    said = json.loads(text)
    said["start"] |= changes
    return json.dumps(said)
