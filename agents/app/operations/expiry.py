"""What ends or should be replaced: wrapping keys, keys of the door, signing keys, certificates.

Ages are those that the database knows; no key is read. Outcomes: lists; ``StoreError`` where the
database is away. A certificate that can't be read is told as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cryptography import x509
from sqlalchemy import func, select

from agents.app.operations.findings import KEY_DAYS
from agents.database.engine import Database
from agents.database.tables import CHECKPOINTS, DOOR_KEYS, WRAPPING_KEYS
from agents.settings.model import Settings

SOON: Final = timedelta(days=30)
"""A certificate that ends within this time should be renewed now."""
Grade: TypeAlias = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Ending:
    """A key or certificate, and how much time it has."""

    what: str
    name: str
    """A key's id, or a file."""
    since: str
    """Known since, as ISO 8601; empty: not known."""
    until: str
    """When it ends, or should be replaced; empty: never by itself."""
    grade: Grade
    told: str


def keys(database: Database, now: datetime) -> list[Ending]:
    """The keys in use, and when each is due to be replaced."""
    with database.reading() as connection:
        wrapping = connection.execute(
            select(WRAPPING_KEYS).where(WRAPPING_KEYS.c.retired.is_(None))
        ).all()
        door = connection.execute(select(DOOR_KEYS).where(DOOR_KEYS.c.key_id != 0)).all()
        first = func.min(CHECKPOINTS.c.at)
        signing = connection.execute(
            select(CHECKPOINTS.c.key_id, first.label("since"), func.max(CHECKPOINTS.c.at))
            .group_by(CHECKPOINTS.c.key_id)
            .order_by(first)
        ).all()
    found = [
        _key("Wrapping key", f"{row.key_id:08x}", row.created, now, "hushwire keys rotate")
        for row in wrapping
    ]
    found += [
        _key("Door key", f"{row.key_id:08x}", row.created, now, "hushwire keys transit rotate")
        for row in door
    ]
    found += [
        Ending("Signing key", row.key_id, row.since, "", "ok", "signs certificates and audit log")
        for row in signing
    ]
    return found


def _key(what: str, name: str, created: str, now: datetime, command: str) -> Ending:
    since = datetime.fromisoformat(created)
    until = since + timedelta(days=KEY_DAYS)
    over = until <= now
    told = f"{(now - since).days} days old" + (f": replace it, {command}" if over else "")
    return Ending(what, name, created, until.isoformat(), "warn" if over else "ok", told)


def certificates(settings: Settings, now: datetime) -> list[Ending]:
    """The TLS certificates that the settings name, on this host."""
    named: tuple[tuple[str, Path | None], ...] = (
        ("Certificate of the API", settings.api_certificate),
        ("Certificate for the broker", settings.kafka_certificate),
        ("Authority of the broker", settings.kafka_ca),
        ("Certificate of the gateway", settings.gateway_certificate),
        ("Authority of the webhooks' receiver", settings.webhook_ca),
    )
    return [_certificate(what, path, now) for what, path in named if path is not None]


def _certificate(what: str, path: Path, now: datetime) -> Ending:
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return Ending(what, path.name, "", "", "bad", "it can't be read: check file and rights")
    first = min(chain, key=lambda one: one.not_valid_after_utc)
    until = first.not_valid_after_utc
    left = (until - now).days
    grade: Grade = "bad" if until <= now else "warn" if until - now <= SOON else "ok"
    told = {
        "bad": "it has ended: renew it, then start again what uses it",
        "warn": f"it ends in {left} days: renew it",
        "ok": f"{left} days left",
    }[grade]
    since = first.not_valid_before_utc.isoformat()
    return Ending(what, path.name, since, until.isoformat(), grade, told)


def due(endings: list[Ending]) -> Iterator[Ending]:
    """Those that somebody has to do something about."""
    return (one for one in endings if one.grade != "ok")
