"""What is listened to: a channel without direct current, rumble and mains hum, brought to level.

Only ears get this audio, voice detector and recogniser alike; what is stored is never touched by
it. Hum or an offset hides speech from both (measured: 60 Hz at -15 dBFS, or an offset of 5 % of
full scale, and a voice detector finds nothing), and so does a line that is 50 dB too quiet.

- ``HighPass`` filters a channel block by block, without shifting it; ``high_passed`` all at once.
- ``Leveller`` says by how much a channel is too quiet, from its loudest sounds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.transcription.voice_activity import FRAME, Samples

CUTOFF_HZ: Final = 140.0
"""Half amplitude. A telephone passes nothing below 300 Hz, and a recogniser needs nothing below."""
_WIDTH_HZ: Final = 110.0
"""Of the transition: mains hum of 50 and 60 Hz lies outside it, 70 dB down."""
_TAPS_PER_WIDTH: Final = 5.5
"""Of a Blackman window (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5)."""
QUIET_DBFS: Final = -40.0
"""A channel whose loudest 32 ms stay below this is too quiet; ordinary calls reach -10 to -25."""
FAINT_DBFS: Final = -70.0
"""Below this, 16 bits hold too little of a voice: ten steps at its loudest, then fewer."""
_TARGET_DBFS: Final = -26.0
_MOST_DB: Final = 60.0
_DECAY_DB: Final = 0.05
"""What the loudest sinks by in half a second: a minute of quiet sound brings it down by 6 dB."""
_NOTHING_DBFS: Final = -110.0
_STEADY_DBFS: Final = -45.0
"""Steady sound from here on may hide a voice: ordinary lines have -61 to -71 dBFS of it, a buzz
that is 8 dB louder than a voice -28, white noise as loud as the voice -32 (measured)."""
_BELOW_DB: Final = 25.0
_SPOKEN_DBFS: Final = -35.0
"""What is softer may be the noise at the beginning of a call: it tells nothing about voices."""


@lru_cache(maxsize=8)
def _kernel(rate: int) -> Samples:
    """A linear-phase high pass: a unit impulse less a windowed sinc, whose sum is exactly zero."""
    half = int(_TAPS_PER_WIDTH * rate / _WIDTH_HZ / 2)
    at = np.arange(-half, half + 1)
    low = np.sinc(2 * CUTOFF_HZ / rate * at) * np.blackman(2 * half + 1)
    kernel = -low / low.sum()
    kernel[half] += 1.0
    return np.asarray(kernel, np.float32)


@lru_cache(maxsize=16)
def _response(rate: int, size: int) -> npt.NDArray[np.complex64]:
    return np.asarray(np.fft.rfft(_kernel(rate), size), np.complex64)


def _convolved(audio: Samples, rate: int) -> Samples:
    """The whole linear convolution, ``len(audio) + len(kernel) - 1`` samples."""
    length = len(audio) + len(_kernel(rate)) - 1
    size = _fast(length)
    spectrum = np.fft.rfft(audio, size) * _response(rate, size)
    return np.asarray(np.fft.irfft(spectrum, size)[:length], np.float32)


def _fast(length: int) -> int:
    """A size that an FFT likes, of at least so many samples: few of them, so that they are kept."""
    size = 1 << (length - 1).bit_length()
    return 3 * size // 4 if 3 * size // 4 >= length else size


class HighPass:
    """The filter of one channel, block by block; what comes out is as long as what went in.

    Args:
        rate: Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._delay = len(_kernel(rate)) // 2
        self._early = self._delay
        """Samples that still have to be dropped: the filter's delay."""
        self._tail = np.zeros(2 * self._delay, np.float32)

    def chunk(self, audio: Samples, *, last: bool) -> Samples:
        """Filter the next block, shape ``(samples,)``.

        Returns:
            What is certain now: later than the block by the filter's delay, until the last one.
        """
        if last:
            audio = np.concatenate([audio, np.zeros(self._delay, np.float32)])
        full = _convolved(audio, self._rate)
        full[: len(self._tail)] += self._tail
        done, self._tail = full[: len(audio)], full[len(audio) :]
        early = min(self._early, len(done))
        self._early -= early
        return done[early:]


def high_passed(audio: Samples, rate: int) -> Samples:
    """All of a stretch at once, as long as it was.

    Its ends are continued by their own mean: an offset that begins at the border is no sound.
    """
    if not len(audio):
        return audio
    half = len(_kernel(rate)) // 2
    level = float(audio.mean(dtype=np.float64))
    return _convolved(audio - np.float32(level), rate)[half : half + len(audio)]


class Leveller:
    """By how much the sounds of one channel are too quiet to be heard."""

    def __init__(self) -> None:
        self._loudest = _NOTHING_DBFS

    def gain(self, loudest: float) -> np.float32:
        """Take the next half second; what it is to be multiplied by.

        Args:
            loudest: dBFS of the loudest 32 ms that stand out from the noise of the line, or
                ``-inf`` where nothing does.
        """
        self._loudest = max(loudest, self._loudest - _DECAY_DB, _NOTHING_DBFS)
        return _factor(self._loudest)

    def hidden_by(self, steady: float) -> bool:
        """Whether a voice may be hidden by what sounds all the time, at so many dBFS.

        It is loud, or not far below the voice that was heard before.
        """
        voice = self._loudest if self._loudest > _SPOKEN_DBFS else 0.0
        return steady > min(_STEADY_DBFS, voice - _BELOW_DB)


def loudest(audio: Samples) -> float:
    """The level of the loudest frame of a stretch, in dBFS."""
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    square = np.mean(np.square(frames, dtype=np.float64), axis=1) if len(frames) else np.zeros(1)
    return float(10.0 * np.log10(square.max() + 1e-12))


def levelled(audio: Samples) -> Samples:
    """A stretch brought to level, if its loudest frame is too quiet."""
    return audio * _factor(loudest(audio))


def _factor(loudest: float) -> np.float32:
    if not _NOTHING_DBFS < loudest < QUIET_DBFS:
        return np.float32(1.0)
    return np.float32(10 ** (min(_TARGET_DBFS - loudest, _MOST_DB) / 20))
