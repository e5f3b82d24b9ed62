"""Raw audio of a call that may still be needed, by call sample."""

from __future__ import annotations

from collections import deque

import numpy as np

from pipeline.records import AudioChunk, Pcm


class History:
    """Keeps contiguous chunks and hands out any stretch of them.

    Args:
        channels: of the call.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._chunks: deque[AudioChunk] = deque()

    def append(self, chunk: AudioChunk) -> None:
        """Add the next chunk."""
        self._chunks.append(chunk)

    def forget(self, before: int) -> None:
        """Drop the chunks that end at or before a sample."""
        while self._chunks and self._chunks[0].end <= before:
            self._chunks.popleft()

    def read(self, start: int, end: int) -> Pcm:
        """Samples ``[start, end)``, shape ``(end - start, channels)``; zeros where none is kept."""
        out = np.zeros((max(0, end - start), self._channels), np.int16)
        for chunk in self._chunks:
            low, high = max(start, chunk.start), min(end, chunk.end)
            if low < high:
                out[low - start : high - start] = chunk.pcm[low - chunk.start : high - chunk.start]
        return out

    @property
    def samples(self) -> int:
        """How many samples per channel are kept."""
        return sum(len(chunk.pcm) for chunk in self._chunks)
