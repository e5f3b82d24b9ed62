"""A TCP proxy between workers and their broker: it cuts connections, refuses new ones, is slow."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.ports import free_port

PIECE = 1 << 16


class Proxy:
    """Runs in a thread of its own; its methods may be called from any other.

    Args:
        port: where it listens on 127.0.0.1.
        target: port of the broker on 127.0.0.1.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._delay_s = 0.0
        self._open = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._call(self._listen())

    def cut(self) -> None:
        """Cut all connections and refuse new ones."""
        self._call(self._cut())

    def mend(self) -> None:
        """Let connections be made again, without delay."""
        self._open, self._delay_s = True, 0.0

    def slow(self, delay_s: float) -> None:
        """Hold every piece of data up for this long."""
        self._delay_s = delay_s

    def stop(self) -> None:
        """Cut everything and end."""
        self._call(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def _cut(self) -> None:
        self._open = False
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        try:
            far = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far[1]}
        await asyncio.gather(self._pump(reader, far[1]), self._pump(far[0], writer))
        self._writers -= {writer, far[1]}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(PIECE):
                await asyncio.sleep(self._delay_s)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@contextmanager
def before_the_buckets(environment: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before moto's server, which whoever opens a bucket from here on goes through."""
    target = urlsplit(os.environ["AWS_ENDPOINT_URL_S3"]).port
    assert target is not None
    port = free_port()
    proxy = Proxy(port, target)
    proxy.start()
    environment.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    yield proxy
    proxy.stop()
