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
    with soundfile.SoundFile(path) as file:
        edges = np.ceil(np.linspace(0, file.frames, columns + 1)).astype(np.int64)
        shown = min(channels, file.channels)
        low, high = np.zeros((columns, shown)), np.zeros((columns, shown))
        # A column at a time: an hour in memory would be hundreds of megabytes.
        for column, count in enumerate(np.diff(edges)):
            if count:
                block = file.read(int(count), dtype="float64", always_2d=True)[:, :shown]
                low[column] = block.min(axis=0, initial=0)
                high[column] = block.max(axis=0, initial=0)
            elif column:
                # Shorter than its columns: a sample is several of them wide.
                low[column], high[column] = low[column - 1], high[column - 1]
    scale = np.maximum(np.maximum(high, -low).max(axis=0, initial=0.0), _QUIET)
    return [Envelope(low[:, one] / scale[one], high[:, one] / scale[one]) for one in range(shown)]
