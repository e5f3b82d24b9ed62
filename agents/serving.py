"""The broker clients of one worker, one for each stage, and what they hand records to.

Groups are joined once the models are there (``open``, then ``join``): a worker whose partitions
move while it is still loading was seen to lose what its client had fetched, so that a call missed
chunks and was quarantined. A record that comes before ``open`` waits, sealed, unacknowledged.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import faust

from agents.apps import attach
from agents.runtime import StageRuntime

STOP_S = 8.0
"""A client that does not stop in this time is left to the end of the process."""
LOOK_S = 0.05
"""How often a client is asked for its partitions; Faust has no event."""


class Serving:
    """Joins the groups of stages, opens them, and stops them again.

    Args:
        apps: by stage.
        inputs: the topics that each stage reads.
    """

    def __init__(
        self, apps: Mapping[str, faust.App], inputs: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._apps = dict(apps)
        loop = asyncio.get_running_loop()
        self._opened: dict[str, asyncio.Future[StageRuntime]] = {}
        for name, app in self._apps.items():
            self._opened[name] = loop.create_future()
            attach(app, name, inputs[name], self._opened[name])
        self._watches: list[asyncio.Task[None]] = []

    async def join(self) -> None:
        """Connect all clients and join their groups."""
        await asyncio.gather(*(app.start() for app in self._apps.values()))

    def open(self, runtimes: Sequence[StageRuntime]) -> None:
        """Let records in, to the runtimes of all stages."""
        for runtime in runtimes:
            self._watches.append(asyncio.create_task(runtime.watch()))
            self._opened[runtime.stage.name].set_result(runtime)

    async def until_assigned(self) -> None:
        """Wait until every client has partitions."""
        apps = self._apps.values()
        while not all(app.started and _assignment(app) and not app.rebalancing for app in apps):  # noqa: ASYNC110 - Faust has no event
            await asyncio.sleep(LOOK_S)

    async def until_broken(self) -> None:
        """Wait until one of the clients or of the runtimes' watches ends by itself."""
        ends = [asyncio.create_task(app.wait_until_stopped()) for app in self._apps.values()]
        try:
            await asyncio.wait([*ends, *self._watches], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def stop(self) -> None:
        """Stop reading first, then what is in work; it is read again by whoever comes next."""
        for watch in self._watches:
            watch.cancel()
        for opened in self._opened.values():
            if opened.done() and not opened.cancelled():
                await opened.result().stop()
            opened.cancel()
        stopping = [asyncio.create_task(app.stop()) for app in self._apps.values()]
        _, late = await asyncio.wait(stopping, timeout=STOP_S)
        if late:
            sys.stderr.write(f"hushwire: {len(late)} broker clients did not stop in time\n")


def _assignment(app: faust.App) -> set[Any]:
    try:
        assigned: set[Any] = app.consumer.assignment()
    except Exception:  # noqa: BLE001 - Faust raises while its consumer is not there yet
        return set()
    return assigned
