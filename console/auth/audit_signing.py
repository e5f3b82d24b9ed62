"""Signs the audit log while the server runs: looks are entries, and no worker may be running.

The signing key is asked for only where it lies beside the ledger, as on a single machine. On
several, the server does without it and the workers sign what it writes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agents.access.audit_log import AuditLog
from agents.database.known_keys import known_signing_key
from agents.system import fatal_exit
from agents.system.private_files import there
from agents.upkeep.audit_checkpoints import Publisher
from agents.upkeep.audit_keeper import AuditKeeper
from agents.upkeep.sweep_guard import SweepGuard
from console.http.metrics import ApiMetrics

STOP_S: Final = 30.0
"""How long the last signature may take."""


@contextmanager
def signed(
    log: AuditLog,
    key: Path,
    *,
    keep_days: int,
    guard: SweepGuard,
    metrics: ApiMetrics,
    publishers: Sequence[Publisher] = (),
) -> Iterator[None]:
    """Keep the audit log signed while the block runs, where the key is at hand.

    Args:
        log: what is signed.
        key: file of the signing key; where it is not there, nothing is done.
        keep_days: entries that are older are pruned.
        guard: is asked before.
        metrics: where a broken log shows.
        publishers: where checkpoints go, outside the database.

    Raises:
        KeyFileError: it is another key than the ledger knows.
        StoreError: the key can't be used.
    """
    if not there(key):
        yield
        return
    keeper = AuditKeeper(
        log,
        known_signing_key(log.database).ensured(key, make=False),
        keep_days=keep_days,
        guard=guard,
        metrics=metrics,
        publishers=publishers,
    )
    stop = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_tend(keeper, stop)), name="hushwire-audit", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_S)


async def _tend(keeper: AuditKeeper, stop: threading.Event) -> None:
    tending = fatal_exit.watched("audit log", keeper.tend())
    await asyncio.to_thread(stop.wait)
    await fatal_exit.cancelled([tending])
    await keeper.close()
