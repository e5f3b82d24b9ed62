"""A stage that works record by record, over a broker in memory: order, acknowledgement, failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import Ledger
from agents.kafka.topics import Topics
from agents.runtime.broker_port import Delivery
from agents.runtime.outbox import ENDED, Limits
from agents.runtime.record_runtime import Handled, RecordRuntime, RecordStage
from agents.runtime.steps import EmitEvent, Send
from agents.system import fatal_exit
from agents.system.metrics import Metrics
from pipeline.errors import StoreError
from pipeline.records.model import CallEnd
from tests.agents.runtime.test_stage_runtime import MemoryPort
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

TOPICS = Topics.named()


class Core:
    """Sends every record on, but for those whose value says something else."""

    def __init__(self, ledger: Ledger) -> None:
        self.seal = ledger.open_call("a").seal
        self.away = self.later = 0
        self.forgot: list[bool] = []
        self.done: list[str] = []

    def take(self, delivery: Delivery) -> Handled:
        if self.away:
            self.away -= 1
            raise StoreError("away")
        match delivery.value:
            case b"later" if self.later:
                self.later -= 1
                return Handled("a", again_s=0.01)
            case b"dead":
                return Handled("a", dead="seal")
            case b"over":
                return Handled("a", dropped="over")
            case b"refused":
                step = EmitEvent(TOPICS.calls_redacted, "a", "hushwire.call.refused.v1", {})
                end = lambda: self.done.append("closed")  # noqa: E731
                return Handled("a", dead="seal", refused="seal", emit=(step,), then=end)
        send = Send(TOPICS.audio_raw, CallEnd("a", delivery.offset, 0))
        return Handled("a", (send,), self.seal)

    def forget(self, *, all_calls: bool) -> None:
        self.forgot.append(all_calls)


class Rig:
    def __init__(self, folder: Path) -> None:
        ledger = Ledger.embedded(folder)
        self.core, self.port, self.metrics = Core(ledger), MemoryPort(), Metrics()
        stage = RecordStage("admit", (TOPICS.audio_in,), self.core)
        self.runtime = RecordRuntime(
            stage,
            self.port,
            audit=AuditLog(ledger.database),
            topics=TOPICS,
            metrics=self.metrics,
            limits=Limits(first_wait_s=0.01, room=4),
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(HANG_S):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def take(self, *values: bytes, first: int = 0) -> None:
        for offset, value in enumerate(values, first):
            await self.runtime.arrive(Delivery(TOPICS.audio_in, 0, offset, b"a", {}, value))
        await self.until(lambda: len(self.port.acknowledged) >= first + len(values))


def run(folder: Path, work: Callable[[Rig], Coroutine[Any, Any, None]]) -> Rig:
    async def all_of_it() -> Rig:
        rig = Rig(folder)
        try:
            await work(rig)
        finally:
            await rig.runtime.stop()
        return rig

    return asyncio.run(all_of_it())


def test_records_go_on_in_order_and_are_acknowledged_in_order(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.take(b"", b"", b"dead", b"over", b"", *[b""] * 40)

    rig = run(tmp_path, work)
    sent = [headers for topic, _, _, headers in rig.port.sent if topic == TOPICS.audio_raw]
    assert len(sent) == 43
    assert rig.port.acknowledged == [(TOPICS.audio_in, 0, offset) for offset in range(45)]
    assert rig.port.to(TOPICS.deadletter) == ["seal"]
    assert all(value == b"" for topic, _, value, _ in rig.port.sent if topic == TOPICS.deadletter)


def test_a_sender_does_not_say_when_its_call_ended(tmp_path: Path) -> None:
    """What measures the delay would be believed by every stage after this one."""
    said = {ENDED: b"1000000"}

    async def work(rig: Rig) -> None:
        await rig.runtime.arrive(Delivery(TOPICS.audio_in, 0, 0, b"a", said, b"", at=2_000.5))
        await rig.until(lambda: bool(rig.port.acknowledged))

    rig = run(tmp_path, work)
    sent = [headers for topic, _, _, headers in rig.port.sent if topic == TOPICS.audio_raw]
    assert [headers[ENDED] for headers in sent] == [b"2000500"]


def test_a_record_that_has_to_wait_is_asked_for_again_and_keeps_its_place(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.core.later = 12  # longer than a store may be away
        await rig.take(b"", b"later", b"")

    rig = run(tmp_path, work)
    assert rig.core.later == 0
    assert rig.port.acknowledged == [(TOPICS.audio_in, 0, offset) for offset in range(3)]
    assert len(rig.port.to(TOPICS.audio_raw)) == 3


def test_a_refusal_is_told_before_it_is_carried_out(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.take(b"refused")

    rig = run(tmp_path, work)
    assert rig.port.to(TOPICS.calls_redacted) == ["a/hushwire.call.refused.v1"]
    assert rig.core.done == ["closed"]
    assert rig.metrics.snapshot().refused == 1


def test_a_store_that_is_away_holds_up_and_loses_nothing(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        rig.core.away = 3
        await rig.take(b"", b"")

    rig = run(tmp_path, work)
    assert [offset for _, _, offset in rig.port.acknowledged] == [0, 1]
    assert len(rig.port.sent) == 2


def test_what_the_broker_does_not_acknowledge_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    def fatal(code: int, message: str) -> None:
        told.append(code)
        raise fatal_exit.FatalError(code, message)

    monkeypatch.setattr(fatal_exit, "_hook", [fatal])

    async def work(rig: Rig) -> None:
        rig.port.broken = True
        await rig.runtime.arrive(Delivery(TOPICS.audio_in, 0, 0, b"a", {}, b""))
        await rig.until(lambda: bool(told))

    rig = run(tmp_path, work)
    assert told == [fatal_exit.ExitCode.BROKER]
    assert rig.port.acknowledged == []


def test_a_partition_that_went_away_is_forgotten_with_all_keys(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.take(b"")
        await rig.runtime.keep_only(set())
        # Read again from its commit, by whoever has it next; here it is the same process.
        await rig.runtime.arrive(Delivery(TOPICS.audio_in, 0, 0, b"a", {}, b""))
        await rig.until(lambda: len(rig.port.acknowledged) > 1)

    rig = run(tmp_path, work)
    assert rig.core.forgot == [True]
    assert len(rig.port.sent) == 2


def test_a_record_that_comes_again_is_acknowledged_and_not_sent_again(tmp_path: Path) -> None:
    async def work(rig: Rig) -> None:
        await rig.take(b"", b"")
        await rig.runtime.arrive(Delivery(TOPICS.audio_in, 0, 1, b"a", {}, b""))

    rig = run(tmp_path, work)
    assert [offset for _, _, offset in rig.port.acknowledged] == [0, 1, 1]
    assert len(rig.port.sent) == 2
