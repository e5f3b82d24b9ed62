"""Hears that a key of a telephone was pressed (DTMF, ITU-T Q.23); never which one.

Outcomes of ``KeyTones``: ``take`` and ``finish`` return the tones that are now certain, as
intervals of call samples; an empty list is "not yet". Every tone that begins before ``settled`` was
returned. The result depends on the samples alone, not on how they were cut. Nothing is raised.

A frame of 30 ms sounds like a key where one frequency of each group of Q.23 carries most of the
power between 450 and 3,400 Hz. It is heard up to 1.8 % beside its frequency, not beyond 3.5 %, as
ITU-T Q.24 has it; the groups may be 14 dB apart, more than there, because adapters and codecs tilt
them. Such frames in a row are a tone by themselves where they are clear, and the longer they are,
the less clear they need to be; what is less clear, as under somebody's voice, counts only beside
others: people press keys in a row. The limits were chosen on speech
(``benchmarks.quality.key_tones``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.audio.keypad.frames import FrameRun, FrameRuns, Looked, shaped
from pipeline.audio.keypad.spectrum import (
    HIGH_HZ,
    LOW_HZ,
    TOP,
    Grid,
    near_keys,
    peaks,
    power_at,
    powers,
)
from pipeline.audio.levels import FRAMES_PER_SECOND
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import FULL_SCALE, Interval

NEAR_S: Final = 2.0
"""How near less clear tones are to one another, begin to begin."""
KEY_EDGE_MS: Final = 40
"""By so much the true edge of a tone may lie outside of what is returned, and a bit to spare."""
_BLOCK: Final = 100
_STEP_MS: Final = 10
_WINDOW: Final = 3
"""Length of a frame, in steps of 10 ms: it fits into the shortest tone, 40 ms, wherever that is."""
_BAND_HZ: Final = (450.0, 3_400.0)
"""What a tone is compared with: without hum, dialling tone and the lowest of a voice."""
_LOW_BAND_HZ: Final = (640.0, 1_010.0)
_HIGH_BAND_HZ: Final = (1_130.0, 1_720.0)
_LEAST_DBFS: Final = -57.0
"""Of both frequencies together. The softest key of Q.24, -25 dBm a frequency, is 30 dB louder."""
_TWIST_DB: Final = 15.0
"""The groups may be so far apart in a frame;"""
_MEAN_TWIST_DB: Final = 14.0
"""and over a tone."""
_OFF: Final = 0.03
"""A frequency of a frame may be so far beside its nominal one;"""
_MEDIAN_OFF: Final = 0.024
"""the middle one of a tone so far: it is estimated to 0.3 %."""
_UNSTEADY: Final = (0.0036, 0.0022)
"""Standard deviation of the low and of the high frequency over a tone: a voice glides."""
_VERY_CLEAR, _LESS_STEADY = 0.88, 0.006
"""The same of a tone of which the middle frame has at least such a share: in noise it trembles."""
_FRAME_CLEAR: Final = 0.4
"""Share of the power that both frequencies have in a frame of a tone."""
_CLEAR: Final = ((4, 0.9), (5, 0.84), (7, 0.74))
"""From so many frames on a tone counts by itself, if the middle frame has at least such a share."""
_LEAST_FRAMES, _LEAST_WHOLE, _LEAST_CLEAR = 3, 3, 0.5
"""The same beside others, so many of them filled by the tone;"""
_OTHERS: Final = 2
"""of which it takes so many,"""
_APART_S: Final = 0.06
"""that begin so far apart: one sound that breaks off is not several keys."""
_LONGEST_FRAMES: Final = 200
"""A key that is held longer is told in pieces, so that audio need not wait for its end."""
_TRACE_DB: Final = 10.0
"""Both frequencies of a key stand out so far from what is beside them where it comes back."""
_TRACE_DBFS: Final = -80.0
_BESIDE_HZ: Final = (-150.0, -100.0, 100.0, 150.0)


class KeyTones:
    """The keys that are heard on one channel; see the module's text for the outcomes.

    Args:
        sample_rate: Hz, 8,000 to 16,000.
        start: call sample of the first one that is taken.
    """

    def __init__(self, sample_rate: int, start: int = 0) -> None:
        grid = Grid.at(sample_rate, step_ms=_STEP_MS, window=_WINDOW)
        # Both frequencies are most of a frame's power: what is softer in all is no key.
        self._frames = FrameRuns(
            _Rules(grid),
            grid,
            start=start,
            block=_BLOCK,
            least_dbfs=_LEAST_DBFS,
            least=_LEAST_FRAMES,
            longest=_LONGEST_FRAMES,
        )
        self._found: list[tuple[int, int]] = []
        """First frame, and frame after the last one, of tones of any kind, as long as others may
        come near them."""
        self._doubtful: list[tuple[int, int]] = []
        """Those of them that may still count beside others."""
        self._near = round(NEAR_S * FRAMES_PER_SECOND)

    @property
    def settled(self) -> int:
        """Every tone that begins before this call sample was returned."""
        doubtful = [first for first, _ in self._doubtful]
        return self._frames.begin(min([self._frames.known, *doubtful]))

    def take(self, pcm: npt.NDArray[np.int16]) -> list[Interval]:
        """Take the next samples of the channel, shape ``(n,)``."""
        return self._tell(self._frames.take(pcm), over=False)

    def finish(self) -> list[Interval]:
        """The rest, after the channel's last sample."""
        return self._tell(self._frames.finish(), over=True)

    def _tell(self, runs: Iterable[FrameRun], *, over: bool) -> list[Interval]:
        """The tones that nothing can change any more, once more runs have ended."""
        known, told = self._frames.known, list[tuple[int, int]]()
        doubtful, self._doubtful = self._doubtful, []
        for run in runs:
            alone = _counts(run)
            if alone is not None:
                place = (run.first, run.after)
                self._found.append(place)
                (told if alone else doubtful).append(place)
        for place in doubtful:
            if self._beside(place[0]) >= _OTHERS:
                told.append(place)
            elif not over and place[0] + self._near >= known:
                self._doubtful.append(place)
        oldest = min([known, *(first for first, _ in self._doubtful)]) - self._near
        self._found = [place for place in self._found if place[0] >= oldest]
        return [self._frames.place(first, after) for first, after in sorted(told)]

    def _beside(self, first: int) -> int:
        """How many other tones begin near one, apart from it and from one another."""
        apart, count, last = round(_APART_S * FRAMES_PER_SECOND), 0, -self._near
        for begin, _ in self._found:
            if abs(begin - first) <= self._near and abs(begin - first) >= apart:
                count += begin - last >= apart
                last = begin
        return count


class _Rules:
    """Whether one frequency of each group carries most of the power."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._near_keys = (
            near_keys(grid, _LOW_BAND_HZ, LOW_HZ, _OFF),
            near_keys(grid, _HIGH_BAND_HZ, HIGH_HZ, _OFF),
        )
        band = grid.bins(_BAND_HZ)
        self._ones = np.ones(band.stop - band.start, np.float32)

    def likely(self, power: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        """See ``Rules``."""
        grid = self._grid
        near, highest = np.ones(len(power), np.bool_), np.zeros(len(power), np.float32)
        for band, may_be in zip((_LOW_BAND_HZ, _HIGH_BAND_HZ), self._near_keys, strict=True):
            group = power[:, grid.bins(band)]
            top = np.argmax(group, axis=1)
            near &= may_be[top]
            highest += group[np.arange(len(group)), top]
        rows = np.flatnonzero(near)
        all_of_it = power[rows][:, grid.bins(_BAND_HZ)] @ self._ones
        return rows[highest[rows] >= _FRAME_CLEAR * TOP * all_of_it]

    def look(self, power: npt.NDArray[np.float32]) -> Looked:
        """See ``Rules``; share and power of both peaks, how far each is off, and their twist."""
        grid = self._grid
        low, low_off, row = peaks(power, grid, _LOW_BAND_HZ, LOW_HZ)
        high, high_off, column = peaks(power, grid, _HIGH_BAND_HZ, HIGH_HZ)
        both = low + high
        clear = both / np.maximum(np.sum(power[:, grid.bins(_BAND_HZ)], axis=1), 1e-9)
        twist = 10.0 * np.log10(np.maximum(high, 1e-9) / np.maximum(low, 1e-9))
        like = (clear >= _FRAME_CLEAR) & (both >= grid.least(_LEAST_DBFS))
        like &= (
            (np.abs(low_off) <= _OFF) & (np.abs(high_off) <= _OFF) & (np.abs(twist) <= _TWIST_DB)
        )
        facts = np.stack([clear, both, low_off, high_off, twist], axis=1)
        return Looked(like, row * len(HIGH_HZ) + column, facts)


def _counts(run: FrameRun) -> bool | None:
    """Whether a run is a tone by itself; None: not even beside others."""
    frames = len(run.facts)
    if frames < _LEAST_FRAMES:
        return None
    shares, power, low, high, twist = run.columns
    if abs(float(np.mean(twist))) > _MEAN_TWIST_DB:
        return None
    clear = float(np.median(shares))
    # Not where the tone begins or ends within a frame: its frequency is blurred there.
    whole = power >= power.max() / 2.0
    for off, unsteady in zip((low, high), _UNSTEADY, strict=True):
        inside = off[whole]
        limit = _LESS_STEADY if clear >= _VERY_CLEAR else unsteady
        if np.std(inside) > limit or abs(float(np.median(inside))) > _MEDIAN_OFF:
            return None
    if any(frames >= least and clear >= share for least, share in _CLEAR):
        return True
    return False if clear >= _LEAST_CLEAR and whole.sum() >= _LEAST_WHOLE else None


def traces(
    source: npt.NDArray[np.int16], other: npt.NDArray[np.int16], sample_rate: int
) -> list[Interval]:
    """Where a tone can be heard on another channel, however soft: its echo.

    Args:
        source: the tone, shape ``(n,)``.
        other: the other channel around it, shape ``(m,)``.
        sample_rate: Hz.

    Returns:
        Intervals of ``other``, in order; an edge may be off by ``KEY_EDGE_MS``.
    """
    grid = Grid.at(sample_rate, step_ms=_STEP_MS, window=_WINDOW)
    if min(len(source), len(other)) < grid.size:
        return []
    power = np.sum(powers(shaped(source, grid), grid), axis=0, keepdims=True)
    frames = shaped(other, grid)
    stands_out = np.ones(len(frames), np.bool_)
    for band, nominal in ((_LOW_BAND_HZ, LOW_HZ), (_HIGH_BAND_HZ, HIGH_HZ)):
        _, off, which = peaks(power, grid, band, nominal)
        hertz = float(nominal[which[0]] * (1.0 + off[0]))
        here, *beside = (power_at(frames, hertz + by, sample_rate) for by in (0.0, *_BESIDE_HZ))
        least = FULL_SCALE**2 * 10.0 ** (_TRACE_DBFS / 10.0) * float(np.sum(grid.shape)) ** 2 / 2.0
        limit = np.maximum(np.mean(beside, axis=0) * 10.0 ** (_TRACE_DB / 10.0), least)
        stands_out &= here >= limit
    places = [Interval(int(at), int(at) + 1) for at in np.flatnonzero(stands_out)]
    return [
        Interval(one.start * grid.step, min(len(other), (one.end - 1) * grid.step + grid.size))
        for one in merge_intervals(places, 1)
        if len(one) >= _LEAST_FRAMES
    ]
