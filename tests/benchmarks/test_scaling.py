"""The simulation of many calls: against a queue's formula, by hand, and what its page says."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.app.operations.sizing.costs import Basis, Ledger, shipped_costs
from benchmarks.cost.scaling import run, scaling_page
from benchmarks.cost.scaling.simulation import (
    Loss,
    Trace,
    Worker,
    calibrated,
    chosen,
    installation,
    loads,
    percentiles,
    simulated,
)

pytestmark = pytest.mark.unit

BASIS = Basis.of(shipped_costs())
HELD: Trace = {
    "chunks": 10,
    "windows": [(4, False, 0.5), (9, False, 0.5), (10, True, 0.25)],
    "redacted": [4] * 5 + [9] * 5,
    "verified": [10] * 10,
}
"""Two windows, of five seconds each; all is verified when the call ends."""


def one_window(cost: float, chunks: int = 20) -> Trace:
    return {
        "chunks": chunks,
        "windows": [(0, False, cost)],
        "redacted": [0] * chunks,
        "verified": [0] * chunks,
    }


def test_alone_a_call_waits_for_what_is_held_and_for_nothing_else() -> None:
    told = simulated(Worker(1, 4, 4), [HELD], BASIS, seconds=100, seed=1)
    assert max(told.waited) == 0
    # The first of five seconds waits for four more, and for its window's half second.
    assert min(told.redacted) == pytest.approx(0.5, abs=0.1)
    assert max(told.redacted) == pytest.approx(4.5, abs=0.1)
    assert max(told.verified) == pytest.approx(9.0 + 0.75, abs=0.2)
    assert len(told.redacted) == pytest.approx(100, abs=10)


@pytest.mark.parametrize(("calls", "engines"), [(120, 1), (240, 2)])
def test_windows_wait_as_long_as_in_a_queue_of_its_kind(calls: int, engines: int) -> None:
    cost, length = 0.1, 20
    told = simulated(
        Worker(calls, engines, 1), [one_window(cost, length)], BASIS, seconds=120, seed=3
    )
    used = calls / length * cost / engines
    # M/D/c, by Cosmetatos from M/M/c; arrivals of many calls are nearly Poisson's, and calls that
    # follow one another come somewhat more evenly.
    if engines == 1:
        waits = used * cost / (2 * (1 - used))
    else:
        load = used * engines
        erlang = (load**engines / 2) / (1 - used)
        busy = erlang / (1 + load + erlang)
        waits = 0.5 * busy * cost / (engines * (1 - used)) * 1.05
    assert statistics.fmean(told.waited) == pytest.approx(waits, rel=0.35)
    assert statistics.fmean(told.waited) > 0


def test_more_work_than_engines_falls_behind() -> None:
    few = simulated(Worker(15, 1, 1), [one_window(1.0)], BASIS, seconds=100, seed=1)
    many = simulated(Worker(40, 1, 1), [one_window(1.0)], BASIS, seconds=100, seed=1)
    assert max(few.waited) < 10
    assert percentiles(many.waited, [1.0] * len(many.waited))["p95"] > 20


def test_a_lost_worker_makes_the_others_late_and_what_was_released_is_not_counted_again() -> None:
    calm = simulated(Worker(10, 4, 4), [HELD], BASIS, seconds=60, seed=2)
    lost = simulated(Worker(10, 4, 4), [HELD], BASIS, seconds=60, seed=2, loss=Loss(20.0, 10))
    assert max(lost.verified) > max(calm.verified) + 1
    assert len(lost.verified) < len(calm.verified) + 10 * HELD["chunks"]
    assert len(lost.verified) > len(calm.verified)


def test_every_call_has_a_worker_and_the_largest_load_is_among_the_chosen() -> None:
    found = loads(10_000, 314, 157, np.random.default_rng(1))
    assert (sum(found), len(found)) == (10_000, 157)
    picked = chosen(found, 4)
    assert picked[-1][0] == max(found) > 10_000 / 157
    assert sum(share for _, share in picked[:-1]) == pytest.approx(1.0, abs=0.01)
    assert chosen([3, 5], 4) == [(3, 0.5), (5, 0.5)]


def test_calibrated_costs_are_the_measured_ones() -> None:
    [made] = calibrated([HELD], BASIS)
    sums = {kind: sum(c for _, k, c in made["windows"] if k is kind) for kind in (False, True)}
    assert sums[False] == pytest.approx(10 * BASIS.engines.transcribe_s)
    assert sums[True] == pytest.approx(10 * BASIS.engines.verify_s)
    both, ratio = run.paced(
        {"throughput": [HELD], "latency": [{**HELD, "windows": [(4, False, 2.0)]}]}, BASIS
    )
    assert ratio == 2.0
    slow = sum(cost for _, check, cost in both["latency"][0]["windows"] if not check)
    assert slow == pytest.approx(2 * sums[False])


def test_percentiles_are_weighted() -> None:
    assert percentiles([1.0, 2.0, 3.0], [1, 1, 8]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0}
    assert percentiles([3.0, 1.0, 2.0], [1, 8, 1])["p50"] == 1.0
    assert percentiles([], []) == {}


def test_what_is_full_first() -> None:
    costs = shipped_costs().model_copy(update={"ledger": None})
    ends = scaling_page.limits(costs)
    assert ends["partitions, 64 calls a worker"] == 32_768
    # 0.7 of three networks, for every byte to two copies and one and a half readers.
    assert ends["3 brokers' networks"] == pytest.approx(0.7 * 3 * 1.25e9 / (96_300 * 3.5))
    slow = Ledger(
        transactions=100, writes=10, wal_bytes=1_000, per_second=2.0, when="w", machine="m, n"
    )
    ends = scaling_page.limits(costs.model_copy(update={"ledger": slow}))
    assert min(ends, key=lambda name: ends[name]).startswith("one PostgreSQL")


def test_the_page_says_what_is_measured_and_what_is_simulated() -> None:
    sizes = [
        installation(
            calls, BASIS, calibrated([HELD], BASIS), pace_factor=1.0, sample=2, seconds=10, seed=1
        )
        for calls in (1, 200)
    ]
    assert sizes[0]["after_a_loss"] is None
    assert sizes[1]["load_most"] >= sizes[1]["load_mean"]
    kept: dict[str, Any] = json.loads((Path(run.__file__).parents[3] / run.KEPT).read_text("utf-8"))
    pairs = run.pairs({**kept, "runs": kept["runs"][:1]}, {"latency": [HELD]}, BASIS)
    text = scaling_page.page(
        {
            "when": "2026-01-01", "machine": "2 cores, A", "seconds": 10, "traced": 1, "sample": 2,
            "pace_factor": 1.3, "measured": kept, "pairs": pairs, "sizes": sizes,
        },
        shipped_costs(),
    )  # fmt: skip
    assert "No hundred calls have been run at once" in text
    assert "| 200 | 4 | 8 |" in text
    assert "| latency | 1 | 14.4 |" in text
    assert "A GPU was not measured" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
