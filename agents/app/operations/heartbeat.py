"""A worker renews its row in the ledger's database every few seconds, until it stops.

It is told nothing of calls but counts. A database that is away is logged once, and tried again: no
worker ends for want of being seen. One whose keys do not count any more ends at once.
"""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import metadata
from typing import Final

from agents.app.operations.worker_states import BEAT_S, State, WorkerState, WorkerStates
from agents.database.engine import Database
from agents.system import fatal_exit
from agents.system.logging import get_logger
from agents.system.metrics import Metrics
from pipeline.errors import KeyFileError, StoreError
from pipeline.policy.model import Policy

DELAYS_OF_S: Final = 900.0
"""Releases of the last quarter of an hour are told."""


class Heartbeat:
    """One worker's row.

    Args:
        database: the ledger's.
        stages: what runs here.
        policy: what new calls are begun under now.
        metrics: what is counted.
        keys: raises ``KeyFileError`` where a key that the worker holds was replaced.
    """

    def __init__(
        self,
        database: Database,
        stages: Sequence[str],
        policy: Callable[[], Policy],
        metrics: Metrics,
        keys: Callable[[], object] = lambda: None,
    ) -> None:
        self._states, self._now = WorkerStates(database), database.dated
        self._stages, self._policy, self._metrics = tuple(stages), policy, metrics
        self._keys = keys
        self._id, self._started = uuid.uuid4().hex, database.dated()
        self._counted = deque([metrics.delays()], maxlen=int(DELAYS_OF_S // BEAT_S) + 1)
        self.state: State = "starting"

    def beat(self) -> None:
        """Renew the row; raises ``StoreError``."""
        policy, shown = self._policy(), self._metrics.snapshot()
        delays = self._metrics.delays()
        first = self._counted[0]
        self._counted.append(delays)
        counts = {
            "refused": shown.refused,
            "dead_letters": sum(shown.dead_letters.values()),
            "audio_seconds": int(shown.audio_seconds),
            **{f"finished.{stage}": count for stage, count in shown.calls.items()},
            **{f"in_flight.{stage}": count for stage, count in shown.in_flight.items()},
        }
        self._states.note(
            WorkerState(
                worker_id=self._id,
                stages=self._stages,
                host=socket.gethostname(),
                version=metadata.version("hushwire"),
                policy=policy.name,
                policy_version=policy.version,
                state=self.state,
                started=self._started,
                seen=self._now(),
                counts=counts,
                delays=tuple(now - then for now, then in zip(delays, first, strict=True)),
            )
        )

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew the row while the block runs, and remove it at its end."""
        task = asyncio.create_task(self._tend(), name="heartbeat")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            with suppress(StoreError):
                await asyncio.to_thread(self._states.remove, self._id)

    async def _tend(self) -> None:
        told = False
        while True:
            try:
                await asyncio.to_thread(self._keys)
                await asyncio.to_thread(self.beat)
                told = False
            except KeyFileError as error:
                fatal_exit.exit_now(fatal_exit.ExitCode.KEY, str(error))
            except StoreError as error:
                if not told:
                    get_logger().warning("heartbeat not written", code=error.code)
                told = True
            await asyncio.sleep(BEAT_S)
