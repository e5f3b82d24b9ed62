"""The runtime against a reference model: whatever happens in whatever order, nothing is lost.

Hypothesis chooses what happens next: records of several calls, when the stage's thread runs a job
and when its answer comes back, in which order windows are heard, when the broker acknowledges, a
rebalance, a restart, a call that another stage refuses, time that passes. Nothing runs by itself
and no clock is read, so that what fails once fails again.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agents.crypto.envelope import Seal
from agents.database.call_ledger import CallState, Ledger
from agents.kafka.producer import sealed
from agents.kafka.topics import Topics
from agents.runtime.broker_port import Delivery
from agents.runtime.outbox import Limits
from agents.runtime.stage_runtime import SWEEP_S, StageRuntime
from agents.runtime.steps import Act, Late, LateError, Later, Send, Stage, Step, Transcribe
from agents.system.metrics import Metrics
from pipeline.policy.model import Policy
from pipeline.records import cloudevents
from pipeline.records.model import CallEnd, Record, Window, WindowTranscript

pytestmark = pytest.mark.unit

POLICY = Policy(name="test", version="1")
TOPICS = Topics.named()
INPUTS, OUT = (TOPICS.audio_raw, TOPICS.words), TOPICS.spans
PARTITIONS = 2
CALLS = tuple(f"call-{number}" for number in range(3))
SIZE = 3
"""Records of a call."""
WAIT_S = 100.0
PLAIN, IN_ORDER, ANY_ORDER, LATER, ACT, LATE, BREAKS = range(7)
OVER = 99
"""Number of a call's last output."""
KINDS = st.sampled_from([PLAIN, IN_ORDER, ANY_ORDER, ANY_ORDER, LATER, ACT])
SILENCE = np.zeros(1, np.int16)


class Core:
    """The stage under test: an output for every record, and a last one when all are answered."""

    held, wait_s = 0, WAIT_S

    def __init__(self, call_id: str, *, later: bool) -> None:
        self._call_id, self._later = call_id, later
        self._seen: set[int] = set()
        self._answered = 0
        self._finishing = self.done = False

    def take(self, topic: str, record: Record) -> list[Step]:
        del topic
        assert isinstance(record, CallEnd)
        number, kind = record.chunks, record.end
        if kind == LATE:
            raise LateError("late")
        if kind == BREAKS:
            raise ZeroDivisionError
        if number in self._seen or self._finishing:
            return []
        self._seen.add(number)
        if kind in {IN_ORDER, ANY_ORDER}:
            window = Window(self._call_id, number, 0, 0, 1, 8_000, SILENCE, heard_until=1)
            in_order = kind == IN_ORDER
            return [Transcribe(window, lambda _: self._answer(number), in_order=in_order)]
        if kind == LATER:
            return [Later(lambda: self._answer(number))]
        steps = self._answer(number)
        return [Act(lambda: None), *steps] if kind == ACT else steps

    def quiet(self) -> list[Step]:
        return [] if self._finishing else self._finish()

    @property
    def late(self) -> Late:
        return Late()

    def _answer(self, number: int) -> list[Step]:
        self._answered += 1
        sent = Send(OUT, CallEnd(self._call_id, number, 0))
        return [sent, *(self._finish() if self._answered == SIZE else [])]

    def _finish(self) -> list[Step]:
        self._finishing = True
        return [Later(self._over)] if self._later else self._over()

    def _over(self) -> list[Step]:
        self.done = True
        return [Send(OUT, CallEnd(self._call_id, OVER, 0))]


class Thread:
    """One worker that takes its jobs in order, when told; its answers go back when told."""

    def __init__(self) -> None:
        self.jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self.answers: deque[Callable[[], None]] = deque()

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append((future, work))
        return future

    def run_one(self) -> None:
        future, work = self.jobs.popleft()
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            failure = error
            self.answers.append(lambda: future.set_exception(failure))
        else:
            self.answers.append(lambda: future.set_result(result))

    def shutdown(self, **_: object) -> None:
        self.jobs.clear()
        self.answers.clear()


@dataclass
class Broker:
    """The partitions, what was acknowledged of them, and what the stage sent."""

    logs: dict[tuple[str, int], list[Delivery]] = field(default_factory=dict)
    read: dict[tuple[str, int], int] = field(default_factory=dict)
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    seals: dict[str, Seal] = field(default_factory=dict)
    waiting: list[tuple[asyncio.Future[None], tuple[str, int] | None]] = field(default_factory=list)
    sent: set[tuple[str, int]] = field(default_factory=set)
    """Outputs that the broker has acknowledged, by call and number."""
    contents: dict[tuple[str, int], Record] = field(default_factory=dict)

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> Awaitable[object]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        output = None
        if topic == OUT:
            where = cloudevents.address(headers, key)
            opened = self.seals[where.call_id].open(
                value, cloudevents.associated_data(topic, headers)
            )
            record = cloudevents.decode(where, headers, opened)
            assert isinstance(record, CallEnd)
            output = where.call_id, record.chunks
            assert self.contents.setdefault(output, record) == record, "sent with other content"
        self.waiting.append((future, output))
        return future

    def acknowledge(self, topic: str, partition: int, offset: int) -> None:
        expected = self.committed.get((topic, partition), 0)
        assert offset <= expected, f"acknowledged {offset} when {expected} was next"
        self.committed[topic, partition] = max(expected, offset + 1)

    def pause(self, topics: tuple[str, ...]) -> None:
        raise AssertionError(topics)

    def resume(self, topics: tuple[str, ...]) -> None:
        raise AssertionError(topics)

    def answer(self) -> None:
        """Acknowledge everything that was sent."""
        for future, output in self.waiting:
            if output is not None:
                self.sent.add(output)
            if not future.done():
                future.set_result(None)
        self.waiting.clear()


class Engines:
    """Windows are heard when told, in any order."""

    def __init__(self) -> None:
        self.waiting: list[tuple[asyncio.Future[WindowTranscript], Window]] = []

    async def transcribe(
        self, window: Window, *, check: bool = False, can_wait: bool = False
    ) -> WindowTranscript:
        del check
        future: asyncio.Future[WindowTranscript] = asyncio.get_running_loop().create_future()
        self.waiting.append((future, window))
        return await future

    def answer(self, place: int) -> None:
        future, window = self.waiting.pop(place % len(self.waiting))
        if not future.done():
            future.set_result(WindowTranscript(window.call_id, window.seq, 0, 0, 1, heard_until=1))


async def _inline(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
    """Stands in for ``asyncio.to_thread``."""
    await asyncio.sleep(0)
    return work()


class RuntimeMachine(RuleBasedStateMachine):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.patches = ExitStack()
        self.patches.enter_context(mock.patch("asyncio.to_thread", _inline))
        clock = mock.patch(
            "agents.runtime.stage_runtime.time.monotonic", side_effect=lambda: self.now
        )
        self.patches.enter_context(clock)
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(dir=_memory())
        self.ledger = Ledger.embedded(Path(self.folder.name))
        self.seals = {call: self.ledger.open_call(call).seal for call in CALLS}
        self.broker = Broker(seals=self.seals)
        self.left = {call: list(range(SIZE)) for call in CALLS}
        self.kinds: dict[tuple[str, int], int] = {}
        self.doomed: set[str] = set()
        """Calls that break, or that another stage refuses."""
        self.quieted: set[str] = set()
        self.feeding: list[asyncio.Task[None]] = []

    @initialize(later=st.booleans(), kinds=st.lists(KINDS, min_size=6, max_size=9))
    def begin(self, later: bool, kinds: list[int]) -> None:  # noqa: FBT001 - Hypothesis names it
        self.later = later
        self._start()
        for place, kind in enumerate(kinds):
            call = CALLS[place % len(CALLS)]
            self._append(call, self.left[call].pop(0), kind)

    def _start(self) -> None:
        self.thread, self.engines = Thread(), Engines()
        stage = Stage("detect", INPUTS, lambda call_id, _: Core(call_id, later=self.later))
        thread: Any = self.thread
        pool: Any = self.engines
        self.runtime = StageRuntime(
            stage,
            self.broker,
            ledger=self.ledger,
            policies=lambda *_: POLICY,
            pool=pool,
            topics=TOPICS,
            metrics=Metrics(),
            limits=Limits(calls=64, room=4),
            thread=thread,
        )
        self.broker.waiting.clear()
        self.broker.read = dict(self.broker.committed)

    def _settle(self, work: Callable[[], object] = lambda: None) -> None:
        async def turn() -> None:
            work()
            for _ in range(25):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())
        for task in [one for one in self.feeding if one.done()]:
            self.feeding.remove(task)
            if not task.cancelled():
                task.result()

    # What a producer does

    @rule(call=st.sampled_from(CALLS), kinds=st.lists(KINDS, min_size=2, max_size=SIZE))
    def produce(self, call: str, kinds: list[int]) -> None:
        for kind in kinds[: len(self.left[call])]:
            self._append(call, self.left[call].pop(0), kind)

    @rule(
        call=st.sampled_from(CALLS),
        number=st.integers(0, SIZE - 1),
        how=st.sampled_from(["repeat", "repeat", "late", "seal", "breaks"]),
    )
    def misbehave(self, call: str, number: int, how: str) -> None:
        if how == "repeat":
            if (call, number) in self.kinds:
                self._append(call, number, self.kinds[call, number])
            return
        if how == "breaks":
            self.doomed.add(call)
        self._append(call, SIZE, BREAKS if how == "breaks" else LATE, broken=how == "seal")

    def _append(self, call: str, number: int, kind: int, *, broken: bool = False) -> None:
        if number < SIZE:
            self.kinds[call, number] = kind
        topic, partition = INPUTS[number % 2], CALLS.index(call) % PARTITIONS
        clear = sealed(CallEnd(call, number, kind), topic, self.seals[call])
        log = self.broker.logs.setdefault((topic, partition), [])
        value = clear.value[:-1] if broken else clear.value
        log.append(Delivery(topic, partition, len(log), call.encode(), clear.headers, value))

    # What the broker does

    @rule(counts=st.lists(st.sampled_from([0, 1, 9]), min_size=4, max_size=4))
    def deliver(self, counts: list[int]) -> None:
        for place, count in zip(sorted(self.broker.logs), counts, strict=False):
            self._settle(partial(self._feed, place, count))

    def _feed(self, place: tuple[str, int], count: int) -> None:
        start = self.broker.read.get(place, 0)
        records = self.broker.logs[place][start : start + count]
        self.broker.read[place] = start + len(records)

        async def feed(before: list[asyncio.Task[None]]) -> None:
            # One agent per partition: it reads on when ``arrive`` has returned.
            await asyncio.gather(*before, return_exceptions=True)
            for record in records:
                await self.runtime.arrive(record)

        before = [one for one in self.feeding if one.get_name() == str(place)]
        self.feeding.append(self.loop.create_task(feed(before), name=str(place)))

    @rule(how=st.sampled_from(["rebalance 0", "rebalance 1", "rebalance", "restart", "refuse"]))
    def disturb(self, how: str) -> None:
        match how.split():
            case ["refuse"]:
                # As another stage does.
                self.doomed.add(CALLS[-1])
                self.ledger.close_call(CALLS[-1], CallState.REFUSED)
            case ["restart"]:
                self._stop_feeding()
                self.loop.run_until_complete(self.runtime.stop())
                self._start()
            case [_, *lost]:
                # What stays is read again from what was committed, too.
                keep = {
                    (topic, n) for topic in INPUTS for n in range(PARTITIONS) if str(n) not in lost
                }
                self._stop_feeding()
                self.broker.read = dict(self.broker.committed)
                self.loop.run_until_complete(self.runtime.keep_only(keep))
                for place in sorted(self.broker.logs):
                    self._feed(place, 2)
                self._settle()

    def _stop_feeding(self) -> None:
        for task in self.feeding:
            task.cancel()
        self._settle()

    # What goes on inside

    @rule(seed=st.integers(0, 1 << 16), count=st.integers(1, 40))
    def work(self, seed: int, count: int) -> None:
        dice = random.Random(seed)
        for _ in range(count):
            possible = self._possible(dice)
            if not possible:
                break
            dice.choice(possible)()
            self.what_was_acknowledged_is_done()

    def _possible(self, dice: random.Random) -> list[Callable[[], None]]:
        possible: list[Callable[[], None]] = []
        if self.thread.jobs:
            possible += [self.thread.run_one] * 3
        if self.thread.answers:
            possible += [lambda: self._settle(self.thread.answers.popleft())] * 3
        if self.engines.waiting:
            possible.append(lambda: self._settle(partial(self.engines.answer, dice.randrange(4))))
        if self.broker.waiting:
            possible.append(lambda: self._settle(self.broker.answer))
        return possible

    @rule(seconds=st.sampled_from([SWEEP_S, SWEEP_S, WAIT_S]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        if seconds == WAIT_S:
            self.quieted.update(self.runtime._runs)
        self.loop.run_until_complete(self.runtime.tick())
        self._settle()

    # What has to hold

    @invariant()
    def what_was_acknowledged_is_done(self) -> None:
        for place, count in self.broker.committed.items():
            for record in self.broker.logs[place][:count]:
                call = (record.key or b"").decode()
                if call in self.doomed:
                    continue
                state = self.runtime._runs.get(call)
                finished = self.ledger.finished(call, "detect")
                if finished:
                    assert (call, OVER) in self.broker.sent
                elif state is not None:
                    assert (*place, record.offset) not in state.offsets

    def teardown(self) -> None:
        try:
            if hasattr(self, "later"):
                self._bring_to_an_end()
        finally:
            self._stop_feeding()
            if hasattr(self, "runtime"):
                self.loop.run_until_complete(self.runtime.stop())
            self.loop.close()
            self.ledger.dispose()
            self.folder.cleanup()
            self.patches.close()

    def _exhaust(self) -> None:
        """Run all jobs and hear all windows, with nothing acknowledged yet."""
        while self.thread.jobs or self.thread.answers or self.engines.waiting:
            if self.thread.jobs:
                self.thread.run_one()
            if self.thread.answers:
                self._settle(self.thread.answers.popleft())
            elif self.engines.waiting:
                self._settle(partial(self.engines.answer, -1))

    def _bring_to_an_end(self) -> None:
        for call in CALLS:
            while self.left[call]:
                self._append(call, self.left[call].pop(0), PLAIN)
        for _ in range(50):
            for place in sorted(self.broker.logs):
                self._settle(partial(self._feed, place, 100))
            self._exhaust()
            self.what_was_acknowledged_is_done()
            self._settle(self.broker.answer)
            self.now += SWEEP_S + 1
            self.loop.run_until_complete(self.runtime.tick())
            if all(self.broker.committed.get(p) == len(log) for p, log in self.broker.logs.items()):
                break
        for place, log in self.broker.logs.items():
            assert self.broker.committed.get(place, 0) == len(log), f"{place} stands still"
        for call in set(CALLS) - self.doomed:
            assert self.ledger.finished(call, "detect"), f"{call} never ended"
            wanted = [OVER] if call in self.quieted else [*range(SIZE), OVER]
            for number in wanted:
                assert (call, number) in self.broker.sent


def _memory() -> str | None:
    """A folder in memory where there is one: the ledger flushes every commit."""
    shared = Path("/dev/shm")  # noqa: S108 - made with a name of its own
    return str(shared) if shared.is_dir() else None


TestRuntime = RuntimeMachine.TestCase
TestRuntime.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
