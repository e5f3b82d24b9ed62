"""Streams of many calls at real-time pace, by one thread over plain sockets: the client.

    python -m benchmarks.gateways.paced HOST PORT FIRST STREAMS SECONDS gateway|echo OUT

``STREAMS`` of Twilio and as many of AudioHook, numbered from ``FIRST`` on.

It costs as little as it can, so that on two cores the gateway is what is measured: frames are
masked with zeros, put together from parts that are made once, and sent by ticks of a millisecond.
When each frame was sent is written to a file, by the clock that all processes of a machine share.
"""

from __future__ import annotations

import base64
import heapq
import json
import socket
import struct
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.gateways.audiohook_client import Client

RATE: Final = 8_000
TWILIO_MS, AUDIOHOOK_MS = 20, 200
"""Lengths of frames: Twilio's, and those of the vendor's own client of AudioHook."""
TOKEN: Final = "a-token-of-the-benchmark"  # noqa: S105 - of nobody
KEY: Final = "key-of-the-benchmark"
SECRET: Final = b"a client secret of the benchmark"
SPREAD_S: Final = 1.0
"""Streams begin one after another within this time, so that their chunks don't end at once."""
TICK_S: Final = 0.001
"""The thread rests for at least this time; what became due meanwhile is sent in one go."""
CLOSED_S: Final = 60.0
_TABLE: Final = 4_093
"""Frames of audio that differ; a prime, so that no two streams repeat in the same way."""
_FIN: Final = 0x80
_TEXT, _BINARY, _PING, _PONG, _CLOSE = 1, 2, 9, 10, 8
_MASK: Final = bytes(4)


def noise() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The audio of all calls, mu-law: a row per frame of 20 ms."""
    return np.random.default_rng(23).integers(0, 256, (_TABLE, 160), dtype=np.uint8)


def rows(stream: int, channel: int, first: int, count: int) -> list[int]:
    """Which rows of the audio a channel of a stream has, from its ``first`` frame of 20 ms on."""
    begin = stream * 37 + channel * 1_009
    return [(begin + frame) % _TABLE for frame in range(first, first + count)]


def name_of(stream: int, step_ms: int) -> str:
    """The platform's id of a stream's call, which tells its number and the length of its frames."""
    return str(uuid.UUID(int=step_ms << 64 | stream))


def named(name: str) -> tuple[int, int]:
    """Number of a stream and length of its frames in ms, by its name."""
    value = uuid.UUID(name).int
    return value & 0xFFFFFFFF, value >> 64


def frame(kind: int, payload: bytes) -> bytes:
    """A WebSocket frame as clients send it, masked with zeros."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", _FIN | kind, _FIN | size)
    elif size < 65_536:
        head = struct.pack(">BBH", _FIN | kind, _FIN | 126, size)
    else:
        head = struct.pack(">BBQ", _FIN | kind, _FIN | 127, size)
    return head + _MASK + payload


class Stream(ABC):
    """One call: connects, sends frames when they are due, and hears how it ends."""

    step_ms: int

    def __init__(self, address: tuple[str, int], number: int, *, echo: bool) -> None:
        self.number, self._echo = number, echo
        self.name = name_of(number, self.step_ms)
        self.sent: list[float] = []
        self._socket = socket.create_connection(address, timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def upgrade(self, target: str, headers: dict[str, str]) -> None:
        """Ask for a WebSocket."""
        host, port = self._socket.getpeername()[:2]
        lines = [
            f"GET {'/echo' if self._echo else target} HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(self.number.to_bytes(16)).decode()}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._read()
        head, self._rest = self._rest.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0] + b" ":
            raise ConnectionError(head.split(b"\r\n")[0].decode())

    @abstractmethod
    def begin(self) -> None:
        """Say what comes."""

    @abstractmethod
    def due(self, index: int) -> bytes:
        """What is sent as the ``index``-th time."""

    @abstractmethod
    def finish(self) -> None:
        """Say that it is over, and wait for the other side's word."""

    def send(self, data: bytes) -> None:
        """All of it, whatever the other side does."""
        self._socket.sendall(data)

    def drop(self) -> None:
        """Take what came, without looking at it."""
        self._socket.settimeout(0)
        with suppress(BlockingIOError):
            while self._socket.recv(262_144):
                pass
        self._socket.settimeout(30)

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """What the server says, until it closes."""
        while True:
            while (found := _unframed(self._rest)) is not None:
                kind, payload, self._rest = found
                yield kind, payload
                if kind == _CLOSE:
                    return
            more = self._read()
            if not more:
                return
            self._rest += more

    def _read(self) -> bytes:
        return self._socket.recv(65_536)


class MediaFrames:
    """Twilio's frames of all streams: the same but for the audio in them.

    Args:
        seconds: of each stream.
    """

    _TAIL: Final = b'"},"streamSid":"MZ0"}'

    def __init__(self, seconds: int) -> None:
        self._payloads = [base64.b64encode(row.tobytes()) for row in noise()]
        size = len(self._payloads[0]) + len(self._TAIL)
        self._heads = [
            tuple(
                self._head(2 * index + channel, track, index, size)
                for channel, track in enumerate(("inbound", "outbound"))
            )
            for index in range(seconds * 1_000 // TWILIO_MS + 1)
        ]

    @staticmethod
    def _head(before: int, track: str, index: int, size: int) -> bytes:
        """All of a WebSocket frame up to its audio, behind so many others."""
        text = (
            f'{{"event":"media","sequenceNumber":"{before + 2}","media":{{"track":"{track}",'
            f'"chunk":"{index + 1}","timestamp":"{index * TWILIO_MS}","payload":"'
        ).encode()
        return frame(_TEXT, text + bytes(size))[:-size]

    def both(self, stream: int, index: int) -> bytes:
        """A stream's ``index``-th frames, of both tracks."""
        one, other = self._heads[index]
        payloads, tail = self._payloads, self._TAIL
        (row,), (second,) = (rows(stream, channel, index, 1) for channel in (0, 1))
        return b"".join((one, payloads[row], tail, other, payloads[second], tail))


class Twilio(Stream):
    """Twilio's, with both tracks."""

    step_ms = TWILIO_MS

    def __init__(
        self, address: tuple[str, int], number: int, *, echo: bool, frames: MediaFrames
    ) -> None:
        super().__init__(address, number, echo=echo)
        self._frames = frames

    def begin(self) -> None:
        """See ``Stream``."""
        self.upgrade("/twilio", {})
        start = {
            "accountSid": "AC0",
            "streamSid": "MZ0",
            "callSid": self.name,
            "tracks": ["inbound", "outbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
            "customParameters": {"token": TOKEN},
        }
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        told = {"event": "start", "sequenceNumber": "1", "start": start, "streamSid": "MZ0"}
        self.send(frame(_TEXT, json.dumps(connected).encode()))
        self.send(frame(_TEXT, json.dumps(told).encode()))

    def due(self, index: int) -> bytes:
        """See ``Stream``."""
        return self._frames.both(self.number, index)

    def finish(self) -> None:
        """See ``Stream``."""
        number = 2 * len(self.sent) + 2
        told = {"event": "stop", "sequenceNumber": str(number), "stop": {}, "streamSid": "MZ0"}
        self.send(frame(_TEXT, json.dumps(told).encode()))
        if self._echo:
            self.send(frame(_CLOSE, b"\x03\xe8"))
        for _ in self.messages():
            pass


class AudioHook(Stream):
    """AudioHook's, two channels, mu-law."""

    step_ms = AUDIOHOOK_MS

    def __init__(self, address: tuple[str, int], number: int, *, echo: bool, audio: bytes) -> None:
        super().__init__(address, number, echo=echo)
        self._audio = np.frombuffer(audio, np.uint8).reshape(_TABLE, 160)
        self._client = Client(
            "ws://{}:{}/audiohook".format(*address), key=KEY, secret=SECRET, conversation=self.name
        )
        self._seq = self._serverseq = 0

    def begin(self) -> None:
        """See ``Stream``."""
        self.upgrade("/audiohook", self._client.headers())
        media = {"type": "audio", "format": "PCMU", "rate": RATE,
                 "channels": ["external", "internal"]}  # fmt: skip
        told = {
            "organizationId": self._client.organization,
            "conversationId": self.name,
            "participant": {"id": self._client.session, "ani": "", "aniName": "", "dnis": ""},
            "media": [media],
        }
        self._say("open", told)
        if not self._echo:
            self._hear("opened")

    def due(self, index: int) -> bytes:
        """See ``Stream``."""
        step = AUDIOHOOK_MS // TWILIO_MS
        both = [self._audio[rows(self.number, one, index * step, step)].ravel() for one in (0, 1)]
        return frame(_BINARY, np.stack(both, axis=1).tobytes())

    def finish(self) -> None:
        """See ``Stream``."""
        self._say("close", {"reason": "end"})
        if self._echo:
            self.send(frame(_CLOSE, b"\x03\xe8"))
        else:
            self._hear("closed")
            self.send(frame(_CLOSE, b"\x03\xe8"))
        for _ in self.messages():
            pass

    def _say(self, kind: str, parameters: dict[str, Any]) -> None:
        self._seq += 1
        position = len(self.sent) * AUDIOHOOK_MS / 1_000
        told = {
            "version": "2", "type": kind, "id": self._client.session, "seq": self._seq,
            "serverseq": self._serverseq, "position": f"PT{position}S", "parameters": parameters,
        }  # fmt: skip
        self.send(frame(_TEXT, json.dumps(told).encode()))

    def _hear(self, kind: str) -> None:
        for opcode, payload in self.messages():
            if opcode == _TEXT:
                told = json.loads(payload)
                self._serverseq = told["seq"]
                if told["type"] == kind:
                    return
                if told["type"] == "disconnect":
                    raise ConnectionError(f"{self.name}: {told['parameters']}")
        raise ConnectionError(f"{self.name}: closed before {kind}")


def _unframed(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame of a server, and what follows it."""
    if len(data) < 2:
        return None
    size, at = data[1] & 0x7F, 2
    if size == 126:
        size, at = int.from_bytes(data[2:4]), 4
    elif size == 127:
        size, at = int.from_bytes(data[2:10]), 10
    if len(data) < at + size:
        return None
    return data[0] & 0x0F, data[at : at + size], data[at + size :]


def run(
    address: tuple[str, int], first: int, each: int, seconds: int, *, echo: bool
) -> dict[str, Any]:
    """Stream all calls to their ends.

    Returns:
        When each frame was sent, by the stream's name, by how much the client was late, and what
        it took of the processor while it streamed.
    """
    audio, frames = noise(), MediaFrames(seconds)
    streams = list[Stream]()
    for number in range(first, first + 2 * each, 2):
        streams += (
            Twilio(address, number, echo=echo, frames=frames),
            AudioHook(address, number + 1, echo=echo, audio=audio.tobytes()),
        )
    for stream in streams:
        stream.begin()
    began = time.process_time()
    late = _pace(streams, seconds, echo=echo)
    used = time.process_time() - began
    for stream in streams:
        stream.finish()
    return {
        "cpu_s": round(used, 2),
        "sent": {stream.name: stream.sent for stream in streams},
        "late_p99_ms": round(float(np.percentile(late, 99)) * 1_000, 2) if late else 0.0,
    }


def _pace(streams: list[Stream], seconds: int, *, echo: bool) -> list[float]:
    """Send every frame when it is due; returns by how much each was late."""
    began, late = time.monotonic() + 0.1, list[float]()
    waiting = [(began + SPREAD_S * place / len(streams), place, 0) for place in range(len(streams))]
    heapq.heapify(waiting)
    while waiting:
        at, place, index = heapq.heappop(waiting)
        stream = streams[place]
        data = stream.due(index)
        wait = at - time.monotonic()
        if wait > 0:
            time.sleep(max(wait, TICK_S))
        now = time.monotonic()
        stream.send(data)
        stream.sent.append(now)
        late.append(now - at)
        if echo:
            stream.drop()
        step = stream.step_ms / 1_000
        if (index + 1) * step < seconds - step / 2:
            heapq.heappush(waiting, (at + step, place, index + 1))
    return late


if __name__ == "__main__":
    _host, _port, _first, _each, _seconds, _what, _out = sys.argv[1:]
    _told = run((_host, int(_port)), int(_first), int(_each), int(_seconds), echo=_what == "echo")
    Path(_out).write_text(json.dumps(_told))
