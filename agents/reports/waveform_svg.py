"""Waveforms as SVG paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

HEIGHT = 100
"""Height of the drawing's coordinate system; the zero line is in its middle."""
_QUIET = 0.05
"""A channel is drawn as if its loudest sample were at least this: noise stays small."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Lowest and highest sample of each column of one channel, in ``[-1, 1]``."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    def as_path(self) -> str:
        """A closed SVG path, a unit per column wide and ``HEIGHT`` high."""
        middle = HEIGHT / 2
        # A hair of thickness, so that silence shows as a line.
        top = middle - np.maximum(self.high, 0.006) * (middle - 2)
        bottom = middle - np.minimum(self.low, -0.006) * (middle - 2)
        forth = [f"{x},{y:.1f}" for x, y in enumerate(top)]
        back = [f"{x},{y:.1f}" for x, y in reversed(list(enumerate(bottom)))]
        return f"M{' '.join(forth)} {' '.join(back)}Z"


def envelope(path: Path, channels: int, columns: int) -> Sequence[Envelope]:
    """The envelopes of a recording's channels, each scaled to its own loudest sample.

    Raises:
        soundfile.LibsndfileError: the recording can't be read.
    """
    audio, _ = soundfile.read(path, dtype="float64", always_2d=True)
    edges = np.linspace(0, len(audio), columns + 1).astype(np.int64)[:-1]
    drawn = []
    for channel in range(min(channels, audio.shape[1])):
        samples = audio[:, channel]
        scale = max(float(np.max(np.abs(samples), initial=0.0)), _QUIET)
        # reduceat needs distinct, existing starts; a recording shorter than the columns has fewer.
        starts = np.unique(edges) if len(samples) else np.zeros(0, np.int64)
        spread = np.linspace(0, max(len(starts) - 1, 0), columns).round().astype(np.int64)
        low = np.minimum.reduceat(samples, starts) if len(starts) else np.zeros(1)
        high = np.maximum.reduceat(samples, starts) if len(starts) else np.zeros(1)
        low, high = low[spread] / scale, high[spread] / scale
        drawn.append(Envelope(low, high))
    return drawn
