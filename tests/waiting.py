"""How long tests wait for what has to come.

A limit bounds a hang and measures nothing: a machine that is busy with ten other things fails no
test. What a time is stated of is measured by a benchmark.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

HANG_S = 1_200.0
"""For every process, thread, answer or state that a test waits for; half of pytest's own limit."""

T = TypeVar("T")


def until(
    look: Callable[[], T],
    told: Callable[[], object] = lambda: "",
    *,
    holds: Callable[[T], object] = bool,
    every_s: float = 0.02,
) -> T:
    """Look again and again until what is seen holds.

    Args:
        look: gives something that holds in the end.
        told: what is said if it never does.
        holds: whether it does; by default that it is true.
        every_s: how often is looked.

    Returns:
        What holds.

    Raises:
        AssertionError: it didn't within ``HANG_S``.
    """
    ends = time.monotonic() + HANG_S
    while not holds(found := look()):
        assert time.monotonic() < ends, told()
        time.sleep(every_s)
    return found
