"""The waveform of a redacted call, computed once: lowest and highest sample of every 50 ms.

As bytes: ``HWPK``, the version (1), the number of channels, the step in ms (u16) and the number of
steps (u32), little endian; then per step, per channel, lowest and highest sample as int8. Both are
rounded away from zero, so that a peak is never smaller than what is heard, and 0 is digital silence
alone.

Outcomes: ``peaks`` and ``peaks_of_flac`` return the bytes, ``AudioError`` for a recording that
can't be decoded; ``read_peaks`` their step and values, ``RecordError`` for anything else.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
import soundfile

from pipeline.errors import AudioError, RecordError

STEP_MS: Final = 50
VERSION: Final = 1
_HEAD: Final = struct.Struct("<4sBBHI")
_MAGIC: Final = b"HWPK"
_SCALE: Final = 256
"""Steps of 16 bits in one of 8."""
_BLOCK: Final = 1 << 18
"""Samples per channel that are decoded at a time."""


class PeakMaker:
    """Makes the peaks of a recording from its samples, block by block.

    Args:
        rate: samples per second and channel.
        channels: at least 1.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        self._rest = np.zeros((0, channels), np.int16)
        self._done: list[npt.NDArray[np.int8]] = []
        self._step = 0

    def add(self, pcm: npt.NDArray[np.int16]) -> None:
        """The next samples, of shape ``(n, channels)``."""
        block = np.concatenate([self._rest, pcm]) if len(self._rest) else pcm
        first = self._edge(self._step)
        steps = (first + len(block)) * 1_000 // (self._rate * STEP_MS) - self._step
        if steps > 0:
            edges = [self._edge(self._step + one) - first for one in range(steps + 1)]
            self._done.append(_reduced(block[: edges[-1]], edges[:-1]))
            self._step += steps
            block = block[edges[-1] :]
        self._rest = block.copy()

    def finish(self) -> bytes:
        """The bytes; a step that the recording does not fill is one too."""
        done = list(self._done)
        if len(self._rest):
            done.append(_reduced(self._rest, [0]))
        count = sum(map(len, done))
        head = _HEAD.pack(_MAGIC, VERSION, self._channels, STEP_MS, count)
        return head + b"".join(one.tobytes() for one in done)

    def _edge(self, step: int) -> int:
        """The first sample of a step."""
        return -(-step * self._rate * STEP_MS // 1_000)


def peaks(pcm: npt.NDArray[np.int16], rate: int) -> bytes:
    """The peaks of 16-bit samples of shape ``(n, channels)``."""
    maker = PeakMaker(rate, pcm.shape[1])
    maker.add(pcm)
    return maker.finish()


def peaks_of_flac(flac: BinaryIO) -> bytes:
    """The peaks of a FLAC file, decoded a block at a time.

    Raises:
        AudioError: it can't be decoded.
    """
    try:
        with soundfile.SoundFile(flac) as file:
            maker = PeakMaker(file.samplerate, file.channels)
            for block in file.blocks(_BLOCK, dtype="int16", always_2d=True):
                maker.add(block)
            return maker.finish()
    except (soundfile.LibsndfileError, OSError):
        raise AudioError("the recording can't be decoded: it is damaged") from None


def read_peaks(data: bytes) -> tuple[int, npt.NDArray[np.int8]]:
    """The step in ms, and the values of shape ``(steps, channels, 2)``.

    Raises:
        RecordError: these are no peaks of a version that is known here.
    """
    if len(data) < _HEAD.size:
        raise RecordError("waveform: too short")
    magic, version, channels, step, count = _HEAD.unpack_from(data)
    if magic != _MAGIC or version != VERSION or step == 0 or channels == 0:
        raise RecordError("waveform: not one of a version that is known here")
    if len(data) != _HEAD.size + count * channels * 2:
        raise RecordError("waveform: cut off, or something follows it")
    values = np.frombuffer(data, np.int8, offset=_HEAD.size)
    return step, values.reshape(count, channels, 2)


def _reduced(samples: npt.NDArray[np.int16], starts: list[int]) -> npt.NDArray[np.int8]:
    """Lowest and highest of the stretches that begin at ``starts``, in 8 bits: away from zero."""
    low = np.minimum.reduceat(samples, starts).astype(np.int32)
    high = np.maximum.reduceat(samples, starts).astype(np.int32)
    low = np.where(low < 0, low // _SCALE, -(-low // _SCALE))
    high = np.where(high < 0, high // _SCALE, -(-high // _SCALE))
    both = np.stack([low, high], axis=2)
    return np.clip(both, -128, 127).astype(np.int8)
