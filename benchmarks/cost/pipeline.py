"""Measures the whole pipeline, broker and all: cost by stage, memory, restart, takeover, growth.

    python -m benchmarks.cost.pipeline [--parts stages memory …] [--out build/bench] [--sizing FILE]

Parts that are not named keep their figures from an earlier run in ``--out``, so that a busy machine
can be used for one part at a time. ``--sizing`` writes the sizing page from all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from agents.kafka.embedded_broker import EmbeddedBroker
from benchmarks.calls.corpus import SAMPLES
from benchmarks.cost.long_calls import length_costs
from benchmarks.cost.scaling import sizing_page
from benchmarks.cost.scripted import growth, memory, scaling, spread, takeover
from benchmarks.cost.stage_cost import restart, stage_costs
from benchmarks.results import finish, keep, stamp
from tests.kafka.broker import apache_kafka, available

PARTS: Final = (
    "stages", "restart", "memory", "takeover", "growth", "workers", "partitions", "length",
)  # fmt: skip
MEMORY_MB, RESTART_S, TAKEOVER_S = 3.0, 8.0, 15.0
"""The goals: a call in flight, an empty pipeline's start, and takeover after ``kill -9``."""


def measure(parts: Sequence[str], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Run the named parts, each on a broker of its own; give each as it is there."""
    made: dict[str, Callable[[str, Path], Any]] = {
        "memory": lambda broker, folder: memory(
            broker, folder, levels=options.levels, seconds=options.seconds
        ),
        "restart": lambda broker, folder: restart(broker, folder, starts=5),
        "takeover": lambda broker, folder: takeover(broker, folder, calls=12, repeats=3),
        "growth": lambda broker, folder: growth(
            broker,
            folder,
            counts=options.counts,
            lengths=options.lengths,
        ),
        "workers": lambda broker, folder: scaling(broker, folder, workers=options.workers),
        "partitions": lambda broker, folder: spread(broker, folder, partitions=options.partitions),
    }
    for part in parts:
        print(f"measuring {part}", flush=True)
        if part == "stages":
            yield {part: stage_costs(options.calls, options.runs)}
            continue
        if part == "length":
            yield {part: length_costs(options.calls, options.repeats)}
            continue
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            bootstrap = _broker(stack, folder, embedded=options.embedded)
            found = made[part](bootstrap, folder)
        yield {part: found, f"{part}_broker": _name(embedded=options.embedded)}


def _broker(stack: ExitStack, folder: Path, *, embedded: bool) -> str:
    if not embedded and available() is None:
        return stack.enter_context(apache_kafka(folder / "kafka")).bootstrap
    return stack.enter_context(EmbeddedBroker()).bootstrap


def _name(*, embedded: bool) -> str:
    """The broker, and how long a group's first member waits for others there before it is in."""
    if embedded or available() is not None:
        return "embedded broker (half of the session timeout: 3 s)"
    return "Apache Kafka (group.initial.rebalance.delay.ms 0; its default is 3 s)"


def page(results: Mapping[str, Any]) -> str:
    """The results as Markdown."""
    lines = [f"{results['machine']}; {results['when']}.", ""]
    for part, told in (
        ("stages", _stages),
        ("restart", _restart),
        ("memory", _memory),
        ("takeover", _takeover),
        ("growth", _growth),
        ("workers", _workers),
        ("partitions", _partitions),
        ("length", _length),
    ):
        if part in results:
            lines += [*told(results), ""]
    return "\n".join(lines)


def _stages(results: Mapping[str, Any]) -> list[str]:
    found = results["stages"]
    bare, audio = found["bare"]["cpu_s"], found["audio_s"]
    ours = sum(one["cpu_s"] for name, one in found["stages"].items() if name != "broker")
    rows = [
        f"| {name} | {one['cpu_s']:.1f} | {1_000 * one['cpu_s'] / audio:.1f} | "
        f"{one['cpu_s'] / bare:.2f} | {one['idle_share']:.3f} |"
        for name, one in found["stages"].items()
    ]
    return [
        (
            f"{found['calls']} calls, {audio:.0f} s of audio, two channels each; a process for "
            f"every stage, embedded broker, one engine thread each; medians of {found['runs']} "
            f"runs in turns with the bare engine; {found['wall_s']:.1f} s from ingest's start to "
            "the last call."
        ),
        "",
        "| | CPU s | CPU ms a second of a call | over bare engine | idle, share of a core |",
        "|---|---|---|---|---|",
        *rows,
        f"| all stages | {ours:.1f} | {1_000 * ours / audio:.1f} | {ours / bare:.2f} | |",
        f"| bare faster-whisper base | {bare:.1f} | {1_000 * bare / audio:.1f} | 1.00 | |",
    ]


def _restart(results: Mapping[str, Any]) -> list[str]:
    found = results["restart"]
    each = ", ".join(f"{took:.1f}" for took in found["starts_s"])
    load = " and ".join(f"{load:.1f}" for load in found["load"])
    return [
        _goal("Empty pipeline, from start to ready, s (median)", found["median_s"], RESTART_S),
        "",
        f"{results['restart_broker']}, real models: {each} s; load of the machine {load}.",
    ]


def _memory(results: Mapping[str, Any]) -> list[str]:
    found = results["memory"]
    points = ", ".join(f"{n} calls of {s} s: {mb:.0f}" for n, s, mb in found["points"])
    longer = ", ".join(
        f"{mb:.2f} MB at {seconds} s" for seconds, mb in found["mb_per_call_by_seconds"].items()
    )
    return [
        _goal("Memory of a call in flight, MB", found["mb_per_call"], MEMORY_MB),
        "",
        (
            f"Slope over the calls open (R² {found['r2']:.3f}), {results['memory_broker']}; MB of "
            f"the worker: {points}. By length, at the most calls: {longer}."
        ),
    ]


def _takeover(results: Mapping[str, Any]) -> list[str]:
    found = results["takeover"]
    median = statistics.median(one["all_s"] for one in found)
    each = "; ".join(
        ", ".join(f"{name.removesuffix('_s')} {one[name]:.1f} s" for name in sorted(one))
        for one in found
    )
    return [
        _goal("Takeover after kill -9, s until all is stored (median)", median, TAKEOVER_S),
        "",
        f"{results['takeover_broker']}, 12 calls of 10 s in flight on two workers: {each}.",
    ]


def _growth(results: Mapping[str, Any]) -> list[str]:
    return [
        f"Growth with {name}: exponent {law['exponent']:.2f} (R² {law['r2']:.3f})."
        for name, law in results["growth"].items()
    ]


def _workers(results: Mapping[str, Any]) -> list[str]:
    law = results["workers"]
    points = ", ".join(f"{count}: {speed:.2f}" for count, speed in law["points"])
    return [f"Calls a second by workers ({points}): exponent {law['exponent']:.2f}."]


def _partitions(results: Mapping[str, Any]) -> list[str]:
    law = results["partitions"]
    points = ", ".join(f"{count}: {speed:.2f}" for count, speed in law["points"])
    return [f"Calls a second of one worker by partitions ({points}): {law['exponent']:.2f}."]


def _length(results: Mapping[str, Any]) -> list[str]:
    law = results["length"]
    return [
        (
            f"Growth with the length of a call, real models, all stages in a row: exponent "
            f"{law['exponent']:.2f} (R² {law['r2']:.3f})."
        )
    ]


def _goal(what: str, measured: float, limit: float) -> str:
    verdict = "met" if measured <= limit else "missed"
    return f"{what}: {measured:.2f} (goal {limit:g}, {verdict})."


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure the whole pipeline.")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--calls", type=Path, default=SAMPLES)
    parser.add_argument("--runs", type=int, default=3, help="of the stages and their baseline")
    parser.add_argument("--levels", nargs="*", type=int, default=[8, 16, 32, 64])
    parser.add_argument("--seconds", nargs="*", type=int, default=[20, 60])
    parser.add_argument("--counts", nargs="*", type=int, default=[4, 8, 16, 32])
    parser.add_argument("--lengths", nargs="*", type=int, default=[10, 20, 40, 80])
    parser.add_argument("--repeats", nargs="*", type=int, default=[1, 2, 4])
    parser.add_argument("--workers", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--partitions", nargs="*", type=int, default=[1, 4, 16])
    parser.add_argument("--embedded", action="store_true", help="no Apache Kafka")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--sizing", type=Path, help="where the sizing page goes")
    options = parser.parse_args(arguments)
    stored = options.out / "pipeline.json"
    results = json.loads(stored.read_text("utf-8")) if stored.exists() else {}
    for found in measure(options.parts, options):
        results |= {**found, **stamp()}
        keep(options.out, "pipeline", results)
    finish(options.out, "pipeline", results, page(results))
    if options.sizing and set(PARTS) <= set(results):
        sizing_page.write_costs(sizing_page.costs_of(results))
        text = sizing_page.page(results, when=results["when"], machine=results["machine"])
        options.sizing.write_text(text, encoding="utf-8")
        print(f"written to {options.sizing}")


if __name__ == "__main__":
    main()
