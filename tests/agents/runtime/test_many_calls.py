"""Many tiny calls through all stages in one process: nothing of a call stays in memory."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState, Ledger
from agents.database.policies.pins import Pins
from agents.kafka.producer import sealed
from agents.kafka.topics import Topics
from agents.runtime import stage_runtime as runtimes
from agents.runtime.broker_port import Delivery
from agents.runtime.stage_runtime import StageRuntime
from agents.stages import detect, mute, transcribe, vault, verify
from agents.stages.timeouts import Timeouts
from agents.system.metrics import Metrics
from agents.vault.vault import Vault
from pipeline.policy.loading import load_policy
from pipeline.records.model import AudioChunk, CallEnd, Window, WindowTranscript
from pipeline.transcription.segmenter import LoudnessVoice
from tests.broker import fakes
from tests.broker.harness import script

pytestmark = pytest.mark.unit

TOPICS = Topics.named()
WARM, MORE = 20, 60
"""Calls before the first count, and between the two counts."""
SLACK = 30
"""Objects of one type that may come or go by themselves: half of one for each call."""
LIBRARIES = frozenset(
    {"weakref.ReferenceType", "builtins.builtin_function_or_method", "sqlite3.Statement"}
)
"""Weak references and their callbacks hold nothing; libraries keep dead ones in lists and clear
them now and then. A connection of SQLite keeps its last 128 statements, which hold no values."""


@dataclass
class Loop:
    """A broker in memory: what one stage sends, the others get."""

    runtimes: list[StageRuntime] = field(default_factory=list)
    offsets: Counter[str] = field(default_factory=Counter)

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> Awaitable[object]:
        await self.bring(topic, key, value, headers)
        return asyncio.sleep(0)

    async def bring(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> None:
        offset = self.offsets[topic]
        self.offsets[topic] += 1
        for one in self.runtimes:
            if topic in one.stage.inputs:
                await one.arrive(Delivery(topic, 0, offset, key, dict(headers), value))

    def acknowledge(self, topic: str, partition: int, offset: int) -> None:
        """Nothing to keep."""

    def pause(self, topics: tuple[str, ...]) -> None:
        """Nothing to do."""

    def resume(self, topics: tuple[str, ...]) -> None:
        """Nothing to do."""


class Engines:
    """The pool of speech engines."""

    async def transcribe(
        self, window: Window, *, check: bool = False, can_wait: bool = False
    ) -> WindowTranscript:
        return fakes.check(window) if check else fakes.transcribe(window)


async def _calls(loop: Loop, ledger: Ledger, numbers: range) -> None:
    example = script("example", seconds=1)
    for number in numbers:
        info = replace(example.info, call_id=f"tiny-{number}")
        seal = ledger.open_call(info.call_id).seal
        pcm = example.chunks[0].pcm
        for record in (AudioChunk(info, 0, 0, pcm), CallEnd(info.call_id, 1, len(pcm))):
            message = sealed(record, TOPICS.audio_raw, seal)
            key = info.call_id.encode()
            await loop.bring(TOPICS.audio_raw, key, message.value, message.headers)
        while ledger.state(info.call_id) is CallState.OPEN:  # noqa: ASYNC110 - a database
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)


def _counted() -> Counter[str]:
    gc.collect()
    return Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())


async def test_of_a_call_that_is_over_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Finished calls are remembered, so many and no more.
    monkeypatch.setattr(runtimes, "REMEMBERED", WARM // 2)
    ledger = Ledger.embedded(tmp_path)
    policy, timeouts, metrics = load_policy("default"), Timeouts(), Metrics()
    detector, pins = fakes.ScriptedDetector(), Pins(ledger.database, lambda: policy, metrics)
    store = Vault.opened(tmp_path / "vault", ledger)
    key = SigningKey.load_or_create(tmp_path / "signing.pem")
    loop, log = Loop(), AuditLog(ledger.database)
    for stage in (
        transcribe.transcribe_stage(TOPICS, LoudnessVoice(), timeouts),
        detect.detect_stage(TOPICS, detector.open),
        mute.mute_stage(TOPICS, timeouts),
        verify.verify_stage(TOPICS, detector),
        vault.vault_stage(TOPICS, store, ledger, timeouts, key=key, log=log),
    ):
        made = StageRuntime(
            stage,
            loop,
            ledger=ledger,
            policies=pins.policy,
            pool=Engines(),
            topics=TOPICS,
            metrics=metrics,
        )
        loop.runtimes.append(made)
    try:
        await _calls(loop, ledger, range(WARM))
        before = _counted()
        await _calls(loop, ledger, range(WARM, WARM + MORE))
        after = _counted()
        assert ledger.count(CallState.STORED) == WARM + MORE
    finally:
        for one in loop.runtimes:
            await one.stop()
        ledger.dispose()
    grown = {name: count - before[name] for name, count in after.items()}
    kept = {name: count for name, count in grown.items() if count > SLACK}
    assert set(kept) <= LIBRARIES, kept
