"""Windows of all calls wait here for an engine process; each process takes several at once.

Outcomes of ``BatchQueue.hear``: a ``WindowTranscript``; ``BrokenProcessPool`` where the process
ended that had the window, or the pool before its turn came; ``TimeoutError`` where its batch took
too long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from agents.system.engine_sizing import Batch
from pipeline.records.model import Window, WindowTranscript

Job: TypeAlias = Callable[[Sequence[Window]], list[WindowTranscript]]
"""Hears several windows; importable by name."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    window: Window
    heard: asyncio.Future[WindowTranscript]
    since: float
    alone: bool


class BatchQueue:
    """Feeds one pool of processes.

    A process that becomes free takes what waits, evenly shared with the other free ones, at most
    ``batch.most`` windows. Windows that one process gets are of one job.

    Args:
        executor: the processes; whoever made it ends it.
        workers: how many there are.
        batch: how much one gets, and how long a free one waits for more.
        longest_s: how long a batch may take.
    """

    def __init__(
        self, executor: ProcessPoolExecutor, workers: int, batch: Batch, *, longest_s: float
    ) -> None:
        self.executor = executor
        self._workers, self._batch, self._longest_s = workers, batch, longest_s
        self._waiting: dict[Job, deque[_Waiting]] = {}
        self._busy = 0
        self._timer: asyncio.TimerHandle | None = None

    async def hear(self, job: Job, window: Window, *, alone: bool = False) -> WindowTranscript:
        """Have one window heard; ``alone``: in no batch with others."""
        loop = asyncio.get_running_loop()
        one = _Waiting(window, loop.create_future(), loop.time(), alone)
        self._waiting.setdefault(job, deque()).append(one)
        self._send()
        return await one.heard

    def _send(self) -> None:
        """Give free processes what is ready, the job whose first window waits longest first."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._busy < self._workers:
            for waiting in self._waiting.values():
                while waiting and waiting[0].heard.done():  # whoever asked has gone
                    waiting.popleft()
            ready = [(each[0].since, job) for job, each in self._waiting.items() if each]
            if not ready:
                return
            since, job = min(ready, key=lambda one: one[0])
            waiting = self._waiting[job]
            missing = len(waiting) < self._batch.most and not waiting[0].alone
            left_s = since + self._batch.wait_s - loop.time()
            if missing and left_s > 0:
                self._timer = loop.call_later(left_s, self._send)
                return
            self._start(job, self._taken(waiting))

    def _taken(self, waiting: deque[_Waiting]) -> list[_Waiting]:
        if waiting[0].alone:
            return [waiting.popleft()]
        share = -(-len(waiting) // (self._workers - self._busy))
        taken: list[_Waiting] = []
        while waiting and not waiting[0].alone and len(taken) < min(share, self._batch.most):
            taken.append(waiting.popleft())
        return taken

    def _start(self, job: Job, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        try:
            future = self.executor.submit(job, [one.window for one in batch])
        except RuntimeError:  # broken, or ended meanwhile
            _fail(batch, BrokenProcessPool("the pool was ended while a window waited for it"))
            return
        self._busy += 1
        running = _Running(batch)
        limit = partial(_fail, batch, TimeoutError())
        running.limit = loop.call_later(self._longest_s, limit)
        asyncio.wrap_future(future).add_done_callback(partial(self._done, running))

    def _done(self, running: _Running, future: asyncio.Future[list[WindowTranscript]]) -> None:
        if running.limit is not None:
            running.limit.cancel()
        self._busy -= 1
        if future.cancelled():
            # Another window broke the pool and took these, which still waited, with it.
            _fail(running.batch, BrokenProcessPool("the pool was ended while a window waited"))
        elif (error := future.exception()) is not None:
            _fail(running.batch, error)
        else:
            for one, heard in zip(running.batch, future.result(), strict=True):
                if not one.heard.done():
                    one.heard.set_result(heard)
        self._send()


@dataclass(slots=True)
class _Running:
    batch: list[_Waiting]
    limit: asyncio.TimerHandle | None = field(default=None)


def _fail(batch: list[_Waiting], error: BaseException) -> None:
    for one in batch:
        if not one.heard.done():
            one.heard.set_exception(error)
