"""Says where a channel of redacted audio can be heard: cheap, by level alone, without a model.

It only steers what is listened to again and counts the speech; it decides nothing about muting.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.intervals import FLOOR_DBFS, FRAMES_PER_SECOND, Levels, merge_intervals
from pipeline.records import Interval

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
        runs = [
            Interval((first + int(index)) * self._frame, (first + int(index) + 1) * self._frame)
            for first, audible in self._kept
            if (first + len(audible)) * self._frame > start and first * self._frame < end
            for index in np.flatnonzero(audible)
        ]
        inside = [
            Interval(max(run.start, start), min(run.end, end))
            for run in runs
            if run.start < end and run.end > start
        ]
        return merge_intervals(inside, _JOIN_FRAMES * self._frame)

    def forget(self, before: int) -> None:
        """Drop what ends at or before a call sample."""
        while self._kept and (self._kept[0][0] + len(self._kept[0][1])) * self._frame <= before:
            self._kept.popleft()
