"""A client of Genesys AudioHook that replays a call, written from the protocol's description.

It signs its request, opens a session, sends frames at a pace, pings, and closes when the server has
confirmed the end. It shares no code with what it is tried against.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
import numpy as np
import numpy.typing as npt

RATE: Final = 8_000
"""Hz."""
FRAME_MS: Final = 200
"""Length of a frame, as the vendor's own client sends them."""
PING_S: Final = 5.0
ANSWER_S: Final = 30.0
"""How long the server may take for an answer, in seconds."""
BOTH: Final = ("external", "internal")
"""Customer on the left channel, agent on the right one."""
_FIELDS: Final = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay ended."""

    conversation: str
    """The platform's id of the call."""
    samples: int
    """Sent, per channel."""
    closed: bool
    """Whether the server confirmed the end: it has all of the call."""
    disconnected: str = ""
    """What the server said as it ended the session, such as ``error: broker``."""
    messages: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """All that it said."""


async def replay(
    url: str,
    pcm: npt.NDArray[np.int16],
    *,
    pace: float = 1.0,
    key: str,
    secret: bytes,
    channels: Sequence[str] = BOTH,
    codec: str = "PCMU",
    pauses: Sequence[tuple[int, int]] = (),
    http: aiohttp.ClientSession | None = None,
    **parameters: object,
) -> Replayed:
    """Replay a call.

    Args:
        url: of the endpoint, ``ws://`` or ``wss://``.
        pcm: shape ``(samples,)`` or ``(samples, channels)`` at 8 kHz.
        pace: 1: as long as the call was; 2: half as long; 0: as fast as it goes.
        key: the API key.
        secret: the client secret.
        channels: what is on each channel, in the protocol's words.
        codec: ``PCMU`` or ``L16``.
        pauses: samples ``[start, end)`` that the recorder leaves out, in order.
        http: whose connections are used; none: its own.
        parameters: further parameters of ``open``, such as ``language`` or ``customConfig``.

    Raises:
        aiohttp.WSServerHandshakeError: the server takes no such request.
    """
    audio = pcm.reshape(len(pcm), -1)
    if audio.shape[1] != len(channels):
        raise ValueError(f"{audio.shape[1]} channels of audio, {len(channels)} names")
    async with Client(url, key=key, secret=secret, http=http) as client:
        media = {"type": "audio", "format": codec, "channels": list(channels), "rate": RATE}
        if await client.open(media, **parameters):
            await _send(client, audio, codec, pace, pauses)
        return await client.close()


async def _send(
    client: Client,
    audio: npt.NDArray[np.int16],
    codec: str,
    pace: float,
    pauses: Sequence[tuple[int, int]],
) -> None:
    """Frames of what is not paused, in time."""
    loop, step = asyncio.get_running_loop(), RATE * FRAME_MS // 1_000
    began = pinged = loop.time()
    edges = [0, *(edge for pause in pauses for edge in pause), len(audio)]
    for number, (start, end) in enumerate(pairwise(edges)):
        if number % 2:
            await client.say("paused")
        for at in range(start, end, step):
            to = min(at + step, end)
            if number % 2 == 0:
                await client.send(encoded(audio[at:to], codec), to - at)
            if client.over:
                return
            if loop.time() - pinged > PING_S:
                pinged = loop.time()
                await client.say("ping")
            if pace:
                await asyncio.sleep(began + to / RATE / pace - loop.time())
        if number % 2:
            client.position = end
            told = {"start": _duration(start), "discarded": _duration(end - start)}
            await client.say("resumed", told)


class Client:
    """One session; a context manager.

    Args:
        url: of the endpoint.
        key: the API key.
        secret: the client secret.
        conversation: the platform's id of the call; none: a drawn one.
        http: whose connections are used; none: its own.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str,
        secret: bytes,
        conversation: str | None = None,
        http: aiohttp.ClientSession | None = None,
    ) -> None:
        self.url, self.key, self.secret = url, key, secret
        self.conversation = conversation or str(uuid.uuid4())
        self.session, self.organization = str(uuid.uuid4()), str(uuid.uuid4())
        self.position = self.samples = 0
        self.messages: list[dict[str, Any]] = []
        self._http, self._own = http, http is None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._seq = self._serverseq = 0
        self._listening: asyncio.Task[None] | None = None
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Connect."""
        self._http = self._http or aiohttp.ClientSession()
        try:
            self._socket = await self._http.ws_connect(
                self.url, headers=self.headers(), max_msg_size=1 << 20
            )
        except BaseException:
            await self._leave()
            raise
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        await self._leave()

    @property
    def over(self) -> bool:
        """Whether the server ended the session or the connection."""
        ended = self._listening is not None and self._listening.done()
        return ended or self.said("disconnect") is not None

    def headers(self) -> dict[str, str]:
        """Of the request, signed."""
        fields = {
            "audiohook-organization-id": self.organization,
            "audiohook-session-id": self.session,
            "audiohook-correlation-id": str(uuid.uuid4()),
            "x-api-key": self.key,
        }
        return fields | signature(self.url, fields, key=self.key, secret=self.secret)

    def said(self, kind: str) -> dict[str, Any] | None:
        """The first message of the server of this type."""
        return next((one for one in self.messages if one["type"] == kind), None)

    async def open(self, *media: Mapping[str, object], **parameters: object) -> bool:
        """Offer formats; whether the session is open."""
        told = {
            "organizationId": self.organization,
            "conversationId": self.conversation,
            "participant": {
                "id": str(uuid.uuid4()),
                "ani": "tel:+15555550100",
                "aniName": "Nobody",
                "dnis": "tel:+18005550199",
            },
            "media": list(media),
        }
        await self.say("open", told | parameters)
        return await self._answer("opened")

    async def say(self, kind: str, parameters: Mapping[str, object] | None = None) -> None:
        """Send a message."""
        self._seq += 1
        message = {
            "version": "2",
            "type": kind,
            "id": self.session,
            "seq": self._seq,
            "serverseq": self._serverseq,
            "position": _duration(self.position),
            "parameters": parameters or {},
        }
        await self._write(json.dumps(message))

    async def send(self, audio: bytes, samples: int) -> None:
        """Send a frame of this many samples per channel."""
        await self._write(audio)
        self.position += samples
        self.samples += samples

    async def close(self, reason: str = "end") -> Replayed:
        """End the session and wait for the server's word."""
        disconnect = self.said("disconnect")
        await self.say("close", {"reason": "disconnect" if disconnect else reason})
        closed = await self._answer("closed")
        disconnect = self.said("disconnect")
        told = disconnect["parameters"] if disconnect else {}
        return Replayed(
            self.conversation,
            self.samples,
            closed and not disconnect,
            f"{told['reason']}: {told.get('info', '')}" if told else "",
            tuple(self.messages),
        )

    async def _answer(self, kind: str) -> bool:
        """Wait for a message of this type; False: the session is over."""
        async with asyncio.timeout(ANSWER_S):
            while self.said(kind) is None and not (self.over and kind != "closed"):
                if self._listening is None or self._listening.done():
                    break
                self._came.clear()
                await self._came.wait()
        return self.said(kind) is not None

    async def _write(self, data: str | bytes) -> None:
        if self._socket is None or self._socket.closed:
            return
        try:
            if isinstance(data, str):
                await self._socket.send_str(data)
            else:
                await self._socket.send_bytes(data)
        except ConnectionError:
            return

    async def _listen(self) -> None:
        """Take what the server says; its numbers have to count up by one."""
        if self._socket is None:
            return
        try:
            async for frame in self._socket:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    raise ValueError("the server sent a frame that is no text")
                message = json.loads(frame.data)
                if message["seq"] != self._serverseq + 1 or message["clientseq"] > self._seq:
                    raise ValueError("the server's numbers don't count up")
                self._serverseq = message["seq"]
                self.messages.append(message)
                self._came.set()
        finally:
            self._came.set()

    async def _leave(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._listening is not None:
            await self._listening
        if self._own and self._http is not None:
            await self._http.close()


def signature(
    url: str,
    fields: Mapping[str, str],
    *,
    key: str,
    secret: bytes,
    created: int | None = None,
    nonce: str | None = None,
) -> dict[str, str]:
    """The two header fields of a signed request.

    Args:
        url: that is connected to.
        fields: of the request, by name in lower case.
        key: the key's id.
        secret: its secret.
        created: seconds since the epoch; none: now.
        nonce: used once; none: a drawn one.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    values = {"@request-target": target, "@authority": parts.netloc.lower(), **fields}
    created = int(time.time()) if created is None else created
    nonce = secrets.token_urlsafe(18) if nonce is None else nonce
    covered = " ".join(f'"{name}"' for name in _FIELDS)
    told = (
        f'({covered});keyid="{key}";nonce="{nonce}";alg="hmac-sha256"'
        f";created={created};expires={created + 30}"
    )
    lines = [f'"{name}": {values[name]}' for name in _FIELDS]
    text = "\n".join([*lines, f'"@signature-params": {told}'])
    value = base64.b64encode(hmac.digest(secret, text.encode(), hashlib.sha256)).decode()
    return {"signature-input": f"sig1={told}", "signature": f"sig1=:{value}:"}


def encoded(pcm: npt.NDArray[np.int16], codec: str) -> bytes:
    """Samples as the protocol sends them: linear little endian, or mu-law by ITU-T G.711."""
    if codec == "L16":
        return pcm.astype("<i2").tobytes()
    linear = pcm.astype(np.int32)
    magnitude = np.minimum(np.abs(linear), 32_635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    code: npt.NDArray[np.int32] = ~(np.where(linear < 0, 0x80, 0) | exponent << 4 | mantissa)
    return (code & 0xFF).astype(np.uint8).tobytes()


def _duration(samples: int) -> str:
    return f"PT{samples / RATE:.6f}S"
