"""The benchmark of refusals runs, and measures refusals."""

from __future__ import annotations

import sys

import pytest

from benchmarks.cost.refusals import measure, page, seconds

pytestmark = pytest.mark.unit


def test_every_case_is_refused_and_shown() -> None:
    found = measure(runs=1)
    assert len(found) == 8
    shown = page(found)
    assert all(f"| {name} | " in shown for name in found)


def test_a_case_that_is_not_refused_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="ended with 0, not 2"):
        seconds([sys.executable, "-c", "pass"], 2, 1)
