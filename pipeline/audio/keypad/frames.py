"""Cuts one channel's samples into frames, and puts those together that sound like one key in a row.

What sounds like a key each ear decides by ``Rules`` of its own (``tones``, ``sounds``).

Outcomes of ``FrameRuns``: ``take`` and ``finish`` return the runs that have ended, in order; an
empty list is "not yet". Every run that begins before ``settled`` was returned. The result depends
on the samples alone, not on how they were cut. Nothing is raised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.audio.keypad.spectrum import Grid, powers
from pipeline.records.model import Interval


@dataclass(frozen=True, slots=True)
class Looked:
    """What an ear says of frames, one by one."""

    like: npt.NDArray[np.bool_]
    """Whether it is like a key."""
    pair: npt.NDArray[np.intp]
    """Only to tell that two frames are like the same one."""
    facts: npt.NDArray[np.float64]
    """What is kept of a frame in its run, shape ``(frames, facts)``."""


class Rules(Protocol):
    """By which an ear decides what a frame is like."""

    def likely(self, power: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        """Which frames may be like a key, by what is cheap to ask of their spectra."""
        ...

    def look(self, power: npt.NDArray[np.float32]) -> Looked:
        """Look at the spectra of those closely."""
        ...


@dataclass(slots=True)
class FrameRun:
    """Frames in a row that are like one key."""

    first: int
    pair: int
    """Only to tell that it is the same one; it goes with the run."""
    facts: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def after(self) -> int:
        """The frame after the last one."""
        return self.first + len(self.facts)

    @property
    def columns(self) -> npt.NDArray[np.float64]:
        """The facts, each of all frames, shape ``(facts, frames)``."""
        return np.array(self.facts).T


class FrameRuns:
    """Runs of one channel; see the module's text for the outcomes.

    Args:
        rules: of the ear.
        grid: its frames.
        start: call sample of the first one that is taken.
        block: frames that are looked at together, always as many: a transform of another number of
            rows may round differently.
        least_dbfs: what is softer in all is no key.
        least: frames; of shorter runs not all are returned.
        longest: frames; what is longer is returned in pieces.
    """

    def __init__(
        self,
        rules: Rules,
        grid: Grid,
        *,
        start: int,
        block: int,
        least_dbfs: float,
        least: int,
        longest: int,
    ) -> None:
        self._rules, self._grid, self._start = rules, grid, start
        self._block, self._least, self._longest = block, least, longest
        self._quietest = grid.least(least_dbfs) / grid.length
        self._pending = np.zeros(0, np.int16)
        self._length = 0
        self._seen = 0
        """Frames that were looked at."""
        self._run: FrameRun | None = None
        self._ended: list[FrameRun] = []

    @property
    def known(self) -> int:
        """Every run whose first frame is before this one was returned."""
        return self._seen if self._run is None else self._run.first

    @property
    def settled(self) -> int:
        """Every run that begins before this call sample was returned."""
        return self.begin(self.known)

    def begin(self, frame: int) -> int:
        """The call sample with which a frame begins."""
        return self._start + frame * self._grid.step

    def place(self, first: int, after: int) -> Interval:
        """Frames in call samples, as far as there are any."""
        end = (after - 1) * self._grid.step + self._grid.size
        return Interval(self.begin(first), self._start + min(end, self._length))

    def take(self, pcm: npt.NDArray[np.int16]) -> list[FrameRun]:
        """Take the next samples of the channel, shape ``(n,)``."""
        self._length += len(pcm)
        self._pending = np.concatenate([self._pending, pcm])
        block, whole = self._sizes
        while len(self._pending) >= whole:
            self._look(self._pending[:whole])
            self._pending = self._pending[block:]
        # A copy: a view would keep the whole chunk alive.
        self._pending = self._pending.copy()
        return self._tell()

    def finish(self) -> list[FrameRun]:
        """The rest, after the channel's last sample."""
        if len(self._pending):
            block, whole = self._sizes
            # What reaches into the last block but one was kept for its last frames only.
            last = np.zeros(2 * whole, np.int16)
            last[: len(self._pending)] = self._pending
            for low in (0, block):
                self._look(last[low : low + whole])
            self._pending = self._pending[:0]
        self._close()
        return self._tell()

    @property
    def _sizes(self) -> tuple[int, int]:
        """Samples from block to block, and of a block with all that its last frame takes."""
        block = self._block * self._grid.step
        return block, block + self._grid.size - self._grid.step

    def _look(self, block: npt.NDArray[np.int16]) -> None:
        """Look at the frames of a block."""
        first = self._seen
        self._seen += self._block
        frames = shaped(block, self._grid)
        loud = np.flatnonzero(np.einsum("ij,ij->i", frames, frames) >= self._quietest)
        if len(loud):
            power = powers(frames[loud], self._grid)
            likely = self._rules.likely(power)
            likely = likely[_in_a_row(loud[likely], self._least, self._block)]
            if len(likely):
                self._follow(first + loud[likely], self._rules.look(power[likely]))
        if self._run is not None and self._run.after < self._seen:
            self._close()

    def _follow(self, numbers: npt.NDArray[np.intp], looked: Looked) -> None:
        """Put frames that are like one key to the run before them, or begin another."""
        for at in np.flatnonzero(looked.like).tolist():
            run, number, pair = self._run, int(numbers[at]), int(looked.pair[at])
            if run is None or run.after != number or run.pair != pair:
                self._close()
                run = self._run = FrameRun(number, pair)
            run.facts.append(tuple(looked.facts[at].tolist()))
            if len(run.facts) >= self._longest:
                self._close()

    def _close(self) -> None:
        if self._run is not None:
            self._ended.append(self._run)
            self._run = None

    def _tell(self) -> list[FrameRun]:
        told, self._ended = self._ended, []
        return told


def _in_a_row(frames: npt.NDArray[np.intp], least: int, block: int) -> list[int]:
    """Places of the frames of a block that have so many in a row, as far as the block tells."""
    kept, row, before = list[int](), list[int](), -2
    for place, frame in enumerate([*frames.tolist(), 2 * block]):
        if frame != before + 1:
            # A row at an edge of the block may go on beyond it.
            if len(row) >= least or before == block - 1 or before - len(row) == -1:
                kept += row
            row = []
        row.append(place)
        before = frame
    return kept


def shaped(pcm: npt.NDArray[np.int16], grid: Grid) -> npt.NDArray[np.float32]:
    """All whole frames of some samples, of which there is one at least; ``(frames, size)``."""
    pcm = np.ascontiguousarray(pcm)
    count, width = (len(pcm) - grid.size) // grid.step + 1, pcm.itemsize
    # What ``sliding_window_view`` makes too, at a tenth of its cost.
    frames: npt.NDArray[np.int16] = np.ndarray(
        (count, grid.size), pcm.dtype, pcm, strides=(grid.step * width, width)
    )
    return frames * grid.shape
