"""Plots of an evaluation as inline SVG: no script, no font, nothing from outside the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.evaluation.figures.statistics import Estimate
from pipeline.evaluation.scoring.results import Point

ROW: Final = 26
"""Height of a row of the interval plot, in units of the drawing."""
WIDTH: Final = 600
SIDE: Final = 120
"""Length of an axis of a curve."""
_TICKS: Final = 5
_STARTS: Final = (0.0, 0.5, 0.75, 0.9)
"""Where an axis may begin, so that its ticks are round."""


@dataclass(frozen=True, slots=True)
class Whisker:
    """One row of the interval plot, in units of the drawing."""

    name: str
    entities: int
    value: float
    low: float
    high: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Intervals:
    """Estimates with their intervals on a common axis that begins where the lowest one does."""

    rows: tuple[Whisker, ...]
    ticks: tuple[tuple[float, str], ...]
    """Place and label."""
    height: int


def intervals(rows: Sequence[tuple[str, int, Estimate]]) -> Intervals:
    """Lay out an interval plot.

    Args:
        rows: name, number of entities, estimate.
    """
    lowest = min((estimate.low for _, _, estimate in rows), default=0.0)
    start = max(step for step in _STARTS if step <= max(lowest, 0.0))

    def place(share: float) -> float:
        return WIDTH * (share - start) / (1 - start)

    return Intervals(
        rows=tuple(
            Whisker(
                name, entities, place(each.value), place(each.low), place(each.high),
                ROW * (index + 0.5), f"{each.value:.1%} ({each.low:.1%} to {each.high:.1%})",
            )
            for index, (name, entities, each) in enumerate(rows)
        ),
        ticks=tuple(
            (WIDTH * step / _TICKS, f"{start + (1 - start) * step / _TICKS:.0%}")
            for step in range(_TICKS + 1)
        ),
        height=ROW * len(rows),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision over recall of one type."""

    entity: str
    line: str
    """Points of an SVG polyline."""
    dots: tuple[tuple[float, float, str], ...]
    """Place, and what it says on hovering."""


def curves(points: Sequence[Point]) -> tuple[Curve, ...]:
    """The curves of all types, each on a square of ``SIDE`` units."""
    drawn = []
    for entity in dict.fromkeys(point.entity for point in points):
        own = [point for point in points if point.entity == entity]
        places = [(SIDE * point.recall, SIDE * (1 - point.precision)) for point in own]
        labels: dict[tuple[float, float], list[Point]] = {}
        for place, point in zip(places, own, strict=True):
            labels.setdefault(place, []).append(point)
        drawn.append(
            Curve(
                entity,
                " ".join(f"{x:.1f},{y:.1f}" for x, y in places),
                tuple((x, y, _said(same)) for (x, y), same in labels.items()),
            )
        )
    return tuple(drawn)


def _said(points: Sequence[Point]) -> str:
    first, last = points[0], points[-1]
    threshold = f"{first.threshold:.2f}" + (f" to {last.threshold:.2f}" if len(points) > 1 else "")
    return f"threshold {threshold}: recall {first.recall:.1%}, precision {first.precision:.1%}"
