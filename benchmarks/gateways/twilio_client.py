"""Streams a call as Twilio or Telnyx does, for tests and the benchmark.

Written from what the platforms document, and from nothing of what reads it here.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import aiohttp
import numpy as np
import numpy.typing as npt
import soundfile

from pipeline.gateways.events import Codec
from pipeline.gateways.g711 import encode

RATE: Final = 8_000
FRAME_MS: Final = 20
FIRST_MS: Final = 88
"""Time of the first frame: audio begins a little after the stream."""
TRACKS: Final = ("inbound", "outbound")
CLOSED_S: Final = 30.0
"""How long the other side may take to close a stream that is stopped."""
Pcm: TypeAlias = npt.NDArray[np.int16]
Platform: TypeAlias = Literal["twilio", "telnyx"]


def frames(
    pcm: Pcm,
    *,
    platform: Platform = "twilio",
    call: str = "",
    parameters: Mapping[str, str] | None = None,
    keys: Mapping[int, str] | None = None,
) -> Iterator[tuple[float, str]]:
    """The frames of a call.

    Args:
        pcm: samples at 8,000 Hz, of shape (channels, samples); one channel is the inbound track,
            the second one the outbound.
        platform: whose words are used.
        call: the platform's id of it; empty: a made-up one.
        parameters: of the stream.
        keys: that are pressed, by the ms of audio after which they are.

    Yields:
        When a frame is sent, in seconds since the stream began, and its text.
    """
    if pcm.ndim != 2 or not 1 <= pcm.shape[0] <= len(TRACKS):
        raise ValueError("samples of shape (channels, samples), of one or two channels")
    speak = (
        _Twilio(call, parameters or {}) if platform == "twilio" else _Telnyx(call, parameters or {})
    )
    tracks = TRACKS[: pcm.shape[0]]
    yield 0.0, speak.connected()
    yield 0.0, speak.start(tracks)
    step = RATE * FRAME_MS // 1000
    waiting = sorted((keys or {}).items())
    at = 0.0
    for chunk, first in enumerate(range(0, pcm.shape[1], step), start=1):
        ms = FIRST_MS + (chunk - 1) * FRAME_MS
        at = (ms + FRAME_MS) / 1000
        for track, samples in zip(tracks, pcm[:, first : first + step], strict=True):
            yield at, speak.media(track, chunk, ms, encode(Codec.PCMU, samples))
        while waiting and waiting[0][0] < chunk * FRAME_MS:
            yield at, speak.key(waiting.pop(0)[1])
    yield at, speak.stop()


async def replay(
    url: str,
    pcm: Pcm,
    *,
    pace: float = 1.0,
    secret: str = "",
    session: aiohttp.ClientSession | None = None,
    platform: Platform = "twilio",
    call: str = "",
    parameters: Mapping[str, str] | None = None,
    keys: Mapping[int, str] | None = None,
) -> int:
    """Stream a call to its end, and wait until the other side closes the connection.

    Args:
        url: of the endpoint, ``ws://…`` or ``wss://…``.
        pcm: see ``frames``.
        pace: of the time that passes; 2 is twice as fast, 0 as fast as possible.
        secret: auth token that signs the request as Twilio does; empty: no signature.
        session: whose connections are used; None: an own one.
        platform: see ``frames``.
        call: see ``frames``.
        parameters: see ``frames``.
        keys: see ``frames``.

    Returns:
        The code with which the other side closed the stream.

    Raises:
        aiohttp.WSServerHandshakeError: the stream was refused at once.
    """
    if session is None:
        async with aiohttp.ClientSession() as own:
            return await replay(
                url, pcm, pace=pace, secret=secret, session=own,
                platform=platform, call=call, parameters=parameters, keys=keys,
            )  # fmt: skip
    headers = {"X-Twilio-Signature": signature(url, secret)} if secret else {}
    loop = asyncio.get_running_loop()
    async with session.ws_connect(url, headers=headers, compress=0) as socket:
        closed = loop.create_task(_closed(socket))
        began = loop.time()
        said = frames(pcm, platform=platform, call=call, parameters=parameters, keys=keys)
        for at, text in said:
            if pace and (wait := began + at / pace - loop.time()) > 0:
                await asyncio.wait([closed], timeout=wait)
            if closed.done():
                break
            with suppress(ConnectionError):  # it was closed this moment
                await socket.send_str(text)
        return await asyncio.wait_for(closed, CLOSED_S)


def signature(url: str, auth_token: str) -> str:
    """Twilio's of a request that opens a stream: HMAC-SHA1 of the address, in base64."""
    made = hmac.new(auth_token.encode(), url.encode(), hashlib.sha1)
    return base64.b64encode(made.digest()).decode()


async def _closed(socket: aiohttp.ClientWebSocketResponse) -> int:
    while not socket.closed:
        await socket.receive()
    return socket.close_code or 0


class _Twilio:
    """Frames in Twilio's words; numbers are texts."""

    def __init__(self, call: str, parameters: Mapping[str, str]) -> None:
        self.account, self.stream = f"AC{secrets.token_hex(16)}", f"MZ{secrets.token_hex(16)}"
        self.call = call or f"CA{secrets.token_hex(16)}"
        self.parameters = dict(parameters)
        self.numbers = itertools.count(1)

    def connected(self) -> str:
        return json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self, tracks: tuple[str, ...]) -> str:
        return self._numbered(
            "start",
            {
                "accountSid": self.account,
                "streamSid": self.stream,
                "callSid": self.call,
                "tracks": list(tracks),
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
                "customParameters": self.parameters,
            },
        )

    def media(self, track: str, chunk: int, ms: int, audio: bytes) -> str:
        return self._numbered(
            "media",
            {
                "track": track,
                "chunk": str(chunk),
                "timestamp": str(ms),
                "payload": base64.b64encode(audio).decode(),
            },
        )

    def key(self, digit: str) -> str:
        return self._numbered("dtmf", {"track": "inbound_track", "digit": digit})

    def stop(self) -> str:
        return self._numbered("stop", {"accountSid": self.account, "callSid": self.call})

    def _numbered(self, event: str, what: dict[str, Any]) -> str:
        return json.dumps(
            {
                "event": event,
                "sequenceNumber": str(next(self.numbers)),
                event: what,
                "streamSid": self.stream,
            }
        )


class _Telnyx(_Twilio):
    """The same in Telnyx's words."""

    def connected(self) -> str:
        return json.dumps({"event": "connected", "version": "1.0.0"})

    def start(self, tracks: tuple[str, ...]) -> str:
        del tracks  # it doesn't say
        return self._numbered(
            "start",
            {
                "user_id": self.account,
                "call_control_id": f"v3:{self.call}",
                "from": "+13125550100",
                "to": "+13125550199",
                "custom_parameters": self.parameters,
                "media_format": {"encoding": "PCMU", "sample_rate": RATE, "channels": 1},
            },
        )

    def key(self, digit: str) -> str:
        return self._numbered("dtmf", {"digit": digit})

    def stop(self) -> str:
        return self._numbered(
            "stop", {"user_id": self.account, "call_control_id": f"v3:{self.call}"}
        )

    def _numbered(self, event: str, what: dict[str, Any]) -> str:
        return json.dumps(
            {
                "event": event,
                "sequence_number": str(next(self.numbers)),
                event: what,
                "stream_id": self.stream,
            }
        )


def main() -> None:
    """Stream a recording: ``python -m benchmarks.gateways.twilio_client URL FILE SECRETS``.

    FILE has 8,000 Hz, the agent on its first channel; SECRETS holds a line ``auth-token``.
    """
    url, recording, secrets_file = sys.argv[1:]
    lines = (line.split() for line in Path(secrets_file).read_text(encoding="utf-8").splitlines())
    token = next(words[1] for words in lines if words[:1] == ["auth-token"])
    pcm, rate = soundfile.read(recording, dtype="int16", always_2d=True)
    if rate != RATE:
        raise SystemExit(f"{recording}: {rate} Hz; {RATE} Hz are needed")
    call = f"CA{secrets.token_hex(16)}"
    code = asyncio.run(replay(url, pcm.T[::-1], secret=token, call=call))
    sys.stdout.write(f"{call}: closed with {code}\n")


if __name__ == "__main__":
    main()
