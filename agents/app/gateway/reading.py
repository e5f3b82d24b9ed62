"""How connections are read: into one buffer, of which each gets a copy of what is its own.

asyncio's other way makes 256 KiB ready for each read and gives nearly all of it back, which takes
longer than all else that is done for a frame of 20 ms.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Final

_BUFFER: Final = memoryview(bytearray(64 * 1024))
"""Of all connections: an event loop, of which a process has one, fills it and empties it in one
step."""


class BufferedReading(asyncio.BufferedProtocol):
    """A protocol that is given what came by ``data_received``, as ``asyncio.Protocol`` is."""

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Take what came."""

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's own signature
        """Where what comes is put."""
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        self.data_received(bytes(_BUFFER[:nbytes]))
