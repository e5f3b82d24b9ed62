"""How waiting windows are put together for engine processes; threads stand in for processes."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, cast

import numpy as np
import pytest

from agents.runtime.batching import BatchQueue, LiveFirst
from agents.system.engine_sizing import Batch
from pipeline.records.model import Window, WindowTranscript
from pipeline.transcription.segmenter import silent
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


def window(seq: int) -> Window:
    return Window("c", seq, 0, 0, 1, 8_000, np.ones(1, np.int16), heard_until=1)


class Engine:
    """Hears batches once the gate is open, and keeps their numbers."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.batches: list[list[int]] = []
        self.begun = threading.Event()

    def transcribe(self, windows: Sequence[Window]) -> list[WindowTranscript]:
        self.batches.append([one.seq for one in windows])
        self.begun.set()
        self.gate.wait(HANG_S)
        return [silent(one) for one in windows]

    def breaks(self, windows: Sequence[Window]) -> list[WindowTranscript]:
        raise BrokenProcessPool("died")


def gather(threads: ThreadPoolExecutor, batch: Batch, *, workers: int = 1) -> BatchQueue:
    return BatchQueue(cast("Any", threads), workers, batch, longest_s=10.0)


async def test_what_waits_while_all_are_busy_is_taken_together() -> None:
    engine = Engine()
    with ThreadPoolExecutor(1) as threads:
        one = gather(threads, Batch(3))
        tasks = [
            asyncio.create_task(one.transcribe(engine.transcribe, window(seq))) for seq in range(6)
        ]
        await asyncio.to_thread(engine.begun.wait, 10)
        engine.gate.set()
        heard = await asyncio.gather(*tasks)
    assert [each.seq for each in heard] == list(range(6))
    assert engine.batches == [[0], [1, 2, 3], [4, 5]]


async def test_a_suspect_is_heard_alone() -> None:
    engine = Engine()
    with ThreadPoolExecutor(1) as threads:
        one = gather(threads, Batch(4))
        first = asyncio.create_task(one.transcribe(engine.transcribe, window(0)))
        await asyncio.to_thread(engine.begun.wait, 10)
        more = [
            asyncio.create_task(one.transcribe(engine.transcribe, window(seq), alone=seq == 2))
            for seq in (1, 2, 3)
        ]
        await asyncio.sleep(0)
        engine.gate.set()
        await asyncio.gather(first, *more)
    assert engine.batches == [[0], [1], [2], [3]]


async def test_a_free_process_waits_for_more_only_as_long_as_it_may() -> None:
    engine = Engine()
    engine.gate.set()
    with ThreadPoolExecutor(1) as threads:
        one = gather(threads, Batch(2, wait_s=0.05))
        pair = [
            one.transcribe(engine.transcribe, window(0)),
            one.transcribe(engine.transcribe, window(1)),
        ]
        await asyncio.gather(*pair)
        await one.transcribe(engine.transcribe, window(2))
    assert engine.batches == [[0, 1], [2]]


async def test_free_processes_share_what_waits() -> None:
    engine = Engine()
    with ThreadPoolExecutor(2) as threads:
        one = gather(threads, Batch(4, wait_s=0.05), workers=2)
        tasks = [
            asyncio.create_task(one.transcribe(engine.transcribe, window(seq))) for seq in range(4)
        ]
        await asyncio.to_thread(engine.begun.wait, 10)
        engine.gate.set()
        await asyncio.gather(*tasks)
    assert all(len(batch) <= 2 for batch in engine.batches)
    assert sorted(seq for batch in engine.batches for seq in batch) == [0, 1, 2, 3]


async def test_a_broken_process_fails_its_batch() -> None:
    engine = Engine()
    with ThreadPoolExecutor(1) as threads:
        one = gather(threads, Batch(2))
        with pytest.raises(BrokenProcessPool):
            await one.transcribe(engine.breaks, window(0))


async def test_a_pool_that_was_ended_fails_what_comes() -> None:
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    with pytest.raises(BrokenProcessPool):
        await gather(threads, Batch(2)).transcribe(Engine().transcribe, window(0))


async def test_a_batch_that_hangs_is_given_up() -> None:
    engine = Engine()
    with ThreadPoolExecutor(1) as threads:
        one = BatchQueue(cast("Any", threads), 1, Batch(2), longest_s=0.05)
        with pytest.raises(TimeoutError):
            await one.transcribe(engine.transcribe, window(0))
        engine.gate.set()


class Live:
    """Calls that can't wait."""

    def __init__(self, in_flight: int = 1) -> None:
        self.in_flight, self.held_up = in_flight, False


async def test_what_can_wait_waits_for_live_windows_and_is_never_taken_together_with_them() -> None:
    engine, live = Engine(), LiveFirst()
    live.add(Live())
    with ThreadPoolExecutor(1) as threads:
        one = BatchQueue(cast("Any", threads), 1, Batch(4), longest_s=10.0, live=live)
        tasks = [asyncio.create_task(one.transcribe(engine.transcribe, window(0), can_wait=True))]
        await asyncio.to_thread(engine.begun.wait, 10)
        tasks += [
            asyncio.create_task(one.transcribe(engine.transcribe, window(seq), can_wait=seq < 4))
            for seq in range(1, 7)
        ]
        await asyncio.sleep(0)
        engine.gate.set()
        await asyncio.gather(*tasks)
    # Three came first and are behind: one window at a time, as long as there are live calls.
    assert engine.batches == [[0], [4, 5, 6], [1], [2], [3]]


@pytest.mark.parametrize(("in_flight", "begun"), [(1, [[0]]), (0, [[0, 1], [2, 3]])])
async def test_a_process_stays_free_while_there_are_live_calls(
    in_flight: int, begun: list[list[int]]
) -> None:
    engine, live = Engine(), LiveFirst()
    live.add(Live(in_flight))
    with ThreadPoolExecutor(2) as threads:
        one = BatchQueue(cast("Any", threads), 2, Batch(2, wait_s=0.0), longest_s=10.0, live=live)
        one._busy = 2  # both are busy until all of them wait
        waiting = [
            one.transcribe(engine.transcribe, window(seq), can_wait=True) for seq in range(4)
        ]
        tasks = [asyncio.create_task(each) for each in waiting]
        await asyncio.sleep(0)
        one._busy = 0
        one._send()
        await asyncio.to_thread(engine.begun.wait, 10)
        await asyncio.sleep(0.1)
        assert sorted(engine.batches) == begun
        engine.gate.set()
        await asyncio.gather(*tasks)
    assert sorted(itertools.chain(*engine.batches)) == list(range(4))
