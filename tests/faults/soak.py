"""``make soak``: the whole pipeline under a steady load for a long time; what has to stay flat.

    python -m tests.faults.soak --minutes 60 --load 0.7
    python -m tests.faults.soak --minutes 10 --load 3      # back-pressure, and how it drains

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
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.embedded import EmbeddedBroker
from agents.ledger import CallState, Ledger
from agents.producer import CallProducer
from agents.recordings import read_drop
from agents.sealing import KeyEncryptionKey
from agents.topics import Topics
from pipeline.audio import Recording, read_recording
from pipeline.records import AudioChunk, CallEnd
from tests.kafka.broker import apache_kafka, available

SAMPLES = Path(__file__).parents[2] / "benchmarks" / "samples"
LOOK_S = 2.0
WARM_CALLS = 8
"""Calls that are sent before anything is measured: models and caches are loaded with them."""
METRICS_PORT = 19_464
DRAIN_S = 1_800.0
GROWTH = 0.05
"""A figure is flat when the median of its last third is at most this share above the second."""


@dataclass(frozen=True)
class Look:
    """What was seen at one moment."""

    at_s: float
    memory_mb: float
    """Resident memory of the worker without its engines."""
    engines_mb: float
    handles: int
    threads: int
    temporary: int
    """Files in the temporary folder and half-written calls."""
    waiting: int
    """Records taken and not acknowledged yet, all stages."""
    held_mb: float
    open_calls: int


@dataclass
class Soak:
    """One run."""

    load: float
    capacity: float = 0.0
    """Times real time that the machine sustains."""
    sent: int = 0
    audio_s: float = 0.0
    drained_s: float | None = None
    states: dict[str, int] = field(default_factory=dict)
    restarts: int = 0
    looks: list[Look] = field(default_factory=list)

    def growth(self, name: str) -> float:
        """Median of the last third over the median of the second, less one."""
        values = [float(getattr(look, name)) for look in self.looks]
        third = max(1, len(values) // 3)
        before, after = np.median(values[third : 2 * third]), np.median(values[-third:])
        return float(after / before - 1) if before else float(after > 0)

    @property
    def problems(self) -> list[str]:
        """What is not as it has to be."""
        found = []
        if self.load < 1:
            flat = ("memory_mb", "engines_mb", "handles", "threads", "temporary")
            found += [
                f"{name} grew by {self.growth(name):.1%}"
                for name in flat
                if self.growth(name) > GROWTH
            ]
        if self.drained_s is None:
            found.append("calls were still open at the end")
        if self.restarts:
            found.append("the worker ended by itself")
        lost = sum(count for state, count in self.states.items() if state not in _FINE)
        if lost:
            found.append(f"{lost} calls were neither stored nor quarantined")
        return found


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


def run(folder: Path, *, load: float, minutes: float) -> Soak:
    """A whole run."""
    soak = Soak(load)
    with contextlib.ExitStack() as stack:
        if available() is None:
            bootstrap = stack.enter_context(apache_kafka(folder / "kafka")).bootstrap
        else:
            bootstrap = stack.enter_context(EmbeddedBroker()).bootstrap
        state, temporary = folder / "state", folder / "tmp"
        temporary.mkdir(parents=True)
        ledger = Ledger(
            f"sqlite:///{state / 'ledger.db'}",
            KeyEncryptionKey.load_or_create(state / "kek.json"),
        )
        stack.callback(ledger.dispose)
        worker = stack.enter_context(_worker(bootstrap, folder, temporary))
        calls = Calls(bootstrap, Topics.named(), ledger)
        soak.capacity = _capacity(calls)
        over = threading.Event()
        watching = threading.Thread(
            target=_watch, args=(soak, worker, calls, folder, temporary, over)
        )
        watching.start()
        try:
            _send(soak, calls, minutes * 60)
            began = time.monotonic()
            if _until(lambda: calls.open() == 0, DRAIN_S):
                soak.drained_s = time.monotonic() - began
        finally:
            over.set()
            watching.join()
        soak.restarts = int(worker.poll() is not None)
        for name in calls.names:
            state_of = ledger.state(name)
            key = state_of.value if state_of else "unknown"
            soak.states[key] = soak.states.get(key, 0) + 1
    return soak


def _capacity(calls: Calls) -> float:
    """Times real time, after a first round that loads everything."""
    rates = []
    for _ in range(2):
        began = time.monotonic()
        seconds = sum(calls.send() for _ in range(WARM_CALLS))
        if not _until(lambda: calls.open() == 0, 600):
            raise SystemExit("the worker stored nothing within ten minutes; see its log")
        rates.append(seconds / (time.monotonic() - began))
    return rates[-1]


def _send(soak: Soak, calls: Calls, seconds: float) -> None:
    """Send calls so that their audio comes at the given share of the capacity."""
    began, due = time.monotonic(), 0.0
    while (now := time.monotonic() - began) < seconds:
        if now < due:
            time.sleep(min(due - now, 0.5))
            continue
        length = calls.send()
        soak.sent += 1
        soak.audio_s += length
        due += length / (soak.load * soak.capacity)


@contextlib.contextmanager
def _worker(bootstrap: str, folder: Path, temporary: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = (folder / "worker.log").open("wb")
    command = [sys.executable, "-m", "agents", "worker", "all", "--to", str(folder / "vault")]
    environment = {
        **os.environ,
        "HUSHWIRE_BOOTSTRAP": bootstrap,
        "HUSHWIRE_STATE_DIR": str(folder / "state"),
        "HUSHWIRE_METRICS_PORT": str(METRICS_PORT),
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": "1",
    }
    worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        log.close()


def _watch(
    soak: Soak,
    worker: subprocess.Popen[bytes],
    calls: Calls,
    folder: Path,
    temporary: Path,
    over: threading.Event,
) -> None:
    began = time.monotonic()
    while not over.wait(LOOK_S):
        with contextlib.suppress(OSError):
            page = _metrics()
            children = _children(worker.pid)
            soak.looks.append(
                Look(
                    at_s=time.monotonic() - began,
                    memory_mb=_resident_mb(worker.pid),
                    engines_mb=sum(_resident_mb(child) for child in children),
                    handles=sum(1 for _ in Path(f"/proc/{worker.pid}/fd").iterdir()),
                    threads=sum(1 for _ in Path(f"/proc/{worker.pid}/task").iterdir()),
                    temporary=_files(temporary) + _files(folder / "vault" / ".writing"),
                    waiting=round(page.get("hushwire_records_unacknowledged", 0)),
                    held_mb=page.get("hushwire_held_bytes", 0) / 1e6,
                    open_calls=calls.open(),
                )
            )


def _metrics() -> dict[str, float]:
    """Sums over the labels of every metric."""
    with urllib.request.urlopen(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    sums: dict[str, float] = {}
    for name, value in re.findall(r"^(hushwire_\w+)(?:\{.*\})? (\S+)$", text, re.MULTILINE):
        sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in text.split()]


def _resident_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found.group(1)) / 1024 if found else 0.0


def _files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*")) if folder.exists() else 0


def _until(true: Any, within_s: float) -> bool:  # noqa: ANN401 - a question without arguments
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.5)
    return False


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
        "held_mb": "audio held back, MB",
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
    parser.add_argument("--out", type=Path, default=Path("build/soak"))
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        soak = run(Path(folder), load=options.load, minutes=options.minutes)
    options.out.mkdir(parents=True, exist_ok=True)
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
