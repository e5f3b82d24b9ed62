"""The runtime over a broker in memory: acknowledgement, refusal, repeats and quiet."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.database.call_ledger import CallState, Ledger
from agents.kafka.producer import sealed
from agents.kafka.topics import Topics
from agents.runtime.broker_port import Delivery
from agents.runtime.events import DEADLETTER
from agents.runtime.outbox import Limits
from agents.runtime.stage_runtime import StageRuntime
from agents.runtime.steps import Act, CallCore, Late, LateError, Send, Stage, Step, Transcribe
from agents.system import fatal_exit
from agents.system.metrics import Metrics
from pipeline.errors import ModelError, PolicyError, SealError, StoreError
from pipeline.policy.model import Policy
from pipeline.records.cloudevents import Clear
from pipeline.records.model import CallEnd, Record, Window, WindowTranscript
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

POLICY = Policy(name="test", version="1")
TOPICS = Topics.named()
IN, OUT = TOPICS.words, TOPICS.spans


@dataclass
class MemoryPort:
    """Stands in for ``FaustPort``."""

    sent: list[tuple[str, bytes | None, bytes, dict[str, bytes]]] = field(default_factory=list)
    acknowledged: list[tuple[str, int, int]] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    broken: bool = False

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> Awaitable[object]:
        broken = self.broken

        async def answered() -> None:
            await asyncio.sleep(0)
            if broken:
                raise ConnectionError
            self.sent.append((topic, key, value, dict(headers)))

        return answered()

    def acknowledge(self, topic: str, partition: int, offset: int) -> None:
        self.acknowledged.append((topic, partition, offset))

    def pause(self, topics: tuple[str, ...]) -> None:
        self.paused.append(f"pause {','.join(topics)}")

    def resume(self, topics: tuple[str, ...]) -> None:
        self.paused.append(f"resume {','.join(topics)}")

    def to(self, topic: str) -> list[str]:
        """Codes or ids of what was sent to a topic."""
        return [
            (headers.get(f"{DEADLETTER}code") or headers["ce_id"]).decode()
            for where, _, _, headers in self.sent
            if where == topic
        ]


@dataclass
class EchoCore:
    """Sends every record on; done with the one whose ``chunks`` is 0."""

    wait_s: float | None = None
    held: int = 0
    done: bool = False
    act: Callable[[], None] | None = None
    fail: type[Exception] | None = None
    taken: list[int] = field(default_factory=list)

    def take(self, topic: str, record: Record) -> list[Step]:
        assert isinstance(record, CallEnd)
        if self.fail and record.chunks == 13:
            raise self.fail
        if record.chunks == 66:
            raise LateError("late")
        self.taken.append(record.chunks)
        self.done = record.chunks == 0
        steps: list[Step] = [Send(OUT, record)]
        return [Act(self.act), *steps] if self.act else steps

    def quiet(self) -> list[Step]:
        self.done = True
        return []

    @property
    def late(self) -> Late:
        return Late("CallEnd")


@dataclass
class Rig:
    """A runtime under test."""

    runtime: StageRuntime
    port: MemoryPort
    ledger: Ledger
    cores: dict[str, EchoCore]
    offsets: dict[int, int] = field(default_factory=dict)
    sealed: dict[tuple[str, int], Clear] = field(default_factory=dict)

    async def bring(
        self, call_id: str, *chunks: int, partition: int = 0, offset: int | None = None
    ) -> None:
        """Hand records over, at the next offsets."""
        try:
            seal = self.ledger.open_call(call_id).seal
        except Exception:  # noqa: BLE001 - the call is closed: any other key will do
            seal = self.ledger.open_call("other").seal
        for count in chunks:
            # A record that is read again has the same bytes.
            message = self.sealed.setdefault(
                (call_id, count), sealed(CallEnd(call_id, count, 0), IN, seal)
            )
            await self.bring_message(message.headers, message.value, call_id, partition, offset)

    async def bring_message(
        self,
        headers: Mapping[str, bytes],
        value: bytes,
        call_id: str,
        partition: int = 0,
        offset: int | None = None,
    ) -> None:
        place = self.offsets.get(partition, 0) if offset is None else offset
        self.offsets[partition] = max(place + 1, self.offsets.get(partition, 0))
        await self.runtime.arrive(Delivery(IN, partition, place, call_id.encode(), headers, value))

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(HANG_S):
            while not true():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)

    def acknowledged(self, partition: int = 0) -> list[int]:
        return [offset for _, where, offset in self.port.acknowledged if where == partition]


def _rig(tmp_path: Path, make: Callable[[str], EchoCore], **options: Any) -> Rig:  # noqa: ANN401
    port, ledger, cores = MemoryPort(), Ledger.embedded(tmp_path), {}

    def opened(call_id: str, _: Policy) -> CallCore:
        cores[call_id] = make(call_id)
        return cores[call_id]

    shared = ("limits", "policies", "lost_s", "thread", "after")
    given = {"limits": Limits(first_wait_s=0.001), "policies": lambda *_: POLICY}
    given |= {name: options.pop(name) for name in shared if name in options}
    runtime = StageRuntime(
        Stage("detect", (IN,), opened, **options),
        port,
        ledger=ledger,
        pool=None,
        topics=TOPICS,
        metrics=Metrics(),
        **given,
    )
    return Rig(runtime, port, ledger, cores)


@contextlib.asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    watch = asyncio.create_task(rig.runtime.watch())
    try:
        yield rig
    finally:
        watch.cancel()
        await rig.runtime.stop()
        rig.ledger.dispose()


async def test_a_call_is_acknowledged_as_one_and_in_order(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 1)
        await rig.bring("b", 1)
        await rig.bring("b", 0)
        await rig.until(lambda: rig.ledger.finished("b", "detect"))
        assert rig.acknowledged() == []
        await rig.bring("a", 0)
        await rig.until(lambda: len(rig.acknowledged()) == 4)
        assert rig.acknowledged() == [0, 1, 2, 3]
        assert rig.ledger.finished("a", "detect")
        assert len(rig.port.to(OUT)) == 4


async def test_nothing_is_acknowledged_when_the_broker_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def told(code: int, _message: str) -> None:
        ended.append(code)
        raise fatal_exit.FatalError(code, "")

    monkeypatch.setattr(fatal_exit, "_hook", [told])
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        rig.port.broken = True
        await rig.bring("a", 1, 0)
        await rig.until(lambda: bool(ended))
        assert ended[0] == fatal_exit.ExitCode.BROKER
        assert rig.acknowledged() == []
        assert not rig.ledger.finished("a", "detect")


async def test_repeats_of_a_finished_call_are_acknowledged_at_once(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        rig.ledger.open_call("a")
        rig.ledger.finish("a", "detect")
        await rig.bring("a", 1, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1])
        assert not rig.port.sent
        assert not rig.cores


async def test_an_unknown_call_goes_to_the_dead_letters_without_its_value(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        seal = rig.ledger.open_call("known").seal
        message = sealed(CallEnd("stranger", 1, 0), IN, seal)
        await rig.bring_message(message.headers, message.value, "stranger")
        await rig.until(lambda: rig.acknowledged() == [0])
        assert rig.port.to(TOPICS.deadletter) == ["unknown_call"]
        assert rig.port.sent[0][2] == b""


async def test_poison_does_not_stop_its_partition_or_its_call(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        seal = rig.ledger.open_call("a").seal
        good = sealed(CallEnd("a", 2, 0), IN, seal)
        await rig.bring("a", 1)
        await rig.bring_message({}, b"\0", "a")
        await rig.bring_message(good.headers, good.value[:-1], "a")
        await rig.bring("a", 66, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2, 3, 4])
        assert rig.port.to(TOPICS.deadletter) == ["record", "seal", "late"]
        assert rig.cores["a"].taken == [1, 0]


async def test_a_core_that_breaks_refuses_its_call_only(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore(fail=ZeroDivisionError))) as rig:
        await rig.bring("a", 1, 13)
        await rig.bring("b", 1, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2, 3])
        assert rig.ledger.state("a") is CallState.REFUSED
        assert rig.ledger.state("b") is CallState.OPEN
        assert rig.port.to(TOPICS.audit) == ["a/hushwire.audit.call-refused.v1"]
        assert b"internal" in next(
            value for topic, _, value, _ in rig.port.sent if "audit" in topic
        )


async def test_a_store_that_is_away_is_tried_again(tmp_path: Path) -> None:
    failures = iter([True, True, False])

    def act() -> None:
        if next(failures, False):
            raise StoreError("away")

    async with running(_rig(tmp_path, lambda _: EchoCore(act=act))) as rig:
        await rig.bring("a", 0)
        await rig.until(lambda: rig.acknowledged() == [0])


async def test_a_quiet_call_is_told(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore(wait_s=0.01))) as rig:
        await rig.bring("a", 1)
        await rig.until(lambda: rig.acknowledged() == [0])


async def test_what_another_stage_refused_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.runtime.stage_runtime.SWEEP_S", 0.05)
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 1)
        await rig.until(lambda: bool(rig.port.sent))
        rig.ledger.close_call("a", CallState.REFUSED)
        await rig.until(lambda: rig.acknowledged() == [0])


async def test_a_record_read_again_after_a_rebalance_changes_nothing(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 0)
        await rig.until(lambda: rig.acknowledged() == [0])
        await rig.bring("b", 1)
        await rig.bring("a", 0, offset=0)
        await rig.bring("b", 1, offset=1)
        await rig.bring("b", 0)
        await rig.until(lambda: rig.acknowledged() == [0, 0, 1, 2])
        assert rig.cores["b"].taken == [1, 0]


async def test_calls_of_a_lost_partition_are_forgotten(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 1, partition=0)
        await rig.bring("b", 1, partition=1)
        await rig.until(lambda: len(rig.port.sent) == 2)
        await rig.runtime.keep_only({(IN, 1)})
        await rig.bring("b", 0, partition=1)
        await rig.until(lambda: rig.acknowledged(1) == [0, 1])
        assert rig.acknowledged(0) == []
        first = rig.cores["a"]
        await rig.bring("a", 1, partition=0, offset=0)
        await rig.until(lambda: rig.cores["a"] is not first)


async def test_a_call_closed_elsewhere_while_it_is_looked_up_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        seal = rig.ledger.open_call("a").seal
        message = sealed(CallEnd("a", 1, 0), IN, seal)
        state = rig.ledger.state

        def closed_right_after(call_id: str) -> CallState | None:
            answer = state(call_id)
            monkeypatch.setattr(rig.ledger, "state", state)
            rig.ledger.close_call(call_id, CallState.REFUSED)
            return answer

        monkeypatch.setattr(rig.ledger, "state", closed_right_after)
        await rig.bring_message(message.headers, message.value, "a")
        await rig.until(lambda: rig.acknowledged() == [0])
        assert not rig.cores


async def test_a_partition_that_comes_back_at_once_is_worked_on_anew(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("a", 1)
        await rig.until(lambda: len(rig.port.sent) == 1)
        await rig.runtime.keep_only(set())
        await rig.bring("a", 1, offset=0)
        await rig.bring("a", 0, offset=1)
        await rig.until(lambda: rig.acknowledged() == [0, 1])


async def test_engines_that_cannot_be_started_end_the_process_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def told(code: int, _message: str) -> None:
        ended.append(code)
        raise fatal_exit.FatalError(code, "")

    class NoEngines:
        async def transcribe(
            self, _window: Window, *, check: bool, can_wait: bool
        ) -> WindowTranscript:
            raise ModelError(f"no process can be started, check={check}")

    class ListeningCore(EchoCore):
        def take(self, topic: str, record: Record) -> list[Step]:
            return [Transcribe(Window("a", 0, 0, 0, 1, 8_000, np.zeros(1, np.int16)), lambda _: [])]

    monkeypatch.setattr(fatal_exit, "_hook", [told])
    async with running(_rig(tmp_path, lambda _: ListeningCore())) as rig:
        monkeypatch.setattr(rig.runtime, "_pool", NoEngines())
        await rig.bring("a", 1)
        await rig.until(lambda: bool(ended))
        assert ended[0] == fatal_exit.ExitCode.MODEL
        assert rig.ledger.state("a") is CallState.OPEN
        assert rig.acknowledged() == []


async def test_a_finished_call_leaves_nothing_of_its_core_behind(tmp_path: Path) -> None:
    async with running(_rig(tmp_path, lambda _: EchoCore())) as rig:
        await rig.bring("call-1", 1, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1])
        core = weakref.ref(rig.cores.pop("call-1"))
        await rig.bring("call-2", 1, 0)
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2, 3])
        gc.collect()
        assert core() is None


async def test_a_call_whose_policy_cannot_be_read_is_left_to_another_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def told(code: int, _message: str) -> None:
        ended.append(code)
        raise fatal_exit.FatalError(code, "")

    def newer(*_: object) -> Policy:
        raise PolicyError("a newer version pinned it")

    monkeypatch.setattr(fatal_exit, "_hook", [told])
    async with running(_rig(tmp_path, lambda _: EchoCore(), policies=newer)) as rig:
        await rig.bring("a", 1, 0)
        await rig.until(lambda: bool(ended))
        assert ended[0] == fatal_exit.ExitCode.POLICY
        assert rig.acknowledged() == []
        assert rig.ledger.state("a") is CallState.OPEN


async def test_each_call_is_opened_under_its_own_policy(tmp_path: Path) -> None:
    opened: dict[str, str] = {}
    made = {name: POLICY.model_copy(update={"version": name}) for name in ("a", "b")}
    rig = _rig(tmp_path, lambda _: EchoCore(), policies=lambda call_id, _: made[call_id])
    plain = rig.runtime.stage.open

    def noting(call_id: str, policy: Policy) -> CallCore:
        opened[call_id] = policy.version
        return plain(call_id, policy)

    rig.runtime.stage = replace(rig.runtime.stage, open=noting)
    async with running(rig):
        for call in made:
            await rig.bring(call, 1, 0)
            await rig.until(lambda call=call: rig.ledger.finished(call, "detect"))  # type: ignore[misc]
    assert opened == {"a": "a", "b": "b"}


async def test_a_pin_that_was_changed_stops_its_own_call_only(tmp_path: Path) -> None:
    def changed(call_id: str, _seal: object) -> Policy:
        if call_id == "a":
            raise SealError("does not open")
        return POLICY

    async with running(_rig(tmp_path, lambda _: EchoCore(), policies=changed)) as rig:
        await rig.bring("a", 1, 0)
        await rig.bring("b", 1, 0)
        await rig.until(lambda: rig.ledger.finished("b", "detect"))
        await rig.until(lambda: rig.acknowledged() == [0, 1, 2, 3])
        assert rig.port.to(TOPICS.deadletter) == ["seal", "seal"]
        assert "a" not in rig.cores


async def test_a_stage_that_stops_refuses_no_call_of_another(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as shared:
        async with running(_rig(tmp_path, lambda _: EchoCore(), thread=shared)) as rig:
            async with running(_rig(tmp_path, lambda _: EchoCore(), thread=shared)):
                await rig.bring("a", 1)
                await rig.until(lambda: bool(rig.port.sent))
            await rig.bring("a", 0)
            await rig.until(lambda: rig.acknowledged() == [0, 1])
            assert rig.ledger.state("a") is CallState.OPEN
