"""``make soak``: the whole pipeline under a steady load for a long time; what has to stay flat.

    python -m tests.faults.soak --minutes 60 --load 0.7
    python -m tests.faults.soak --minutes 10 --load 3      # back-pressure, and how it drains
    python -m tests.faults.soak --tiny 10000               # calls of a second

One worker with all stages and the real models, on Apache Kafka where it can be had. First the load
that it can sustain is measured on the same machine, then the sample calls are sent again and again,
under new names, at the given share of it. Every two seconds the processes are looked at. See
``docs/faults.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.app.recordings.recording_folder import read_drop
from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.producer import CallProducer
from agents.kafka.topics import Topics, create_topics
from agents.runtime.outbox import Limits
from pipeline.audio.files import Recording, read_recording
from pipeline.records.model import AudioChunk, CallEnd
from tests.broker.brokers import running
from tests.faults import tiny
from tests.faults.looking import Look, Watcher
from tests.kafka.broker import available
from tests.ports import free_port

SAMPLES = Path(__file__).parents[2] / "benchmarks" / "samples"
LOOK_S = 2.0
WARM_CALLS = 8
"""Calls that are sent before anything is measured: models and caches are loaded with them."""
DRAIN_S = 1_800.0
GROWTH = 0.05
"""A figure is flat when the median of its last third is at most this share above the second."""
QUEUE = 0.5
"""The same for what waits in queues, which are longer or shorter by chance."""
FEW = 200
"""Records that are no queue: about two sample calls in every stage."""
HELD_MB = 1.25 * Limits().held_bytes / 1e6
"""Audio that the mute stage may hold: its limit, and what was fetched before it paused."""
MEMORY_MB = 600.0 + 2 * HELD_MB
"""A worker with all stages but its engines: code, word lists and language model, and twice what is
held, since what is released is copied and the allocator keeps pages."""
STORE_S = 600.0
COMMIT_S = 15.0
Broker = Literal["apache", "embedded"]


class WorkerEndedError(Exception):
    """The worker ended by itself; the text says where its log is."""


@dataclass
class Soak:
    """One run."""

    load: float
    capacity: float = 0.0
    """Times real time that the machine sustains."""
    sent: int = 0
    audio_s: float = 0.0
    drained_s: float | None = None
    left: int = 0
    """Records behind at the end."""
    states: dict[str, int] = field(default_factory=dict)
    restarts: int = 0
    looks: list[Look] = field(default_factory=list)

    def thirds(self, name: str) -> tuple[float, float]:
        """Medians of the second and of the last third."""
        values = [float(getattr(look, name)) for look in self.looks] or [0.0]
        third = max(1, len(values) // 3)
        return float(np.median(values[third : 2 * third] or values)), float(
            np.median(values[-third:])
        )

    def growth(self, name: str) -> float:
        """Median of the last third over the median of the second, less one."""
        before, after = self.thirds(name)
        return after / before - 1 if before else float(after > 0)

    @property
    def problems(self) -> list[str]:
        """What is not as it has to be."""
        found = self._grown() if self.load < 1 else self._beyond()
        times = [look.assignments for look in self.looks] or [0]
        if times[-1] > times[0]:
            found.append(f"a group gave partitions {times[-1] - times[0]} times anew")
        if self.drained_s is None:
            found.append("calls were still open at the end")
        if self.left:
            found.append(f"{self.left} records were still behind at the end")
        if self.restarts:
            found.append("the worker ended by itself")
        lost = sum(count for state, count in self.states.items() if state not in _FINE)
        if lost:
            found.append(f"{lost} calls were neither stored nor quarantined")
        return found

    def _grown(self) -> list[str]:
        """What grew under a load that is sustained."""
        flat = ("memory_mb", "engines_mb", "handles", "threads", "temporary")
        found = [
            f"{name} grew by {self.growth(name):.1%}" for name in flat if self.growth(name) > GROWTH
        ]
        for name in ("waiting", "lag"):
            before, after = self.thirds(name)
            if after > max(before * (1 + QUEUE), FEW):
                found.append(f"{name} grew from {before:.0f} to {after:.0f} records")
        return found

    def _beyond(self) -> list[str]:
        """What went beyond its bound under a load that is not."""
        bounds = {"held_mb": HELD_MB, "memory_mb": MEMORY_MB}
        highest = {
            name: max((float(getattr(look, name)) for look in self.looks), default=0.0)
            for name in bounds
        }
        return [
            f"{name} went up to {highest[name]:.0f}, its bound is {bound:.0f}"
            for name, bound in bounds.items()
            if highest[name] > bound
        ]


_FINE = {CallState.STORED.value, CallState.QUARANTINED.value}


class Calls:
    """The sample calls, again and again under new names."""

    def __init__(self, bootstrap: str, topics: Topics, ledger: Ledger) -> None:
        self._producer = CallProducer(bootstrap, topics.audio_raw)
        self._ledger = ledger
        self._samples: list[tuple[Path, Recording]] = [
            (path, read_recording(path)) for path in sorted(SAMPLES.glob("*.flac"))
        ]
        self.names: list[str] = []

    def send(self) -> float:
        """Send the next call whole; its length in seconds."""
        path, recording = self._samples[len(self.names) % len(self._samples)]
        rate, pcm = recording.sample_rate, recording.pcm
        info = read_drop(path).info(rate, recording.channels)
        name = f"soak-{len(self.names)}"
        info = replace(info, call_id=name)
        seal = self._ledger.open_call(name).seal
        starts = range(0, len(pcm), rate)
        for seq, start in enumerate(starts):
            self._producer.send(AudioChunk(info, seq, start, pcm[start : start + rate]), seal)
        self._producer.send(CallEnd(name, len(starts), len(pcm)), seal)
        self._producer.flush()
        self.names.append(name)
        return len(pcm) / rate

    def open(self) -> int:
        """How many are not closed yet."""
        return self._ledger.count(CallState.OPEN)


def run(
    folder: Path,
    *,
    load: float,
    minutes: float,
    broker: Broker | None = None,
    capacity: float | None = None,
) -> Soak:
    """A whole run.

    Args:
        folder: for everything; the worker's log is ``worker.log`` in it.
        load: share of what is sustained.
        minutes: for how long calls are sent.
        broker: which; Apache Kafka where it can be had.
        capacity: times real time that the machine sustains; measured first where it is not given.

    Raises:
        WorkerEndedError: the worker ended by itself.
        TimeoutError: it stores nothing.
    """
    soak = Soak(load)
    with contextlib.ExitStack() as stack:
        name = broker or ("apache" if available() is None else "embedded")
        bootstrap = stack.enter_context(running(name, folder / "kafka")).bootstrap
        state, temporary = folder / "state", folder / "tmp"
        temporary.mkdir(parents=True)
        ledger = Ledger(
            f"sqlite:///{state / 'ledger.db'}",
            KeyEncryptionKey.load_or_create(state / "kek.json"),
        )
        stack.callback(ledger.dispose)
        topics = Topics.named()
        # A broker makes a topic with the first record for it, and with partitions of its own.
        create_topics(bootstrap, topics)
        port = free_port()
        worker = stack.enter_context(_worker(bootstrap, folder, temporary, port))
        calls = Calls(bootstrap, topics, ledger)
        soak.capacity = capacity or _capacity(calls, worker)
        over = threading.Event()
        watcher = Watcher(worker.process.pid, bootstrap, topics, port)
        folders = (temporary, folder / "vault" / ".writing")
        watching = threading.Thread(
            target=lambda: soak.looks.extend(
                watcher.looks(over, every_s=LOOK_S, folders=folders, open_calls=calls.open)
            )
        )
        watching.start()
        try:
            _send(soak, calls, worker, minutes * 60)
            began = time.monotonic()
            if worker.until(lambda: calls.open() == 0, DRAIN_S):
                soak.drained_s = time.monotonic() - began
            # What is acknowledged is committed twice a second.
            worker.until(lambda: watcher.lag() == 0, COMMIT_S)
            soak.left = watcher.lag()
        finally:
            over.set()
            watching.join()
        soak.restarts = int(worker.process.poll() is not None)
        for name in calls.names:
            state_of = ledger.state(name)
            key = state_of.value if state_of else "unknown"
            soak.states[key] = soak.states.get(key, 0) + 1
    return soak


def _capacity(calls: Calls, worker: Worker) -> float:
    """Times real time, after a first round that loads everything."""
    rates = []
    for _ in range(2):
        began = time.monotonic()
        seconds = sum(calls.send() for _ in range(WARM_CALLS))
        if not worker.until(lambda: calls.open() == 0, STORE_S):
            raise TimeoutError(f"the worker stores nothing; see {worker.log}")
        rates.append(seconds / (time.monotonic() - began))
    return rates[-1]


def _send(soak: Soak, calls: Calls, worker: Worker, seconds: float) -> None:
    """Send calls so that their audio comes at the given share of the capacity."""
    began, due = time.monotonic(), 0.0
    while (now := time.monotonic() - began) < seconds:
        worker.check()
        if now < due:
            time.sleep(min(due - now, 0.5))
            continue
        length = calls.send()
        soak.sent += 1
        soak.audio_s += length
        due += length / (soak.load * soak.capacity)


@dataclass(frozen=True)
class Worker:
    """The worker, and where it says what is wrong."""

    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Notice at once that it ended.

        Raises:
            WorkerEndedError: it did.
        """
        code = self.process.poll()
        if code is not None:
            last = self.log.read_text("utf-8", "replace").strip().splitlines()[-3:]
            text = "\n".join([f"the worker ended by itself (exit code {code}); {self.log}:", *last])
            raise WorkerEndedError(text)

    def until(self, true: Callable[[], bool], within_s: float) -> bool:
        """Whether something comes true in time, the worker being there."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if true():
                return True
            self.check()
            time.sleep(0.5)
        return False


@contextlib.contextmanager
def _worker(bootstrap: str, folder: Path, temporary: Path, port: int) -> Iterator[Worker]:
    path = folder / "worker.log"
    command = [sys.executable, "-m", "agents", "worker", "all", "--to", str(folder / "vault")]
    environment = {
        **os.environ,
        "HUSHWIRE_BOOTSTRAP": bootstrap,
        "HUSHWIRE_STATE_DIR": str(folder / "state"),
        "HUSHWIRE_METRICS_PORT": str(port),
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": "1",
    }
    with path.open("wb") as log:
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield Worker(worker, path)
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def table(soak: Soak) -> Table:
    """What is printed."""
    made = Table("", "median", "highest", "last third over second")
    names = {
        "memory_mb": "worker without engines, MB",
        "engines_mb": "engines, MB",
        "handles": "open files and sockets",
        "threads": "threads",
        "temporary": "temporary files",
        "waiting": "records not acknowledged",
        "lag": "records behind, all groups",
        "held_mb": "audio held back, MB",
        "assignments": "times that partitions were given",
        "open_calls": "open calls",
    }
    for name, text in names.items():
        values = [float(getattr(look, name)) for look in soak.looks] or [0.0]
        made.add_row(
            text, f"{np.median(values):.1f}", f"{max(values):.1f}", f"{soak.growth(name):+.1%}"
        )
    return made


def curves(soak: Soak) -> str:
    """A page with one plot for each figure, as plain SVG."""
    parts = ["<!doctype html><meta charset=utf-8><title>Soak</title>"]
    parts.append(f"<h1>Soak at {soak.load:.0%} of {soak.capacity:.1f} times real time</h1>")
    times = [look.at_s for look in soak.looks] or [0.0]
    for name in list(asdict(soak.looks[0]))[1:] if soak.looks else []:
        values = [float(getattr(look, name)) for look in soak.looks]
        top, end = max(values) or 1.0, times[-1] or 1.0
        line = " ".join(
            f"{600 * at / end:.1f},{120 - 110 * value / top:.1f}"
            for at, value in zip(times, values, strict=True)
        )
        parts.append(
            f"<h2>{name}: 0 to {top:.1f}</h2><svg viewBox='0 0 600 120' width=800>"
            f"<polyline fill=none stroke=#246 points='{line}'/></svg>"
        )
    return "\n".join(parts)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--load", type=float, default=0.7, help="share of what is sustained")
    parser.add_argument("--tiny", type=int, help="instead, this many calls of a second")
    parser.add_argument("--broker", choices=["apache", "embedded"], help="which")
    parser.add_argument("--out", type=Path, default=Path("build/soak"))
    options = parser.parse_args()
    console = Console()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.tiny:
        found = tiny.run(options.tiny, told=lambda line: console.print(line, highlight=False))
        (options.out / "tiny.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
        return 0 if found["grew_mb"] < tiny.MOST_MB else 1
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "worker.log")
        try:
            soak = run(
                Path(folder), load=options.load, minutes=options.minutes, broker=options.broker
            )
        except (WorkerEndedError, TimeoutError) as error:
            console.print(str(error), style="bold red", markup=False, highlight=False)
            return 1
        finally:
            if log.exists():  # before the folder is gone
                shutil.copyfile(log, options.out / "worker.log")
                console.print(f"the worker's log: {options.out / 'worker.log'}", highlight=False)
    result = {**asdict(soak), "problems": soak.problems}
    (options.out / "result.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    (options.out / "report.html").write_text(curves(soak), "utf-8")
    console.print(table(soak))
    drained = "not" if soak.drained_s is None else f"in {soak.drained_s:.0f} s"
    console.print(
        f"{soak.sent} calls, {soak.audio_s / 3600:.1f} h of audio at {soak.load:.0%} of "
        f"{soak.capacity:.1f} times real time; drained {drained}; {soak.states}"
    )
    for problem in soak.problems:
        console.print(problem, style="bold red")
    console.print(f"written to {options.out}")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
