"""Hears what may be a key under a voice, behind a codec or with one group much softer.

Outcomes of ``KeySounds``: ``take`` and ``finish`` return sounds that are now certain to have ended,
in order; an empty list is "not yet". Every sound that begins before ``settled`` was returned. The
result depends on the samples alone, not on how they were cut. Nothing is raised.

It shares neither frames nor rules with ``KeyTones``, only what cuts and counts frames: it asks in
frames of 60 ms whether each group of Q.23 has one narrow peak *among its own frequencies*, whatever
else sounds below, above and between the groups. How like a key such frames in a row are is one
number, ``likeness``, which was learnt (``pipeline.audio.keypad.likeness``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.audio.keypad.frames import FrameRun, FrameRuns, Looked
from pipeline.audio.keypad.likeness import envelope_features, likeness
from pipeline.audio.keypad.spectrum import HIGH_HZ, LOW_HZ, TOP, Grid, near_keys, peaks
from pipeline.records.model import Interval

_STEP_MS: Final = 20
_WINDOW: Final = 3
_BLOCK: Final = 50
_LOW_BAND_HZ: Final = (620.0, 1_030.0)
_HIGH_BAND_HZ: Final = (1_110.0, 1_760.0)
_SHARE: Final = 0.35
"""A peak has at least such a share of its group's band."""
_OFF: Final = 0.028
_MEDIAN_OFF_PERCENT: Final = 2.2
"""Both frequencies of a key are so near to their nominal ones: Q.24 allows 1.8 %;"""
_TOO_FAR_OFF: Final = -2.5
"""what is further off is no more like a key than this."""
_TWIST_DB: Final = 17.0
_LEAST_DBFS: Final = -57.0
_LEAST_FRAMES: Final = 2
_LONGEST_FRAMES: Final = 100
"""A key that is held longer is told in pieces."""
_ROUGH: Final = np.array([0.861, -2.532, 0.42, 18.612, -0.308, -0.448, -2.622])
_ROUGH_BIAS: Final = -12.073
_ROUGH_LEAST: Final = -7.0
"""A first sum, of the spectra alone: what has less is no key. It spares most envelopes."""
ALONE: Final = 4.0
"""A sound that is so like a key is one by itself;"""
SEVERAL: Final = ((3, 1.0), (4, -0.6))
"""or, with so many of such a likeness near one another, the last of them."""
DOUBTFUL: Final = -4.0
"""It counts beside keys only: one or two a minute of speech. What is less like one is not told."""


@dataclass(frozen=True, slots=True)
class KeySound:
    """What may be a key."""

    place: Interval
    """In call samples."""
    likeness: float


class KeySounds:
    """What may be keys on one channel; see the module's text for the outcomes.

    Args:
        sample_rate: Hz, 8,000 to 16,000.
        start: call sample of the first one that is taken.
    """

    def __init__(self, sample_rate: int, start: int = 0) -> None:
        grid = Grid.at(sample_rate, step_ms=_STEP_MS, window=_WINDOW)
        self._frames = FrameRuns(
            _Rules(grid),
            grid,
            start=start,
            block=_BLOCK,
            least_dbfs=_LEAST_DBFS,
            least=_LEAST_FRAMES,
            longest=_LONGEST_FRAMES,
        )
        self._rate = sample_rate
        self._pcm = np.zeros(0, np.int16)
        """Samples of sounds that have not ended,"""
        self._first = start
        """from this call sample on."""

    @property
    def settled(self) -> int:
        """Every sound that begins before this call sample was returned."""
        return self._frames.settled

    def take(self, pcm: npt.NDArray[np.int16]) -> list[KeySound]:
        """Take the next samples of the channel, shape ``(n,)``."""
        self._pcm = np.concatenate([self._pcm, pcm])
        told = self._told(self._frames.take(pcm))
        gone = max(0, self._frames.settled - self._first)
        self._pcm, self._first = self._pcm[gone:].copy(), self._first + gone
        return told

    def finish(self) -> list[KeySound]:
        """The rest, after the channel's last sample."""
        return self._told(self._frames.finish())

    def _told(self, runs: Iterable[FrameRun]) -> list[KeySound]:
        sounds = (self._sound(run) for run in runs if len(run.facts) >= _LEAST_FRAMES)
        return [one for one in sounds if one is not None and one.likeness >= DOUBTFUL]

    def _sound(self, run: FrameRun) -> KeySound | None:
        """What a run sounds like; None: no key, by its spectra alone."""
        features = spectral_features(run)
        if features @ _ROUGH + _ROUGH_BIAS < _ROUGH_LEAST:
            return None
        place = self._frames.place(run.first, run.after)
        pcm = self._pcm[place.start - self._first : place.end - self._first]
        like = likeness(np.append(features, envelope_features(pcm, *_hertz(run), self._rate)))
        if features[-1] > _MEDIAN_OFF_PERCENT:
            like = min(like, _TOO_FAR_OFF)
        return KeySound(place, like)


class _Rules:
    """Whether each group has one narrow peak among its own frequencies."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._groups = tuple(
            (grid.bins(band), near_keys(grid, band, nominal, _OFF))
            for band, nominal in ((_LOW_BAND_HZ, LOW_HZ), (_HIGH_BAND_HZ, HIGH_HZ))
        )

    def likely(self, power: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        """See ``Rules``."""
        may = np.ones(len(power), np.bool_)
        for place, near in self._groups:
            group = power[:, place]
            top = np.argmax(group, axis=1)
            highest = group[np.arange(len(group)), top]
            may &= near[top] & (highest >= _SHARE * TOP * np.sum(group, axis=1))
        return np.flatnonzero(may)

    def look(self, power: npt.NDArray[np.float32]) -> Looked:
        """See ``Rules``; power and share of both peaks, and how far each is off."""
        grid = self._grid
        low, low_off, row = peaks(power, grid, _LOW_BAND_HZ, LOW_HZ)
        high, high_off, column = peaks(power, grid, _HIGH_BAND_HZ, HIGH_HZ)
        shares = [
            np.minimum(one / np.maximum(np.sum(power[:, place], axis=1), 1e-9), 1.0)
            for one, (place, _) in zip((low, high), self._groups, strict=True)
        ]
        twist = 10.0 * np.log10(np.maximum(high, 1e-9) / np.maximum(low, 1e-9))
        like = (shares[0] >= _SHARE) & (shares[1] >= _SHARE) & (np.abs(twist) <= _TWIST_DB)
        like &= (np.abs(low_off) <= _OFF) & (np.abs(high_off) <= _OFF)
        like &= low + high >= grid.least(_LEAST_DBFS)
        facts = np.stack([low, high, *shares, low_off, high_off], axis=1)
        return Looked(like, row * len(HIGH_HZ) + column, facts)


def _hertz(run: FrameRun) -> tuple[float, float]:
    """Both frequencies of a run."""
    low, high, *_, low_off, high_off = run.columns
    both = np.sqrt(low * high)
    inside = both >= both.max() / 2.0
    row, column = divmod(run.pair, len(HIGH_HZ))
    return (
        float(LOW_HZ[row] * (1.0 + np.median(low_off[inside]))),
        float(HIGH_HZ[column] * (1.0 + np.median(high_off[inside]))),
    )


def spectral_features(run: FrameRun) -> npt.NDArray[np.float64]:
    """What the spectra of a run tell, shape ``(7,)``.

    Its frames, up to 6; the median shares of both peaks, and the best of both; how unsteady each
    frequency is, in per mille; and how far off the worse one is, in per cent.
    """
    low, high, low_share, high_share, low_off, high_off = run.columns
    # Not where the key begins or ends within a frame: its frequency is blurred there.
    both = np.sqrt(low * high)
    inside = both >= both.max() / 2.0
    count = float(inside.sum())
    return np.array(
        [
            min(count, 6.0),
            float(np.median(low_share[inside])),
            float(np.median(high_share[inside])),
            float(np.max(np.sqrt(low_share * high_share)[inside])),
            min(1e3 * float(np.std(low_off[inside])), 10.0),
            min(1e3 * float(np.std(high_off[inside])), 10.0),
            1e2 * max(abs(float(np.median(off[inside]))) for off in (low_off, high_off)),
        ]
    )
