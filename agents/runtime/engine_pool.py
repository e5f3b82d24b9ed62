"""The pool of speech engine processes.

Outcomes of ``TranscriberPool.transcribe``: always a ``WindowTranscript``. A window that kills its
process twice, the second time alone in a fresh pool, is unheard: it will be silenced whole. Where
no process can be started at all, ``ModelError``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

from agents.runtime.batching import BatchQueue, Job, LiveFirst
from agents.system.child_processes import THREADS, end_with_parent
from agents.system.engine_sizing import Batch
from models.speech.transcriber import (
    TranscriberSettings,
    check,
    check_all,
    pinned,
    start_transcriber,
    transcribe,
    transcribe_all,
)
from pipeline.errors import ModelError, SettingsError
from pipeline.records.model import Window, WindowTranscript
from pipeline.transcription.segmenter import silent, unheard

TRANSCRIBE_S = 120.0
"""Windows that take longer have hung: their process is ended and each is tried once more."""


@dataclass(frozen=True, slots=True)
class PoolWork:
    """What the pool's processes run; everything has to be importable by name."""

    start: Callable[..., None]
    """Loads the models, once per process."""
    arguments: tuple[Any, ...]
    transcribe: Callable[[Window], WindowTranscript]
    check: Callable[[Window], WindowTranscript]
    transcribe_all: Job | None = None
    """Hears several windows for less than one after another; None: one after another."""
    check_all: Job | None = None


class TranscriberPool:
    """Runs speech engines in processes that end with us.

    Start it from a thread that lives as long as the process: the kernel binds the children to it.

    Args:
        pool_work: what to run.
        workers: how many processes.
        batch: how many windows a process gets at once.
        transcribe_s: how long it may take for them.
        live: whether there are live calls.
    """

    def __init__(
        self,
        pool_work: PoolWork,
        workers: int,
        *,
        batch: Batch | None = None,
        transcribe_s: float = TRANSCRIBE_S,
        live: LiveFirst | None = None,
    ) -> None:
        self._pool_work, self._workers, self._transcribe_s = (
            pool_work,
            max(1, workers),
            transcribe_s,
        )
        self._batch, self._live = batch or Batch(), live
        self._jobs: dict[bool, Job] = {
            False: pool_work.transcribe_all or partial(_one_by_one, pool_work.transcribe),
            True: pool_work.check_all or partial(_one_by_one, pool_work.check),
        }
        self._gather = self._gathered()
        # As many again may wait as are in work: a process that becomes free finds a full batch.
        # What can wait has places of its own: it keeps no live window out.
        self._slots = {
            can_wait: asyncio.Semaphore(2 * self._workers * self._batch.most)
            for can_wait in (False, True)
        }
        self._alone = asyncio.Lock()

    async def start(self) -> None:
        """Start all processes and wait until their models are loaded.

        Raises:
            SettingsError: this machine has no such device or arithmetic.
            ModelError: a process can't be started or its models can't be loaded.
        """
        loop = asyncio.get_running_loop()
        executor = self._gather.executor
        waiting = [loop.run_in_executor(executor, _loaded) for _ in range(self._workers)]
        try:
            problems = [problem for problem in await asyncio.gather(*waiting) if problem]
        except BrokenProcessPool:
            raise ModelError("the speech engine processes end while they start") from None
        if problems:
            raise problems[0]

    def stop(self) -> None:
        """End all processes; windows in work are lost, and come again from the broker."""
        self._kill()

    async def transcribe(
        self, window: Window, *, check: bool = False, can_wait: bool = False
    ) -> WindowTranscript:
        """Listen to a window.

        Args:
            window: which.
            check: for verification.
            can_wait: whether windows of live calls go first.

        Raises:
            ModelError: no process can be started any more.
        """
        if not len(window.pcm) and not window.speech:
            return silent(window)  # no process is needed to hear nothing
        async with self._slots[can_wait]:
            # While a suspect runs alone nobody else is in the pool.
            async with self._alone:
                pass
            gather = self._gather
            try:
                return await gather.transcribe(self._jobs[check], window, can_wait=can_wait)
            except (BrokenProcessPool, TimeoutError):
                return await self._again(gather, window, check=check)

    async def _again(self, broken: BatchQueue, window: Window, *, check: bool) -> WindowTranscript:
        async with self._alone:
            if self._gather is broken:
                await self._renew()
            try:
                return await self._gather.transcribe(self._jobs[check], window, alone=True)
            except (BrokenProcessPool, TimeoutError):
                await self._renew()
                return unheard(window)

    async def _renew(self) -> None:
        self._kill()
        self._gather = self._gathered()
        await self.start()

    def _gathered(self) -> BatchQueue:
        executor = _executor(self._pool_work, self._workers)
        return BatchQueue(
            executor, self._workers, self._batch, longest_s=self._transcribe_s, live=self._live
        )

    def _kill(self) -> None:
        """End the processes at once: one that hangs would never be joined."""
        executor = self._gather.executor
        children = getattr(executor, "_processes", None) or {}
        for child in tuple(children.values()):
            child.kill()
        executor.shutdown(wait=False, cancel_futures=True)


def _one_by_one(
    transcribe: Callable[[Window], WindowTranscript], windows: Sequence[Window]
) -> list[WindowTranscript]:
    return [transcribe(window) for window in windows]


def _executor(pool_work: PoolWork, workers: int) -> ProcessPoolExecutor:
    # Two threads of the linear algebra behind numpy round otherwise than one: a window has to be
    # heard alike wherever it is. The children take this over; here the libraries are loaded.
    for name in THREADS:
        os.environ[name] = "1"
    return ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_start,
        initargs=(os.getpid(), pool_work.start, pool_work.arguments),
    )


_problem: list[ModelError | SettingsError] = []
"""Why this pool process has no models; told by ``_loaded``."""


def _start(parent: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Initialiser of a pool process; an exception here would break the pool without a reason."""
    end_with_parent(parent)
    try:
        start(*arguments)
    except (ModelError, SettingsError) as error:
        _problem.append(error)
    except Exception as error:  # noqa: BLE001 - its text may not be ours to show
        told = f"the speech engine can't be started ({type(error).__name__})"
        _problem.append(ModelError(told))


def _loaded() -> ModelError | SettingsError | None:
    """The reason why this process has no models, if any."""
    return _problem[0] if _problem else None


@contextmanager
def engine_pool(settings: TranscriberSettings, workers: int) -> Iterator[ProcessPoolExecutor]:
    """A plain pool of speech engines for work without a broker; it ends with the block.

    Args:
        settings: how to listen.
        workers: how many processes.

    Raises:
        SettingsError: this machine has no such device or arithmetic.
        ModelError: the models can't be loaded.
    """
    executor = _executor(whisper_work(pinned(settings)), workers)
    try:
        try:
            problem = executor.submit(_loaded).result()
        except BrokenProcessPool:
            raise ModelError("the speech engine processes end while they start") from None
        if problem:
            raise problem
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def whisper_work(settings: TranscriberSettings) -> PoolWork:
    """The real models."""
    return PoolWork(start_transcriber, (settings,), transcribe, check, transcribe_all, check_all)
