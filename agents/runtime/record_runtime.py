"""Runs a stage that works record by record: each is acknowledged once what it caused is sent.

What is guaranteed:

- A record is acknowledged when the broker has acknowledged all that was sent for it, or when it was
  dead-lettered or dropped; always as a contiguous prefix of its partition. Nothing else is kept of
  it: a process that ends at any moment reads again what it had not acknowledged.
- The records of a partition are worked on in their order, and what they cause is sent in it.
- Nothing is lost by a cancelled reader: what was read is queued before anything is awaited.
- No exception leaves a task: the core raises none for a record, and a broker or store that is away
  for good ends the process.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from agents.access.audit_log import AuditLog
from agents.crypto.envelope import Seal
from agents.kafka.topics import PARTITIONS, Topics
from agents.runtime.broker_port import Delivery, Port
from agents.runtime.intake import Intake, Partition, Work
from agents.runtime.outbox import Limits, Outbox, ends_call
from agents.runtime.pulse import Pulse
from agents.runtime.steps import EmitEvent, Send
from agents.system.logging import about, get_logger
from agents.system.metrics import Metrics
from agents.system.tracing.tracer import NOTHING, CallTrace, is_on, trace_call

TICK_S = 1.0
TRACED = 4_096
"""Calls whose trace is in memory, at most; of others it begins anew, under the same ids."""
AHEAD = 64
"""Records of a partition that were sent on and whose acknowledgement is awaited, at most."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What is to be done for a record, in the order of the fields."""

    call_id: str = ""
    """Its call, or empty where its headers can't be trusted."""
    send: tuple[Send, ...] = ()
    seal: Seal | None = field(default=None, repr=False)
    """What the records that are sent are sealed with."""
    dead: str = ""
    """Why it goes to the dead letters, without its bytes; a code."""
    refused: str = ""
    """Why its call is refused; a code."""
    emit: tuple[EmitEvent, ...] = ()
    then: Callable[[], object] | None = field(default=None, repr=False)
    """Done once all of that is acknowledged; it may block, and may be repeated."""
    dropped: str = ""
    """Why nothing is done; a code."""
    again_s: float = 0.0
    """Above 0: nothing is known yet; the record is worked on again after so many seconds."""


class RecordCore(Protocol):
    """What a stage does with a record."""

    def take(self, delivery: Delivery) -> Handled:
        """Work on a record; it may block, and is called from several threads.

        Raises:
            StoreError: a store is away; it is called again.
        """
        ...

    def forget(self, *, all_calls: bool) -> None:
        """Let go of keys in memory: of calls of which nothing came for long, or of all."""
        ...


@dataclass(frozen=True, slots=True)
class RecordStage:
    """A stage that works record by record."""

    name: str
    inputs: tuple[str, ...]
    core: RecordCore
    judges: tuple[str, ...] = ()


_Sent: TypeAlias = deque[tuple[int, list[Awaitable[object]]]]
"""Offsets whose record was worked on, and what is awaited for each."""


class RecordRuntime:
    """Runs one such stage; see the module's text.

    Args:
        stage: what to do with a record.
        port: the broker.
        audit: where audit records are kept.
        topics: where dead letters and audit records go.
        metrics: what is counted.
        limits: what bounds it.
        partitions: of every topic.
    """

    def __init__(
        self,
        stage: RecordStage,
        port: Port,
        *,
        audit: AuditLog,
        topics: Topics,
        metrics: Metrics,
        limits: Limits | None = None,
        partitions: int = PARTITIONS,
    ) -> None:
        self.stage, self._metrics, self.pulse = stage, metrics, Pulse()
        self._traces: OrderedDict[str, tuple[CallTrace, int]] = OrderedDict()
        """Of the calls that came last, with how many records went on."""
        self._limits, self._log = limits or Limits(), get_logger(stage.name)
        self._out = Outbox(
            stage, port, topics=topics, metrics=metrics, limits=self._limits, audit=audit
        )
        self._intake = Intake(
            stage.name,
            port,
            metrics=metrics,
            room=self._limits.room,
            partitions=partitions,
            work=self._work,
        )

    @property
    def label(self) -> str:
        """See ``Reader.label``."""
        return self.stage.name

    async def arrive(self, delivery: Delivery) -> None:
        """See ``Reader.arrive`` and ``Intake``."""
        await self._intake.arrive(delivery)

    async def keep_only(self, places: set[tuple[str, int]]) -> None:
        """See ``Reader.keep_only``."""
        self._intake.keep_only(places)
        await asyncio.to_thread(self.stage.core.forget, all_calls=True)

    async def watch(self) -> None:
        """See ``Reader.watch``: counts what waits, and lets go of keys that nothing needs."""
        while True:
            await asyncio.sleep(TICK_S)
            self.pulse.beat()
            self._intake.count_waiting()
            await asyncio.to_thread(self.stage.core.forget, all_calls=False)

    async def stop(self) -> None:
        """See ``Reader.stop``."""
        tasks = self._intake.tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _work(self, partition: Partition) -> tuple[Work, ...]:
        """What runs for a partition: one works on its records, one acknowledges them."""
        sent: _Sent = deque()
        return self._read(partition, sent), self._settle(partition, sent)

    async def _read(self, partition: Partition, sent: _Sent) -> None:
        """Work on the records of a partition, one by one."""
        while True:
            await partition.until(lambda: bool(partition.queue) and len(sent) < AHEAD)
            delivery = partition.queue[0]
            waiting = await self._handle(delivery)
            sent.append((delivery.offset, waiting))
            partition.taken()

    async def _settle(self, partition: Partition, sent: _Sent) -> None:
        """Acknowledge records as what they caused is acknowledged, in their order."""
        while True:
            await partition.until(lambda: bool(sent))
            offset, waiting = sent[0]
            for one in waiting:
                await one
            sent.popleft()
            partition.changed.set()
            self._intake.done(partition.place, offset)

    async def _handle(self, delivery: Delivery) -> list[Awaitable[object]]:
        """Do what the core says; all that is returned is done when the broker has what was sent."""
        about("")
        while True:
            done = await self._out.retry(lambda: self.stage.core.take(delivery))
            about(done.call_id)
            if not done.again_s:
                break
            self._log.warning("key away", call_id=done.call_id)
            await asyncio.sleep(done.again_s)
        waiting: list[Awaitable[object]] = []
        trace = self._traced(done, delivery)
        if done.seal is not None:
            # Its own time, for what is read here comes from outside: headers would be believed.
            at = delivery.at
            waiting = [await self._out.send(one, done.seal, at, trace) for one in done.send]
            if any(ends_call(one.record) for one in done.send):
                self._log.info("call finished", call_id=done.call_id)
                self._end_trace(done.call_id, "admitted")
        if done.dead:
            await self._out.reject(delivery, done.call_id, done.dead, original=False)
        if done.refused:
            self._refused(done)
        for step in done.emit:
            await (await self._out.emit(step, trace))
        if done.then is not None:
            await self._out.retry(done.then)
        if done.dropped:
            self._metrics.dropped.labels(self.stage.name, done.dropped).inc()
        return waiting

    def _refused(self, done: Handled) -> None:
        self._metrics.refused.labels(self.stage.name, done.refused).inc()
        self._log.warning("call refused", call_id=done.call_id, code=done.refused)
        self._end_trace(done.call_id, "refused", done.refused)

    def _traced(self, done: Handled, delivery: Delivery) -> CallTrace:
        """The trace of a record's call; begun with the first record that goes on or is refused."""
        if not is_on() or not done.call_id or not (done.send or done.refused):
            return NOTHING
        traces = self._traces
        known = traces.pop(done.call_id) if done.call_id in traces else None
        trace, records = known or (trace_call(done.call_id, self.stage.name), 0)
        trace.came(delivery.headers)
        traces[done.call_id] = trace, records + 1
        while len(traces) > TRACED:
            traces.popitem(last=False)
        return trace

    def _end_trace(self, call_id: str, outcome: str, code: str = "") -> None:
        trace, records = self._traces.pop(call_id, (NOTHING, 0))
        trace.end({"hushwire.outcome": outcome, "hushwire.records": records}, code)
