"""Linear audio that is faster than what is listened to, brought down cut by cut.

As ``pipeline.audio.narrowing`` does for files. Each stretch without a gap is filtered as one, so
that nothing clicks where cuts meet; its place is that of its first sample at the new rate.

Outcomes: ``take`` and ``flush`` return cuts at ``HIGHEST_RATE``, in order and never overlapping.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import soxr

from pipeline.gateways.timeline import Cut
from pipeline.records.model import FULL_SCALE, HIGHEST_RATE

_LOWEST: Final = -int(FULL_SCALE)
_HIGHEST: Final = int(FULL_SCALE) - 1


class Resampler:
    """One call's.

    Args:
        rate: of what comes, in Hz; above ``HIGHEST_RATE``.
        channels: how many, interleaved.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        self._stream: soxr.ResampleStream | None = None
        self._next = 0
        """First sample after what came."""
        self._at = 0
        """First sample of what goes out next, at the new rate."""
        self._paused = False

    def take(self, cut: Cut) -> list[Cut]:
        """A cut at the old rate."""
        cuts = []
        if cut.blank:
            return [*self.flush(), *self._blank(cut)]
        if self._stream is None or cut.start != self._next or cut.paused:
            cuts += self.flush()
            self._stream = soxr.ResampleStream(
                self._rate, HIGHEST_RATE, self._channels, dtype="float32"
            )
            self._at = max(self._at, round(cut.start * HIGHEST_RATE / self._rate))
            self._paused = cut.paused
        self._next = cut.start + cut.samples
        pcm = np.frombuffer(cut.audio, "<i2").reshape(-1, self._channels)
        return cuts + self._given(self._stream.resample_chunk(pcm.astype(np.float32)))

    def flush(self) -> list[Cut]:
        """What the filter still holds, at a gap or at the end."""
        stream, self._stream = self._stream, None
        if stream is None:
            return []
        rest = np.zeros((0, self._channels), np.float32)
        return self._given(stream.resample_chunk(rest, last=True))

    def _blank(self, cut: Cut) -> list[Cut]:
        start = max(self._at, cut.start * HIGHEST_RATE // self._rate)
        self._at = max(start, (cut.start + cut.samples) * HIGHEST_RATE // self._rate)
        silence = bytes((self._at - start) * self._channels * 2)
        return [replace(cut, start=start, samples=self._at - start, audio=silence)][: bool(silence)]

    def _given(self, audio: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[Cut]:
        if not len(audio):
            return []
        pcm = np.clip(np.rint(audio), _LOWEST, _HIGHEST).astype("<i2")
        start, self._at = self._at, self._at + len(pcm)
        paused, self._paused = self._paused, False
        return [Cut(start, len(pcm), pcm.tobytes(), paused)]
