"""``python -m tests.simulation``: seeds of the simulation, or one of them again.

A seed that fails is shrunk to the fewest faults that it fails with, and printed with the command
that runs them again. See ``docs/faults.md``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

from tests.simulation.again import one_seed
from tests.simulation.faults import KINDS, Schedule, draw
from tests.simulation.judging import Run, simulate


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one and tell what happens")
    parser.add_argument("--only", help="numbers of its faults, such as 0,2, or none")
    parser.add_argument("--seeds", type=int, default=200, help="run so many")
    parser.add_argument("--first", type=int, default=0, help="from this one on")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], choices=sorted(KINDS))
    options = parser.parse_args()
    without = tuple(options.without)
    if options.seed is not None:
        return _tell(simulate(_chosen(draw(options.seed, without=without), options.only)))
    began, failed, states, kinds = time.monotonic(), 0, Counter[str](), Counter[str]()
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for run, told in pool.map(partial(one_seed, without=without), seeds, chunksize=4):
            states.update(str(state) for state in run.states.values())
            kinds.update(one.kind for one in run.schedule.faults)
            if run.problems:
                failed += 1
                _print(f"seed {run.schedule.seed} fails\n{told}\n")
    _print(f"faults: {', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))}")
    _print(f"calls: {', '.join(f'{state} {count}' for state, count in sorted(states.items()))}")
    _print(f"{options.seeds} seeds, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _chosen(schedule: Schedule, only: str | None) -> Schedule:
    if only is None:
        return schedule
    numbers = [] if only == "none" else [int(one) for one in only.split(",")]
    return replace(schedule, faults=tuple(schedule.faults[number] for number in numbers))


def _tell(run: Run) -> int:
    _print(str(run.schedule))
    _print("\n".join(run.trace))
    _print(", ".join(f"{name} {state}" for name, state in run.states.items()))
    _print("\n".join(run.problems) or "as it has to be")
    return 1 if run.problems else 0


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets are walked in the order of their hashes: the same run needs the same hashes.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])  # noqa: S606
    sys.exit(main())
