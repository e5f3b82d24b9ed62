"""The broker clients of one worker, one for each stage, and what they hand records to.

Groups are joined once all models are there. Joining while they load was tried: a worker whose
partitions moved in that time missed what its client had fetched, and the call was quarantined.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import faust

from agents.app.faust_app import attach
from agents.app.operations.probes import Joined, StageLook
from agents.runtime.broker_port import Reader

STOP_S = 8.0
"""A client that does not stop in this time is left to the end of the process."""
LOOK_S = 0.05
"""How often a client is asked for its partitions; Faust has no event."""


class Serving:
    """Joins the groups of stages, and stops them again; may be stopped before it has joined."""

    def __init__(self) -> None:
        self._apps: list[faust.App] = []
        self._runtimes: list[Reader] = []
        self._watches: list[asyncio.Task[None]] = []

    async def join(self, stages: Sequence[tuple[faust.App, Reader]]) -> None:
        """Connect all clients, join their groups, and hand records to the runtimes."""
        for app, runtime in stages:
            attach(app, runtime)
            self._apps.append(app)
            self._runtimes.append(runtime)
            self._watches.append(asyncio.create_task(runtime.watch()))
        await asyncio.gather(*(app.start() for app in self._apps))

    async def until_assigned(self) -> bool:
        """Wait until every client has what its group gives it; ``False`` where one ended before."""
        joined = Joined()
        broken = asyncio.create_task(self.until_broken())
        try:
            while not broken.done() and joined.waiting(self.look(), time.monotonic()):  # noqa: ASYNC110 - Faust has no event
                await asyncio.sleep(LOOK_S)
            return not broken.done()
        finally:
            broken.cancel()

    def look(self) -> list[StageLook]:
        """How each client is now."""
        return [
            StageLook(
                group=app.conf.id,
                partitions=len(_assignment(app)),
                joined=app.started and app.rebalancing_count > 0 and not app.rebalancing,
                still_s=round(runtime.pulse.still_s, 1),
            )
            for app, runtime in zip(self._apps, self._runtimes, strict=True)
        ]

    async def behind(self) -> dict[str, int]:
        """Records of each reader's own partitions that are not acknowledged yet, by its label."""
        # All at once: where nothing comes, each waits behind its client's long polls, for seconds.
        counts = await asyncio.gather(*map(_behind, self._apps))
        return {one.label: count for one, count in zip(self._runtimes, counts, strict=True)}

    async def until_broken(self) -> None:
        """Wait until one of the clients or of the runtimes' watches ends by itself."""
        ends = [asyncio.create_task(app.wait_until_stopped()) for app in self._apps]
        try:
            await asyncio.wait([*ends, *self._watches], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def stop(self) -> None:
        """Stop reading first, then what is in work; it is read again by whoever comes next."""
        for watch in self._watches:
            watch.cancel()
        for runtime in self._runtimes:
            await runtime.stop()
        if not self._apps:
            return
        stopping = [asyncio.create_task(app.stop()) for app in self._apps]
        _, late = await asyncio.wait(stopping, timeout=STOP_S)
        if late:
            sys.stderr.write(f"hushwire: {len(late)} broker clients did not stop in time\n")


async def _behind(app: faust.App) -> int:
    mine = _assignment(app)
    if not mine:
        return 0
    consumer: Any = app.consumer
    ends = await consumer.highwaters(*mine)
    begins = await consumer.earliest_offsets(*mine)
    known: Any = consumer._committed_offset  # noqa: SLF001 - Faust shows it nowhere else
    return sum(
        max(0, end - max(known.get(place) or 0, begins.get(place, 0)))
        for place, end in ends.items()
    )


def _assignment(app: faust.App) -> set[Any]:
    try:
        assigned: set[Any] = app.consumer.assignment()
    except Exception:  # noqa: BLE001 - Faust raises while its consumer is not there yet
        return set()
    return assigned
