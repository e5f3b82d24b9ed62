"""Quarantined calls: what is known of them, and how the time of their keys ends.

A call whose verification failed is not stored. Its certificate lies in the vault; its transit key
lives until the quarantine ends, so that whoever holds the wrapping key can open what the broker
still has of the call. Then the key is destroyed, and the audit log says so before.

Outcomes: ``end`` says whether a key was destroyed; ``sweep`` names the calls whose time was up, or
raises ``SweepRefusedError``. Both raise ``StoreError`` where the database is away.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from agents.access.audit_log import AuditLog, Event
from agents.database.call_ledger import Ledger
from agents.upkeep.sweep_guard import Confirmed, SweepGuard, sweep_forever
from agents.vault.call_catalogue import Catalogue
from agents.vault.file_store import QUARANTINE, Place
from pipeline.errors import HeldError, RecordError, StoreError
from pipeline.evidence.certificate import Certificate, parse_certificate
from pipeline.evidence.layout import CERTIFICATE
from pipeline.verification.review_state import REFUSED_MARKS

SWEEP: Final = "quarantine"
ENDED: Final = "hushwire.audit.quarantine-ended.v1"
LOOK_S: Final = 60.0
"""How often a worker looks for quarantines whose time is up."""


@dataclass(frozen=True, slots=True)
class Held:
    """A quarantined call whose key lives; no content."""

    call_id: str
    since: datetime | None
    """``None``: the ledger does not say, so its time never comes; it can be dropped."""
    until: datetime | None
    reasons: tuple[str, ...]
    """See ``why_failed``; empty where the vault was not asked or has none."""


def held(ledger: Ledger, hours: int, vault: Place | None = None) -> list[Held]:
    """Every quarantined call whose key lives, the oldest first.

    Args:
        ledger: keys and states.
        hours: how long a quarantine lasts.
        vault: where the certificates lie, for the reasons.
    """
    return [
        Held(
            one.call_id,
            one.since,
            one.since + timedelta(hours=hours) if one.since else None,
            _reasons(vault, one.call_id) if vault else (),
        )
        for one in ledger.quarantined()
    ]


def end(
    ledger: Ledger, log: AuditLog, call_id: str, why: Literal["expired", "dropped"], *, by: str = ""
) -> bool:
    """End a call's quarantine: the audit log is told, then the key is destroyed.

    Args:
        ledger: keys and states.
        log: the audit log.
        call_id: which call.
        why: whether its time was up, or somebody ended it.
        by: who did.

    Returns:
        Whether there was a key to destroy.

    Raises:
        HeldError: a legal hold is on the call.
    """
    if all(one.call_id != call_id for one in ledger.quarantined()):
        return False
    return _destroy(ledger, log, call_id, why, by)


def _destroy(
    ledger: Ledger, log: AuditLog, call_id: str, why: Literal["expired", "dropped"], by: str = ""
) -> bool:
    # The ledger looks once more when it destroys; here so that nothing is told that is not done.
    stored = Catalogue(ledger.database).find(call_id)
    if stored is not None and stored.held is not None:
        raise HeldError(f"call {call_id} is under a legal hold: its key stays")
    facts = {"at": log.stamp(), "what": "quarantine-ended", "why": why}
    facts |= {"by": by} if by else {}
    log.append(Event(f"{call_id}/{ENDED}", call_id, ENDED, facts))
    return ledger.end_quarantine(call_id)


def sweep(
    ledger: Ledger,
    log: AuditLog,
    hours: int,
    guard: SweepGuard,
    *,
    confirmed: Confirmed | None = None,
) -> list[str]:
    """End every quarantine whose time is up and that no legal hold keeps; the ids of the calls."""
    now = ledger.database.now()
    kept = Catalogue(ledger.database).held()
    calls = held(ledger, hours)
    for one in calls:
        if one.until is None:
            guard.failed(SWEEP, one.call_id, RecordError("no time"))
    due = [
        one.call_id
        for one in calls
        if one.until is not None and one.until <= now and one.call_id not in kept
    ]
    guard.allow(SWEEP, now, len(due), len(calls), confirmed)
    return guard.each(SWEEP, due, lambda call_id: _destroy(ledger, log, call_id, "expired"))


async def tend(
    ledger: Ledger, log: AuditLog, hours: int, guard: SweepGuard, *, look_s: float = LOOK_S
) -> None:
    """Sweep until cancelled; a database that is away is told, and asked again."""
    await sweep_forever(
        lambda: sweep(ledger, log, hours, guard),
        done="quarantines ended",
        failed="quarantines not ended",
        look_s=look_s,
    )


def _reasons(vault: Place, call_id: str) -> tuple[str, ...]:
    """Names of the failed checks in a call's certificate."""
    try:
        with closing(vault.open(QUARANTINE, call_id, f"{call_id}{CERTIFICATE}")) as file:
            stated = parse_certificate(file.read())
    except (StoreError, RecordError):
        return ()
    return why_failed(stated)


def why_failed(stated: Certificate) -> tuple[str, ...]:
    """Names of the checks that a call failed; of marks that are refused, with these marks."""
    refused = ", ".join(mark for mark in stated.marks if mark in REFUSED_MARKS)
    return tuple(
        f"{check.name} ({refused})" if refused and check.name == "refused_marks" else check.name
        for check in stated.checks
        if not check.passed
    )
