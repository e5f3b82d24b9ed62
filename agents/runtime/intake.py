"""What came of the partitions that a process reads: queued in its order, done as a prefix.

Nothing is lost by a cancelled reader: what was read is queued before anything is awaited. A log
that was cut or made anew, and a partition that was added, end the process: what it holds may not be
what the broker has.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from agents.runtime.broker_port import Delivery, Port
from agents.runtime.offsets import Prefix
from agents.system import fatal_exit
from agents.system.logging import get_logger
from agents.system.metrics import Metrics
from pipeline.errors import BrokerError

Place: TypeAlias = tuple[str, int]
"""Topic and number of a partition."""
Work: TypeAlias = Coroutine[Any, Any, None]


@dataclass(slots=True)
class Partition:
    """A partition that this process reads."""

    place: Place
    prefix: Prefix = field(default_factory=Prefix)
    queue: deque[Delivery] = field(default_factory=deque)
    """What nobody is through with yet; its first one is worked on."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by whoever changes something that others wait for by ``until``."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of it."""
        while not holds():
            self.changed.clear()
            await self.changed.wait()

    def taken(self) -> None:
        """Its first record leaves the queue."""
        self.queue.popleft()
        self.changed.set()


class Intake:
    """Takes the records of one stage.

    Args:
        stage: its name.
        port: the broker.
        metrics: what is counted.
        room: records of a partition that are queued before its reader waits.
        partitions: of every topic.
        work: what is to run for a partition as long as it is read.
    """

    def __init__(
        self,
        stage: str,
        port: Port,
        *,
        metrics: Metrics,
        room: int,
        partitions: int,
        work: Callable[[Partition], tuple[Work, ...]],
    ) -> None:
        self._stage, self._port, self._metrics = stage, port, metrics
        self._room, self._count, self._work = room, partitions, work
        self._log = get_logger(stage)
        self._partitions: dict[Place, Partition] = {}

    def __contains__(self, place: Place) -> bool:
        """Whether this process reads a partition, as far as something came of it."""
        return place in self._partitions

    @property
    def queued(self) -> bool:
        """Whether a record waits for its turn, or has it."""
        return any(one.queue for one in self._partitions.values())

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs for all partitions."""
        return [task for one in self._partitions.values() for task in one.tasks]

    async def arrive(self, delivery: Delivery) -> None:
        """Take a record from the broker; waits while too much is waiting already."""
        place = delivery.topic, delivery.partition
        if delivery.partition >= self._count:
            self._end_at(delivery, "a partition was added")
        partition = self._partitions.get(place)
        if partition is None:
            partition = self._partitions[place] = Partition(place)
            partition.tasks = [spawn(one) for one in self._work(partition)]
        try:
            new = partition.prefix.take(delivery.offset, delivery.held)
        except BrokerError:
            self._end_at(delivery, "an offset came back with another record")
        if not new:
            if delivery.offset not in partition.prefix:
                self._port.acknowledge(*place, delivery.offset)
            return
        self._metrics.records.labels(self._stage).inc()
        partition.queue.append(delivery)
        partition.changed.set()
        await partition.until(lambda: len(partition.queue) <= self._room)

    def keep_only(self, places: set[Place]) -> None:
        """Forget what came of partitions that now belong to another process."""
        self._metrics.assignments.labels(self._stage).inc()
        for place in set(self._partitions) - places:
            partition = self._partitions.pop(place)
            for task in partition.tasks:
                task.cancel()
            partition.queue.clear()
            partition.changed.set()

    def done(self, place: Place, offset: int) -> None:
        """A record is done: acknowledge what may be now."""
        partition = self._partitions.get(place)
        for ready in partition.prefix.done(offset) if partition else ():
            self._port.acknowledge(*place, ready)

    def count_waiting(self) -> None:
        """Show how many records are not acknowledged."""
        waiting = sum(len(one.prefix) for one in self._partitions.values())
        self._metrics.lag.labels(self._stage).set(waiting)

    def _end_at(self, delivery: Delivery, why: str) -> NoReturn:
        """End the process: the broker's records are not what this process knows of them."""
        self._log.error(
            "records are not what they were",
            state=why,
            topic=delivery.topic,
            partition=delivery.partition,
            offset=delivery.offset,
        )
        fatal_exit.exit_now(
            fatal_exit.ExitCode.BROKER, f"{delivery.topic}/{delivery.partition}: {why}"
        )


def spawn(work: Work) -> asyncio.Task[None]:
    """Run something whose exception ends the process."""
    task: asyncio.Task[None] = asyncio.create_task(work)
    task.add_done_callback(_no_escape)
    return task


def _no_escape(task: asyncio.Task[None]) -> None:
    """A task of ours that broke: nothing is acknowledged wrongly when the process ends now."""
    if task.cancelled():
        return
    error = task.exception()
    if error is not None and not isinstance(error, fatal_exit.FatalError):
        fatal_exit.exit_now(
            fatal_exit.ExitCode.BUG, f"a stage's task broke ({type(error).__name__})"
        )
