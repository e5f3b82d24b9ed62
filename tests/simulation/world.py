"""All five stages, ledger, vault and broker in one process, under the faults of a schedule.

The workers are ``agents.app.worker.run_worker`` as it is deployed: the runtime, the stages, the
cores, the real ledger on SQLite, the real vault in a folder, audit log, quarantine and retention.
Others stand in for what lies outside: ``broker`` for Kafka and Faust's client, ``speech`` for the
engines, ``loop`` for threads and time, and the wall clock of each worker is its own.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from agents.app.stage_clients import Models, WorkerConfig
from agents.app.worker import run_worker
from agents.crypto.ed25519 import SigningKey
from agents.crypto.envelope import Seal
from agents.database.call_ledger import CallState
from agents.database.tables import TRANSIT_KEYS
from agents.kafka.producer import sealed
from agents.runtime.engine_pool import PoolWork
from agents.runtime.outbox import Limits
from agents.stages.timeouts import Timeouts
from agents.system import fatal_exit
from pipeline.errors import HushwireError, StoreError, UnknownCallError
from pipeline.records.model import AudioChunk, CallEnd
from pipeline.transcription.segmenter import LoudnessVoice
from pipeline.transcription.windows import WindowSettings
from tests.simulation import outside, speech
from tests.simulation.broker import Broker
from tests.simulation.faults import Fault, Schedule
from tests.simulation.loop import StandstillError, WorldLoop, pause
from tests.simulation.outside import TOPICS, calmly
from tests.simulation.processes import WORKER, Slot, Worker, begin, miss

TIMEOUTS = Timeouts(late_s=10.0, idle_s=60.0)
QUARANTINE_HOURS = 72
DRAIN_S = 900.0
"""How long after its beginning a run may take to come to rest; every fault is over in a minute."""
_FATES = {
    "send": ("unwritten", "unanswered"),
    "twice": ("twice", "twice"),
    "damage": ("damaged", "damaged"),
}
_TIMED = frozenset({"stop", "policy", "version", "lag", "join", "zombie", "clock"})


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
        self.ledger = outside.new_ledger(folder / "state", outside.clock(self))
        self.key = SigningKey.load_or_create(folder / "state" / "signing.pem")

    @property
    def now(self) -> float:
        """Seconds of virtual time."""
        return self.loop.now

    def note(self, what: str) -> None:
        """Keep what happened."""
        self.trace.append(f"{self.now - self._began:8.3f} {what}")

    # Faults that strike the n-th operation

    def strikes(self, kind: str, target: str = "") -> list[Fault]:
        """Count an operation; the faults that strike it."""
        for counted in {kind, f"{kind} {target}"}:
            self._counts[counted] += 1
        return [
            one
            for one in self._once.get(kind, ())
            if one.target in {"", target}
            and 0
            <= self._counts[f"{kind} {one.target}" if one.target else kind] - one.nth
            < one.times
        ]

    def sent(self, topic: str) -> str:
        """Count a record that is sent; its fate."""
        for kind, fates in _FATES.items():
            for one in self.strikes(kind, topic):
                fate = fates[one.after]
                self.note(f"a record to {topic}: {fate}")
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
                place = f"hushwire-{stage}", f"hushwire.{topic}"
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
                if fault.after:
                    self._stop(slot)
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
                self.loop.create_task(miss(worker))
            if slot.wanted:
                await asyncio.sleep(self.dice.uniform(0.5, 4.0))

    async def _work(self, worker: Worker) -> None:
        config = self._config(worker.slot)
        try:
            await run_worker(config, stop=worker.stop, signals=False)
        except HushwireError as error:
            self.note(f"worker {worker.slot.number} can't start: {error.code}")
        except fatal_exit.FatalError:
            pass

    def _config(self, slot: Slot) -> WorkerConfig:
        policy = speech.policies()[slot.policy]
        return WorkerConfig(
            stages=slot.stages,
            bootstrap="none:1",
            policy=policy,
            models=Models(
                PoolWork(lambda: None, (), speech.transcribe, speech.transcribe),
                LoudnessVoice,
                lambda _key: speech.detector(policy),
            ),
            ledger_url=f"sqlite:///{self.folder / 'state' / 'ledger.db'}",
            keyset=self.folder / "state" / "kek.json",
            signing_key=self.folder / "state" / "signing.pem",
            audit_days=366,
            quarantine_hours=QUARANTINE_HOURS,
            clock=outside.clock(self, lambda: slot.clock),
            vault=self.folder / "vault",
            topics=TOPICS,
            listening=WindowSettings.latency(),
            transcribed_by=f"version {slot.version}",
            timeouts=TIMEOUTS,
            limits=Limits(calls=2, room=4, held_bytes=600_000),
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

    def _open(self, name: str) -> Seal:
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
            for patch in outside.patches(self):
                stack.enter_context(patch)
            self.loop.set_task_factory(begin)
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
        if not isinstance(error, fatal_exit.FatalError | asyncio.CancelledError):
            self.problems.append(f"fault: {context.get('message')} ({error!r})")

    def ended(self, code: int, message: str) -> None:
        """Stands in for the end of a process by itself."""
        worker = WORKER.get()
        assert worker is not None
        if worker.alive:
            self.note(f"worker {worker.slot.number} ends: {message} ({code})")
            worker.ended_with = code
            if code in {
                fatal_exit.ExitCode.BUG,
                fatal_exit.ExitCode.CRASHED,
                fatal_exit.ExitCode.KEY,
            }:
                self.problems.append(f"fault: a worker ended: {message} (exit {code})")
            worker.kill()
        raise fatal_exit.FatalError(code, message)


async def _gathered(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
