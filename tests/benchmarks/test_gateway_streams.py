"""What the gateway's benchmark sends, and how it tells how long a frame took."""

from __future__ import annotations

import base64
import json

import pytest

from benchmarks.gateways import paced
from benchmarks.gateways.__main__ import missed
from benchmarks.gateways.judged import Found, _latencies
from pipeline.gateways.door.model import CallHeader, DoorChunk, DoorEnd
from pipeline.gateways.events import Codec
from pipeline.records.model import Role

pytestmark = pytest.mark.unit

CALL = f"call-{'a' * 32}"
HEADER = CallHeader(CALL, 8_000, (Role.CUSTOMER, Role.AGENT), Codec.PCMU)


@pytest.mark.parametrize("index", [0, 4, 49, 50])
def test_media_frames_are_twilios(index: int) -> None:
    data, audio = paced.MediaFrames(1).both(7, index), paced.noise()
    for channel, track in enumerate(("inbound", "outbound")):
        kind, payload, data = _unmasked(data)
        assert kind == 1
        told = json.loads(payload)
        (row,) = paced.rows(7, channel, index, 1)
        assert told == {
            "event": "media",
            "sequenceNumber": str(2 * index + channel + 2),
            "media": {
                "track": track,
                "chunk": str(index + 1),
                "timestamp": str(20 * index),
                "payload": base64.b64encode(audio[row].tobytes()).decode(),
            },
            "streamSid": "MZ0",
        }
    assert data == b""


def _unmasked(data: bytes) -> tuple[int, bytes, bytes]:
    """The first frame of a client that masks with zeros, and the rest."""
    assert data[:2] == b"\x81\xfe"
    assert data[4:8] == bytes(4)
    size = int.from_bytes(data[2:4])
    return data[0] & 15, data[8 : 8 + size], data[8 + size :]


def test_a_frame_is_there_when_the_chunk_with_its_end_is() -> None:
    name = paced.name_of(1, 200)  # frames of 1,600 samples
    lengths = (480, 480, 1_440, 2_400, 800)
    chunks, at = [], 0
    for seq, samples in enumerate(lengths):
        chunks.append(DoorChunk(HEADER, seq, at, bytes(2 * samples)))
        at += samples
    found = {name: Found(chunks, DoorEnd(HEADER, len(chunks), at))}
    there = {(CALL, seq): 10.0 + seq for seq in range(len(chunks))}
    completing, waiting = _latencies(found, {name: [1.0, 2.0, 3.0, 4.0]}, there)
    # Chunks end in frames 0, 0, 1, 2; frames end in chunks 2, 3, 3; the last one is cut by the end.
    assert completing == [9.0, 10.0, 10.0, 10.0]
    assert waiting == [11.0, 11.0, 10.0]


@pytest.mark.parametrize(
    ("chunk_s", "waiting", "completing", "told"),
    [
        (0.06, 52.0, 17.0, []),
        (0.06, 100.0, 17.0, ["p99"]),
        # A frame waits for a chunk of a second for up to a second, whatever the gateway does.
        (1.0, 987.0, 17.0, []),
        (0.1, 160.0, 17.0, []),
        (1.0, 987.0, 100.0, ["p99"]),
    ],
)
def test_the_goal_is_of_what_the_gateway_decides(
    chunk_s: float, waiting: float, completing: float, told: list[str]
) -> None:
    result = {
        "chunk_s": chunk_s,
        "waiting_ms": {"p99": waiting},
        "completing_ms": {"p99": completing},
        "problems": [],
        "gateway": {"kilobytes": 65.0},
    }
    assert missed(result) == told
    assert missed({**result, "completing_ms": {}, "waiting_ms": {}}) == ["p99"]
    assert missed({**result, "problems": ["x"], "gateway": {"kilobytes": 300.0}})[-1] == "memory"
