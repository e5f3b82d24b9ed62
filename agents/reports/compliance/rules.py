"""What holds: the rules of places, the policy, and what the record of processing still lacks.

Outcomes: the parts; ``PolicyError`` where rules or policy are refused, ``SettingsError`` where the
settings are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from agents.database.policies.of_installation import policy_of
from agents.reports.compliance.model import (
    Month,
    PolicyRow,
    Processing,
    RuleRow,
    Rules,
    RuleUse,
    SourceRow,
)
from agents.reports.gdpr_record import UNSET, record_of
from agents.settings.model import Settings
from pipeline.consent.loading import load_rules, shipped_rules
from pipeline.consent.rules import Rule
from pipeline.policy.model import ConsentRule
from pipeline.records.entities import Entity
from pipeline.records.model import Action

SOON: Final = timedelta(days=60)
"""How long before its date a review is due."""


def rules(settings: Settings, month: Month, today: date, used: Iterable[RuleUse]) -> Rules:
    """The rules that were in force on any day of a month.

    Args:
        settings: name the installation's own rules.
        month: the month.
        today: by which reviews are due.
        used: rules that had a part in calls of the month.
    """
    known = load_rules([settings.jurisdictions]) if settings.jurisdictions else shipped_rules()
    calls = {(one.rule, one.version): one.calls for one in used}
    rows = tuple(
        _row(one, today, calls.get((one.id, one.version), 0))
        for one in known.rules
        if one.valid_from <= month.last
        and (one.valid_until is None or one.valid_until >= month.first)
    )
    there = {(one.rule, one.version) for one in rows}
    gone = tuple(
        RuleUse(rule, version, count)
        for (rule, version), count in sorted(calls.items())
        if (rule, version) not in there
    )
    return Rules(known.digest, rows, gone)


def _row(rule: Rule, today: date, calls: int) -> RuleRow:
    return RuleRow(
        rule=rule.id,
        version=rule.version,
        name=rule.name,
        places=rule.places,
        consent=rule.consent.value,
        notice=rule.notice.value,
        without_evidence=rule.without_evidence.value,
        sources=tuple(SourceRow(one.cite, one.says) for one in rule.sources),
        confirm_by=rule.confirm_by,
        review_by=rule.review_by.isoformat(),
        state=review(rule.review_by, today),
        contested=rule.contested,
        calls=calls,
    )


def review(by: date | None, today: date) -> str:
    """Whether a review is ``overdue``, ``due`` within ``SOON``, ``ok``, or ``none`` is planned."""
    if by is None:
        return "none"
    if by < today:
        return "overdue"
    return "due" if by - today <= SOON else "ok"


def policy(settings: Settings, state: Path, today: date) -> PolicyRow:
    """The policy in force; raises as ``policy_of``."""
    found = policy_of(settings, state)
    return PolicyRow(
        name=found.name,
        version=found.version,
        digest=found.digest,
        review_by=found.review_by.isoformat() if found.review_by else "",
        state=review(found.review_by, today),
        consent=_consent(found.consent),
        silenced=tuple(one.value for one in Entity if found.rule(one).action is Action.MUTE),
    )


def _consent(section: ConsentRule) -> tuple[tuple[str, str], ...]:
    stated = section.model_dump(mode="json")
    return tuple((name, _told(value)) for name, value in stated.items())


def _told(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name}: {one}" for name, one in sorted(value.items())) or "none"
        case list() | tuple():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)


def processing(settings: Settings, state: Path, vault: str | None) -> Processing:
    """What the record of processing says, and what nobody stated yet."""
    record = record_of(settings, state, vault)
    unset = UNSET.partition("{")[0]
    missing = [row.what for row in record.controller if row.told.startswith(unset)]
    purposes = tuple(one for one in record.purposes if not one.startswith(unset))
    if len(purposes) < len(record.purposes):
        missing.append("purposes")
    return Processing(purposes, tuple(missing))
