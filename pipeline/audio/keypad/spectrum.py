"""Spectra of short frames, and the strongest peak of each group of a telephone's keypad in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.records.model import FULL_SCALE

LOW_HZ: Final = np.array([697.0, 770.0, 852.0, 941.0])
HIGH_HZ: Final = np.array([1_209.0, 1_336.0, 1_477.0, 1_633.0])
"""The two groups of ITU-T Q.23: a key sounds one of each."""
_AROUND: Final = np.arange(-2, 3)
TOP: Final = 0.36
"""The highest of a peak's five bins has at least this share of them, wherever the peak lies."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the bins of a frame's spectrum lie at one sample rate."""

    step: int
    size: int
    """Samples of a frame."""
    length: int
    """Of the transform."""
    bin_hz: float
    shape: npt.NDArray[np.float32]
    """Hann."""

    @classmethod
    def at(cls, sample_rate: int, *, step_ms: int, window: int) -> Grid:
        """Args: Hz; milliseconds from frame to frame; steps that a frame is long."""
        step = sample_rate * step_ms // 1_000
        size = window * step
        length = 1 << (size - 1).bit_length()
        phase = 2.0 * np.pi * (np.arange(size) + 0.5) / size
        shape = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
        return cls(step, size, length, sample_rate / length, shape)

    def bins(self, hertz: tuple[float, float]) -> slice:
        """The bins of a band."""
        return slice(round(hertz[0] / self.bin_hz), round(hertz[1] / self.bin_hz) + 1)

    def least(self, dbfs: float) -> float:
        """Sum of a peak's bins for a tone of that level (RMS)."""
        energy = float(np.sum(np.square(self.shape, dtype=np.float64)))
        return float(FULL_SCALE**2 * 10.0 ** (dbfs / 10.0) * energy * self.length / 2.0)


def powers(frames: npt.NDArray[np.float32], grid: Grid) -> npt.NDArray[np.float32]:
    """Spectra of shaped frames, shape ``(frames, bins)``."""
    spectrum = np.asarray(np.fft.rfft(frames, grid.length), np.complex64)
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag))


def near_keys(
    grid: Grid, band: tuple[float, float], nominal: npt.NDArray[np.float64], off: float
) -> npt.NDArray[np.bool_]:
    """Which bins of a band may be the highest of a key's frequency."""
    place = grid.bins(band)
    away = np.abs(np.arange(place.start, place.stop)[:, None] * grid.bin_hz - nominal)
    return np.asarray(np.any(away <= off * nominal + grid.bin_hz / 2.0, axis=1))


def peaks(
    power: npt.NDArray[np.float32],
    grid: Grid,
    band: tuple[float, float],
    nominal: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Power of the strongest peak, how far it is from the nearest nominal frequency, and which."""
    place = grid.bins(band)
    rows = np.arange(len(power))
    top = np.argmax(power[:, place], axis=1) + place.start
    around = power[rows[:, None], top[:, None] + _AROUND]
    # A parabola through the logarithms: off by less than 0.05 bins for a Hann window.
    left, middle, right = np.log(np.maximum(around[:, 1:4].T, 1e-9))
    curve = np.minimum(left - 2.0 * middle + right, -1e-9)
    beside = np.minimum(np.maximum(0.5 * (left - right) / curve, -0.5), 0.5)
    hertz = (top + beside) * grid.bin_hz
    ratio = hertz[:, None] / nominal
    which = np.argmin(np.abs(ratio - 1.0), axis=1)
    return np.sum(around, axis=1), ratio[rows, which] - 1.0, which


def power_at(
    frames: npt.NDArray[np.float32], hertz: float, sample_rate: int
) -> npt.NDArray[np.float64]:
    """Power of frames at one frequency."""
    turn = np.exp(-2j * np.pi * hertz / sample_rate * np.arange(frames.shape[1]))
    found = frames @ turn
    return np.asarray(found.real**2 + found.imag**2, np.float64)
