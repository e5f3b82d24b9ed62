"""What AudioHook's client writes, and a connection that has read it."""

from __future__ import annotations

import json

from pipeline.gateways.audiohook.connection import AudioHookConnection
from pipeline.gateways.lone_keys import ConsentKeys

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
ORGANIZATION = "d7934305-0972-4844-938e-9060eef73d05"
CONVERSATION = "090eaa2f-72fa-480a-83e0-8667ff89c0ec"
OPEN = """{
  "version": "2", "type": "open", "seq": 1, "serverseq": 0,
  "id": "e160e428-53e2-487c-977d-96989bf5c99d", "position": "PT0S",
  "parameters": {
    "organizationId": "d7934305-0972-4844-938e-9060eef73d05",
    "conversationId": "090eaa2f-72fa-480a-83e0-8667ff89c0ec",
    "participant": {
      "id": "883efee8-3d6c-4537-b500-6d7ca4b92fa0",
      "ani": "+1-555-555-1234", "aniName": "John Doe", "dnis": "+1-800-555-6789"
    },
    "media": [
      {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000},
      {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
      {"type": "audio", "format": "PCMU", "channels": ["internal"], "rate": 8000}
    ],
    "language": "en-US"
  }
}"""
OPENED = (
    '{"version":"2","type":"opened","seq":1,"clientseq":1,'
    '"id":"e160e428-53e2-487c-977d-96989bf5c99d","parameters":{"media":[{"type":"audio",'
    '"format":"PCMU","channels":["external","internal"],"rate":8000}],"startPaused":false}}'
)
PING = (
    '{"version":"2","id":"e160e428-53e2-487c-977d-96989bf5c99d","type":"ping","seq":2,'
    '"serverseq":1,"position":"PT1.2S","parameters":{"rtt":"PT0.041S"}}'
)
PONG = (
    '{"version":"2","type":"pong","seq":2,"clientseq":2,'
    '"id":"e160e428-53e2-487c-977d-96989bf5c99d","parameters":{}}'
)
FIFTH = b"\xff\x7f" * 1_600
"""A fifth of a second of both channels."""


def opening(**changed: object) -> str:
    message = json.loads(OPEN)
    message["parameters"].update(changed)
    return json.dumps(message)


def message(order: str, seq: int, position: str = "PT0S", **parameters: object) -> str:
    return json.dumps(
        {
            "version": "2", "id": SESSION, "type": order, "seq": seq, "serverseq": 1,
            "position": position, "parameters": parameters,
        }
    )  # fmt: skip


def new_connection(**options: ConsentKeys) -> AudioHookConnection:
    return AudioHookConnection(session_id=SESSION, organization_id=ORGANIZATION, **options)


def opened_connection(text: str = OPEN, **options: ConsentKeys) -> AudioHookConnection:
    connection = new_connection(**options)
    connection.feed(text)
    assert connection.accept()
    return connection
