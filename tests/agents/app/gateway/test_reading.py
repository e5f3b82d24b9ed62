"""All connections are read into one buffer; each gets its own bytes, however they are mixed."""

from __future__ import annotations

import asyncio
import random
from itertools import chain

import pytest

from agents.app.gateway.reading import BufferedReading
from tests.agents.app.gateway.doors import until
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


class Keeping(BufferedReading):
    """Keeps what comes, by the first byte of its connection."""

    def __init__(self, found: dict[int, list[bytes]]) -> None:
        self._found, self._pieces = found, list[bytes]()

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._found[self._pieces[0][0]] = self._pieces


async def test_what_is_kept_is_not_overwritten_by_what_others_send() -> None:
    found: dict[int, list[bytes]] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Keeping(found), "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    draw = random.Random(23)
    sent = {number: bytes([number]) + draw.randbytes(300_000) for number in range(3)}

    async def send(number: int) -> None:
        _, writer = await asyncio.open_connection(*address)
        for start in range(0, len(sent[number]), 7_001):
            writer.write(sent[number][start : start + 7_001])
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with asyncio.timeout(HANG_S):
        await asyncio.gather(*(send(number) for number in sent))
        await until(lambda: sum(map(len, chain(*found.values()))) == 3 * 300_001)
    server.close()
    assert {number: b"".join(pieces) for number, pieces in found.items()} == sent
