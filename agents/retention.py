"""Erases calls whose time is up, and finishes erasures that were interrupted; comparisons too.

Outcomes of ``sweep``: the ids of the calls that are gone; ``StoreError`` where vault or database
are away. Calls under a legal hold stay, whatever their time.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

from agents.auditlog import AuditLog
from agents.erasure import RETENTION, erase
from agents.ledger import Ledger
from agents.logging import get_logger
from agents.shadowlog import ShadowResults
from agents.vault import Vault
from pipeline.errors import HeldError, HushwireError

LOOK_S: Final = 600.0
"""How often a worker looks for calls whose time is up."""


def sweep(vault: Vault, ledger: Ledger, log: AuditLog, *, now: datetime | None = None) -> list[str]:
    """Erase what is due; the ids of the calls that are gone."""
    gone: list[str] = []
    for call_id in (
        *vault.catalogue.unfinished(),
        *vault.catalogue.due(now or datetime.now(UTC)),
    ):
        try:
            if erase(vault, ledger, log, call_id, RETENTION):
                gone.append(call_id)
        except HeldError:
            continue  # the hold came between the look and the erasure
    # A call that was refused after its key was made, before anything was stored.
    for call_id in vault.keys.left_over():
        erase(vault, ledger, log, call_id, RETENTION)
    ShadowResults(ledger.database).drop_old(now or datetime.now(UTC))
    return gone


async def tend(vault: Vault, ledger: Ledger, log: AuditLog, *, look_s: float = LOOK_S) -> None:
    """Sweep until cancelled; a store that is away is told, and asked again."""
    told = get_logger("vault")
    while True:
        try:
            gone = await asyncio.to_thread(sweep, vault, ledger, log)
            if gone:
                told.info("calls erased after their retention", count=len(gone))
        except HushwireError as error:
            told.error("retention not swept", code=error.code)
        await asyncio.sleep(look_s)
