"""Calls under a seeded schedule of faults: ``python -m tests.faults.chaos --faults 200``.

Workers are real processes with scripted speech; one that ends is started again. After the last
fault all has to come to rest; then the vault is compared with undisturbed runs (docs/faults.md).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import create_engine

from agents.database.call_ledger import CallState
from agents.kafka.embedded_broker import EmbeddedBroker
from benchmarks.cost.processes import tree
from pipeline.errors import StoreError
from tests.agents.storing import bucket
from tests.broker import fakes
from tests.broker.canaries import WORDS
from tests.broker.forked import Worker
from tests.broker.harness import Installation, Script, script
from tests.faults.judging import SWEEP_REFUSED, Line, Outcome, judge, table
from tests.faults.proxy import Proxy, before_the_buckets
from tests.faults.recorder import Recorder
from tests.kafka.broker import ApacheKafka, apache_kafka, available
from tests.postgres.server import Postgres, postgres

GROUPS = ("transcribe,detect", "mute,verify,vault")
REST_S = 150.0
"""How long the calls may take to end after the last fault."""
WAVE = 20
"""Calls at a time in the undisturbed run."""
CHANGES = {"POLICY_OF_TEST": ("default", fakes.STRICTER), "VERSION_OF_TEST": ("1", "2")}
"""What a worker may be told otherwise when it starts again."""
BETWEEN_S = (0.5, 4.0)
STORM = 4  # faults one after another, until a call has to be stored before the next one
FULL = 4_096  # bytes: enough for a state's small files, not for audio nor what a ledger appends


@dataclass(frozen=True)
class Stores:
    """Ledger and vault that are servers of their own."""

    server: Postgres | None = None
    database: str = ""
    """URL of the ledger's database on it."""
    bucket: Proxy | None = None
    """Stands before the bucket."""


class Chaos:
    """One run.

    Args:
        made: the installation.
        kafka: Apache Kafka with its proxy, where it is that.
        proxy: stands before it.
        seed: of the schedule.
        stores: what else is not in the installation's folder.
        only: kinds of faults; all that this broker allows where none is named.
    """

    def __init__(
        self,
        made: Installation,
        kafka: ApacheKafka | None,
        proxy: Proxy | None,
        seed: int,
        stores: Stores | None = None,
        only: Collection[str] = (),
    ) -> None:
        self._only = only
        self._made, self._kafka, self._proxy = made, kafka, proxy
        self._stores = stores or Stores()
        self._dice = random.Random(seed)
        self._over = threading.Event()
        self._slots: dict[str, Worker] = {}
        self._lock = threading.Lock()
        self._told: set[int] = set()
        self._children: set[int] = set()
        self._told_now = {name: values[0] for name, values in CHANGES.items()}
        """What workers are told that start from now on."""
        self._progress = 0.0
        """Share of the faults that came."""
        self.exits: Counter[int] = Counter()
        self.closed: dict[str, float] = {}

    def faults(self) -> dict[str, Callable[[], None]]:
        """Every kind of fault that is wanted and that this broker allows."""
        kinds = {
            "kill -9": self._kill,
            "SIGTERM": self._term,
            "worker joins and leaves": self._join,
            "engine killed": self._engine,
            "vault refuses": self._vault,
            "disk full": self._full,
            "key file away": self._key_file,
            "ledger locked": self._ledger,
            "worker with another policy": partial(self._change, "POLICY_OF_TEST"),
            "worker with another version": partial(self._change, "VERSION_OF_TEST"),
            "model fails on a window": self._deaf,
            "clock jumps": self._clock,
        }
        if self._proxy is not None:
            kinds |= {"connections cut": self._cut, "slow broker": self._slow}
        if self._kafka is not None:
            kinds |= {"broker restarted": self._broker}
        if self._stores.server is not None:
            kinds |= {"PostgreSQL restarted": self._server}
        return {name: kinds[name] for name in self._only or kinds}

    def run(self, calls: list[Script], count: int, within_s: float) -> Outcome:
        """Send the calls while faults come, wait until all is at rest, and look."""
        threads = [threading.Thread(target=one) for one in (self._supervise, self._watch(calls))]
        recorder = Recorder(self._made, calls, self.closed, lambda: self._progress)
        sending = threading.Thread(target=recorder.run)
        for one in (*threads, sending):
            one.start()
        outcome = Outcome(len(calls), {name: Line() for name in self.faults()})
        try:
            while len(self._slots) < len(GROUPS):
                time.sleep(0.1)
            began: list[tuple[str, float]] = []
            names = list(self.faults())
            deadline = time.monotonic() + within_s
            while len(began) < count and time.monotonic() < deadline:
                self._progress = (len(began) + 1) / count
                if not began or len(began) % len(names) == 0:
                    self._dice.shuffle(names)
                name = names[len(began) % len(names)]
                began.append((name, time.monotonic()))
                outcome.faults[name].times += 1
                outcome.faults[name].calls |= recorder.open
                self.faults()[name]()
                time.sleep(self._dice.uniform(*BETWEEN_S))
                if len(began) % STORM == 0:
                    self._recover(recorder)
            self._progress = 1.0
            sending.join()
            with contextlib.suppress(AssertionError):
                names = [one.info.call_id for one in calls]
                self._made.until_closed(names, started_again=True)
            time.sleep(3.0)  # the last commits
        finally:
            self._over.set()
            for one in threads:
                one.join()
        for name, at in began:
            later = [when for when in self.closed.values() if when > at]
            if later:
                outcome.faults[name].recovery_s.append(min(later) - at)
        self._stop_all()
        outcome.exits = self.exits
        return outcome

    def _recover(self, recorder: Recorder) -> None:
        """Wait for the next call to be closed: a slow machine gets no more faults than it bears."""
        closed, deadline = len(self.closed), time.monotonic() + REST_S
        while len(self.closed) == closed < recorder.begun and time.monotonic() < deadline:
            time.sleep(0.2)

    # The faults

    def _any(self) -> Worker:
        with self._lock:
            return self._dice.choice(list(self._slots.values()))

    def _kill(self) -> None:
        worker = self._any()
        self._children |= set(children(worker.pid))
        self._told.add(worker.pid)
        worker.kill()

    def _change(self, what: str) -> None:
        """A worker is started again with another policy or version, the other one is not yet."""
        first, second = CHANGES[what]
        self._told_now[what] = second if self._told_now[what] == first else first
        self._kill()

    def _term(self) -> None:
        worker = self._any()
        self._children |= set(children(worker.pid))
        self._told.add(worker.pid)
        worker.send_signal(signal.SIGTERM)

    def _join(self) -> None:
        extra = self._made.spawn(bootstrap=self._bootstrap, told=self._told_now)
        time.sleep(self._dice.uniform(6, 10))
        self._children |= set(children(extra.pid))
        extra.send_signal(signal.SIGTERM)

    def _engine(self) -> None:
        with self._lock:
            workers = list(self._slots.values())
        found = [child for worker in workers for child in children(worker.pid)]
        if found:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(_pidfd(self._dice.choice(found)), signal.SIGKILL)

    def _vault(self) -> None:
        """Nothing can be written: the bucket, or the folder of what is being written, is away."""
        if self._stores.bucket is not None:
            self._stores.bucket.cut()
            time.sleep(self._dice.uniform(1, 3))
            self._stores.bucket.mend()
            return
        folder = self._made.folder / "vault" / ".writing"
        away = folder.with_name(".away")
        if folder.exists():
            folder.rename(away)
            time.sleep(self._dice.uniform(1, 3))
            if folder.exists():
                folder.rmdir()
            away.rename(folder)

    def _full(self) -> None:
        """No file of a worker grows beyond 4 KiB for a while: writes end in the middle."""
        with self._lock:
            workers = [worker for worker in self._slots.values() if worker.poll() is None]
        _limit_files(workers, FULL)
        time.sleep(self._dice.uniform(1, 3))
        _limit_files(workers, resource.RLIM_INFINITY)

    def _key_file(self) -> None:
        """The file of the wrapping key is away while a worker starts."""
        file = self._made.folder / "state" / "kek.json"
        away = file.with_name("away.json")
        file.rename(away)
        self._kill()
        time.sleep(self._dice.uniform(2, 6))
        away.replace(file)

    def _ledger(self) -> None:
        if self._stores.database:
            engine = create_engine(self._stores.database)
            with engine.begin() as connection:
                connection.exec_driver_sql("LOCK TABLE calls, transit_keys, audit_head")
                time.sleep(self._dice.uniform(1, 4))
            engine.dispose()
            return
        with contextlib.closing(
            sqlite3.connect(self._made.folder / "state" / "ledger.db", timeout=30)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            time.sleep(self._dice.uniform(1, 4))
            database.rollback()

    def _deaf(self) -> None:
        """Windows can't be heard for a while: their stretch is silenced, and the call says so."""
        flag = Path(os.environ[fakes.DEAF])
        flag.touch()
        time.sleep(self._dice.uniform(0.2, 0.8))
        flag.unlink()

    def _clock(self) -> None:
        """The wall clock of all workers is 400 days ahead, until one has looked what is due."""
        refused = self._made.log().count(SWEEP_REFUSED)
        for jump in (signal.SIGUSR1, signal.SIGUSR2):
            with self._lock:
                workers = [worker for worker in self._slots.values() if worker.poll() is None]
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    worker.send_signal(jump)
            deadline = time.monotonic() + self._dice.uniform(3, 6)
            while time.monotonic() < deadline and refused == self._made.log().count(SWEEP_REFUSED):
                time.sleep(0.2)

    def _cut(self) -> None:
        assert self._proxy is not None
        self._proxy.cut()
        time.sleep(self._dice.uniform(0.1, 3))
        self._proxy.mend()

    def _slow(self) -> None:
        assert self._proxy is not None
        self._proxy.slow(0.15)
        time.sleep(self._dice.uniform(2, 4))
        self._proxy.mend()

    def _broker(self) -> None:
        assert self._kafka is not None
        self._kafka.stop()
        self._kafka.start()

    def _server(self) -> None:
        assert self._stores.server is not None
        self._stores.server.stop()
        time.sleep(self._dice.uniform(0.5, 3))
        self._stores.server.start()

    # What goes on meanwhile

    @property
    def _bootstrap(self) -> str:
        return f"127.0.0.1:{self._kafka.proxy}" if self._kafka else self._made.bootstrap

    def _supervise(self) -> None:
        while not self._over.wait(0.3):
            for group in GROUPS:
                worker = self._slots.get(group)
                if worker is not None and worker.poll() is None:
                    continue
                if worker is not None and worker.pid not in self._told:
                    self.exits[worker.returncode] += 1
                with self._lock:
                    self._slots[group] = self._made.spawn(
                        group, bootstrap=self._bootstrap, told=self._told_now
                    )

    def _watch(self, calls: list[Script]) -> Callable[[], None]:
        ended = {CallState.STORED, CallState.QUARANTINED, CallState.REFUSED}

        def watch() -> None:
            while not self._over.wait(0.3):
                with contextlib.suppress(StoreError):  # PostgreSQL is being restarted
                    for one in calls:
                        name = one.info.call_id
                        if name not in self.closed and self._made.ledger.state(name) in ended:
                            self.closed[name] = time.monotonic()

        return watch

    def _stop_all(self) -> None:
        for worker in self._made.workers:
            if worker.poll() is None:
                self._children |= set(children(worker.pid))
                worker.send_signal(signal.SIGTERM)
        for worker in self._made.workers:
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        time.sleep(0.5)

    def orphans(self) -> list[int]:
        """Children of workers that still run after their workers have ended."""
        return [pid for pid in self._children if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> Iterator[int]:
    """Processes below a worker that run speech engines."""
    for child in tree(pid)[1:]:
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield child


def _limit_files(workers: list[Worker], size: int) -> None:
    """The largest file that each worker and its engines may write from here on."""
    for worker in workers:
        for pid in (worker.pid, *children(worker.pid)):
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _pidfd(pid: int) -> int:
    return os.pidfd_open(pid)


def run(
    folder: Path,
    *,
    seed: int,
    faults: int,
    minutes: float,
    calls: int,
    embedded: bool = False,
    postgresql: bool = False,
    s3: bool = False,
) -> Outcome:
    """A whole run on Apache Kafka where it can be had, otherwise on the embedded broker.

    With ``postgresql`` the ledgers are databases of a PostgreSQL server, with ``s3`` the vaults are
    buckets of moto's.
    """
    scripts = [script(f"slow-{number}", first=number, seconds=6) for number in range(calls)]
    with contextlib.ExitStack() as stack:
        kafka = proxy = None
        if not embedded and available() is None:
            kafka = stack.enter_context(apache_kafka(folder / "kafka"))
            proxy = Proxy(kafka.proxy, kafka.far)
            proxy.start()
            stack.callback(proxy.stop)
            bootstrap = kafka.bootstrap
        else:
            bootstrap = stack.enter_context(EmbeddedBroker()).bootstrap
        # Every word is a canary, and temporary files are looked through as well.
        temporary = folder / "tmp"
        temporary.mkdir()
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("SCRIPTED_WORDS", " ".join(WORDS))
        environment.setenv("TMPDIR", str(temporary))
        server = stack.enter_context(postgres()) if postgresql else None
        changes = [dict(zip(CHANGES, told, strict=True)) for told in product(*CHANGES.values())]
        names = [*(f"calm-{number}" for number in range(len(changes))), "chaos"]
        ledgers = [server.database(one.replace("-", "_")) if server else "" for one in names]
        buckets = [""] * len(names)
        bucket_proxy = None
        if s3:
            buckets = [f"{stack.enter_context(bucket())}/calls" for _ in names]
            bucket_proxy = stack.enter_context(before_the_buckets(environment))
        expected = []
        for name, ledger, vault, told in zip(names, ledgers, buckets, changes, strict=False):
            alone = installation(bootstrap, folder / name, ledger, vault)
            stack.callback(alone.close)
            run_alone(alone, scripts, told)
            expected.append(alone)
        made = installation(bootstrap, folder / "chaos", ledgers[-1], buckets[-1])
        stack.callback(made.close)
        # Workers inherit this: a clock that jumps while one starts must not end it.
        for jump in (signal.SIGUSR1, signal.SIGUSR2):
            stack.callback(signal.signal, jump, signal.signal(jump, signal.SIG_IGN))
        environment.setenv(fakes.DEAF, str(folder / "deaf"))
        chaos = Chaos(made, kafka, proxy, seed, Stores(server, ledgers[-1], bucket_proxy))
        outcome = chaos.run(scripts, faults, minutes * 60)
        outcome.orphans = chaos.orphans()
        folders = [folder, *([server.folder] if server else [])]
        judge(outcome, made, scripts, expected, folders=folders)
    return outcome


def run_alone(made: Installation, scripts: list[Script], told: dict[str, str]) -> None:
    """All calls, undisturbed, by a worker of one policy and version; the installation is closed."""
    made.start(told=told)
    for wave in range(0, len(scripts), WAVE):
        few = scripts[wave : wave + WAVE]
        made.interleave(few)
        made.until_closed([one.info.call_id for one in few])
    made.close()


def installation(
    bootstrap: str, folder: Path, ledger_url: str = "", vault: str = ""
) -> Installation:
    """An installation under a name of its own."""
    folder.mkdir(parents=True)
    return Installation(
        bootstrap,
        folder,
        f"f{uuid.uuid4().hex[:8]}",
        ledger_url=ledger_url or None,
        vault=vault or None,
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--embedded", action="store_true", help="not on Apache Kafka")
    parser.add_argument("--postgresql", action="store_true", help="the ledger on PostgreSQL")
    parser.add_argument("--s3", action="store_true", help="the vault in a bucket (moto)")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(
            Path(folder),
            seed=options.seed,
            faults=options.faults,
            minutes=options.minutes,
            calls=options.calls,
            embedded=options.embedded,
            postgresql=options.postgresql,
            s3=options.s3,
        )
    console.print(table(outcome))
    for name, found in outcome.bad.items():
        console.print(f"{name}: {found or 0}", highlight=False)
    told = f"quarantined: {outcome.quarantined or 0}; sweeps refused: {outcome.sweeps_refused}; "
    told += f"searched: {outcome.searched_mb:.0f} MB; exits: {dict(outcome.exits) or 0}"
    console.print(told, highlight=False, soft_wrap=True)
    sys.exit(0 if outcome.clean else 1)


if __name__ == "__main__":
    main()
