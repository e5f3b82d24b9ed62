"""One call at one stage: no step is lost, whatever ends first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Never

import numpy as np
import pytest
from tink import aead, new_keyset_handle

from agents.crypto.envelope import Seal
from agents.runtime.broker_port import Delivery
from agents.runtime.call_run import Arrival, CallRun, StepServices
from agents.runtime.steps import Late, Send, Step, Transcribe
from pipeline.records.model import CallEnd, Record, Window, WindowTranscript
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

WINDOW = Window("call-1", 0, 0, 0, 8_000, 8_000, np.zeros(8_000, np.int16))
HEARD = WindowTranscript("call-1", 0, 0, 0, 8_000, ())


@dataclass
class CheckingCore:
    """Has a window checked for its first record; the answer ends the call."""

    done: bool = False
    held: int = 0
    wait_s: float | None = None

    def take(self, topic: str, record: Record) -> list[Step]:
        assert isinstance(record, CallEnd)
        if record.chunks == 1:
            return [Transcribe(WINDOW, self.answer, check=True, in_order=False)]
        return [Send("out", record)]

    def answer(self, transcript: WindowTranscript) -> list[Step]:
        self.done = True
        return [Send("out", CallEnd("call-1", 3, 0)), Send("out", CallEnd("call-1", 4, 0))]

    def quiet(self) -> list[Step]:
        return []

    @property
    def late(self) -> Late:
        return Late()


@dataclass
class SlowThread:
    """Runs work at once, and hands its steps over when the test says so."""

    answers: list[asyncio.Event] = field(default_factory=list)

    async def __call__(self, work: Callable[[], list[Step]]) -> list[Step]:
        steps = work()
        handed = asyncio.Event()
        self.answers.append(handed)
        await handed.wait()
        return steps


def _arrival(chunks: int) -> Arrival:
    return Arrival(Delivery("in", 0, chunks, b"call-1", {}, b""), CallEnd("call-1", chunks, 0))


def _seal() -> Seal:
    aead.register()
    handle = new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    return Seal(handle.primitive(aead.Aead))


async def _never(*_: object) -> Never:
    raise AssertionError


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


async def test_an_answer_that_ends_the_call_is_sent_though_the_last_record_is_taken_first() -> None:
    sent: list[int] = []
    listened = asyncio.Event()
    thread = SlowThread()

    async def send(step: Send, _seal: Seal, _ended: float, _trace: object) -> Awaitable[object]:
        assert isinstance(step.record, CallEnd)
        sent.append(step.record.chunks)
        return asyncio.sleep(0)

    async def transcribe(_: Transcribe) -> WindowTranscript:
        await listened.wait()
        return HEARD

    services = StepServices(
        in_thread=thread, send=send, emit=_never, transcribe=transcribe, act=_never, reject=_never
    )
    core = CheckingCore()
    run = CallRun("call-1", _seal(), core, services, room=8, changed=lambda: None)
    running = asyncio.create_task(run.run())
    run.put(_arrival(1))
    await _until(lambda: len(thread.answers) == 1)
    thread.answers[0].set()
    run.put(_arrival(2))
    await _until(lambda: len(thread.answers) == 2)
    # The last record's steps are on their way when the answer makes the core done.
    listened.set()
    await _until(lambda: len(thread.answers) == 3)
    assert core.done
    thread.answers[1].set()
    await asyncio.sleep(0.01)
    assert not running.done()
    thread.answers[2].set()
    async with asyncio.timeout(HANG_S):
        await running
    assert sent == [2, 3, 4]
