"""Raw audio of a call that may still be needed, by call sample."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from pipeline.records.model import Pcm


class History:
    """Keeps contiguous stretches of audio and hands out any part of them.

    Args:
        channels: of the call.
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._starts: list[int] = []
        self._parts: list[Pcm] = []

    def append(self, start: int, pcm: Pcm) -> None:
        """Add the next stretch, of shape ``(n, channels)``, that begins at a call sample."""
        self._starts.append(start)
        self._parts.append(pcm)

    def forget(self, before: int) -> None:
        """Drop the stretches that end at or before a sample."""
        gone = max(0, bisect_right(self._starts, before) - 1)
        if gone < len(self._parts) and self._starts and self._end(gone) <= before:
            gone += 1
        del self._starts[:gone]
        del self._parts[:gone]

    def read(self, start: int, end: int) -> Pcm:
        """Samples ``[start, end)``, shape ``(end - start, channels)``; zeros where none is kept."""
        out = np.zeros((max(0, end - start), self._channels), np.int16)
        for index in range(max(0, bisect_right(self._starts, start) - 1), len(self._parts)):
            begin = self._starts[index]
            if begin >= end:
                break
            low, high = max(start, begin), min(end, self._end(index))
            if low < high:
                out[low - start : high - start] = self._parts[index][low - begin : high - begin]
        return out

    @property
    def samples(self) -> int:
        """How many samples per channel are kept."""
        return sum(len(part) for part in self._parts)

    def _end(self, index: int) -> int:
        return self._starts[index] + len(self._parts[index])
