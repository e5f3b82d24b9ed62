"""Measures the whole pipeline on calls whose truth is known: leaks, and speed against a baseline.

    python -m benchmarks [--calls DIR] [--repeats 3] [--out build/bench]

The baseline is what the same libraries give as they come (``benchmarks.baseline``), and beside both
stands the bare speech engine, which silences nothing. All run in turns in the same session, because
only their ratios survive a change of machine.
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
from typing import Any

from benchmarks import leakcheck
from benchmarks.baseline import NAME
from benchmarks.corpus import SAMPLES
from benchmarks.processes import machine


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took, with all processes that it waited for."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    """Largest single process."""


def measure(calls: Path, repeats: int) -> dict[str, Any]:
    """Run pipeline and peer in turns, and check the last vault for leaks.

    Raises:
        subprocess.CalledProcessError: a run failed.
    """
    manifest = calls / "manifest.jsonl"
    entries = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    recordings = [str(calls / entry["file"]) for entry in entries]
    command = str(Path(sys.executable).with_name("hushwire"))
    ours, peer, bare = list[Cost](), list[Cost](), list[Cost]()
    with tempfile.TemporaryDirectory() as folder:
        vault, redacted = Path(folder) / "vault", Path(folder) / "baseline"
        redacted.mkdir()
        for _ in range(repeats):
            shutil.rmtree(vault, ignore_errors=True)
            ours.append(_cost([command, "run", "--from", str(calls), "--to", str(vault)]))
            other = [sys.executable, "-m", "benchmarks.baseline"]
            peer.append(_cost([*other, str(redacted), *recordings]))
            bare.append(_cost([*other, "--bare", str(redacted), *recordings]))
        plain = Path(folder) / "plain"
        export = [command, "export", "--all", "--vault", str(vault), "--to", str(plain)]
        subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
        leaks = {
            "hushwire": json.loads(leakcheck.as_json(leakcheck.check(manifest, plain))),
            "baseline": json.loads(leakcheck.as_json(leakcheck.check(manifest, redacted))),
        }
    return {
        "machine": machine(),
        "calls": len(entries),
        "audio_seconds": sum(entry["duration_ms"] for entry in entries) / 1_000,
        "repeats": repeats,
        "hushwire": asdict(_median(ours)),
        "baseline": asdict(_median(peer)),
        "bare": asdict(_median(bare)),
        "wall_ratio": statistics.median(
            a.wall_s / b.wall_s for a, b in zip(ours, peer, strict=True)
        ),
        "bare_cpu_ratio": statistics.median(
            a.cpu_s / b.cpu_s for a, b in zip(ours, bare, strict=True)
        ),
        "leaks": leaks,
    }


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    ours, peer = result["leaks"]["hushwire"], result["leaks"]["baseline"]
    audio = result["audio_seconds"]
    other = {each["type"]: each for each in peer["types"]}
    digits = {each["kind"]: each for each in peer["digits"]}
    lines = [
        (
            f"{result['calls']} calls, {audio:.0f} s of audio, two channels each; median of "
            f"{result['repeats']} runs in turns,"
        ),
        f"start of broker and models included. {result['machine']}.",
        f"Baseline: {NAME}.",
        "",
        "| | wall s | times real time | CPU s | largest process MB |",
        "|---|---|---|---|---|",
        _row("hushwire", result["hushwire"], audio),
        _row("baseline", result["baseline"], audio),
        _row("bare faster-whisper, one thread", result["bare"], audio),
        "",
        (
            f"Wall time, hushwire over baseline: {result['wall_ratio']:.2f}. "
            f"CPU time, hushwire over bare faster-whisper: {result['bare_cpu_ratio']:.2f}."
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


def _row(name: str, cost: dict[str, float], audio: float) -> str:
    wall, cpu, peak = cost["wall_s"], cost["cpu_s"], cost["peak_mb"]
    return f"| {name} | {wall:.1f} | {audio / wall:.1f} | {cpu:.1f} | {peak:.0f} |"


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
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (options.out / "result.md").write_text(page(result), encoding="utf-8")
    print(page(result))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
