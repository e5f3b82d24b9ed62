"""How like a key a sound is, as one number: what was learnt from made keys and people's speech.

A key's two frequencies begin and end together, keep their level and their phase, and have neither
overtones nor neighbours; those of a voice that happen to lie where a key's do, don't. Each of that
is a feature, standardised and clipped, and the number is a weighted sum of them and of their
squares: a logistic regression over keys of 50 to 150 ms under voices up to 9 dB louder, with twist,
noise and codecs, against what speech holds (``benchmarks.quality.key_learning``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
import numpy.typing as npt

WINDOW_MS, HOP_MS = 30, 5
"""Of the envelopes: short enough for an edge, long enough to part the frequencies of a group."""
BESIDE_HZ: Final = (-150.0, -110.0, 110.0, 150.0)
"""Neighbours of a frequency; no other one of the keypad lies there."""
CLIPPED: Final = 3.0
"""No feature counts for more than so many standard deviations."""
_CORE_DB: Final = 6.0
"""The core of a sound is not softer than its loudest moment by more."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learnt; each of shape ``(features,)``."""

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]
    bias: float


@lru_cache(maxsize=1)
def learnt() -> Weights:
    """The weights in use."""
    text = resources.files(__package__).joinpath("likeness.json").read_text(encoding="utf-8")
    told = json.loads(text)
    arrays = {name: np.array(told[name]) for name in ("mean", "scale", "weights", "squares")}
    return Weights(**arrays, bias=told["bias"])


def likeness(features: npt.NDArray[np.float64], by: Weights | None = None) -> float:
    """The logarithm of the odds that a sound is a key.

    Args:
        features: shape ``(features,)``.
        by: weights; those in use by default.
    """
    by = by or learnt()
    told = np.clip((features - by.mean) / by.scale, -CLIPPED, CLIPPED)
    return float(told @ by.weights + np.square(told) @ by.squares + by.bias)


def envelope_features(
    pcm: npt.NDArray[np.int16], low: float, high: float, sample_rate: int
) -> npt.NDArray[np.float64]:
    """What the envelopes of both frequencies tell.

    Args:
        pcm: the sound with its edges, shape ``(n,)``.
        low: Hz.
        high: Hz.
        sample_rate: Hz.

    Returns:
        Shape ``(13,)``: by how much each is louder than at the edges; how unsteady the level of
        each is; how alike the levels go; how unsteady the phase of each is; the overtone of each,
        and how far each stands out from beside it; twist; and the length of the core. Levels in dB.
    """
    size, hop = WINDOW_MS * sample_rate // 1_000, HOP_MS * sample_rate // 1_000
    audio = np.zeros(max(len(pcm), size + 2 * hop))
    audio[: len(pcm)] = pcm
    frames = np.lib.stride_tricks.sliding_window_view(audio, size)[::hop]
    hertz = [low, high, 2.0 * low, 2.0 * high, *(low + by for by in BESIDE_HZ)]
    angle = -2.0 * np.pi * np.array([*hertz, *(high + by for by in BESIDE_HZ)]) / sample_rate
    shape = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
    found = frames @ (shape[:, None] * np.exp(1j * np.outer(np.arange(size), angle)))
    decibels = 20.0 * np.log10(np.abs(found) * (240.0 / size) + 1.0)
    both = decibels[:, :2]
    level = both.mean(axis=1)
    core = level >= level.max() - _CORE_DB
    inside = decibels[core].mean(axis=0)
    drop = both.max(axis=0) - np.maximum(both[0], both[-1])
    power = np.square(np.abs(found[core, 4:]) * (240.0 / size)).mean(axis=0).reshape(2, -1)
    beside = 10.0 * np.log10(power.mean(axis=1) + 1.0)
    first, last = np.flatnonzero(core)[[0, -1]]
    turned = found[first : last + 1, :2] * np.exp(
        1j * hop * np.outer(np.arange(first, last + 1), angle[:2])
    )
    overtones = 20.0 * np.log10((np.abs(found[core, 2:4]) * (240.0 / size)).mean(axis=0) + 1.0)
    return np.array(
        [
            *np.minimum(drop, 25.0),
            *np.minimum(both[core].std(axis=0), 6.0),
            _alike(both),
            *(min(_unsteady(np.angle(turned[:, one])), 1.5) for one in (0, 1)),
            *np.clip(overtones - inside[:2], -40.0, 10.0),
            *np.minimum(inside[:2] - beside, 30.0),
            abs(float(inside[0] - inside[1])),
            float(core.sum()),
        ]
    )


def _alike(both: npt.NDArray[np.float64]) -> float:
    """The correlation of two levels, shape ``(n, 2)``."""
    away = both - both.mean(axis=0)
    norm = float(np.sqrt(np.prod(np.square(away).sum(axis=0))))
    return float(away[:, 0] @ away[:, 1]) / norm if norm > 0.0 else 0.0


def _unsteady(phase: npt.NDArray[np.float64]) -> float:
    """Radians by which a phase leaves a straight line."""
    if len(phase) < 3:  # noqa: PLR2004 - a line goes through any two
        return 1.0
    phase, time = np.unwrap(phase), np.arange(len(phase)) - (len(phase) - 1) / 2.0
    slope = float(time @ phase) / float(time @ time)
    return float(np.std(phase - slope * time))
