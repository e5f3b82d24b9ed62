"""Calls that stayed open although nobody can finish them: they are ended, and their keys with them.

A call is read from its first record, so it can't be finished once the broker lost that record: a
memory-only one with its process, a cluster after the retention of sealed records.

- ``forget_own``: what runs with an embedded broker left open may be sent anew, under the same id.
- ``sweep``: what is open for longer than the broker keeps records is refused for good. ``tend``
  waits until it has seen a call so for ``WATCHED_S``: a clock that jumps ahead makes every call old
  at once, and those in progress come to their end meanwhile.

A call that the vault has already is closed as what it is, not ended. The audit log is told first.
Outcomes: the ids of the calls that were ended; ``StoreError`` where the database is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from agents.access.audit_log import AuditLog, Event
from agents.database.call_ledger import CallState, KnownCall, Ledger, oldest_open, open_since
from agents.kafka.topics import SEGMENTS
from agents.runtime.events import audit, audit_event
from agents.system.clock import stamp
from agents.system.logging import get_logger
from agents.system.metrics import SOURCES, Metrics
from agents.system.owners import is_archive, is_cluster, is_embedded
from agents.upkeep.sweep_guard import SweepGuard
from agents.vault.call_catalogue import Catalogue
from agents.vault.file_store import PASSED
from agents.vault.vault import Vault
from pipeline.errors import HushwireError

FORGOTTEN: Final = "hushwire.audit.call-forgotten.v1"
EXPIRED: Final = "hushwire.audit.call-expired.v1"
SWEEP: Final = "open-calls"
"""Its name in metrics and in the audit log."""
LOOK_S: Final = 60.0
"""How often a worker looks for calls that are open for too long."""
WATCHED_S: Final = 3_600.0
"""Seconds for which a process has to see a call too old, by the time that no clock sets."""
MARGIN_S: Final = 3_600
"""Beyond the retention: the broker's own check interval, clocks that differ, and a worker that
holds the last records in memory."""


def longest_open(raw_retention_s: int) -> timedelta:
    """How long a call may be open: until the broker has surely deleted its first record.

    Args:
        raw_retention_s: how long sealed records are kept; a segment closes later, see
            ``topics.wanted_configs``.
    """
    return timedelta(seconds=raw_retention_s + raw_retention_s // SEGMENTS + MARGIN_S)


def forget_own(ledger: Ledger, log: AuditLog, vault: Vault) -> list[str]:
    """Forget the open calls of runs with an embedded broker that is gone.

    Only for who has the ledger for itself: such a broker may be another process's. What the vault
    has of one goes too, while its key still tells that it is ours.
    """
    lost = [
        one
        for one in _not_erasing(ledger)
        if is_embedded(one.owner) and not _stored(ledger, log, one)
    ]
    for one in lost:
        _tell(log, one, FORGOTTEN, "call-forgotten")
        if vault.opens(PASSED, one.call_id):
            vault.place.remove(PASSED, one.call_id)
    ledger.forget_open([one.call_id for one in lost])
    return [one.call_id for one in lost]


def too_old(ledger: Ledger, raw_retention_s: int, *, embedded: bool = False) -> list[KnownCall]:
    """Every call that is open for longer than ``longest_open``, by the clock.

    Args:
        ledger: the calls.
        raw_retention_s: how long the broker keeps sealed records.
        embedded: the broker is a run's own: what lies on a cluster, which may keep records for
            longer than this run's settings say, is left to the cluster's workers.
    """
    return [
        one
        for one in _not_erasing(ledger, ledger.database.now() - longest_open(raw_retention_s))
        if not (embedded and is_cluster(one.owner))
    ]


def sweep(
    ledger: Ledger, log: AuditLog, guard: SweepGuard, calls: Iterable[KnownCall]
) -> list[str]:
    """Refuse calls that nobody can finish.

    Args:
        ledger: the calls.
        log: is told of each.
        guard: is asked before.
        calls: those that are to end.

    Raises:
        SweepRefusedError: see ``agents.upkeep.sweep_guard``.
    """
    late = {one.call_id: one for one in calls}
    guard.allow(SWEEP, ledger.database.now(), len(late), len(open_since(ledger.database)))

    def end(call_id: str) -> bool:
        if _stored(ledger, log, late[call_id]):
            return False
        _tell(log, late[call_id], EXPIRED, "call-expired")
        return ledger.expire_open(call_id)

    return guard.each(SWEEP, late, end)


async def tend(
    ledger: Ledger,
    log: AuditLog,
    raw_retention_s: int,
    guard: SweepGuard,
    metrics: Metrics,
    *,
    embedded: bool = False,
    look_s: float = LOOK_S,
    watched_s: float = WATCHED_S,
) -> None:
    """Sweep until cancelled; a database that is away is told, and asked again."""
    told, seen = get_logger("vault"), dict[str, float]()
    clock = asyncio.get_running_loop().time
    while True:
        try:
            await asyncio.to_thread(_show_oldest, ledger, metrics)
            late = await asyncio.to_thread(too_old, ledger, raw_retention_s, embedded=embedded)
            seen = {one.call_id: seen.get(one.call_id, clock()) for one in late}
            due = [one for one in late if clock() - seen[one.call_id] >= watched_s]
            gone = await asyncio.to_thread(sweep, ledger, log, guard, due)
            archive = {one.call_id for one in due if is_archive(one.owner)}
            metrics.expired.labels("archive").inc(len(archive & {*gone}))
            metrics.expired.labels("live").inc(len({*gone} - archive))
            if gone:
                told.error("open calls expired", count=len(gone))
        except HushwireError as error:
            told.error("open calls not swept", code=error.code)
        await asyncio.sleep(look_s)


def _show_oldest(ledger: Ledger, metrics: Metrics) -> None:
    """Archives wait for live calls, for as long as those take everything."""
    for source in SOURCES:
        opened = oldest_open(ledger.database, archive=source == "archive")
        age = ledger.database.now() - opened if opened else timedelta()
        metrics.oldest_open.labels(source).set(max(0.0, age.total_seconds()))


def _not_erasing(ledger: Ledger, before: datetime | None = None) -> list[KnownCall]:
    """Open calls but those whose erasure has begun: ``retention.sweep`` finishes that."""
    erasing = set(Catalogue(ledger.database).unfinished())
    return [one for one in ledger.open_calls(before=before) if one.call_id not in erasing]


def _stored(ledger: Ledger, log: AuditLog, call: KnownCall) -> bool:
    """Close a call that was stored before its process ended; whether it was."""
    facts = Catalogue(ledger.database).find(call.call_id)
    if facts is None:
        return False
    state = CallState.STORED if facts.passed else CallState.QUARANTINED
    told = {"state": state.value, "certificate": facts.certificate}
    # The event of the vault stage: where that was written before it ended, this one is a repeat.
    log.append(audit_event(audit("", call.call_id, "call-closed", told, at=log.stamp())))
    ledger.close_call(call.call_id, state)
    return True


def _tell(log: AuditLog, call: KnownCall, kind: str, what: str) -> None:
    opened = stamp(call.created)
    facts = {"at": log.stamp(), "what": what, "opened": opened, "owner": call.owner or ""}
    # An id that is opened anew may be forgotten again: each time is an event of its own.
    log.append(Event(f"{call.call_id}/{kind}/{opened}", call.call_id, kind, facts))
