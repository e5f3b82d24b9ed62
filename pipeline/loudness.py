"""How loud the loudest moment of some audio is."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.intervals import FRAMES_PER_SECOND
from pipeline.records import FULL_SCALE

SILENCE_DBFS: Final = -120.0
"""What digital silence is stated as."""


def loudest_frame(samples: npt.NDArray[Any], sample_rate: int) -> float:
    """Highest RMS of 10 ms frames of any channel, dBFS; ``SILENCE_DBFS`` for nothing at all.

    Args:
        samples: int16 values, shape ``(n, channels)``; a last, shorter frame counts as its own.
        sample_rate: Hz.
    """
    frame = sample_rate // FRAMES_PER_SECOND
    if samples.size == 0 or not samples.any():
        return SILENCE_DBFS
    wide = samples.astype(np.float64)
    starts = np.arange(0, len(samples), frame)
    lengths = np.diff(np.append(starts, len(samples)))[:, None]
    power = np.add.reduceat(wide * wide, starts, axis=0) / lengths
    peak = float(power.max()) / FULL_SCALE**2
    return max(SILENCE_DBFS, 10.0 * float(np.log10(max(peak, 1e-12))))
