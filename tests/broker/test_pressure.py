"""A stage that holds too much stops reading, and has every record once it reads again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents.app.faust_app import attach, make_app, port_of
from agents.database.call_ledger import Ledger
from agents.kafka.producer import CallProducer
from agents.kafka.topics import Topics, create_topics
from agents.runtime.outbox import Limits
from agents.runtime.stage_runtime import StageRuntime
from agents.runtime.steps import Late, Stage, Step
from agents.system.logging import silence_libraries
from agents.system.metrics import Metrics
from pipeline.policy.loading import load_policy
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Record, Role
from tests.broker import fakes
from tests.broker.brokers import on_both
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.slow]

CALLS = tuple(f"call-{number}" for number in range(6))
CHUNKS = 120
PARTITIONS = 2
CHUNK = fakes.speak(["one"] * 2)[:, None]
HELD = 20 * CHUNK.nbytes
"""What the stage may hold: much less than one fetch brings."""


@dataclass
class HoldingCore:
    """Holds all audio until the other topic says that it may go."""

    taken: list[int] = field(default_factory=list)
    held: int = 0
    done: bool = False
    wait_s: float | None = None

    def take(self, topic: str, record: Record) -> list[Step]:
        if isinstance(record, AudioChunk):
            self.taken.append(record.seq)
            self.held += record.pcm.nbytes
        elif topic.endswith("spans"):
            self.held = 0
        self.done = len(self.taken) == CHUNKS
        return []

    def quiet(self) -> list[Step]:
        return []

    @property
    def late(self) -> Late:
        return Late()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.embedded(tmp_path)
    yield made
    made.dispose()


@on_both
async def test_every_record_arrives_though_the_stage_was_full(
    bootstrap: str, ledger: Ledger
) -> None:
    silence_libraries()
    topics = Topics.named(f"p{uuid.uuid4().hex[:8]}")
    create_topics(bootstrap, topics, partitions=PARTITIONS)
    _send_audio(bootstrap, topics, ledger)
    cores: dict[str, HoldingCore] = {}
    stage = Stage(
        "mute",
        (topics.audio_raw, topics.spans),
        lambda call_id, _: cores.setdefault(call_id, HoldingCore()),
        pausable=(topics.audio_raw,),
    )
    app = make_app(
        topics.spans, bootstrap, partitions=PARTITIONS, longest_job_s=1.0, client_id="test"
    )
    runtime = StageRuntime(
        stage,
        port_of(app),
        ledger=ledger,
        policies=lambda *_: load_policy("default"),
        pool=None,
        topics=topics,
        metrics=Metrics(),
        limits=Limits(held_bytes=HELD),
    )
    attach(app, runtime)
    watch = asyncio.create_task(runtime.watch())
    highest = 0
    try:
        await app.start()
        with CallProducer(bootstrap, topics.spans) as producer:
            async with asyncio.timeout(HANG_S):
                while not (len(cores) == len(CALLS) and all(one.done for one in cores.values())):
                    await asyncio.sleep(0.1)
                    highest = max(highest, sum(one.held for one in cores.values()))
                    for call_id in CALLS:
                        seal = ledger.open_call(call_id).seal
                        producer.send(CallEnd(call_id, CHUNKS, 0), seal)
    finally:
        watch.cancel()
        await runtime.stop()
        await asyncio.wait([asyncio.create_task(app.stop())], timeout=8)
    for core in cores.values():
        assert core.taken == list(range(CHUNKS))
    # What is on its way when the stage is full still comes: one poll, Faust's and our queues.
    everything = len(CALLS) * CHUNKS * CHUNK.nbytes
    assert HELD < highest < 0.6 * everything


def _send_audio(bootstrap: str, topics: Topics, ledger: Ledger) -> None:
    with CallProducer(bootstrap, topics.audio_raw) as producer:
        for seq in range(CHUNKS):
            for call_id in CALLS:
                info = CallInfo(call_id, fakes.RATE, (Role.AGENT,), "2026-03-01T10:00:00+00:00")
                chunk = AudioChunk(info, seq, seq * len(CHUNK), CHUNK)
                producer.send(chunk, ledger.open_call(call_id).seal)
