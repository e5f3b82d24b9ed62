"""How loud audio is, on a fixed grid of 10 ms frames counted from the first sample of the call.

``Levels`` is the loudness of every frame of a stretch, and which of them are quiet.
``AudibleTrack`` says where a channel of redacted audio can be heard: by level alone, without a
model. It steers what is listened to again and counts the speech; it decides nothing about muting.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.records.intervals import merge_intervals
from pipeline.records.model import FULL_SCALE, Interval

FRAMES_PER_SECOND: Final = 100
FLOOR_DBFS: Final = -90.0
"""Level of digital silence: below the quietest 16-bit noise."""
SILENCE_DBFS: Final = -120.0
"""What digital silence is stated as."""
_LEAST_CONTRAST_DB: Final = 10.0
"""With less between loud and soft frames, no frame is called quiet."""
_QUIET_SHARE: Final = 0.25
"""Quiet is the lowest quarter, in decibels, between the local floor and the local peak."""
_QUIET_BELOW_PEAK_DB: Final = 40.0
"""What is this much below the local peak is quiet in any case."""
_MEMORY_FRAMES: Final = 10 * FRAMES_PER_SECOND
"""How far back the noise floor is measured: ten seconds hold a pause."""
_FLOOR_EVERY_FRAMES: Final = 50
"""The floor is measured again after half a second, however short the chunks are."""
_ABOVE_FLOOR_DB: Final = 10.0
_LEAST_DBFS: Final = -60.0
"""Softer than this is no speech on a telephone line,"""
_BELOW_LOUDEST_DB: Final = 40.0
"""unless the channel was never louder than so much above it: a call that is too quiet."""
_HIGHEST_FLOOR_DBFS: Final = -45.0
"""A floor that is louder is speech without a pause."""
_JOIN_FRAMES: Final = 20
"""Pauses up to 200 ms lie inside words and between them."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Loudness of whole frames of one channel."""

    first: int
    """Number of the first frame, counted from the start of the call."""
    frame: int
    """Samples a frame."""
    dbfs: npt.NDArray[np.float64]
    """Shape ``(frames,)``."""

    @classmethod
    def measure(cls, pcm: npt.NDArray[np.int16], start: int, sample_rate: int) -> Levels:
        """Measure the frames that lie wholly in ``[start, start + len(pcm))``.

        Args:
            pcm: one channel, shape ``(n,)``.
            start: call sample of ``pcm[0]``.
            sample_rate: Hz.
        """
        frame = sample_rate // FRAMES_PER_SECOND
        first = -(-start // frame)
        count = max(0, (start + len(pcm)) // frame - first)
        offset = first * frame - start
        framed = pcm[offset : offset + count * frame].astype(np.float64).reshape(count, frame)
        power = np.mean(framed * framed, axis=1) / (FULL_SCALE * FULL_SCALE)
        least = 10.0 ** (FLOOR_DBFS / 10.0)
        return cls(first=first, frame=frame, dbfs=10.0 * np.log10(np.maximum(power, least)))

    def quiet(self) -> npt.NDArray[np.bool_]:
        """Which frames are quiet against their surroundings; none where all sound alike."""
        if len(self.dbfs) == 0:
            return np.zeros(0, np.bool_)
        soft, loud = np.percentile(self.dbfs, [10.0, 95.0])
        if loud - soft < _LEAST_CONTRAST_DB:
            return np.zeros(len(self.dbfs), np.bool_)
        limit = max(soft + _QUIET_SHARE * (loud - soft), loud - _QUIET_BELOW_PEAK_DB)
        return np.asarray(self.dbfs <= limit)


class AudibleTrack:
    """Which 10 ms frames of one channel carry sound, for as long as they are kept.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._frame = sample_rate // FRAMES_PER_SECOND
        self._recent: deque[float] = deque(maxlen=_MEMORY_FRAMES)
        self._kept: deque[tuple[int, npt.NDArray[np.bool_]]] = deque()
        self._floor = self._loudest = FLOOR_DBFS
        self._unread = _FLOOR_EVERY_FRAMES
        self.audible_samples = 0
        """How many samples were audible in all."""

    def take(self, pcm: npt.NDArray[np.int16], start: int) -> None:
        """Add the next stretch of the channel, shape ``(n,)``, beginning at a call sample."""
        levels = Levels.measure(pcm, start, self._rate)
        if len(levels.dbfs) == 0:
            return
        self._recent.extend(float(level) for level in levels.dbfs if level > FLOOR_DBFS)
        self._unread += len(levels.dbfs)
        if self._recent and self._unread >= _FLOOR_EVERY_FRAMES:
            self._floor = float(np.percentile(list(self._recent), 10.0))
            self._unread = 0
        self._loudest = max(self._loudest, float(levels.dbfs.max()))
        least = min(_LEAST_DBFS, self._loudest - _BELOW_LOUDEST_DB)
        limit = max(min(self._floor, _HIGHEST_FLOOR_DBFS) + _ABOVE_FLOOR_DB, least)
        audible = levels.dbfs > limit
        self._kept.append((levels.first, audible))
        self.audible_samples += int(audible.sum()) * self._frame

    def within(self, start: int, end: int) -> list[Interval]:
        """Audible stretches in ``[start, end)``, joined over short pauses, in call samples."""
        inside = []
        for first, audible in self._kept:
            if (first + len(audible)) * self._frame <= start or first * self._frame >= end:
                continue
            edges = np.flatnonzero(np.diff(audible.astype(np.int8), prepend=0, append=0))
            runs = ((first + edges) * self._frame).clip(start, end).reshape(-1, 2).tolist()
            inside += [Interval(begin, stop) for begin, stop in runs if begin < stop]
        return merge_intervals(inside, _JOIN_FRAMES * self._frame)

    def forget(self, before: int) -> None:
        """Drop what ends at or before a call sample."""
        while self._kept and (self._kept[0][0] + len(self._kept[0][1])) * self._frame <= before:
            self._kept.popleft()


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
