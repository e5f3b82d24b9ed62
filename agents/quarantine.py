"""Quarantined calls: what is known of them, and how the time of their keys ends.

A call whose verification failed is not stored. Its certificate lies in the vault; its transit key
lives until the quarantine ends, so that whoever holds the wrapping key can open what the broker
still has of the call. Then the key is destroyed, and the audit log says so before.

Outcomes: ``end`` says whether a key was destroyed; ``sweep`` names the calls whose time was up.
Both raise ``StoreError`` where the database is away.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from agents.auditlog import AuditLog, Event
from agents.ledger import Ledger
from agents.logging import get_logger
from agents.vaulted import CERTIFICATE
from pipeline.certificate import parse_certificate
from pipeline.errors import HushwireError, RecordError

ENDED: Final = "hushwire.audit.quarantine-ended.v1"
LOOK_S: Final = 60.0
"""How often a worker looks for quarantines whose time is up."""


@dataclass(frozen=True, slots=True)
class Held:
    """A quarantined call whose key lives; no content."""

    call_id: str
    since: datetime
    until: datetime
    reasons: tuple[str, ...]
    """Names of the checks that failed; empty where the vault was not asked or has none."""


def held(ledger: Ledger, hours: int, vault: Path | None = None) -> list[Held]:
    """Every quarantined call whose key lives, the oldest first.

    Args:
        ledger: keys and states.
        hours: how long a quarantine lasts.
        vault: folder of the vault, for the reasons.
    """
    return [
        Held(
            one.call_id,
            one.since,
            one.since + timedelta(hours=hours),
            _reasons(vault, one.call_id) if vault else (),
        )
        for one in ledger.quarantined()
    ]


def end(ledger: Ledger, log: AuditLog, call_id: str, why: Literal["expired", "dropped"]) -> bool:
    """End a call's quarantine: the audit log is told, then the key is destroyed.

    Returns:
        Whether there was a key to destroy.
    """
    if all(one.call_id != call_id for one in ledger.quarantined()):
        return False
    return _destroy(ledger, log, call_id, why)


def _destroy(
    ledger: Ledger, log: AuditLog, call_id: str, why: Literal["expired", "dropped"]
) -> bool:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    facts = {"at": at, "what": "quarantine-ended", "why": why}
    log.append(Event(f"{call_id}/{ENDED}", call_id, ENDED, facts))
    return ledger.end_quarantine(call_id)


def sweep(ledger: Ledger, log: AuditLog, hours: int, *, now: datetime | None = None) -> list[str]:
    """End every quarantine whose time is up; the ids of the calls."""
    limit = now or datetime.now(UTC)
    return [
        one.call_id
        for one in held(ledger, hours)
        if one.until <= limit and _destroy(ledger, log, one.call_id, "expired")
    ]


async def tend(ledger: Ledger, log: AuditLog, hours: int, *, look_s: float = LOOK_S) -> None:
    """Sweep until cancelled; a database that is away is told, and asked again."""
    told = get_logger("vault")
    while True:
        try:
            gone = await asyncio.to_thread(sweep, ledger, log, hours)
            if gone:
                told.info("quarantines ended", count=len(gone))
        except HushwireError as error:
            told.error("quarantines not ended", code=error.code)
        await asyncio.sleep(look_s)


def _reasons(vault: Path, call_id: str) -> tuple[str, ...]:
    """Names of the failed checks in a call's certificate."""
    try:
        data = (vault / "quarantine" / call_id / f"{call_id}{CERTIFICATE}").read_bytes()
        stated = parse_certificate(data)
    except (OSError, RecordError):
        return ()
    return tuple(check.name for check in stated.checks if not check.passed)
