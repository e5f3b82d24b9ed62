"""Where a channel sounds, without asking what it is: any band clearly above what it holds steadily.

Hum and noise are steady in every band; speech is not, even where it is quieter than they are in
all. So this hears what a level would not, and costs next to nothing. It decides two things only:
whether a voice detector need not be asked (nothing changes), and what has to be understood, because
it sounded.

A tone or a buzz that is steady and loud hides a voice from a detector, and not from people: it says
how loud it is, and then all that is heard with it has to be understood.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.transcription.voice_activity import FRAME, VOICE_RATE, Samples

_EDGES_HZ: Final = (150, 300, 450, 650, 900, 1_300, 1_800, 2_500, 3_400, 7_800)
_HISTORY: Final = 188
"""Frames behind which the steady level of a band is measured: 6 s hold pauses."""
_LEAST: Final = 94
"""Frames that it takes to know one."""
_FLOOR_PERCENTILE: Final = 10.0
_SOUNDS_DB: Final = 8.0
"""Above its steady level, a band sounds. Of white and pink noise no frame in an hour does."""
_CHANGES_DB: Final = 7.0
"""Above its steady level, something may have changed. At 8 dB, 0.4 s of speech that a detector
finds in noise at 5 dB were skipped (measured)."""
_SMOOTH: Final = 2
"""Looks over which a band's power is averaged: 96 ms."""
_LONG: Final = 6
"""Looks over which it is averaged for what is faint: 0.22 s, a syllable."""
_LONG_SOUNDS_DB: Final = 6.0
"""Above the steady level of such averages, which vary less, a band sounds: a voice 33 dB below the
other speaker's, at the level of the noise, does then (15 of 17 digits; 4 without), and of white and
pink noise no frame in two minutes."""
_NOTHING: Final = 1e-11
"""Power of a band that nobody could hear, however much it was amplified: 16 bits hold no less."""

_MASKED: Final = 1e-5
"""Of the loudest band, what shows in the others all the same: 50 dB down, and heard by nobody."""
_BLOCKS: Final = 6
"""Looks at the steadiest that every frequency was: 3 s hold no vowel and no note of a voice."""
_SPAN: Final = 2 * FRAME
"""Samples of one look: long enough to part the multiples of mains hum, which beat otherwise."""
_ZEROS_DB: Final = -105.0
"""Digital silence has less than this in a band."""
_BANDS = [
    slice(round(low * _SPAN / VOICE_RATE), round(high * _SPAN / VOICE_RATE))
    for low, high in itertools.pairwise(_EDGES_HZ)
]
_WINDOW = np.hanning(_SPAN).astype(np.float32)
_NORM: Final = 2.0 / float(np.sum(np.square(_WINDOW)) * _SPAN)


class Sounding:
    """What is steady on one channel, and where it sounds."""

    def __init__(self) -> None:
        self._last = np.zeros(FRAME, np.float32)
        self._before = np.zeros((0, len(_BANDS)))
        self._history = np.zeros((0, len(_BANDS)))
        self._long_history = np.zeros((0, len(_BANDS)))
        self._steadiest = np.zeros((0, FRAME + 1))
        self.steady_dbfs = -math.inf
        """How loud what went on without a pause for three seconds is: tones, not noise, whose every
        frequency is soft at some time (20 dB less of it shows here)."""

    def take(self, audio: Samples) -> tuple[npt.NDArray[np.bool_], bool]:
        """Take the next frames, at ``VOICE_RATE``.

        Returns:
            Which of the frames sound, shape ``(frames,)``; and whether all are as steady as the
            noise of the line, as far as that is known.
        """
        spectra = _spectra(np.concatenate([self._last, audio]))
        power = _powers(spectra)
        self._keep_steady(spectra)
        self._last = audio[-FRAME:].copy()
        if not len(self._before):  # a call begins as if it had begun before
            self._before = np.repeat(power.mean(axis=0, keepdims=True), _LONG - 1, axis=0)
        padded = np.concatenate([self._before, power])
        self._before = padded[-(_LONG - 1) :]
        decibels, floor, self._history = _above(padded, len(power), _SMOOTH, self._history)
        slow, slow_floor, self._long_history = _above(padded, len(power), _LONG, self._long_history)
        above = (decibels - floor).max(axis=1)
        enough = len(self._history) >= _LEAST
        sounds = above > _SOUNDS_DB
        if enough:
            sounds |= (slow - slow_floor).max(axis=1) > _LONG_SOUNDS_DB
        return sounds, enough and bool((above < _CHANGES_DB).all())

    def _keep_steady(self, spectra: npt.NDArray[np.float64]) -> None:
        # Zeros are a gap in a tone, not its end.
        sounding = spectra[spectra.sum(axis=1) > _NOTHING]
        if len(sounding):
            kept = np.concatenate([self._steadiest, sounding.min(axis=0, keepdims=True)])
            self._steadiest = kept[-_BLOCKS:]
        if len(self._steadiest) == _BLOCKS:
            steady = float(self._steadiest.min(axis=0).sum())
            self.steady_dbfs = 10.0 * math.log10(steady + _NOTHING)


def _above(
    power: npt.NDArray[np.float64], count: int, looks: int, history: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The last frames averaged over so many looks, in dB; their steady level; the new history."""
    known = power[-(count + looks - 1) :]
    decibels = 10.0 * np.log10(sum(known[at : at + count] for at in range(looks)) / looks)
    history = np.concatenate([history, decibels])[-_HISTORY:]
    # Zeros are no noise of the line: what comes back behind a gap does not sound for it.
    noise = history[(history > _ZEROS_DB).any(axis=1)]
    if 2 * len(noise) < len(history):
        noise = history
    rank = int(len(noise) * _FLOOR_PERCENTILE / 100.0)
    return decibels, np.partition(noise, rank, axis=0)[rank], history


def _spectra(audio: Samples) -> npt.NDArray[np.float64]:
    """Power at every frame but the first, full scale 1; shape ``(frames, frequencies)``.

    A frame is looked at together with the one before it.
    """
    frames = audio.reshape(-1, FRAME)
    spectrum = np.fft.rfft(np.concatenate([frames[:-1], frames[1:]], axis=1) * _WINDOW, axis=1)
    return np.asarray((spectrum.real**2 + spectrum.imag**2) * _NORM)


def _powers(spectra: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Power in every band, and what it masks; shape ``(frames, bands)``."""
    bands = np.stack([spectra[:, band].sum(axis=1) for band in _BANDS], axis=1)
    return np.asarray(bands + _MASKED * bands.max(axis=1, keepdims=True) + _NOTHING)
