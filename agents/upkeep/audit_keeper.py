"""Signs and prunes the audit log while a worker with the vault stage, or the API's server, runs.

A checkpoint is signed when that starts, when ``auditlog.EVERY`` entries came, every
``CHECKPOINT_S`` seconds where anything came, and when it stops in order; then it is laid down
outside the database (``agents.upkeep.audit_checkpoints``). What is too old is pruned once a day,
where the clock is believed (``agents.upkeep.sweep_guard``), and with it the names of those who have
not logged in for long. A log that does not hold, or does not extend what the key signed last, is
neither signed nor pruned: it is told as an error, over and over, and calls go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from prometheus_client import Counter, Gauge

from agents.access.audit_log import EVERY, AuditLog
from agents.access.hash_chain import Checkpoint
from agents.access.sessions import forget_names
from agents.crypto.ed25519 import SigningKey
from agents.system.logging import get_logger
from agents.upkeep.audit_checkpoints import Publisher
from agents.upkeep.sweep_guard import Confirmed, SweepGuard
from pipeline.errors import HushwireError, SweepRefusedError, TamperError

LOOK_S = 5.0
"""How often the number of unsigned entries is looked up."""
SWEEP: Final = "audit-log"
CHECKPOINT_S = 600.0
PRUNE_S = 86_400.0


class Shows(Protocol):
    """Metrics on which a broken log shows."""

    @property
    def audit_broken(self) -> Gauge:
        """1 while the log can't be signed."""
        ...

    @property
    def audit_refused(self) -> Counter:
        """How often it was not signed, by code."""
        ...

    @property
    def audit_unpublished(self) -> Gauge:
        """1 while the last checkpoint is not everywhere where it should be."""
        ...


def prune(
    log: AuditLog,
    key: SigningKey,
    keep_days: int,
    guard: SweepGuard,
    *,
    confirmed: Confirmed | None = None,
) -> int:
    """Remove entries that are older than ``keep_days``; how many went.

    Raises:
        SweepRefusedError: see ``agents.upkeep.sweep_guard``.
        TamperError: the log does not hold: nothing is removed.
    """
    now = log.now()
    guard.allow(SWEEP, now, *log.older(key.public, keep_days, now), confirmed)
    return log.prune(key, keep_days=keep_days, now=now)


class AuditKeeper:
    """Keeps one log; several workers may keep the same one.

    Args:
        log: the audit log.
        key: signs.
        keep_days: entries that are older are pruned.
        guard: is asked before.
        metrics: where a broken log shows.
        publishers: where checkpoints go, outside the database.
        look_s: how often it looks.
    """

    def __init__(
        self,
        log: AuditLog,
        key: SigningKey,
        *,
        keep_days: int,
        guard: SweepGuard,
        metrics: Shows,
        publishers: Sequence[Publisher] = (),
        look_s: float = LOOK_S,
    ) -> None:
        self._log, self._key, self._keep_days = log, key, keep_days
        self._guard, self._metrics, self._look_s = guard, metrics, look_s
        self._told = get_logger("vault")
        self._publishers = tuple(publishers)
        self._waiting: dict[Publisher, Checkpoint] = {}
        self._signed_at = self._pruned_at = -PRUNE_S

    async def tend(self) -> None:
        """Look after the log until cancelled."""
        while True:
            await asyncio.to_thread(self._guarded, self._look)
            await asyncio.sleep(self._look_s)

    async def close(self) -> None:
        """Sign what came last."""
        await asyncio.to_thread(self._guarded, self._sign)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._pruned_at >= PRUNE_S:
            if self._guard.believes(self._log.now()):
                forget_names(self._log.database, self._log.now())
            try:
                if prune(self._log, self._key, self._keep_days, self._guard):
                    self._forget(self._log.start(self._key.public).seq)
                self._pruned_at = now
            except SweepRefusedError as error:
                self._told.error("audit log not pruned", code=error.code)
                self._pruned_at = now - PRUNE_S + CHECKPOINT_S
        waiting = self._log.unsigned(self._key.public)
        first = self._signed_at < 0
        if first or waiting >= EVERY or (waiting and now - self._signed_at >= CHECKPOINT_S):
            self._sign()
        elif self._waiting:
            self._publish()

    def _sign(self) -> None:
        signed = self._log.checkpoint(self._key)
        self._signed_at = time.monotonic()
        if signed is not None:
            self._waiting = dict.fromkeys(self._publishers, signed)
            self._publish()

    def _publish(self) -> None:
        """Lay the last checkpoint where it is not yet; what is away is tried again.

        While the last look of a keeper that is told to stop still publishes, its end may do so too.
        """
        waiting = self._waiting
        for publisher, checkpoint in list(waiting.items()):
            try:
                publisher.put(checkpoint)
            except TamperError:
                raise
            except HushwireError as error:
                self._told.warning("audit checkpoint not published", code=error.code)
            else:
                waiting.pop(publisher, None)
        self._metrics.audit_unpublished.set(1 if self._waiting else 0)

    def _forget(self, until: int) -> None:
        for publisher in self._publishers:
            try:
                publisher.prune(until)
            except HushwireError as error:  # what stays is no harm
                self._told.warning("audit checkpoints not pruned", code=error.code)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except HushwireError as error:
            self._metrics.audit_broken.set(1)
            self._metrics.audit_refused.labels(error.code).inc()
            self._told.error("audit log not signed", code=error.code)
        else:
            self._metrics.audit_broken.set(0)
