"""The tones of a telephone keypad (ITU-T Q.23), for what hears them and its tests."""

from __future__ import annotations

import numpy as np

from pipeline.audio.keypad.spectrum import HIGH_HZ, LOW_HZ


def key(
    row: int,
    column: int,
    seconds: float,
    rate: int = 8_000,
    *,
    dbfs: float = -15.0,
    off: float = 0.0,
    twist_db: float = 0.0,
) -> np.ndarray:
    """One key as float of full scale 1, shape ``(n,)``.

    Args:
        row: 0 to 3.
        column: 0 to 3.
        seconds: how long it is held.
        rate: Hz.
        dbfs: RMS of one frequency against full scale.
        off: how far both frequencies are beside their nominal ones, as a share.
        twist_db: how much louder the high one is.
    """
    time = np.arange(round(seconds * rate)) / rate
    level = np.sqrt(2.0) * 10.0 ** (dbfs / 20.0)
    tilt = 10.0 ** (twist_db / 40.0)
    low = np.sin(2.0 * np.pi * LOW_HZ[row] * (1.0 + off) * time + 0.3)
    high = np.sin(2.0 * np.pi * HIGH_HZ[column] * (1.0 - off) * time + 1.1)
    return np.asarray(level * (low / tilt + high * tilt))


def pressed(
    keys: str, rate: int = 8_000, *, hold_s: float = 0.08, rest_s: float = 0.08, dbfs: float = -15.0
) -> np.ndarray:
    """Keys in a row, as float of full scale 1."""
    pad = "123A456B789C*0#D"
    parts: list[np.ndarray] = []
    for one in keys:
        row, column = divmod(pad.index(one), 4)
        parts += [key(row, column, hold_s, rate, dbfs=dbfs), np.zeros(round(rest_s * rate))]
    return np.concatenate(parts)


def pcm16(audio: np.ndarray) -> np.ndarray:
    """Float of full scale 1 as 16 bit, clipped."""
    return np.asarray(np.clip(np.rint(audio * 32_768), -32_768, 32_767), np.int16)
