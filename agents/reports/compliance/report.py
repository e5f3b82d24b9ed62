"""The report of a month: every part, what is open, and a summary in one paragraph.

Outcome of ``report_of``: the report. It raises nothing: a part that can't be read is stated as
such, among the open points and in the summary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

from agents.access.audit_log import AuditLog
from agents.crypto.ed25519 import PublicKey
from agents.database.engine import Database
from agents.reports.compliance import chain, events, rules, standing
from agents.reports.compliance.controls import load_controls
from agents.reports.compliance.figures import figures
from agents.reports.compliance.model import Chain, Figure, Month, Part, PolicyRow
from agents.reports.compliance.parts import Parts
from agents.reports.compliance.points import open_points, summary
from agents.settings.model import Settings
from agents.system.clock import stamp
from agents.vault.file_store import Place, open_place
from pipeline.errors import HushwireError

SCHEMA: Final = "hushwire.compliance.v1"
MONTH_LOG, STORED, CERTIFICATES, WHOLE_LOG = STEPS = (
    "audit log of the month",
    "stored calls of the month",
    "certificates of quarantined calls",
    "audit chain",
)
"""What is gone through, in this order."""
Told = Callable[[str, int, int], None]
"""Is told how far a report is: one of ``STEPS``, how much of it was read, and how much there is."""

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made from."""

    settings: Settings
    database: Database
    log: AuditLog
    state: Path
    """The state folder."""
    vault: str | None = None
    """Folder or ``s3://bucket/prefix``; None: certificates are not looked at."""
    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    """Public keys by their id, beside the installation's own."""
    compare: bool = True
    """Whether the audit log is compared with the vault, which reads every certificate there."""


@dataclass(frozen=True, slots=True)
class Report:
    """A month of an installation."""

    month: Month
    made: datetime
    software: str
    over: bool
    """Whether the month was over when it was made."""
    parts: Parts
    figures: Mapping[str, Figure]
    points: tuple[str, ...]
    """What is open, the worst first."""
    summary: str

    def as_json(self) -> dict[str, Any]:
        """For programs: every figure of the page, and the evidence of the controls."""
        parts = {
            one.name: _plain(getattr(self.parts, one.name))
            for one in fields(self.parts)
            if one.name not in {"controls", "audit_days"}
        }
        tables = self.parts.controls.value or ()
        return {
            "schema": SCHEMA,
            "month": self.month.name,
            "over": self.over,
            "made": stamp(self.made),
            "software": self.software,
            "summary": self.summary,
            "points": list(self.points),
            "unread": self.parts.unread,
            **parts,
            "figures": {name: one.told for name, one in self.figures.items()},
            "controls": [one.model_dump(mode="json") for one in tables],
        }


def report_of(sources: Sources, month: Month, told: Told = lambda *_: None) -> Report:
    """The report of a month.

    Args:
        sources: what it is made from.
        month: the month.
        told: see ``Told``.
    """
    now = sources.database.now()
    parts = _parts(sources, month, now, told)
    over = now >= month.end
    return Report(
        month=month,
        made=now,
        software=f"Hushwire {version('hushwire')}",
        over=over,
        parts=parts,
        figures=figures(parts),
        points=open_points(parts),
        summary=summary(parts, month, over=over),
    )


def _parts(sources: Sources, month: Month, now: datetime, told: Told) -> Parts:
    settings, database, today = sources.settings, sources.database, now.date()
    read = _read(lambda: events.read_month(database, month, partial(told, MONTH_LOG)))
    used = read.value.calls.used if read.value is not None else ()
    whole = read.value is not None and not read.value.calls.missing_before
    closed = read.value.closed if read.value is not None and whole else None
    vault = _read(lambda: _opened(sources.vault))
    return Parts(
        calls=_then(read, lambda one: one.calls),
        access=_then(read, lambda one: one.access),
        retention=_read(
            lambda: standing.retention(database, month, now, closed, partial(told, STORED))
        ),
        quarantine=_read(
            lambda: standing.quarantine(
                database,
                month,
                now,
                settings.quarantine_hours,
                vault.value,
                partial(told, CERTIFICATES),
            )
        ),
        keys=_read(lambda: standing.keys(database, now)),
        chain=_chain(sources, vault, told),
        rules=_read(lambda: rules.rules(settings, month, today, used)),
        policy=_policy(settings, sources.state, today),
        processing=_read(lambda: rules.processing(settings, sources.state, sources.vault)),
        controls=_read(load_controls),
        audit_days=settings.audit_days,
    )


def _chain(sources: Sources, vault: Part[Place | None], told: Told) -> Part[Chain]:
    if vault.problem:
        return Part(None, vault.problem)
    entries = _read(lambda: sources.log.head().seq).value or 0
    return _read(
        lambda: chain.chain(
            sources.log,
            sources.settings,
            sources.state,
            keys=sources.keys,
            vault=vault.value if sources.compare else None,
            seen=lambda entry: told(WHOLE_LOG, entry, entries),
        )
    )


def _policy(settings: Settings, state: Path, today: date) -> Part[PolicyRow]:
    return _read(lambda: rules.policy(settings, state, today))


def _opened(vault: str | None) -> Place | None:
    return open_place(vault) if vault is not None else None


def _read(part: Callable[[], T]) -> Part[T]:
    """A part, or why it can't be read; whatever is wrong with one, the others are shown."""
    try:
        return Part(part())
    except HushwireError as error:
        return Part(None, str(error))
    except Exception as error:  # noqa: BLE001 - a message that is not ours may hold anything
        return Part(None, f"could not be read ({type(error).__name__})")


def _then(part: Part[T], take: Callable[[T], S]) -> Part[S]:
    return Part(None, part.problem) if part.value is None else Part(take(part.value))


def _plain(part: Part[Any]) -> dict[str, Any] | None:
    return asdict(part.value) if part.value is not None else None
