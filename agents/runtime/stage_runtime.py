"""The generic stage: records of many calls in, one ``CallRun`` per call, acknowledgement by call.

What is guaranteed:

- A record is acknowledged when its call is finished at this stage (all outputs acknowledged by
  the broker, ``finish`` written to the ledger), or when it was dead-lettered or is a repeat of a
  call that is over; always as a contiguous prefix of its partition.
- Nothing is lost by a cancelled reader: what was read is queued before anything is awaited. A stage
  that stops refuses no call, not even of a stage that shares its thread.
- No exception leaves a task: a broken call is refused and its key destroyed; a broken broker,
  ledger or runtime ends the process, and everything unfinished is read again.
- A call of which a record could not be read is refused where it then waits for good: what stands
  behind it in its partitions is not held up.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from agents.access.audit_log import AuditLog
from agents.crypto.envelope import Seal
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.topics import PARTITIONS, Topics
from agents.runtime import events
from agents.runtime.batching import LiveFirst
from agents.runtime.broker_port import Delivery, Port
from agents.runtime.call_run import Arrival, CallRun, StepServices
from agents.runtime.engine_pool import TranscriberPool
from agents.runtime.intake import Intake, Partition, spawn
from agents.runtime.outbox import Limits, Outbox
from agents.runtime.pulse import Pulse
from agents.runtime.steps import Late, Stage, Step, Transcribe
from agents.system import fatal_exit
from agents.system.logging import about, get_logger, place_of, shows
from agents.system.metrics import Metrics
from agents.system.tracing.tracer import trace_call
from pipeline.errors import (
    DamagedKeyError,
    HushwireError,
    ModelError,
    PolicyError,
    RecordError,
    SealError,
    UnknownCallError,
)
from pipeline.policy.model import Policy
from pipeline.records import cloudevents
from pipeline.records.model import WindowTranscript

BACKFILL = "backfill"
"""What is counted of archives' calls, and their consumer groups, begin with it."""
REMEMBERED = 4_096
"""Finished calls that are known without asking the ledger."""
TICK_S = 0.25
SWEEP_S = 5.0
"""How often calls that wait are looked up in the ledger: another stage may have refused them."""

T = TypeVar("T")


class StageRuntime:
    """Runs one stage; see the module's text.

    Args:
        stage: what to do with a call.
        port: the broker.
        ledger: keys and progress; the audit log lies beside them.
        policies: the policy of a call, such as ``agents.database.policies.pins.Pins.policy``; it
            may block. pool: the speech engines. topics: where dead letters and audit records go.
            metrics: what is counted. limits: what bounds it. thread: where the cores run, one
            worker, which others may share; its own without. partitions: of every topic. lost_s:
            after how long without a record a call is refused of which one could not be read,
            and which has no ``wait_s`` of its own. delayed: is told of every call that is finished
            how long ago its audio ended, in seconds; None: here it isn't through yet. after: the
            live calls that are served before those of this runtime; None: these are live. What is
            counted of others says so.
    """

    def __init__(
        self,
        stage: Stage,
        port: Port,
        *,
        ledger: Ledger,
        policies: Callable[[str, Seal], Policy],
        pool: TranscriberPool | None,
        topics: Topics,
        metrics: Metrics,
        limits: Limits | None = None,
        thread: ThreadPoolExecutor | None = None,
        partitions: int = PARTITIONS,
        lost_s: float = 600.0,
        delayed: Callable[[float], None] | None = None,
        after: LiveFirst | None = None,
    ) -> None:
        self._lost_s, self._after = lost_s, after
        self._label = stage.name if after is None else f"{BACKFILL}-{stage.name}"
        metrics.in_flight.labels(self._label).set(0)  # also the first look tells that it runs
        metrics.calls.labels(self._label)  # an alarm sees the first one, too
        self.stage, self._port, self._ledger, self._pool = stage, port, ledger, pool
        self._delayed, self.pulse = delayed, Pulse()
        self._policies = policies
        self._topics, self._metrics, self._limits = topics, metrics, limits or Limits()
        self._log = get_logger(stage.name)
        self._out = Outbox(
            stage,
            port,
            topics=topics,
            metrics=metrics,
            limits=self._limits,
            audit=AuditLog(ledger.database),
        )
        self._thread = thread or ThreadPoolExecutor(1, f"hushwire-{stage.name}")
        self._intake = Intake(
            self._label,
            port,
            metrics=metrics,
            room=self._limits.room,
            partitions=partitions,
            work=lambda partition: (self._read(partition),),
        )
        self._runs: dict[str, CallRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._over: OrderedDict[str, Late] = OrderedDict()
        self._ended = asyncio.Event()
        self._blocked = 0
        self._unblocked_at = self._swept = time.monotonic()
        self._paused = False
        self._services = StepServices(
            in_thread=self._in_thread,
            send=self._out.send,
            emit=self._out.emit,
            transcribe=self._transcribe,
            act=self._out.act,
            reject=self._out.reject,
        )

    @property
    def label(self) -> str:
        """See ``Reader.label``."""
        return self._label

    @property
    def in_flight(self) -> int:
        """Calls that are worked on."""
        return len(self._runs)

    @property
    def held_up(self) -> bool:
        """Whether records wait for a place, for a call or within one."""
        return self._blocked > 0

    # Reading

    async def arrive(self, delivery: Delivery) -> None:
        """See ``Reader.arrive`` and ``Intake``."""
        await self._intake.arrive(delivery)

    async def keep_only(self, places: set[tuple[str, int]]) -> None:
        """Forget everything of partitions that now belong to another process."""
        self._intake.keep_only(places)
        for run in list(self._runs.values()):
            if any((topic, number) not in self._intake for topic, number, _ in run.offsets):
                self._drop(run)
        await asyncio.sleep(0)

    async def _read(self, partition: Partition) -> None:
        while True:
            await partition.until(lambda: bool(partition.queue))
            if self._after is not None:
                await self._blocking(self._after.served())
            await self._route(partition.queue[0])
            partition.taken()

    async def _route(self, delivery: Delivery) -> None:
        """Bring a record to its call, or say why not."""
        about("")
        try:
            where = cloudevents.address(delivery.headers, delivery.key)
        except RecordError as error:
            await self._discard(delivery, "", error.code)
            return
        about(where.call_id)
        if where.call_id in self._over:
            await self._after_end(delivery, where)
            return
        run = self._runs.get(where.call_id) or await self._admit(delivery, where.call_id)
        if run is None:
            return
        try:
            associated = cloudevents.associated_data(delivery.topic, delivery.headers)
            value = run.seal.open(delivery.value or b"", associated)
            record = cloudevents.decode(where, delivery.headers, value)
        except RecordError as error:
            opened = not isinstance(error, SealError)
            if await self._discard(delivery, where.call_id, error.code, original=opened):
                run.lost = True
            return
        if shows("debug"):
            topic, partition = delivery.topic, delivery.partition
            self._log.debug(
                "record taken", topic=topic, partition=partition, offset=delivery.offset
            )
        run.offsets.append((delivery.topic, delivery.partition, delivery.offset))
        run.put(Arrival(delivery, record))
        await self._blocking(run.until_room())

    async def _after_end(self, delivery: Delivery, where: cloudevents.Address) -> None:
        late = self._over[where.call_id]
        if (where.name, where.seq) in late:
            await self._discard(delivery, where.call_id, "late", original=False)
            return
        self._metrics.dropped.labels(self._label, "over").inc()
        self._done([(delivery.topic, delivery.partition, delivery.offset)])

    async def _admit(self, delivery: Delivery, call_id: str) -> CallRun | None:
        """Open a call at this stage; ``None`` when it is over or unknown."""
        try:
            state, seal = await self._out.retry(lambda: self._look_up(call_id))
        except DamagedKeyError as error:
            await self._refuse(call_id, error)
            self._remember(call_id, Late())
            await self._discard(delivery, call_id, error.code)
            return None
        if state is None:
            await self._discard(delivery, call_id, "unknown_call")
            return None
        if seal is None:
            self._remember(call_id, Late())
            self._metrics.dropped.labels(self._label, "over").inc()
            self._done([(delivery.topic, delivery.partition, delivery.offset)])
            return None
        await self._blocking(self._until_few())
        return await self._open(delivery, call_id, seal)

    async def _open(self, delivery: Delivery, call_id: str, seal: Seal) -> CallRun | None:
        """Open a call that is under way; ``None`` where it can't be, or ended meanwhile."""
        try:
            policy = await self._policy(call_id, seal)
        except SealError as error:
            # Its own records alone: another call's pin is whole.
            await self._discard(delivery, call_id, error.code)
            return None
        core = await self._in_stage(lambda: self.stage.open(call_id, policy))
        known = self._runs.get(call_id)
        if known is not None:
            # The same call's first records came over two topics at once.
            return known
        if call_id in self._over:
            # It even ended meanwhile, with what came over the other topic.
            await self._after_end(delivery, cloudevents.address(delivery.headers, delivery.key))
            return None
        run = CallRun(
            call_id, seal, core, self._services, room=self._limits.room, changed=self._weigh
        )
        run.trace = trace_call(call_id, self.stage.name)
        run.policy = f"{policy.name} {policy.version}"
        self._log.debug("call begun", policy=run.policy)
        self._runs[call_id] = run
        self._tasks[call_id] = spawn(self._drive(run))
        self._metrics.in_flight.labels(self._label).set(len(self._runs))
        return run

    def _look_up(self, call_id: str) -> tuple[CallState | None, Seal | None]:
        state = self._ledger.state(call_id)
        if state is not CallState.OPEN or self._ledger.finished(call_id, self.stage.name):
            return state, None
        try:
            return state, self._ledger.seal(call_id)
        except UnknownCallError:
            # Another stage closed it between the two questions.
            return self._ledger.state(call_id), None

    async def _policy(self, call_id: str, seal: Seal) -> Policy:
        def look_up() -> Policy | SealError:
            try:
                return self._policies(call_id, seal)
            except SealError as error:
                return error  # no reason to end the process, as a wrong key file is

        try:
            found = await self._out.retry(look_up)
        except PolicyError as error:
            # Refusing the call would lose it; a newer worker can go on with it.
            fatal_exit.exit_now(fatal_exit.ExitCode.POLICY, str(error))
        if isinstance(found, SealError):
            raise found
        return found

    async def _until_few(self) -> None:
        """Wait for a free place; where every call waits for records, more reading is the way."""
        while len(self._runs) >= self._limits.calls:
            if all(run.idle for run in self._runs.values()):
                self._metrics.over_limit.labels(self._label).inc()
                return
            self._ended.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), TICK_S)

    async def _blocking(self, waiting: Coroutine[Any, Any, None]) -> None:
        """Await something that holds reading up: meanwhile no call counts as quiet."""
        self._blocked += 1
        try:
            await waiting
        finally:
            self._blocked -= 1
            self._unblocked_at = time.monotonic()

    # Calls

    async def _drive(self, run: CallRun) -> None:
        about(run.call_id)
        finished = False
        try:
            await run.run()
            await self._out.retry(lambda: self._ledger.finish(run.call_id, self.stage.name))
            finished = True
        except asyncio.CancelledError:
            self._forget(run)
            raise
        except fatal_exit.FatalError:
            raise
        except Exception as error:  # noqa: BLE001 - fail closed: a broken call is refused
            await self._refuse(run.call_id, error, run)
        # From here on a record that comes is one that comes after the end.
        self._forget(run)
        self._remember(run.call_id, run.core.late if finished else Late())
        for arrival in run.leftover() if finished else ():
            where = cloudevents.address(arrival.delivery.headers, arrival.delivery.key)
            if (where.name, where.seq) in run.core.late:
                await self._out.reject(arrival.delivery, run.call_id, "late")
        if finished:
            self._tell_finished(run)
        self._done(run.offsets)

    def _tell_finished(self, run: CallRun) -> None:
        """Count and log a call that is through here; times by the clocks of whoever wrote it."""
        self._metrics.calls.labels(self._label).inc()
        if run.since:
            self._metrics.stage_call.labels(self._label).observe(self._ago(run.since))
        if self._delayed is not None and run.ended:
            self._delayed(self._ago(run.ended))
        run.end_trace()
        self._log.info(
            "call finished",
            call_id=run.call_id,
            records=len(run.offsets),
            sent=run.sent,
            seconds=round(self._ago(run.since), 3) if run.since else None,
            delay_seconds=round(self._ago(run.ended), 3) if run.ended else None,
        )

    def _ago(self, moment: float) -> float:
        """Seconds since a moment; a clock that was ahead counts as none."""
        return max(0.0, self._ledger.database.now().timestamp() - moment)

    async def _refuse(self, call_id: str, error: Exception, run: CallRun | None = None) -> None:
        """Close a call that can't be worked on: its key dies, its records open nowhere."""
        cause = _cause(error)
        code = cause.code if isinstance(cause, HushwireError) else "internal"
        kind, place = type(cause).__name__, place_of(cause.__traceback__)
        log = self._log.info if code == "consent" else self._log.error
        log("call refused", call_id=call_id, code=code, error_type=kind, place=place)
        self._metrics.refused.labels(self._label, code).inc()
        trace = run.trace if run is not None else trace_call(call_id, self.stage.name)
        told = cause.facts if isinstance(cause, HushwireError) else {}
        at = self._ledger.database.stamp()
        for step in events.refusal(self._topics, call_id, self.stage.name, code, told, at=at):
            await (await self._out.emit(step, trace))
        if run is not None:
            run.end_trace(code)
        with suppress(UnknownCallError):
            await self._out.retry(lambda: self._ledger.close_call(call_id, CallState.REFUSED))

    def _drop(self, run: CallRun) -> None:
        """End a call here and now, whatever its task is at; it may come again at once."""
        self._tasks[run.call_id].cancel()
        self._forget(run)

    def _forget(self, run: CallRun) -> None:
        if self._runs.get(run.call_id) is run:
            del self._runs[run.call_id], self._tasks[run.call_id]
        self._ended.set()
        self._metrics.in_flight.labels(self._label).set(len(self._runs))
        self._weigh()

    def _remember(self, call_id: str, late: Late) -> None:
        self._over[call_id] = late
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)

    def _done(self, offsets: list[tuple[str, int, int]]) -> None:
        for topic, number, offset in offsets:
            self._intake.done((topic, number), offset)
        self._intake.count_waiting()

    def _weigh(self) -> None:
        """Pause or resume topics by how much audio the calls hold."""
        if not self.stage.pausable:
            return
        held = sum(run.core.held for run in self._runs.values())
        self._metrics.held.labels(self._label).set(held)
        if not self._paused and held > self._limits.held_bytes:
            self._paused = True
            self._port.pause(self.stage.pausable)
        elif self._paused and held <= self._limits.held_bytes // 2:
            self._paused = False
            self._unblocked_at = time.monotonic()
            self._port.resume(self.stage.pausable)

    # Time

    async def watch(self) -> None:
        """Tell calls when nothing came for long, and drop those that another stage refused."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        """Look once at what time has brought."""
        now = time.monotonic()
        self.pulse.beat()
        self._intake.count_waiting()
        ages = [self._ago(run.since) for run in self._runs.values() if run.since]
        self._metrics.oldest_call.labels(self._label).set(max(ages, default=0.0))
        if now - self._swept >= SWEEP_S:
            self._swept = now
            await self._sweep()
        if self._blocked or self._intake.queued:
            return
        for run in list(self._runs.values()):
            wait = run.core.wait_s
            if wait is None and run.lost:
                wait = self._lost_s
            elif self._paused:  # perhaps for what was lost
                continue
            since = max(run.last_arrival, self._unblocked_at)
            if wait is not None and run.idle and now - since >= wait:
                run.put_quiet()

    async def _sweep(self) -> None:
        for call_id, run in list(self._runs.items()):
            if time.monotonic() - run.last_arrival < SWEEP_S:
                continue
            state = await self._out.retry(partial(self._ledger.state, call_id))
            if state is not CallState.OPEN and self._runs.get(call_id) is run:
                self._drop(run)
                self._remember(call_id, Late())
                self._done(run.offsets)

    async def stop(self) -> None:
        """Drop everything in memory; unfinished calls are read again by whoever comes next."""
        tasks = [*self._intake.tasks, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _in_thread(self, work: Callable[[], list[Step]]) -> list[Step]:
        return await self._in_stage(work)

    async def _in_stage(self, work: Callable[[], T]) -> T:
        work = partial(copy_context().run, self.pulse.timed(work))  # whose call lines are about
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _transcribe(self, step: Transcribe) -> WindowTranscript:
        if self._pool is None:
            raise ModelError("this worker has no speech engines")
        try:
            can_wait = self._after is not None
            heard = await self._pool.transcribe(step.window, check=step.check, can_wait=can_wait)
        except ModelError as error:
            # Refusing every call because processes can't be had just now would lose them all.
            fatal_exit.exit_now(fatal_exit.ExitCode.MODEL, str(error))
        if heard.unheard:
            self._metrics.unheard.inc()
        for doubt in heard.doubts:
            self._metrics.doubts.labels(doubt).inc()
        return heard

    async def _discard(
        self, delivery: Delivery, call_id: str, code: str, *, original: bool = False
    ) -> bool:
        """Acknowledge a record that reached no call; see ``Outbox.reject``."""
        judged = await self._out.reject(delivery, call_id, code, original=original)
        self._done([(delivery.topic, delivery.partition, delivery.offset)])
        return judged


def _cause(error: BaseException) -> BaseException:
    """What broke a call, out of the group that its tasks ended with."""
    return _cause(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
