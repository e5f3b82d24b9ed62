"""One call at one stage: its records in order, its steps in order, both at their own pace.

``CallRun`` has two tasks. One hands the records to the core, one by one, in the stage's thread;
the other carries out the steps that the core answers with, so that several windows of a call are
listened to at once while what they bring is still sent in order.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from agents.crypto.envelope import Seal
from agents.runtime.broker_port import Delivery
from agents.runtime.outbox import ended_at, ends_call
from agents.runtime.steps import Act, CallCore, EmitEvent, Later, Send, Step, Transcribe
from agents.system.clock import epoch_seconds
from agents.system.tracing.tracer import NOTHING, Attribute, CallTrace
from pipeline.errors import ModelError, RecordError
from pipeline.records.model import Record, WindowTranscript

T = TypeVar("T")
AHEAD = 4
"""Windows of one call that may be in the pool or wait there."""
_DROPPED = "dropped"
_BATCH = 64
"""Sends whose acknowledgements are awaited together."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A decoded record, and where it came from."""

    delivery: Delivery
    record: Record


class StepServices:
    """What a call's steps need; the runtime provides it.

    Args:
        in_thread: runs a function in the stage's thread.
        send: queues a record, sealed, with when its call's audio ended and its trace; done when
            the broker has it.
        emit: the same for a content-free event.
        transcribe: has a window transcribed.
        act: runs a blocking action, again where that helps.
        reject: sends a record to the dead letters; whether it was for this stage to judge.
    """

    def __init__(
        self,
        *,
        in_thread: Callable[[Callable[[], list[Step]]], Awaitable[list[Step]]],
        send: Callable[[Send, Seal, float, CallTrace], Awaitable[Awaitable[object]]],
        emit: Callable[[EmitEvent, CallTrace], Awaitable[Awaitable[object]]],
        transcribe: Callable[[Transcribe], Coroutine[Any, Any, WindowTranscript]],
        act: Callable[[Act], Awaitable[None]],
        reject: Callable[[Delivery, str, str], Awaitable[bool]],
    ) -> None:
        self.in_thread, self.send, self.emit = in_thread, send, emit
        self.transcribe, self.act, self.reject = transcribe, act, reject


@dataclass(slots=True)
class _Queued:
    step: Step
    heard: asyncio.Task[WindowTranscript] | None = None


class CallRun:
    """Drives one call; see the module's text.

    Args:
        call_id: which one.
        seal: the call's key.
        core: the stage's part.
        services: see ``StepServices``.
        room: records that may wait before the reader is held up.
        changed: called whenever the core may hold another amount of audio.
    """

    def __init__(
        self,
        call_id: str,
        seal: Seal,
        core: CallCore,
        services: StepServices,
        *,
        room: int,
        changed: Callable[[], None],
    ) -> None:
        self.call_id, self.seal, self.core = call_id, seal, core
        self.last_arrival = time.monotonic()
        self.offsets: list[tuple[str, int, int]] = []
        """Topic, partition and offset of every record of the call."""
        self.lost = False
        """Whether a record of the call was discarded that was for this stage to judge: the end that
        the core waits for may have been it."""
        self.sent = 0
        """Records that were sent on."""
        self.trace: CallTrace = NOTHING
        """Of the call at this stage."""
        self.policy = ""
        """Name and version of the one that it goes by."""
        self.windows = 0
        """Windows that were listened to."""
        self.state = "finished"
        """How the call ended here: what the stage tells others of it, if it does."""
        self.since = 0.0
        """When its first record was written, in seconds since 1970; 0: not known, as the others."""
        self._written = 0.0
        self._ended = 0.0
        self._services, self._room, self._changed = services, room, changed
        self._inbox: deque[Arrival | None] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._steps: asyncio.Queue[_Queued] = asyncio.Queue()
        self._busy = 0
        self._listening: set[asyncio.Task[Any]] = set()
        self._heard_one = asyncio.Event()
        self._group = asyncio.TaskGroup()

    @property
    def ended(self) -> float:
        """When the end of its audio was written; without an end, its last record."""
        return self._ended or self._written

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done until another record comes."""
        busy = self._inbox or self._busy or self._listening
        return not busy and self._steps.empty()

    def put(self, arrival: Arrival) -> None:
        """Take over a record; never waits, so that a cancelled reader loses nothing."""
        self.last_arrival = time.monotonic()
        self.trace.came(arrival.delivery.headers)
        written = arrival.delivery.at
        self.since, self._written = self.since or written, max(self._written, written)
        if ends_call(arrival.record):
            self._ended = self._ended or ended_at(arrival.delivery)
        self._inbox.append(arrival)
        self._arrived.set()

    def leftover(self) -> list[Arrival]:
        """Records that came after the call's last step, once ``run`` has returned."""
        return [arrival for arrival in self._inbox if arrival is not None]

    def put_quiet(self) -> None:
        """Tell the core that nothing came for its ``wait_s``; where it has none, end the call."""
        self.last_arrival = time.monotonic()
        self._inbox.append(None)
        self._arrived.set()

    async def until_room(self) -> None:
        """Wait while too many records wait."""
        while len(self._inbox) >= self._room:
            self._taken.clear()
            await self._taken.wait()

    def end_trace(self, code: str = "") -> None:
        """The call is over here; ``code``: why it was refused."""
        no_consent = code == "consent"  # as it should be, and no failure
        said: dict[str, Attribute] = {
            "hushwire.policy": self.policy,
            "hushwire.outcome": "no_consent" if no_consent else "refused" if code else self.state,
            "hushwire.records": len(self.offsets),
            "hushwire.sent": self.sent,
            "hushwire.windows": self.windows,
        }
        self.trace.end(said, "" if no_consent else code)

    async def run(self) -> None:
        """Drive the call until its core is done and all its steps are carried out.

        Raises:
            Exception: whatever the core raises beyond ``RecordError``: the call is to be refused.
        """
        try:
            async with self._group:
                self._group.create_task(self._take_all())
                self._group.create_task(self._step_all())
        finally:
            # A reader that waits for room must not wait for a call that is over.
            self._room = 1 << 62
            self._taken.set()

    async def _take_all(self) -> None:
        while True:
            # A core that is done may have said so with an answer whose steps are not queued yet.
            while not self._inbox and not (self.core.done and not self._listening):
                self._arrived.clear()
                await self._arrived.wait()
            if not self._inbox:
                self._steps.put_nowait(_Queued(_OVER))
                return
            while len(self._listening) >= AHEAD:
                self._heard_one.clear()
                await self._heard_one.wait()
            self._busy += 1
            arrival = self._inbox.popleft()
            self._taken.set()
            self._put_steps(await self._take(arrival))
            self._busy -= 1

    async def _take(self, arrival: Arrival | None) -> list[Step]:
        if arrival is None:
            if self.core.wait_s is None and self.lost:
                raise RecordError("a record of the call could not be read, and its end never came")
            return await self._services.in_thread(self.core.quiet)
        topic, record = arrival.delivery.topic, arrival.record
        try:
            return await self._services.in_thread(lambda: self.core.take(topic, record))
        except RecordError as error:
            if await self._services.reject(arrival.delivery, self.call_id, error.code):
                self.lost = True
            return []

    def _put_steps(self, steps: list[Step]) -> None:
        """Queue the steps of one answer of the core; without waiting, so that order is kept."""
        for queued in self._started(steps):
            self._steps.put_nowait(queued)
        self._changed()

    def _started(self, steps: list[Step]) -> list[_Queued]:
        """Start listening where a step wants it; what is left to carry out in order."""
        queued = []
        for step in steps:
            if not isinstance(step, Transcribe):
                queued.append(_Queued(step))
            elif step.in_order:
                queued.append(_Queued(step, self._in_background(self._transcribe(step))))
            else:
                self._in_background(self._answer(step))
        return queued

    def _in_background(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._group.create_task(work)
        self._listening.add(task)
        task.add_done_callback(self._no_longer_listens)
        return task

    def _no_longer_listens(self, task: asyncio.Task[Any]) -> None:
        self._listening.discard(task)
        self._heard_one.set()
        # The core may end with what was heard, not with a record.
        self._arrived.set()

    async def _transcribe(self, step: Transcribe) -> WindowTranscript:
        window, began, failed = step.window, epoch_seconds(), "internal"
        self.windows += 1
        try:
            heard = await self._services.transcribe(step)
            failed = "unheard" if heard.unheard else ""
        except asyncio.CancelledError:
            failed = _DROPPED  # whoever takes the call up listens to it again
            raise
        finally:
            if window.pcm.size and failed != _DROPPED:
                seconds = (window.end - window.start) / window.sample_rate
                said = {"hushwire.channel": window.channel, "hushwire.audio_seconds": seconds}
                self.trace.part("listen", f"{window.channel}/{window.seq}", began, said, failed)
        return heard

    async def _answer(self, step: Transcribe) -> None:
        heard = await self._transcribe(step)
        self._put_steps(await self._services.in_thread(lambda: step.then(heard)))

    async def _step_all(self) -> None:
        while True:
            batch = [await self._steps.get()]
            self._busy += 1
            while not self._steps.empty() and len(batch) < _BATCH:
                batch.append(self._steps.get_nowait())
            if await self._carry_out(batch):
                return
            self._busy -= 1

    async def _carry_out(self, batch: list[_Queued]) -> bool:
        """Carry out steps in order; whether the call is over."""
        sent: list[Awaitable[object]] = []
        for queued in batch:
            step = queued.step
            if isinstance(step, Send):
                self.sent += 1
                sent.append(await self._services.send(step, self.seal, self.ended, self.trace))
                continue
            await _all(sent)
            if step is _OVER:
                return True
            await self._carry_out_one(step, queued.heard)
        await _all(sent)
        return False

    async def _carry_out_one(self, step: Step, task: asyncio.Task[WindowTranscript] | None) -> None:
        if isinstance(step, EmitEvent):
            self.state = str(step.facts.get("state", self.state))
            await (await self._services.emit(step, self.trace))
        elif isinstance(step, Act):
            await self._services.act(step)
        elif isinstance(step, Later):
            await self._in_place(await self._services.in_thread(step.then))
        elif isinstance(step, Transcribe) and task is not None:
            await asyncio.wait([task])
            if task.cancelled():
                # A task group takes no notice of a child that was cancelled: the call would hang.
                raise ModelError("listening to a window was cancelled")
            heard = task.result()
            await self._in_place(await self._services.in_thread(lambda: step.then(heard)))

    async def _in_place(self, steps: list[Step]) -> None:
        """Carry out steps before those that are queued already."""
        await self._carry_out(self._started(steps))
        self._changed()
        if self.core.done:
            self._arrived.set()


def _nothing() -> None:
    """The last step of a call."""


_OVER = Act(_nothing)


async def _all(sent: list[Awaitable[object]]) -> None:
    """Wait for acknowledgements; the first failure is raised."""
    for one in sent:
        await one
    sent.clear()
