"""The pool of speech engines: a window that kills its process takes no other one with it."""

from __future__ import annotations

import asyncio

import pytest

from agents.runtime.engine_pool import PoolWork, TranscriberPool
from pipeline.records.model import Window, WindowTranscript
from tests.broker import fakes
from tests.waiting import HANG_S

pytestmark = pytest.mark.slow


def window(call_id: str, seq: int) -> Window:
    pcm = fakes.speak(["hello", "one", "two"])
    return Window(call_id, seq, 0, 0, len(pcm), fakes.RATE, pcm, heard_until=len(pcm))


@pytest.mark.parametrize("workers", [1, 2])
async def test_windows_that_wait_when_the_pool_breaks_are_heard(workers: int) -> None:
    pool = TranscriberPool(PoolWork(fakes.start, (), fakes.transcribe, fakes.transcribe), workers)
    await pool.start()
    try:
        calls = [fakes.SLOW, fakes.KILLER, *(f"{fakes.SLOW}-{number}" for number in range(10))]
        windows = [window(call_id, seq) for seq, call_id in enumerate(calls)]
        listening = asyncio.gather(*(pool.transcribe(one) for one in windows))
        heard: list[WindowTranscript] = await asyncio.wait_for(listening, HANG_S)
    finally:
        pool.stop()
    assert [one.call_id for one in heard] == calls
    assert [one.call_id for one in heard if one.unheard] == [fakes.KILLER]
