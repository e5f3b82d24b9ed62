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

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

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
"""Frames that are looked at together, always as many: a transform of another number of rows may
round differently."""
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


@dataclass(slots=True)
class _Run:
    """Frames in a row that sound like one key."""

    first: int
    pair: int
    """Only to tell that it is the same one; it goes with the run."""
    clear: list[float] = field(default_factory=list)
    power: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    twist: list[float] = field(default_factory=list)

    @property
    def after(self) -> int:
        return self.first + len(self.clear)

    def counts(self) -> bool | None:
        """Whether it is a tone by itself; None: not even beside others."""
        frames, clear = len(self.clear), float(np.median(self.clear))
        if frames < _LEAST_FRAMES or abs(float(np.mean(self.twist))) > _MEAN_TWIST_DB:
            return None
        # Not where the tone begins or ends within a frame: its frequency is blurred there.
        whole = np.array(self.power) >= max(self.power) / 2.0
        for off, unsteady in zip((self.low, self.high), _UNSTEADY, strict=True):
            inside = np.array(off)[whole]
            limit = _LESS_STEADY if clear >= _VERY_CLEAR else unsteady
            if np.std(inside) > limit or abs(float(np.median(inside))) > _MEDIAN_OFF:
                return None
        if any(frames >= least and clear >= share for least, share in _CLEAR):
            return True
        return False if clear >= _LEAST_CLEAR and whole.sum() >= _LEAST_WHOLE else None


class KeyTones:
    """The keys that are heard on one channel; see the module's text for the outcomes.

    Args:
        sample_rate: Hz, 8,000 to 16,000.
        start: call sample of the first one that is taken.
    """

    def __init__(self, sample_rate: int, start: int = 0) -> None:
        grid = self._grid = Grid.at(sample_rate, step_ms=_STEP_MS, window=_WINDOW)
        self._places = np.arange(_BLOCK)[:, None] * grid.step + np.arange(grid.size)
        # Both frequencies are most of a frame's power: what is softer in all is no key.
        self._quietest = grid.least(_LEAST_DBFS) / grid.length
        self._near_keys = (
            near_keys(grid, _LOW_BAND_HZ, LOW_HZ, _OFF),
            near_keys(grid, _HIGH_BAND_HZ, HIGH_HZ, _OFF),
        )
        band = grid.bins(_BAND_HZ)
        self._ones = np.ones(band.stop - band.start, np.float32)
        self._start = start
        self._pending = np.zeros(0, np.int16)
        self._seen = 0
        """Frames that were looked at."""
        self._run: _Run | None = None
        self._found: list[tuple[int, int]] = []
        """First frame, and frame after the last one, of tones of any kind, as long as others may
        come near them."""
        self._doubtful: list[tuple[int, int]] = []
        """Those of them that may still count beside others."""
        self._certain: list[tuple[int, int]] = []
        self._near = round(NEAR_S * FRAMES_PER_SECOND)
        self._length = 0

    @property
    def settled(self) -> int:
        """Every tone that begins before this call sample was returned."""
        doubtful = [first for first, _ in self._doubtful]
        going_on = [self._run.first] if self._run is not None else []
        return self._start + min([self._seen, *doubtful, *going_on]) * self._grid.step

    def take(self, pcm: npt.NDArray[np.int16]) -> list[Interval]:
        """Take the next samples of the channel, shape ``(n,)``."""
        self._length += len(pcm)
        self._pending = np.concatenate([self._pending, pcm])
        grid = self._grid
        block, more = _BLOCK * grid.step, grid.size - grid.step
        while len(self._pending) >= block + more:
            self._look(self._pending[: block + more])
            self._pending = self._pending[block:]
        # A copy: a view would keep the whole chunk alive.
        self._pending = self._pending.copy()
        return self._tell(over=False)

    def finish(self) -> list[Interval]:
        """The rest, after the channel's last sample."""
        grid = self._grid
        if len(self._pending):
            whole = _BLOCK * grid.step + grid.size - grid.step
            # What reaches into the last block but one was kept for its last frames only.
            last = np.zeros(2 * whole, np.int16)
            last[: len(self._pending)] = self._pending
            for low in (0, _BLOCK * grid.step):
                self._look(last[low : low + whole])
            self._pending = self._pending[:0]
        self._close()
        return self._tell(over=True)

    def _look(self, block: npt.NDArray[np.int16]) -> None:
        """Look at the frames of a block."""
        first = self._seen
        self._seen += _BLOCK
        at, power = self._likely(block)
        if len(at):
            self._follow(first + at, power)
        if self._run is not None and self._run.after < self._seen:
            self._close()

    def _likely(
        self, block: npt.NDArray[np.int16]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """The frames that may sound like a key, by what is cheap to ask, and their spectra."""
        grid = self._grid
        frames = block[self._places] * grid.shape
        loud = np.flatnonzero(np.einsum("ij,ij->i", frames, frames) >= self._quietest)
        if not len(loud):
            return loud, np.zeros((0, grid.length // 2 + 1), np.float32)
        power = powers(frames[loud], grid)
        near, highest = np.ones(len(power), np.bool_), np.zeros(len(power), np.float32)
        for band, may_be in zip((_LOW_BAND_HZ, _HIGH_BAND_HZ), self._near_keys, strict=True):
            group = power[:, grid.bins(band)]
            top = np.argmax(group, axis=1)
            near &= may_be[top]
            highest += group[np.arange(len(group)), top]
        power = power[near]
        all_of_it = power[:, grid.bins(_BAND_HZ)] @ self._ones
        likely = np.flatnonzero(highest[near] >= _FRAME_CLEAR * TOP * all_of_it)
        loud = loud[near]
        return loud[likely], power[likely]

    def _follow(self, numbers: npt.NDArray[np.intp], power: npt.NDArray[np.float32]) -> None:
        """Put frames that sound like one key to the run before them, or begin another."""
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
        for at in np.flatnonzero(like).tolist():
            run, pair = self._run, int(row[at]) * len(HIGH_HZ) + int(column[at])
            number = int(numbers[at])
            if run is None or run.after != number or run.pair != pair:
                self._close()
                run = self._run = _Run(number, pair)
            run.clear.append(float(clear[at]))
            run.power.append(float(both[at]))
            run.low.append(float(low_off[at]))
            run.high.append(float(high_off[at]))
            run.twist.append(float(twist[at]))
            if len(run.clear) >= _LONGEST_FRAMES:
                self._close()

    def _close(self) -> None:
        run, self._run = self._run, None
        alone = run.counts() if run is not None else None
        if run is not None and alone is not None:
            place = (run.first, run.after)
            self._found.append(place)
            (self._certain if alone else self._doubtful).append(place)

    def _tell(self, *, over: bool) -> list[Interval]:
        """The tones that nothing can change any more."""
        told, self._certain = self._certain, []
        seen = self._seen if self._run is None else self._run.first
        doubtful, self._doubtful = self._doubtful, []
        for place in doubtful:
            if self._beside(place[0]) >= _OTHERS:
                told.append(place)
            elif not over and place[0] + self._near >= seen:
                self._doubtful.append(place)
        oldest = min([seen, *(first for first, _ in self._doubtful)]) - self._near
        self._found = [place for place in self._found if place[0] >= oldest]
        return [self._place(first, after) for first, after in sorted(told)]

    def _beside(self, first: int) -> int:
        """How many other tones begin near one, apart from it and from one another."""
        apart, count, last = round(_APART_S * FRAMES_PER_SECOND), 0, -self._near
        for begin, _ in self._found:
            if abs(begin - first) <= self._near and abs(begin - first) >= apart:
                count += begin - last >= apart
                last = begin
        return count

    def _place(self, first: int, after: int) -> Interval:
        grid = self._grid
        end = (after - 1) * grid.step + grid.size
        return Interval(self._start + first * grid.step, self._start + min(end, self._length))


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
    window = np.lib.stride_tricks.sliding_window_view
    power = np.sum(
        powers(window(source, grid.size)[:: grid.step] * grid.shape, grid), axis=0, keepdims=True
    )
    stands_out = np.ones(len(range(0, len(other) - grid.size + 1, grid.step)), np.bool_)
    frames = window(other, grid.size)[:: grid.step] * grid.shape
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
