"""Replays a call as Asterisk does by AudioSocket, for tests and the benchmark.

Written from the protocol's description, and from nothing of what reads it here.
"""

from __future__ import annotations

import asyncio
import struct
import uuid
from contextlib import suppress
from typing import Final

import numpy as np
import numpy.typing as npt

FRAME_MS: Final = 20
KINDS: Final = {
    8_000: 0x10, 12_000: 0x11, 16_000: 0x12, 24_000: 0x13, 32_000: 0x14, 44_100: 0x15,
    48_000: 0x16,
}  # fmt: skip
CLOSED_S: Final = 30.0
ERROR: Final = 0xFF


def message(kind: int, payload: bytes = b"") -> bytes:
    """Kind, length in two bytes, payload."""
    return struct.pack(">BH", kind, len(payload)) + payload


def named(name: uuid.UUID) -> bytes:
    """The message that names a call."""
    return message(0x01, name.bytes)


def audio(pcm: npt.NDArray[np.int16], rate: int) -> bytes:
    """A message of audio."""
    return message(KINDS[rate], pcm.astype("<i2").tobytes())


async def replay(
    host: str,
    port: int,
    pcm: npt.NDArray[np.int16],
    *,
    rate: int = 8_000,
    pace: float = 1.0,
    name: uuid.UUID | None = None,
    hang_up: bool = True,
) -> bytes:
    """Send a call to its end.

    Args:
        host: of the gateway.
        port: of the gateway.
        pcm: samples of one channel.
        rate: Hz.
        pace: of the time that passes; 2 is twice as fast, 0 as fast as possible.
        name: of the call; None: a made-up one.
        hang_up: whether the end is said; otherwise the connection just closes.

    Returns:
        What the gateway sent before it closed the connection.
    """
    reader, writer = await asyncio.open_connection(host, port)
    loop = asyncio.get_running_loop()
    heard = loop.create_task(reader.read())
    began, step = loop.time(), rate * FRAME_MS // 1000
    try:
        with suppress(ConnectionError):
            writer.write(named(name or uuid.uuid4()))
            for first in range(0, len(pcm), step):
                if pace:
                    await asyncio.sleep(began + first / rate / pace - loop.time())
                if heard.done():
                    break
                writer.write(audio(pcm[first : first + step], rate))
                await writer.drain()
            if hang_up:
                writer.write(message(0x00))
            else:
                writer.write_eof()
            await writer.drain()
        with suppress(ConnectionError):
            return await asyncio.wait_for(asyncio.shield(heard), CLOSED_S)
        return b""
    finally:
        writer.close()
