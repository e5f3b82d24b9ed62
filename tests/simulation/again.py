"""A seed, and where it fails the fewest faults that it fails with and how to run them again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tests.simulation.faults import Fault, draw, shrink
from tests.simulation.judging import Run, simulate


def again(run: Run, *, without: Iterable[str] = ()) -> str:
    """A failing run as text: its problems, the fewest faults that bring them, and the command."""
    schedule = run.schedule

    def fails(faults: tuple[Fault, ...]) -> bool:
        return bool(simulate(replace(schedule, faults=faults)).kinds & run.kinds)

    least = replace(schedule, faults=shrink(schedule.faults, fails))
    kept = [schedule.faults.index(one) for one in least.faults]
    only = ",".join(map(str, kept)) or "none"
    left_out = "".join(f" --without '{kind}'" for kind in without)
    problems = "\n".join(f"  {one}" for one in run.problems)
    return (
        f"{problems}\n{least}\nagain: PYTHONHASHSEED=0 python -m tests.simulation "
        f"--seed {schedule.seed} --only {only}{left_out}"
    )


def one_seed(seed: int, *, without: tuple[str, ...] = ()) -> tuple[Run, str]:
    """Run a seed; what it shows, and as text what is wrong."""
    run = simulate(draw(seed, without=without))
    return run, again(run, without=without) if run.problems else ""
