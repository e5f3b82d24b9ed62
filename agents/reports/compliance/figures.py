"""Figures by which a report shows how a control stands.

Outcome of ``figures``: one for each name; of a part that could not be read it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from agents.reports.compliance.model import LABELS, Access, Calls, Figure, Keys, Part
from agents.reports.compliance.parts import Parts

UNREAD: Final = "could not be read"

T = TypeVar("T")


def figures(parts: Parts) -> dict[str, Figure]:
    """All figures."""
    calls, access, keys = parts.calls, parts.access, parts.keys
    told = {
        "stored": _of(calls, lambda one: one.outcomes.stored),
        "refused": _of(calls, lambda one: one.outcomes.refused),
        "withdrawn": _both(
            calls, parts.retention, lambda one, other: one.withdrawn + other.withdrawn
        ),
        "undisclosed": _of(calls, lambda one: sum(c.missing + c.late for c in one.campaigns)),
        "failed": _of(calls, lambda one: one.outcomes.failed),
        "quarantined": _of(calls, lambda one: one.outcomes.quarantined),
        "quarantine_over": _of(parts.quarantine, lambda one: one.over),
        "erased": _of(calls, lambda one: _ended(one, "call-erased ")),
        "erased_for_people": _of(calls, lambda one: _ended(one, "call-erased subject")),
        "exported": _of(access, lambda one: one.exported),
        "retention_due": _of(parts.retention, lambda one: one.due),
        "holds": _of(parts.retention, lambda one: one.held),
        "keys_transit": _of(keys, lambda one: one.open + one.quarantined + one.stray),
        "keys_stray": _of(keys, lambda one: one.stray),
        "keys_vault": _of(keys, lambda one: one.vault),
        "keys_wrapping": _of(keys, _age),
        "key_changes": _of(calls, lambda one: _ended(one, "wrapping-key-replaced")),
        "chain": _of(parts.chain, lambda one: "holds" if one.holds else "does not hold"),
        "signed": _of(parts.chain, lambda one: f"up to entry {one.signed} of {one.last}"),
        "entries": _of(calls, lambda one: one.entries),
        "looks": _of(access, _looks),
        "listened": _of(access, lambda one: sum(row.listened for row in one.roles)),
        "denied": _of(access, lambda one: sum(row.denied for row in one.roles)),
        "logins_refused": _of(access, lambda one: one.logins_refused),
        "tokens": _of(access, lambda one: f"{one.tokens_made} and {one.tokens_revoked}"),
        "policy": _of(parts.policy, lambda one: f"{one.name} version {one.version}"),
        "record_gaps": _of(parts.processing, lambda one: len(one.missing)),
        "audit_days": str(parts.audit_days),
    }
    return {name: Figure(label, told[name], part) for name, (label, part) in LABELS.items()}


def _of(part: Part[T], figure: Callable[[T], object]) -> str:
    return UNREAD if part.value is None else str(figure(part.value))


def _both(one: Part[T], other: Part[S], figure: Callable[[T, S], object]) -> str:
    if one.value is None or other.value is None:
        return UNREAD
    return str(figure(one.value, other.value))


S = TypeVar("S")


def _ended(calls: Calls, name: str) -> int:
    return sum(one.count for one in calls.ended if one.what.startswith(name))


def _age(keys: Keys) -> str:
    ages = [one.days for one in keys.wrapping if not one.retired]
    return f"{max(ages)} days" if ages else "the ledger knows none yet"


def _looks(access: Access) -> int:
    return sum(row.lists + row.transcripts + row.other for row in access.roles)
