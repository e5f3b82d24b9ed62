"""The worker processes of a simulated deployment: what each does, and how one is killed."""

# ruff: noqa: ANN401 - what is replaced has many types

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulation.broker import SESSION_S, Member

if TYPE_CHECKING:
    from tests.simulation.world import World

WORKER: contextvars.ContextVar[Worker | None] = contextvars.ContextVar("worker", default=None)
"""Whose code runs."""


class Worker:
    """One worker process, from its start to its end."""

    def __init__(self, world: World, slot: Slot) -> None:
        self.world, self.slot = world, slot
        self.alive = True
        self.stop = asyncio.Event()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.members: list[Member] = []
        self.ended_with = 0

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task of this process."""
        context = contextvars.copy_context()
        context.run(WORKER.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def effect(self, kind: str) -> None:
        """Something is about to be seen outside, or was: a process may be killed here.

        Raises:
            CancelledError: this one was.
        """
        if self.alive:
            self.slot.effects += 1
            if self.slot.effects in self.slot.crashes:
                self.world.note(f"crash at {kind}")
                self.kill()
        if not self.alive:
            raise asyncio.CancelledError

    def kill(self) -> None:
        """End at once, as ``kill -9`` does."""
        if not self.alive:
            return
        self.alive = False
        for task in list(self.tasks):
            task.cancel()


@dataclass
class Slot:
    """A worker's place in the deployment; its supervisor starts it again whenever it ends."""

    number: int
    stages: tuple[str, ...]
    policy: int = 0
    version: int = 0
    clock: float = 0.0
    """By how much its wall clock is ahead."""
    effects: int = 0
    crashes: set[int] = field(default_factory=set)
    worker: Worker | None = None
    wanted: bool = True


def begin(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    """The task of some work; it belongs to the process that begins it."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
    context = options.get("context")
    worker = context.get(WORKER) if context is not None else WORKER.get()
    if worker is not None:
        worker.tasks[task] = None
        task.add_done_callback(worker.tasks.pop)
        if not worker.alive:
            task.cancel()
    return task


async def miss(worker: Worker) -> None:
    """The groups notice after a while that a member is gone."""
    await asyncio.sleep(SESSION_S)
    for member in worker.members:
        await member.group.leave(member)


def here() -> Worker:
    """The worker whose code runs."""
    worker = WORKER.get()
    assert worker is not None
    return worker
