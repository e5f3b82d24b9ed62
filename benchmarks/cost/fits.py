"""Least squares: a straight line, and a power law as a line through the logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Fit:
    """``y = base + slope * x`` of a line; ``y = base * x ** slope`` of a power law."""

    slope: float
    base: float
    r2: float
    """Share of the variance that the fit explains (of the logarithms for a power law)."""


def line(xs: Sequence[float], ys: Sequence[float]) -> Fit:
    """Fit a straight line.

    Raises:
        ValueError: fewer than two different values of ``xs``.
    """
    if len(set(xs)) < 2:
        raise ValueError("a line needs two different places")
    x, y = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
    slope, base = np.polyfit(x, y, 1)
    spread = float(np.sum((y - y.mean()) ** 2))
    left = float(np.sum((y - base - slope * x) ** 2))
    return Fit(float(slope), float(base), 1.0 - left / spread if spread else 1.0)


def power(xs: Sequence[float], ys: Sequence[float]) -> Fit:
    """Fit a power law; ``slope`` is its exponent.

    Raises:
        ValueError: a value is not positive, or ``xs`` has fewer than two different ones.
    """
    if min(*xs, *ys) <= 0:
        raise ValueError("a power law needs positive values")
    fit = line(np.log(xs).tolist(), np.log(ys).tolist())
    return Fit(fit.slope, float(np.exp(fit.base)), fit.r2)
