"""All five stages, ledger, vault and broker in one process, under the faults of a schedule.

The workers are ``agents.worker.run_worker`` as it is deployed: the runtime, the stages, the cores,
the real ledger on SQLite, the real vault in a folder, audit log, quarantine and retention. Others
stand in for what lies outside: ``broker`` for Kafka and Faust's client, ``speech`` for the engines,
``loop`` for threads and time, and the wall clock of each worker is its own.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import datetime as real
import importlib
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO
from unittest import mock

import structlog

from agents import fatal, schema
from agents import worker as workers
from agents.database import Database
from agents.ledger import CallState, Ledger
from agents.outbox import Limits
from agents.places import Place
from agents.pool import Ears
from agents.producer import sealed
from agents.runtime import StageRuntime
from agents.signing import SigningKey
from agents.stages.transcribe import Patience
from agents.tables import TRANSIT_KEYS
from agents.topics import Topics
from agents.vault import Vault
from agents.worker import INPUTS, Models, WorkerConfig, run_worker
from pipeline.errors import HushwireError, ModelError, StoreError, UnknownCallError
from pipeline.listening import LoudnessVoice, silent, unheard
from pipeline.records import AudioChunk, CallEnd, Heard, Window
from pipeline.windows import ListenSettings
from tests.simulation import speech
from tests.simulation.broker import SESSION_S, Broker, Member
from tests.simulation.faults import Fault, Schedule
from tests.simulation.loop import StandstillError, WorldLoop, pause

EPOCH = real.datetime(2026, 3, 1, 10, tzinfo=real.UTC).timestamp()
PATIENCE = Patience(late_s=10.0, idle_s=60.0)
QUARANTINE_HOURS = 72
DRAIN_S = 900.0
"""How long after its beginning a run may take to come to rest; every fault is over in a minute."""
TOPICS = Topics.named()

WORKER: contextvars.ContextVar[Worker | None] = contextvars.ContextVar("worker", default=None)


class Worker:
    """One worker process, from its start to its end."""

    def __init__(self, world: World, slot: Slot) -> None:
        self.world, self.slot = world, slot
        self.alive = True
        self.stop = asyncio.Event()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.members: list[Member] = []
        self.ended_with = 0

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task of this process."""
        context = contextvars.copy_context()
        context.run(WORKER.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def effect(self, kind: str) -> None:
        """Something is about to be seen outside, or was: a process may be killed here.

        Raises:
            CancelledError: this one was.
        """
        if self.alive:
            self.slot.effects += 1
            if self.slot.effects in self.slot.crashes:
                self.world.note(f"crash at {kind}")
                self.kill()
        if not self.alive:
            raise asyncio.CancelledError

    def kill(self) -> None:
        """End at once, as ``kill -9`` does."""
        if not self.alive:
            return
        self.alive = False
        for task in list(self.tasks):
            task.cancel()


@dataclass
class Slot:
    """A worker's place in the deployment; its supervisor starts it again whenever it ends."""

    number: int
    stages: tuple[str, ...]
    policy: int = 0
    version: int = 0
    clock: float = 0.0
    """By how much its wall clock is ahead."""
    effects: int = 0
    crashes: set[int] = field(default_factory=set)
    worker: Worker | None = None
    wanted: bool = True


class World:
    """One run.

    Args:
        schedule: what happens.
        folder: for the ledger and the vault.
    """

    def __init__(self, schedule: Schedule, folder: Path) -> None:
        self.schedule, self.folder = schedule, folder
        self.dice = random.Random(f"world {schedule.seed}")
        self.loop = WorldLoop(self.dice)
        self.broker = Broker(TOPICS.all(), self.dice)
        self.slots = [
            Slot(number, tuple(stages.split(",")), policy=schedule.policy)
            for number, stages in enumerate(schedule.layout)
        ]
        self.problems: list[str] = []
        self.trace: list[str] = []
        """What happened, for whoever looks for a cause."""
        self.exits: Counter[int] = Counter()
        self.keys: dict[str, bytes] = {}
        """The wrapped transit key of each call, as the ledger held it."""
        self.calm = False
        """Set once no further fault comes."""
        self._counts: Counter[str] = Counter()
        self._began = 0.0
        self._once: dict[str, list[Fault]] = {}
        for fault in schedule.faults:
            self._once.setdefault(fault.kind, []).append(fault)
            if fault.kind == "crash":
                self.slots[fault.worker].crashes.add(fault.nth)
        shutil.copytree(_template(), folder / "state")
        self.key = SigningKey.load_or_create(folder / "state" / "signing.pem")
        with mock.patch.object(Database, "__init__", _opened_before(Database.__init__)):
            self.ledger = Ledger.embedded(folder / "state")

    @property
    def now(self) -> float:
        """Seconds of virtual time."""
        return self.loop.now

    def note(self, what: str) -> None:
        """Keep what happened."""
        self.trace.append(f"{self.now - self._began:8.3f} {what}")

    # Faults that strike the n-th operation

    def strikes(self, kind: str) -> list[Fault]:
        """Count an operation; the faults that strike it."""
        self._counts[kind] += 1
        number = self._counts[kind]
        return [one for one in self._once.get(kind, ()) if one.nth <= number < one.nth + one.times]

    def sent(self, topic: str) -> str:
        """Count a record that is sent; its fate."""
        self._counts["sent"] += 1
        number = self._counts["sent"]
        for one in self.schedule.faults:
            if one.nth <= number < one.nth + one.times:
                match one.kind:
                    case "send":
                        fate = "unanswered" if one.after else "unwritten"
                    case "twice" | "damage":
                        fate = {"damage": "damaged"}.get(one.kind, one.kind)
                    case _:
                        continue
                self.note(f"record {number} to {topic}: {fate}")
                return fate
        return ""

    @contextmanager
    def operation(self, kind: str) -> Iterator[None]:
        """A transaction or a use of the store: others come between, and it may fail.

        Raises:
            StoreError: a fault; where it says so, only after it took hold.
        """
        worker = WORKER.get()
        pause()
        if worker is not None:
            worker.effect(kind)
        failing = [*self.strikes(kind), *self._now_and_then(kind)]
        if any(not one.after for one in failing):
            self.note(f"{kind} away")
            raise StoreError(f"{kind}: a fault of the simulation")
        yield
        if worker is not None:
            worker.effect(f"{kind}, done")
        if failing:
            self.note(f"{kind} away, and done")
            raise StoreError(f"{kind}: a fault of the simulation")

    def _now_and_then(self, kind: str) -> list[Fault]:
        spent = self.now - self._began
        return [
            one
            for one in self._once.get(f"every {kind}", ())
            if one.at <= spent < one.at + 10 and self._counts[kind] % one.times == 0
        ]

    # Faults that come at a time

    async def _disturb(self) -> None:
        """Carry out the schedule; afterwards nothing further goes wrong."""
        timed = [one for one in self.schedule.faults if one.kind in _TIMED]
        await asyncio.gather(*(self._in_time(one) for one in timed))
        await asyncio.sleep(20.0)
        self.calm = True

    async def _in_time(self, fault: Fault) -> None:
        await asyncio.sleep(max(0.0, self._began + fault.at - self.now))
        self.note(str(fault))
        slot = self.slots[fault.worker % len(self.slots)]
        match fault.kind:
            case "stop":
                self._stop(slot)
            case "policy":
                slot.policy = int(fault.amount)
                self._stop(slot)
            case "version":
                slot.version = int(fault.amount)
                self._stop(slot)
            case "lag":
                stage, _, topic = fault.target.partition(" ")
                place = _group(stage), f"hushwire.{topic}"
                self.broker.held_up[place] = self.now + fault.amount
            case "join":
                extra = Slot(len(self.slots), (fault.target,), policy=self.schedule.policy)
                self.slots.append(extra)
                keeping = self.loop.create_task(self._supervise(extra))
                await asyncio.sleep(fault.amount)
                extra.wanted = False
                self._stop(extra)
                await keeping
            case "zombie":
                await self._forsake(slot.worker, fault.amount)
            case "clock":
                slot.clock += fault.amount
                await asyncio.sleep(15.0)
                slot.clock -= fault.amount

    def _stop(self, slot: Slot) -> None:
        if slot.worker is not None:
            slot.worker.stop.set()

    async def _forsake(self, worker: Worker | None, seconds: float) -> None:
        """The groups take a worker for dead, and it does not know."""
        members = list(worker.members) if worker is not None else []
        for member in members:
            await member.group.leave(member)
        await asyncio.sleep(seconds)
        for member in members:
            if member.worker.alive and not member.worker.stop.is_set():
                await member.group.join(member)

    # Workers

    async def _supervise(self, slot: Slot) -> None:
        while slot.wanted:
            worker = slot.worker = Worker(self, slot)
            main = worker.spawn(self._work(worker))
            await asyncio.wait([main])
            worker.kill()
            if worker.ended_with:
                self.exits[worker.ended_with] += 1
            if worker.members:
                self.loop.create_task(_miss(worker))
            if slot.wanted:
                await asyncio.sleep(self.dice.uniform(0.5, 4.0))

    async def _work(self, worker: Worker) -> None:
        config = self._config(worker.slot)
        try:
            await run_worker(config, stop=worker.stop, signals=False)
        except HushwireError as error:
            self.note(f"worker {worker.slot.number} can't start: {error.code}")
        except fatal.FatalError:
            pass

    def _config(self, slot: Slot) -> WorkerConfig:
        policy = speech.policies()[slot.policy]
        return WorkerConfig(
            stages=slot.stages,
            bootstrap="none:1",
            policy=policy,
            models=Models(
                Ears(_nothing, (), speech.hear, speech.hear),
                LoudnessVoice,
                lambda: speech.detector(policy),
            ),
            ledger_url=f"sqlite:///{self.folder / 'state' / 'ledger.db'}",
            keyset=self.folder / "state" / "kek.json",
            signing_key=self.folder / "state" / "signing.pem",
            audit_days=366,
            quarantine_hours=QUARANTINE_HOURS,
            vault=self.folder / "vault",
            topics=TOPICS,
            listening=ListenSettings.latency(),
            heard_by=f"version {slot.version}",
            patience=PATIENCE,
            limits=Limits(calls=2, room=4, held_bytes=4_000_000),
        )

    # The recorder

    async def _record(self, number: int, name: str) -> None:
        """Send a call; from its beginning again where a record was not acknowledged."""
        await asyncio.sleep(self.dice.uniform(0.0, 4.0))
        records = self._as_sent(number, list(speech.script(name).records))
        while True:
            try:
                seal = await asyncio.to_thread(self._open, name)
                for record in records:
                    await asyncio.sleep(self.dice.uniform(0.02, 0.6))
                    clear = sealed(record, TOPICS.audio_raw, seal)
                    fate = self.sent(TOPICS.audio_raw)
                    place = self.broker.place(TOPICS.audio_raw, name.encode())
                    if fate != "unwritten":
                        value = clear.value if fate != "damaged" else clear.value[:-1] + b"\0"
                        for _ in range(2 if fate == "twice" else 1):
                            self.broker.append(place, name.encode(), value, clear.headers)
                    if fate.startswith("un"):
                        raise ConnectionError  # noqa: TRY301 - as a client would
            except UnknownCallError:
                return  # it was closed while it was sent again
            except (StoreError, ConnectionError):
                await asyncio.sleep(1.0)
            else:
                return

    def _open(self, name: str) -> Any:
        seal = self.ledger.open_call(name).seal
        if name not in self.keys:
            with calmly(), self.ledger.database.reading() as connection:
                query = TRANSIT_KEYS.select().where(TRANSIT_KEYS.c.call_id == name)
                self.keys[name] = bytes(connection.execute(query).one().wrapped_key)
        return seal

    def _as_sent(
        self, number: int, records: list[AudioChunk | CallEnd]
    ) -> list[AudioChunk | CallEnd]:
        for fault in self.schedule.faults:
            call, place = divmod(fault.nth, 12)
            if fault.kind == "no end" and fault.nth == number + 1:
                records = records[:-1]
            if call != number or not 0 < place < len(records) - 2:
                continue
            match fault.kind:
                case "missing chunk":
                    records = records[:place] + records[place + 1 :]
                case "chunk twice":
                    records = [*records[:place], records[place], *records[place:]]
                case "swapped chunks":
                    swapped = [records[place + 1], records[place]]
                    records = [*records[:place], *swapped, *records[place + 2 :]]
        return records

    # The run

    def run(self) -> None:
        """Run until all is at rest, or nothing helps any more."""
        with ExitStack() as stack:
            for patch in self._patches():
                stack.enter_context(patch)
            self.loop.set_task_factory(_task)
            self.loop.set_exception_handler(self._unexpected)
            try:
                asyncio.set_event_loop(self.loop)
                self.loop.run_until_complete(self._live())
            except StandstillError:
                self.problems.append("hangs: nothing moves any more")
            finally:
                for slot in self.slots:
                    if slot.worker is not None:
                        slot.worker.kill()
                self._close()

    async def _live(self) -> None:
        self._began = self.now
        tasks = [self.loop.create_task(self._supervise(slot)) for slot in self.slots]
        recording = [
            self.loop.create_task(self._record(number, name))
            for number, name in enumerate(self.schedule.calls)
        ]
        disturbing = self.loop.create_task(self._disturb())
        while not (self.calm and all(one.done() for one in recording) and self._at_rest()):
            if self.now - self._began > DRAIN_S:
                self.problems += [f"hangs: {one}" for one in self._waiting()]
                break
            await asyncio.sleep(1.0)
        for slot in self.slots:
            slot.wanted = False
            self._stop(slot)
        _, late = await asyncio.wait(tasks, timeout=60.0)
        if late:
            self.problems.append("hangs: a worker that was told to stop")
        disturbing.cancel()
        for one in recording:
            if one.done() and not one.cancelled() and one.exception() is not None:
                self.problems.append(f"recorder: {one.exception()!r}")
            one.cancel()

    def _at_rest(self) -> bool:
        return not self._waiting()

    def _waiting(self) -> list[str]:
        behind = self.broker.lag
        if behind and self.now - self._began <= DRAIN_S:
            return behind
        with calmly():
            still = [one for one in self.schedule.calls if self.ledger.state(one) is CallState.OPEN]
        return [*(f"{one} is open" for one in still), *behind]

    def _close(self) -> None:
        """Let cancelled tasks end, so that nothing of this run comes up in the next."""
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        with suppress(StandstillError):
            self.loop.run_until_complete(asyncio.wait_for(_gathered(left), 60.0))
        asyncio.set_event_loop(None)
        self.loop.close()

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, fatal.FatalError | asyncio.CancelledError):
            self.problems.append(f"fault: {context.get('message')} ({error!r})")

    def _end(self, code: int, message: str) -> None:
        """Stands in for the end of a process by itself."""
        worker = WORKER.get()
        assert worker is not None
        if worker.alive:
            self.note(f"worker {worker.slot.number} ends: {message} ({code})")
            worker.ended_with = code
            if code in {fatal.BUG, fatal.CRASHED, fatal.KEY}:
                self.problems.append(f"fault: a worker ended: {message} (exit {code})")
            worker.kill()
        raise fatal.FatalError(code, message)

    # What stands in for the world outside

    def _patches(self) -> Iterator[Any]:
        yield mock.patch("time.monotonic", lambda: self.now)
        yield mock.patch("time.time", lambda: self._wall().timestamp())
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith(("agents.", "pipeline.", "models.")):
                if getattr(module, "datetime", None) is real.datetime:
                    yield mock.patch.object(module, "datetime", _clock(self))
        yield mock.patch.object(fatal, "_hook", [self._end])
        yield mock.patch.object(schema, "newest", _newest)
        yield mock.patch.object(Database, "__init__", _opened_before(Database.__init__))
        yield mock.patch.object(Database, "dispose", _nothing)
        yield mock.patch.object(Database, "reading", _hooked(Database.reading, self))
        yield mock.patch.object(Database, "writing", _hooked(Database.writing, self))
        yield mock.patch.object(Vault, "opened", partial(_opened_vault, self, Vault.opened))
        outside = {
            "create_topics": _nothing,
            "gc": SimpleNamespace(disable=_nothing, freeze=_nothing, unfreeze=_nothing, enable=_nothing),
            "EarPool": lambda *_, **__: EarsAtHand(self),
            "make_app": lambda group, *_, **__: group,
            "port_of": self._member,
            "Serving": lambda: Serving(self),
        }  # fmt: skip
        for name, instead in outside.items():
            yield mock.patch.object(workers, name, instead)
        yield mock.patch.object(StageRuntime, "_in_stage", _versioned(StageRuntime._in_stage))
        yield mock.patch("structlog.get_logger", lambda *_: _SILENT)

    def _member(self, group: str) -> Member:
        worker = _here()
        stage = group.rpartition("-")[2]
        member = Member(self, worker, group, INPUTS[stage](TOPICS))
        return member

    def _wall(self) -> real.datetime:
        worker = WORKER.get()
        ahead = worker.slot.clock if worker is not None else 0.0
        return real.datetime.fromtimestamp(EPOCH + self.now + ahead, real.UTC)


_TIMED = frozenset({"stop", "policy", "version", "lag", "join", "zombie", "clock"})
_SILENT: Any = structlog.wrap_logger(structlog.ReturnLogger(), processors=[lambda *_: ""])


class Serving:
    """Stands in for ``agents.serving.Serving``: joins the groups of the simulated broker."""

    def __init__(self, world: World) -> None:
        self._worker = _here()
        self._watches: list[asyncio.Task[None]] = []

    async def join(self, stages: list[tuple[str, StageRuntime]]) -> None:
        for _, runtime in stages:
            member: Any = runtime._port
            member.runtime = runtime
            self._worker.members.append(member)
            self._watches.append(asyncio.create_task(runtime.watch()))
            self._watches.append(asyncio.create_task(member.keep_committing()))
        for member in self._worker.members:
            await member.group.join(member)

    async def until_assigned(self) -> None:
        for member in self._worker.members:
            await member.assigned.wait()

    async def until_broken(self) -> None:
        await asyncio.wait(self._watches, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        for watch in self._watches:
            watch.cancel()
        members, self._worker.members = self._worker.members, []
        for member in members:
            await member.pause_reading()
            await member.runtime.stop()
        for member in members:
            member.commit()
            await member.group.leave(member)


class EarsAtHand:
    """Stands in for the pool of speech engines."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def start(self) -> None:
        await asyncio.sleep(self._world.dice.uniform(0.0, 1.0))

    def stop(self) -> None:
        """Nothing runs."""

    async def listen(self, window: Window, *, check: bool = False) -> Heard:
        if not len(window.pcm) and not window.speech:
            return silent(window)
        engine, deaf = self._world.strikes("engine"), self._world.strikes("deaf")
        await asyncio.sleep(self._world.dice.uniform(0.01, 0.8))
        if engine:
            raise ModelError("a fault of the simulation")
        return unheard(window) if deaf else speech.hear(window)


class FaultyPlace:
    """A vault's place that may fail at every use."""

    def __init__(self, world: World, inner: Place) -> None:
        self._world, self._inner = world, inner

    def put(self, shelf: str, call_id: str, files: Mapping[str, bytes]) -> bool:
        with self._world.operation("store"):
            return self._inner.put(shelf, call_id, files)

    def names(self, shelf: str, call_id: str) -> tuple[str, ...]:
        with self._world.operation("store"):
            return self._inner.names(shelf, call_id)

    def open(self, shelf: str, call_id: str, name: str) -> BinaryIO:
        with self._world.operation("store"):
            return self._inner.open(shelf, call_id, name)

    def remove(self, shelf: str, call_id: str) -> bool:
        with self._world.operation("store"):
            return self._inner.remove(shelf, call_id)


_calm: contextvars.ContextVar[bool] = contextvars.ContextVar("calm", default=False)


@contextmanager
def calmly() -> Iterator[None]:
    """Look at the database as nobody in the simulation does."""
    token = _calm.set(True)
    try:
        yield
    finally:
        _calm.reset(token)


def _hooked(original: Callable[..., Any], world: World) -> Callable[..., Any]:
    @contextmanager
    def hooked(self: Database) -> Iterator[Any]:
        if _calm.get():
            with original(self) as connection:
                yield connection
            return
        with world.operation("ledger"), original(self) as connection:
            yield connection

    return hooked


_newest = cache(schema.newest)
_databases: dict[str, Database] = {}


def _opened_before(original: Callable[..., None]) -> Callable[..., None]:
    """All processes share the connections, and what SQLAlchemy has compiled: both take time."""

    def init(self: Database, url: str) -> None:
        if url not in _databases:
            original(self, url)
            _databases[url] = self
        vars(self).update(vars(_databases[url]))

    return init


def _opened_vault(world: World, original: Any, location: Any, ledger: Ledger) -> Vault:
    vault: Vault = original(location, ledger)
    vault.place = FaultyPlace(world, vault.place)
    return vault


def _versioned(original: Callable[..., Any]) -> Callable[..., Any]:
    """Jobs of a stage's thread see the constants of their worker's version."""

    async def in_stage(self: StageRuntime, work: Callable[[], Any]) -> Any:
        version = speech.VERSIONS[_here().slot.version]

        def job() -> Any:
            with ExitStack() as stack:
                for module, constants in version.items():
                    stack.enter_context(
                        mock.patch.multiple(importlib.import_module(module), **constants)
                    )
                return work()

        return await original(self, job if version else work)

    return in_stage


def _clock(world: World) -> type[real.datetime]:
    class Clock(real.datetime):
        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> Any:
            return world._wall().astimezone(tz)

    return Clock


def _task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
    context = options.get("context")
    worker = context.get(WORKER) if context is not None else WORKER.get()
    if worker is not None:
        worker.tasks.add(task)
        task.add_done_callback(worker.tasks.discard)
        if not worker.alive:
            task.cancel()
    return task


async def _miss(worker: Worker) -> None:
    """The groups notice after a while that a member is gone."""
    await asyncio.sleep(SESSION_S)
    for member in worker.members:
        await member.group.leave(member)


async def _gathered(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _here() -> Worker:
    worker = WORKER.get()
    assert worker is not None
    return worker


def _group(stage: str) -> str:
    return f"hushwire-{stage}"


def _nothing(*_: object, **__: object) -> None:
    """Nothing to do."""


@cache
def _template() -> Path:
    """A state folder whose ledger is migrated already, with all its keys."""
    shared = Path("/dev/shm")  # noqa: S108 - made with a name of its own
    place = str(shared) if shared.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="hushwire-simulation-", dir=place))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Ledger.embedded(folder).dispose()
    SigningKey.load_or_create(folder / "signing.pem")
    return folder


@contextmanager
def empty_folder() -> Iterator[Path]:
    """The folder of a run, in memory where there is such: the ledger flushes every commit.

    All runs of a process have the same one, one after the other.
    """
    folder = _template().with_name(f"{_template().name}-run")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        for database in _databases.values():
            database.engine.dispose()
        shutil.rmtree(folder)
