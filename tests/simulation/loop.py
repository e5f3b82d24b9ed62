"""An event loop without time, threads or sockets: what waits is jumped over.

Everything that the code under test hands to a thread runs in this one, at a moment that the dice
choose, and stops at every ``pause`` (before each transaction, before each file) so that others
come between: a greenlet each. What one thread answers comes in the order in which it was done, as
asyncio keeps it. Nothing here reads a clock, so the same dice bring the same run.
"""

# ruff: noqa: ANN401 - what is replaced has many types

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from greenlet import getcurrent, greenlet

JOB_S = 0.004
"""The longest wait for a thread, and for its answer."""
_TICK_S = 1e-9


class StandstillError(Exception):
    """Nothing is left that could ever happen."""


class WorldLoop(asyncio.BaseEventLoop):
    """The loop.

    Args:
        dice: how long things take.
    """

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.now = 1_000.0
        self.dice = dice
        self._selector = self
        self._queues: dict[int, deque[Callable[[], None]]] = {}
        self._answered: dict[int, float] = {}

    # What asyncio wants of a loop

    def time(self) -> float:
        return self.now

    def select(self, timeout: float | None) -> list[Any]:
        """Stands in for waiting: time passes at once."""
        if timeout is None:
            raise StandstillError
        self.now += max(0.0, timeout)
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""

    # Threads

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run something that blocks; jobs of one executor run one after the other."""
        future = self.create_future()
        job = _Job(self, partial(func, *args), future)
        if executor is None:
            self.call_later(self._some_time(), job.start)
            return future
        if executor._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        queue = self._queues.setdefault(id(executor), deque())
        queue.append(job.start)
        job.over, job.thread = partial(self._next_in, queue), id(executor)
        if len(queue) == 1:
            self.call_later(self._some_time(), job.start)
        return future

    def _next_in(self, queue: deque[Callable[[], None]]) -> None:
        queue.popleft()
        if queue:
            self.call_later(self._some_time(), queue[0])

    def _answer_at(self, thread: int | None) -> float:
        """When an answer comes: of a thread, after all that it answered before."""
        at = self.now + self._some_time()
        if thread is not None:
            at = max(at, self._answered.get(thread, 0.0) + _TICK_S)
            self._answered[thread] = at
        return at

    def _some_time(self) -> float:
        return self.dice.random() * JOB_S


class _Job:
    """What a thread would do."""

    def __init__(
        self, loop: WorldLoop, work: Callable[[], Any], future: asyncio.Future[Any]
    ) -> None:
        self._loop, self._work, self._future = loop, work, future
        self._context = contextvars.copy_context()
        self.over: Callable[[], None] = lambda: None
        self.thread: int | None = None

    def start(self) -> None:
        if self._future.cancelled():
            self.over()
            return
        strand = greenlet(self._run)
        strand.gr_context = self._context
        strand.switch()

    def _run(self) -> None:
        tell: Callable[[], object]
        try:
            result = self._work()
        except asyncio.CancelledError:
            tell = self._future.cancel
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            tell = partial(self._future.set_exception, error)
        else:
            tell = partial(self._future.set_result, result)
        self.over()
        self._loop.call_at(self._loop._answer_at(self.thread), self._answer, tell)

    def _answer(self, tell: Callable[[], object]) -> None:
        if not self._future.done():
            tell()


def pause() -> None:
    """Let others come between, where this is a thread's work."""
    strand = getcurrent()
    if strand.parent is None:
        return
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WorldLoop)
    loop.call_later(loop._some_time(), strand.switch)
    strand.parent.switch()
