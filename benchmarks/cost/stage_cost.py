"""The real pipeline with a process for every stage: what each one costs, and how fast it starts.

The broker is a process of its own, every stage is a worker of its own with one engine process of
one thread, and ``/proc`` says what each used. Only the work counts, from the moment at which all
stages were ready to the moment at which the last call was closed.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.embedded_broker import EmbeddedBroker
from benchmarks.cost.processes import cpu_s, resident_mb, tree
from pipeline.records.stages import STAGES

PARTITIONS: Final = 4
_START_S: Final = 120.0
_STORE_S: Final = 900.0
_IDLE_S: Final = 5.0


def stage_costs(calls: Path, runs: int) -> dict[str, Any]:
    """Redact all calls, a process per stage, and listen to them with the bare engine, in turns.

    Args:
        calls: folder with recordings and ``manifest.jsonl``.
        runs: how often; the medians are given.

    Returns:
        ``stages`` and the broker (CPU s, resident MB of worker and engines, CPU s per idle second),
        ``wall_s``, ``audio_s``, ``bare`` (faster-whisper alone on the same files), ``runs``.

    Raises:
        TimeoutError: a stage does not start, or a call stays open.
        subprocess.CalledProcessError: ingest or the bare engine failed.
    """
    manifest = (calls / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(entry) for entry in manifest]
    recordings = [calls / entry["file"] for entry in entries]
    made: list[dict[str, Any]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        broker = stack.enter_context(EmbeddedBroker())
        settings = environment(broker.bootstrap, folder / "state")
        workers = {
            stage: stack.enter_context(worker_process([stage], folder, settings))
            for stage in STAGES
        }
        for worker in workers.values():
            until_ready(worker)
        pids = {stage: worker.pid for stage, worker in workers.items()}
        for number in range(runs):
            turn = folder / f"turn-{number}"
            _renamed(recordings, turn, number)
            made.append(_turn(turn, folder / "state", settings, pids | {"broker": broker.pid or 0}))
            made[-1]["bare"] = _bare(recordings, folder)
        for worker in workers.values():
            stop(worker)
    names = made[0]["stages"]
    return {
        "audio_s": sum(entry["duration_ms"] for entry in entries) / 1_000,
        "calls": len(entries),
        "runs": runs,
        "wall_s": statistics.median(one["wall_s"] for one in made),
        "stages": {name: _median([one["stages"][name] for one in made]) for name in names},
        "bare": _median([one["bare"] for one in made]),
    }


def _median(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Key by key."""
    return {key: statistics.median(one[key] for one in found) for key in found[0]}


def _renamed(recordings: Sequence[Path], turn: Path, number: int) -> None:
    """Copy recordings and their sidecars under new names, or the calls would be stored already."""
    turn.mkdir()
    for path in recordings:
        name = f"{number}-{path.stem}"
        shutil.copy(path, turn / f"{name}{path.suffix}")
        sidecar = path.with_suffix(".json")
        if sidecar.exists():
            notes = json.loads(sidecar.read_text(encoding="utf-8")) | {"call_id": name}
            (turn / sidecar.with_stem(name).name).write_text(json.dumps(notes), encoding="utf-8")


def _turn(
    calls: Path, state: Path, settings: Mapping[str, str], pids: Mapping[str, int]
) -> dict[str, Any]:
    """What every process costs idle, and for all calls of a folder."""
    still = {name: cpu_s(pid) for name, pid in pids.items()}
    time.sleep(_IDLE_S)
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    wall = _redact(calls, state, settings)
    cost = {name: cpu_s(pid) - before[name] for name, pid in pids.items()}
    memory = {name: [resident_mb(one) for one in tree(pid)] for name, pid in pids.items()}
    return {
        "wall_s": wall,
        "stages": {
            name: {
                "cpu_s": cost[name],
                "idle_share": (before[name] - still[name]) / _IDLE_S,
                "worker_mb": memory[name][0] if memory[name] else 0.0,
                "engines_mb": sum(memory[name][1:]),
            }
            for name in cost
        },
    }


def restart(bootstrap: str, folder: Path, *, starts: int) -> dict[str, Any]:
    """Start one worker with all stages and the real models on an empty pipeline, again and again.

    Args:
        bootstrap: a broker; the topics are made before the first start that counts.
        folder: for ledger, vault and log.
        starts: how often.

    Returns:
        ``starts_s`` from start to ready, their ``median_s``, and ``load`` (processes that wanted a
        core beside it in the last minute, before and after).

    Raises:
        TimeoutError: a worker does not get ready.
    """
    settings, before = environment(bootstrap, folder / "state"), os.getloadavg()[0]
    _start(folder, settings)
    took = [_start(folder, settings) for _ in range(starts)]
    load = [before, os.getloadavg()[0]]
    return {"starts_s": took, "median_s": statistics.median(took), "load": load}


def _redact(calls: Path, state: Path, settings: Mapping[str, str]) -> float:
    """Send all calls and wait for the last; seconds, ingest's own start included."""
    began = time.monotonic()
    command = [sys.executable, "-m", "agents", "ingest", str(calls)]
    subprocess.run(command, env=settings, check=True, stdout=subprocess.DEVNULL)
    key = KeyEncryptionKey.load_or_create(state / "kek.json")
    ledger = Ledger(f"sqlite:///{state / 'ledger.db'}", key)
    try:
        names = {path.stem for path in calls.iterdir()}
        deadline = began + _STORE_S
        while True:
            open_ones = [n for n in names if ledger.state(n) in {None, CallState.OPEN}]
            if not open_ones:
                return time.monotonic() - began
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(open_ones)} calls are still open")
            time.sleep(0.1)
    finally:
        ledger.dispose()


def _start(folder: Path, settings: Mapping[str, str]) -> float:
    """Seconds from the start of one worker with all stages to its readiness."""
    began = time.monotonic()
    with worker_process(["all"], folder, settings) as worker:
        until_ready(worker)
        took = time.monotonic() - began
        stop(worker)
    return took


def _bare(recordings: Sequence[Path], folder: Path) -> dict[str, float]:
    """faster-whisper alone, its model loaded before the clock runs."""
    command = [sys.executable, "-m", "benchmarks.peers.baseline", "--bare", str(folder)]
    done = subprocess.run(
        [*command, *map(str, recordings)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return dict(json.loads(done.stdout))


def environment(bootstrap: str, state: Path) -> dict[str, str]:
    """Settings of a worker with one engine on a broker, as environment variables."""
    return {
        **os.environ,
        "HUSHWIRE_BOOTSTRAP": bootstrap,
        "HUSHWIRE_STATE_DIR": str(state),
        "HUSHWIRE_PARTITIONS": str(PARTITIONS),
        "HUSHWIRE_ENGINES": "1",
        "OMP_NUM_THREADS": "1",
    }


@contextmanager
def worker_process(
    stages: Sequence[str], folder: Path, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A worker that ends with the block at the latest; its log is ``folder / "worker.log"``."""
    command = [sys.executable, "-m", "benchmarks.cost.readied", str(folder / "vault"), *stages]
    with (folder / "worker.log").open("a", encoding="utf-8") as log:
        worker = subprocess.Popen(
            command, env=settings, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield worker
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait()
        if worker.stdout:
            worker.stdout.close()


def until_ready(worker: subprocess.Popen[str]) -> None:
    """Wait for the line ``ready``; logs may come before it.

    Raises:
        TimeoutError: it does not come.
    """
    deadline = time.monotonic() + _START_S
    while worker.stdout is not None and time.monotonic() < deadline:
        readable, _, _ = select.select([worker.stdout], [], [], 1.0)
        text = worker.stdout.readline() if readable else None
        if text == "ready\n":
            return
        if text == "":
            break
    raise TimeoutError("a worker did not get ready")


def stop(worker: subprocess.Popen[str]) -> None:
    """Let a worker end by itself; kill one that does not."""
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
