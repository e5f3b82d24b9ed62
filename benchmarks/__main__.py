"""Measures the whole pipeline on calls whose truth is known: leaks, and speed against a baseline.

    python -m benchmarks [--calls DIR] [--repeats 3] [--out build/bench]

The baseline is what the same libraries give as they come (``benchmarks.peers.baseline``), and
beside both stands the bare speech engine, which silences nothing. All run in turns in the same
session, because only their ratios survive a change of machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from benchmarks.calls.corpus import SAMPLES
from benchmarks.peers.baseline import NAME
from benchmarks.quality import leakcheck
from benchmarks.results import finish, stamp

ENGINES: Final = ("hushwire", "baseline", "bare")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took, with all processes that it waited for."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    """Largest single process."""


def measure(calls: Path, repeats: int) -> dict[str, Any]:
    """Run pipeline, peer and bare engine in turns, and check the last vault for leaks.

    Each is also started on next to nothing (``hushwire run`` on a second of silence, the others on
    no recording): what that costs is start and stop, and the rest is work.

    Raises:
        subprocess.CalledProcessError: a run failed.
    """
    manifest = calls / "manifest.jsonl"
    entries = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    recordings = [str(calls / entry["file"]) for entry in entries]
    command = str(Path(sys.executable).with_name("hushwire"))
    other = [sys.executable, "-m", "benchmarks.peers.baseline"]
    whole = {name: list[Cost]() for name in ENGINES}
    start = {name: list[Cost]() for name in ENGINES}
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder:
        vault, redacted, silence = (Path(folder) / one for one in ("vault", "baseline", "silence"))
        redacted.mkdir()
        silence.mkdir()
        soundfile.write(silence / "silence.flac", np.zeros((8_000, 2), np.int16), 8_000)
        for _ in range(repeats):
            for made in (vault, Path(folder) / "empty"):
                shutil.rmtree(made, ignore_errors=True)
            nothing = ["--from", str(silence), "--to", str(Path(folder) / "empty")]
            start["hushwire"].append(_cost([command, "run", *nothing]))
            start["baseline"].append(_cost([*other, str(redacted)]))
            start["bare"].append(_cost([*other, "--bare", str(redacted)]))
            run = ["run", "--from", str(calls), "--to", str(vault)]
            whole["hushwire"].append(_cost([command, *run]))
            whole["baseline"].append(_cost([*other, str(redacted), *recordings]))
            whole["bare"].append(_cost([*other, "--bare", str(redacted), *recordings]))
        load.append(os.getloadavg()[0])
        plain = Path(folder) / "plain"
        export = [command, "export", "--all", "--vault", str(vault), "--to", str(plain)]
        subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
        leaks = {
            "hushwire": json.loads(leakcheck.as_json(leakcheck.check(manifest, plain))),
            "baseline": json.loads(leakcheck.as_json(leakcheck.check(manifest, redacted))),
        }
    return {
        **stamp(),
        "load": load,
        "calls": len(entries),
        "audio_seconds": sum(entry["duration_ms"] for entry in entries) / 1_000,
        "repeats": repeats,
        "whole": {name: asdict(_median(whole[name])) for name in ENGINES},
        "start": {name: asdict(_median(start[name])) for name in ENGINES},
        "ratios": {
            peer: {
                "whole": _ratios(whole["hushwire"], whole[peer]),
                "work": _ratios(
                    _less(whole["hushwire"], start["hushwire"]), _less(whole[peer], start[peer])
                ),
            }
            for peer in ENGINES[1:]
        },
        "leaks": leaks,
    }


def _less(whole: Sequence[Cost], start: Sequence[Cost]) -> list[Cost]:
    return [
        Cost(a.wall_s - b.wall_s, a.cpu_s - b.cpu_s, a.peak_mb)
        for a, b in zip(whole, start, strict=True)
    ]


def _ratios(ours: Sequence[Cost], peer: Sequence[Cost]) -> dict[str, float]:
    """Medians over the turns of ours over the peer's."""
    pairs = list(zip(ours, peer, strict=True))
    return {
        "wall": statistics.median(a.wall_s / b.wall_s for a, b in pairs),
        "cpu": statistics.median(a.cpu_s / b.cpu_s for a, b in pairs),
    }


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    ours, peer = result["leaks"]["hushwire"], result["leaks"]["baseline"]
    audio = result["audio_seconds"]
    other = {each["type"]: each for each in peer["types"]}
    digits = {each["kind"]: each for each in peer["digits"]}
    loads = " and ".join(f"{one:.1f}" for one in result["load"])
    lines = [
        (
            f"{result['calls']} calls, {audio:.0f} s of audio, two channels each; runs in turns, "
            f"medians of {result['repeats']}. {result['machine']}; {result['when']}; load of the "
            f"machine before and after {loads}."
        ),
        (
            f"Baseline: {NAME}, two threads, one call after another. Bare: faster-whisper base "
            "alone, one thread, silencing nothing. Start and stop: the same command with next to "
            "nothing to do, broker, models and all."
        ),
        "",
        (
            "| | wall s | of it start and stop | CPU s | of it start and stop | "
            "times real time, work alone | largest process MB |"
        ),
        "|---|---|---|---|---|---|---|",
        *(_row(name, result["whole"][name], result["start"][name], audio) for name in ENGINES),
        "",
        "| hushwire over | wall | wall, work alone | CPU | CPU, work alone |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {one['whole']['wall']:.2f} | {one['work']['wall']:.2f} | "
            f"{one['whole']['cpu']:.2f} | {one['work']['cpu']:.2f} |"
            for name, one in result["ratios"].items()
        ),
        "",
        "| digits | spoken | audible: hushwire | audible: baseline |",
        "|---|---|---|---|",
        *(
            f"| {d['kind']} | {d['digits']} | {d['audible']} | {digits[d['kind']]['audible']} |"
            for d in ours["digits"]
        ),
        "",
        "| type | entities | sensitive s | silenced %: hushwire | silenced %: baseline |",
        "|---|---|---|---|---|",
        *(
            f"| {t['type']} | {t['entities']} | {t['sensitive_ms'] / 1_000:.1f} | "
            f"{_silenced(t):.1f} | {_silenced(other[t['type']]):.1f} |"
            for t in ours["types"]
        ),
        "",
        (
            f"Harmless speech muted: hushwire {100 * ours['harmless_muted_share']:.1f} %, "
            f"baseline {100 * peer['harmless_muted_share']:.1f} %."
        ),
    ]
    return "\n".join(lines) + "\n"


def _silenced(result: dict[str, Any]) -> float:
    return float(100 * result["silenced_ms"] / max(result["sensitive_ms"], 1e-9))


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(each.wall_s for each in costs),
        statistics.median(each.cpu_s for each in costs),
        statistics.median(each.peak_mb for each in costs),
    )


def _row(name: str, whole: dict[str, float], start: dict[str, float], audio: float) -> str:
    work = max(whole["wall_s"] - start["wall_s"], 1e-9)
    return (
        f"| {name} | {whole['wall_s']:.1f} | {start['wall_s']:.1f} | {whole['cpu_s']:.1f} | "
        f"{start['cpu_s']:.1f} | {audio / work:.1f} | {whole['peak_mb']:.0f} |"
    )


def _cost(command: Sequence[str]) -> Cost:
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Cost(
        time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1_024
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure leaks and speed on labelled calls.")
    parser.add_argument("--calls", type=Path, default=SAMPLES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args(arguments)
    result = measure(options.calls, options.repeats)
    finish(options.out, "result", result, page(result))


if __name__ == "__main__":
    main()
