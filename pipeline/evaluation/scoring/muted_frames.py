"""Which frames of a recording were silenced: digital silence, and speech replaced by something.

A frame is silenced when its RMS is below -60 dBFS, or when the original is gone from it: the frame
correlates weakly with the original (|r| < 0.6) and, in a 50 ms window at it, what remains after the
loudest sinusoid (a beep) is taken out is below the floor or does not correlate (|r| < 0.1). Frames
in which the original itself is below -57 dBFS hold nothing to hear.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

FLOOR: Final = 10 ** (-60 / 20)
AUDIBLE_FLOOR: Final = 10 ** (-57 / 20)
_CORRELATION: Final = 0.1
_FRAME_CORRELATION: Final = 0.6
"""10 ms are too short for the lower limit: a beep correlates by chance."""

Samples: TypeAlias = npt.NDArray[np.float64]


def silenced_frames(
    original: Samples, redacted: Samples, starts: npt.NDArray[np.int64], frame: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which frames are silenced, and which hold something to hear in the original.

    Args:
        original: one channel, shape ``(samples,)``, in ``[-1, 1]``.
        redacted: the same channel after redaction, same length.
        starts: first sample of each frame, shape ``(frames,)``.
        frame: samples in a frame.

    Returns:
        Two masks of shape ``(frames,)``: silenced, and audible in the original.
    """
    index = starts[:, None] + np.arange(frame)
    audible = _rms(original[index]) >= AUDIBLE_FLOOR
    silenced = _rms(redacted[index]) < FLOOR
    same = _correlation_of(original[index], redacted[index])
    for at in np.flatnonzero(audible & ~silenced & (same < _FRAME_CORRELATION)):
        first = int(starts[at])
        for before in (0, 2, 4):  # the window starts at, is centred on, ends with the frame
            low = max(0, first - before * frame)
            high = min(len(original), first + (5 - before) * frame)
            if _replaced(original[low:high], redacted[low:high]):
                silenced[at] = True
                break
    return silenced, audible


def _replaced(original: Samples, redacted: Samples) -> bool:
    """Whether nothing of the original is left once the loudest sinusoid is taken out."""
    rest = _without_tone(redacted)
    if float(np.sqrt(np.mean(rest**2))) < FLOOR:
        return True
    return bool(_correlation_of(original[None], rest[None])[0] < _CORRELATION)


def _correlation_of(first: Samples, second: Samples) -> Samples:
    """Absolute correlation of each row; 0 where a row is constant."""
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    norm = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.asarray(np.abs((first * second).sum(axis=1)) / np.maximum(norm, 1e-12))


def _without_tone(audio: Samples) -> Samples:
    """Subtract the sinusoid that explains most of a short stretch."""
    padded = 16 * len(audio)
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), padded))
    frequency = 2 * np.pi * int(np.argmax(spectrum)) / padded
    angle = frequency * np.arange(len(audio))
    basis = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    fitted, *_ = np.linalg.lstsq(basis, audio, rcond=None)
    return np.asarray(audio - basis @ fitted, dtype=np.float64)


def _rms(frames: Samples) -> Samples:
    return np.asarray(np.sqrt(np.mean(frames**2, axis=1)), dtype=np.float64)
