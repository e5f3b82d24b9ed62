"""Simulates 100, 10,000 and 100,000 live calls from measured costs; writes docs/scaling.md.

    python -m benchmarks.cost.scaling.run [--parts traces ledger] [--calls 100 10000 100000]
                                      [--page docs/scaling.md] [--out build/bench-scaling]

Parts that are not named keep their figures from an earlier run in ``--out``; what ``make
bench-delay`` measured last is what the simulation is held against, else what is kept of an earlier
day.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast, get_args

from agents.app.operations.sizing.costs import Basis, Costs, Ledger, shipped_costs
from agents.system.engine_sizing import Pace
from benchmarks.calls.corpus import SAMPLES
from benchmarks.calls.planting import read_calls
from benchmarks.cost.scaling import scaling_page
from benchmarks.cost.scaling.ledger_load import ledger_load
from benchmarks.cost.scaling.simulation import (
    Trace,
    Worker,
    calibrated,
    engine_s,
    installation,
    percentiles,
    simulated,
)
from benchmarks.cost.scaling.sizing_page import write_costs
from benchmarks.cost.scaling.traced import traced
from benchmarks.results import finish, keep, stamp

SIZES: Final = (100, 10_000, 100_000)
PARTS: Final = ("traces", "ledger")
TRACED: Final = 5
SECONDS: Final = 60.0
SAMPLE: Final = 4
COUNTED_S: Final = 60.0
VALIDATED_S: Final = 600.0
SEED: Final = 20_261_130
KEPT: Final = Path("benchmarks/baselines/releases.json")
LAST: Final = Path("build/bench-delay/result.json")
_LIVE: Final[Pace] = "latency"
_MEASURED: Final[Pace] = "throughput"
"""The pace of the stages' measured costs."""


def paced(
    traces: Mapping[str, Sequence[Trace]], basis: Basis
) -> tuple[dict[str, list[Trace]], float]:
    """The traces of each pace with measured costs, and how much more one takes than the other."""
    wanted = basis.engines.transcribe_s * sum(one["chunks"] for one in traces[_MEASURED])
    factor = wanted / engine_s(traces[_MEASURED], check=False)
    ratio = engine_s(traces[_LIVE], check=False) / engine_s(traces[_MEASURED], check=False)
    return {pace: calibrated(each, basis, factor) for pace, each in traces.items()}, ratio


def pairs(
    measured: Mapping[str, Any], traces: Mapping[str, Sequence[Trace]], basis: Basis
) -> list[dict[str, Any]]:
    """Each measured load, simulated: one worker with all stages, whose engines both share."""
    made = []
    for run in measured["runs"]:
        calls, engines = run["calls"], measured["engines"]
        worker = Worker(calls, engines, engines)
        own = traces[run["pace"]][:calls]
        delays = simulated(worker, own, basis, seconds=VALIDATED_S, seed=SEED)
        made.append(
            {
                "pace": run["pace"],
                "calls": calls,
                "measured": {name: run[name] for name in ("redacted", "verified")},
                "simulated": {
                    name: percentiles(values, [1.0] * len(values))
                    for name, values in (
                        ("redacted", delays.redacted),
                        ("verified", delays.verified),
                    )
                },
            }
        )
    return made


def with_ledger(costs: Costs, found: Mapping[str, Any]) -> Costs:
    """The costs with what was measured of the ledger."""
    names = ("transactions", "writes", "wal_bytes", "per_second", "when", "machine")
    return costs.model_copy(update={"ledger": Ledger(**{name: found[name] for name in names})})


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Simulate many live calls.")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--calls", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--sample", type=int, default=SAMPLE, help="workers that are simulated")
    parser.add_argument("--page", type=Path, help="where the page goes")
    parser.add_argument("--out", type=Path, default=Path("build/bench-scaling"))
    options = parser.parse_args(arguments)
    stored = options.out / "measured.json"
    results: dict[str, Any] = json.loads(stored.read_text("utf-8")) if stored.exists() else {}
    if "traces" in options.parts:
        calls = list(itertools.islice(read_calls(SAMPLES / "manifest.jsonl"), TRACED))
        for pace in cast("tuple[Pace, ...]", get_args(Pace)):
            if pace in {_LIVE, _MEASURED}:
                print(f"following {TRACED} calls at pace {pace}", flush=True)
                results.setdefault("traces", {})[pace] = traced(calls, pace, SECONDS)
    if "ledger" in options.parts:
        print("measuring the ledger", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            results["ledger"] = {**ledger_load(Path(folder)), **stamp()}
    keep(options.out, "measured", results)
    costs = shipped_costs()
    if "ledger" in results:
        costs = with_ledger(costs, results["ledger"])
    basis = Basis.of(costs)
    traces, ratio = paced(results["traces"], basis)
    write_costs(costs.model_copy(update={"latency_factor": round(max(1.0, ratio), 3)}))
    measured = json.loads((LAST if LAST.exists() else KEPT).read_text("utf-8"))
    found: dict[str, Any] = {
        **stamp(),
        "seconds": SECONDS,
        "traced": TRACED,
        "sample": options.sample,
        "pace_factor": ratio,
        "measured": measured,
        "pairs": pairs(measured, traces, basis),
        "sizes": [],
    }
    for calls in options.calls:
        print(f"simulating {calls:,} calls", flush=True)
        found["sizes"].append(
            installation(
                calls, basis, traces[_LIVE], pace_factor=ratio, sample=options.sample,
                seconds=COUNTED_S, seed=SEED,
            )
        )  # fmt: skip
    text = scaling_page.page(found, costs)
    finish(options.out, "result", found, text)
    if options.page:
        options.page.write_text(text, encoding="utf-8")
        print(f"written to {options.page}")


if __name__ == "__main__":
    main()
