"""How soon ``hushwire redact`` says that it can't, and ``hushwire --help`` what there is.

``python -m benchmarks.cost.refusals``.

Each case is a process of its own, as people start it, beside a bare Python that does nothing. Its
figures are wall time; the goal is half a second, where it once took 10 to 17 s, and 0.4 s for
``--help``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from benchmarks.results import finish, stamp

GOAL_S: Final = 0.5
HELP: Final = "--help"
HELP_GOAL_S: Final = 0.4
RUNS: Final = 7


def cases(folder: Path) -> dict[str, tuple[str, ...]]:
    """Arguments of ``hushwire redact`` that are refused, by what is wrong; files are made."""
    whole, out = folder / "call.wav", folder / "out.wav"
    soundfile.write(whole, np.zeros((8_000, 2), np.int16), 8_000)
    cut, words, there = folder / "cut.wav", folder / "words.mp3", folder / "there.wav"
    cut.write_bytes(whole.read_bytes()[:-9])
    words.write_bytes(b"these are words")
    there.write_bytes(b"")
    return {
        "IN is missing": (str(folder / "gone.wav"), str(out)),
        "IN is no audio": (str(words), str(out)),
        "IN is cut off": (str(cut), str(out)),
        "OUT is there": (str(whole), str(there)),
        "OUT of another kind": (str(whole), str(folder / "out.aiff")),
        "policy is unknown": (str(whole), str(out), "--policy", "nope"),
    }


def seconds(command: Sequence[str], expected: int, runs: int = RUNS) -> list[float]:
    """Wall time of some runs of a command.

    Raises:
        RuntimeError: it ended in another way than expected.
    """
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, check=False).returncode
        times.append(time.perf_counter() - began)
        if ended != expected:
            raise RuntimeError(f"ended with {ended}, not {expected}")
    return times


def measure(runs: int = RUNS) -> dict[str, dict[str, float]]:
    """Median and longest wall time of every case, and of a bare Python."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            name: [sys.executable, "-m", "agents", "redact", *arguments]
            for name, arguments in cases(Path(folder)).items()
        }
        bare = seconds([sys.executable, "-c", "pass"], 0, runs)
        times = {name: seconds(command, 2, runs) for name, command in commands.items()}
        times[HELP] = seconds([sys.executable, "-m", "agents", HELP], 0, runs)
    return {
        name: {"median_s": statistics.median(each), "longest_s": max(each)}
        for name, each in {"bare Python": bare, **times}.items()
    }


def page(found: dict[str, dict[str, float]]) -> str:
    """The figures as a table."""
    base = found["bare Python"]["median_s"]
    rows = (
        f"| {name} | {one['median_s'] * 1000:.0f} ms | {one['longest_s'] * 1000:.0f} ms | "
        f"{one['median_s'] / base:.1f} |"
        for name, one in found.items()
    )
    head = "| what is wrong, or asked | median | longest | of a bare Python |\n|---|---|---|---|\n"
    title = "# Refusals of `hushwire redact`, and `hushwire --help`"
    return f"{title}\n\n{head}" + "\n".join(rows) + "\n"


def main() -> None:
    """Measure and print; ends with 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--out", type=Path, default=Path("build/bench-refusals"))
    options = parser.parse_args()
    found = measure(options.runs)
    finish(options.out, "refusals", {**stamp(), "figures": found}, page(found))
    late = found[HELP]["median_s"] > HELP_GOAL_S
    if late or max(one["median_s"] for one in found.values()) > GOAL_S:
        sys.exit(1)


if __name__ == "__main__":
    main()
