"""Intervals and tests: Wilson, bootstrap over calls, exact McNemar. All answers are reproducible.

Calls are resampled, not entities: what is said in one call fails together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Z: Final = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""
RESAMPLES: Final = 2_000
_SEED: Final = 20_260_105
_BLOCK: Final = 2_000_000
"""Draws that are held in memory at a time."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share from 0 to 1 with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(hits: int, total: int) -> Estimate:
    """A proportion with Wilson's score interval (Wilson 1927); all is possible of no data.

    Raises:
        ValueError: more hits than trials.
    """
    if not 0 <= hits <= total:
        msg = f"{hits} of {total} is no proportion"
        raise ValueError(msg)
    if total == 0:
        return Estimate(math.nan, 0.0, 1.0)
    share = hits / total
    scale = 1 + Z**2 / total
    middle = (share + Z**2 / (2 * total)) / scale
    half = Z / scale * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    # At the ends rounding may step over the share itself.
    return Estimate(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def ratio(parts: Sequence[float], wholes: Sequence[float]) -> Estimate:
    """Sum of parts over sum of wholes, with a percentile bootstrap over calls.

    Where all of every call counts, or nothing of any, resampling would show no doubt at all;
    Wilson's interval over the calls stands in then.

    Args:
        parts: one per call, shape ``(calls,)``.
        wholes: likewise; calls without any are drawn too.
    """
    part, whole = np.asarray(parts, np.float64), np.asarray(wholes, np.float64)
    if whole.sum() <= 0:
        return Estimate(math.nan, 0.0, 1.0)
    value = float(part.sum() / whole.sum())
    if value in {0.0, 1.0}:
        calls = int((whole > 0).sum())
        return wilson(calls if value else 0, calls)
    sums = _resampled(np.stack([part, whole], axis=1))
    drawn = sums[sums[:, 1] > 0]
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    return Estimate(value, float(low), float(high))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p of McNemar's test: do two ways fail on different items by chance?

    Args:
        only_first: items on which only the first one fails.
        only_second: items on which only the second one fails.
    """
    total, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(total, k) for k in range(fewer + 1))
    p: float = 2 * tail / 2**total
    return min(1.0, p)


@dataclass(frozen=True, slots=True)
class Difference:
    """Second minus first, summed over calls, with its 95 % interval and two-sided p."""

    value: float
    low: float
    high: float
    p: float


def difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """A paired bootstrap over calls.

    Args:
        first: amount per call, shape ``(calls,)``.
        second: of the same calls, in the same order.
    """
    delta = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    if not delta.any():
        return Difference(0.0, 0.0, 0.0, 1.0)
    sums = _resampled(delta[:, None])[:, 0]
    low, high = np.percentile(sums, (2.5, 97.5))
    # One more than counted: a p of zero can't be had from draws.
    side = min(int((sums <= 0).sum()), int((sums >= 0).sum())) + 1
    return Difference(
        float(delta.sum()), float(low), float(high), min(1.0, 2 * side / (RESAMPLES + 1))
    )


def _resampled(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Column sums of resampled rows, shape ``(RESAMPLES, columns)``."""
    rng = np.random.default_rng(_SEED)
    step = max(1, _BLOCK // len(rows))
    blocks = [
        rows[rng.integers(0, len(rows), (min(step, RESAMPLES - at), len(rows)))].sum(axis=1)
        for at in range(0, RESAMPLES, step)
    ]
    return np.concatenate(blocks)
