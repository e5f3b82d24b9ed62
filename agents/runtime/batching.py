"""Windows of all calls wait here for an engine process; each process takes several at once.

Windows of live calls go first. Those of calls that can wait, such as an archive's, get what is
left: while live calls are in flight one window a process, and never the last free process.

Outcomes of ``BatchQueue.transcribe``: a ``WindowTranscript``; ``BrokenProcessPool`` where the
process ended that had the window, or the pool before its turn came; ``TimeoutError`` where its
batch took too long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias

from agents.system.engine_sizing import Batch
from pipeline.records.model import Window, WindowTranscript

SERVED_LOOK_S = 0.25
"""How often what can wait looks whether live calls are served."""
Job: TypeAlias = Callable[[Sequence[Window]], list[WindowTranscript]]
"""Hears several windows; importable by name."""


class Serves(Protocol):
    """What works on live calls, such as ``StageRuntime``."""

    @property
    def in_flight(self) -> int:
        """Live calls that it works on."""
        ...

    @property
    def held_up(self) -> bool:
        """Whether live records wait because it can't take more now."""
        ...


class LiveFirst:
    """Whether the live calls of this process are served; asked by what can wait."""

    def __init__(self) -> None:
        self._live: list[Serves] = []

    def add(self, serves: Serves) -> None:
        """Something works on live calls."""
        self._live.append(serves)

    @property
    def in_flight(self) -> bool:
        """Whether there are live calls."""
        return any(one.in_flight for one in self._live)

    async def served(self) -> None:
        """Wait while live records wait."""
        while any(one.held_up for one in self._live):  # noqa: ASYNC110 - several end it
            await asyncio.sleep(SERVED_LOOK_S)


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
        live: whether there are live calls.
    """

    def __init__(
        self,
        executor: ProcessPoolExecutor,
        workers: int,
        batch: Batch,
        *,
        longest_s: float,
        live: LiveFirst | None = None,
    ) -> None:
        self.executor = executor
        self._workers, self._batch, self._longest_s = workers, batch, longest_s
        self._live = live or LiveFirst()
        self._waiting: dict[tuple[bool, Job], deque[_Waiting]] = {}
        """By whether they can wait, and by job."""
        self._busy = 0
        self._busy_behind = 0
        """Processes with windows that could wait."""
        self._timer: asyncio.TimerHandle | None = None

    async def transcribe(
        self, job: Job, window: Window, *, alone: bool = False, can_wait: bool = False
    ) -> WindowTranscript:
        """Have one window heard; ``alone``: in no batch with others."""
        loop = asyncio.get_running_loop()
        one = _Waiting(window, loop.create_future(), loop.time(), alone)
        self._waiting.setdefault((can_wait, job), deque()).append(one)
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
            ready = [key for key, each in self._waiting.items() if each]
            if not ready:
                return
            key = min(ready, key=lambda one: (one[0], self._waiting[one][0].since))
            waiting, (behind, job) = self._waiting[key], key
            careful = behind and self._live.in_flight
            if careful and self._busy_behind >= max(1, self._workers - 1):
                return  # the next one that ends looks again
            most = 1 if careful else self._batch.most
            missing = len(waiting) < most and not waiting[0].alone
            left_s = waiting[0].since + self._batch.wait_s - loop.time()
            if missing and left_s > 0:
                self._timer = loop.call_later(left_s, self._send)
                return
            self._start(job, self._taken(waiting, most), behind=behind)

    def _taken(self, waiting: deque[_Waiting], most: int) -> list[_Waiting]:
        if waiting[0].alone:
            return [waiting.popleft()]
        share = -(-len(waiting) // (self._workers - self._busy))
        taken: list[_Waiting] = []
        while waiting and not waiting[0].alone and len(taken) < min(share, most):
            taken.append(waiting.popleft())
        return taken

    def _start(self, job: Job, batch: list[_Waiting], *, behind: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            future = self.executor.submit(job, [one.window for one in batch])
        except RuntimeError:  # broken, or ended meanwhile
            _fail(batch, BrokenProcessPool("the pool was ended while a window waited for it"))
            return
        self._busy += 1
        self._busy_behind += behind
        running = _Running(batch, behind)
        limit = partial(_fail, batch, TimeoutError())
        running.limit = loop.call_later(self._longest_s, limit)
        asyncio.wrap_future(future).add_done_callback(partial(self._done, running))

    def _done(self, running: _Running, future: asyncio.Future[list[WindowTranscript]]) -> None:
        if running.limit is not None:
            running.limit.cancel()
        self._busy -= 1
        self._busy_behind -= running.behind
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
    behind: bool
    limit: asyncio.TimerHandle | None = field(default=None)


def _fail(batch: list[_Waiting], error: BaseException) -> None:
    for one in batch:
        if not one.heard.done():
            one.heard.set_exception(error)
