"""Erases calls whose time is up, and finishes erasures that were interrupted; comparisons too.

Outcomes of ``sweep``: the ids of the calls that are gone; ``SweepRefusedError`` where the clock is
not believed or too much would go at once (``agents.upkeep.sweep_guard``); ``StoreError`` where
vault or database are away. Calls under a legal hold stay, whatever their time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import Ledger
from agents.database.door_calls import DoorCalls
from agents.upkeep.erasure import RETENTION, erase
from agents.upkeep.sweep_guard import Confirmed, SweepGuard, sweep_forever
from agents.vault.shadow_results import ShadowResults
from agents.vault.vault import Vault

SWEEP: Final = "retention"
REFUSED_KEPT: Final = timedelta(days=30)
"""For so long a refused call is found by its recorder's own id."""
LOOK_S: Final = 60.0
"""How often a worker looks for calls whose time is up."""


def sweep(
    vault: Vault,
    ledger: Ledger,
    log: AuditLog,
    guard: SweepGuard,
    *,
    confirmed: Confirmed | None = None,
) -> list[str]:
    """Erase what is due; the ids of the calls that are gone."""
    now = ledger.database.now()
    due = vault.catalogue.due(now)

    def erased(call_id: str) -> bool:
        return erase(vault, ledger, log, call_id, RETENTION)

    # What was decided before goes whatever the clock says: erasures that were interrupted, and keys
    # of calls that were refused before anything was stored.
    gone = guard.each(SWEEP, vault.catalogue.unfinished(), erased)
    guard.each(SWEEP, vault.keys.left_over(), erased)
    guard.allow(SWEEP, now, len(due), vault.catalogue.count(), confirmed)
    gone += guard.each(SWEEP, due, erased)
    if guard.believes(now):
        ShadowResults(ledger.database).drop_old(now)
        DoorCalls(ledger.database).forget_refused(now - REFUSED_KEPT)
    return gone


async def tend(
    vault: Vault, ledger: Ledger, log: AuditLog, guard: SweepGuard, *, look_s: float = LOOK_S
) -> None:
    """Sweep until cancelled; a store that is away is told, and asked again."""
    await sweep_forever(
        lambda: sweep(vault, ledger, log, guard),
        done="calls erased after their retention",
        failed="retention not swept",
        look_s=look_s,
    )
