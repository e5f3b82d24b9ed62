"""What is open in a month, and its summary in one paragraph."""

from __future__ import annotations

from collections.abc import Iterator

from agents.reports.compliance.model import (
    Calls,
    Chain,
    Keys,
    Month,
    PolicyRow,
    Quarantine,
    Retention,
    Rules,
)
from agents.reports.compliance.parts import Parts

PARTS = {
    "calls": "calls",
    "access": "access",
    "retention": "retention",
    "quarantine": "quarantine",
    "keys": "keys",
    "chain": "audit chain",
    "rules": "rules of places",
    "policy": "policy",
    "processing": "record of processing",
    "controls": "tables of controls",
}
"""What the parts are called."""


def summary(parts: Parts, month: Month, *, over: bool) -> str:
    """One paragraph: what became of calls, whether the log holds, and how much is open."""
    told = [*_of_calls(parts.calls.value, month, over=over), _of_log(parts.chain.value)]
    unread = parts.unread
    if unread:
        names = ", ".join(PARTS[name] for name in unread)
        told.append(f"This report is not whole: {names} could not be read.")
    points = len(open_points(parts))
    told.append(
        "Nothing is open." if not points else f"{_many(points, 'point')} below {_are(points)} open."
    )
    return " ".join(told)


def _of_calls(calls: Calls | None, month: Month, *, over: bool) -> Iterator[str]:
    begins = f"In {month.title}" + ("" if over else " so far")
    if calls is None:
        yield f"What became of calls in {month.title} is not known."
        return
    found = calls.outcomes
    yield (
        f"{begins} {_many(found.total, 'call')} ended: {found.stored} stored"
        f" ({found.transcript_only} as transcript only, {found.agent_side_only} with the agent's "
        f"side only, {found.not_judged} without a decision on consent), {found.quarantined} "
        f"quarantined because verification failed, {found.refused} refused by a rule, "
        f"{calls.withdrawn} of them because the customer withdrew, and {found.failed} that could "
        "not be worked on."
    )
    late = sum(one.missing + one.late for one in calls.campaigns)
    yield f"A disclosure was missing or late in {_many(late, 'call')}."


def _of_log(chain: Chain | None) -> str:
    if chain is None:
        return "Whether the audit log holds is not known."
    if not chain.holds:
        return f"The audit log does not hold: {_many(len(chain.problems), 'problem')}."
    return f"The audit log holds; it is signed up to entry {chain.signed} of {chain.last}."


def open_points(parts: Parts) -> tuple[str, ...]:
    """What somebody has to look at, the worst first."""
    return tuple(_points(parts))


def _points(parts: Parts) -> Iterator[str]:
    for name, problem in parts.unread.items():
        yield f"Not read: {PARTS[name]}: {problem}."
    if parts.chain.value is not None:
        yield from _chain(parts.chain.value)
    if parts.keys.value is not None:
        yield from _keys(parts.keys.value)
    if parts.retention.value is not None:
        yield from _retention(parts.retention.value)
    if parts.quarantine.value is not None:
        yield from _quarantine(parts.quarantine.value)
    if parts.calls.value is not None:
        yield from _calls(parts.calls.value)
    if parts.policy.value is not None:
        yield from _policy(parts.policy.value)
    if parts.rules.value is not None:
        yield from _rules(parts.rules.value)
    if parts.processing.value is not None and parts.processing.value.missing:
        missing = ", ".join(parts.processing.value.missing)
        yield f"The record of processing states nothing under: {missing}."


def _chain(chain: Chain) -> Iterator[str]:
    if not chain.holds:
        yield f"The audit log does not hold: {chain.problems[0]}. See `hushwire audit verify`."


def _keys(keys: Keys) -> Iterator[str]:
    if keys.stray:
        yield (
            f"{_many(keys.stray, 'transit key')} of calls that are over {_are(keys.stray)} alive: "
            "somebody has to find out why."
        )
    if keys.vault_stray:
        yield (
            f"{_many(keys.vault_stray, 'vault key')} {_are(keys.vault_stray)} alive without a call "
            "in the catalogue: `hushwire retention sweep` removes those of refused calls."
        )


def _retention(kept: Retention) -> Iterator[str]:
    if kept.untold:
        yield (
            f"{_many(kept.untold, 'call')} of the month {_are(kept.untold)} in the catalogue, and "
            "the audit log tells of no end: somebody has to find out why."
        )
    if kept.unread:
        yield (
            f"Of {_many(kept.unread, 'stored call')} this version can't read the decision on "
            "consent: withdrawals in them are not counted."
        )
    if kept.flagged:
        yield (
            f"{_many(kept.flagged, 'stored call')} would not be kept, or not whole, by the rules "
            "of today: see `hushwire consent recheck`."
        )
    if kept.due:
        yield (
            f"{_many(kept.due, 'call')} {_are(kept.due)} due and not erased, the oldest since "
            f"{kept.due_since[:10]}: see `hushwire retention sweep`."
        )
    if kept.erasing:
        yield f"{_many(kept.erasing, 'erasure')} began and did not end."
    if kept.held_due:
        yield (
            f"{_many(kept.held_due, 'call')} whose time would be up {_are(kept.held_due)} kept by "
            "a legal hold: is it still needed?"
        )


def _quarantine(found: Quarantine) -> Iterator[str]:
    if found.over:
        yield (
            f"{_many(found.over, 'quarantine')} whose time is up still {_have(found.over)} a key: "
            "see `hushwire quarantine sweep`."
        )
    if found.unread:
        yield (
            f"{_many(found.unread, 'certificate')} of quarantined calls could not be read, so "
            "their failed checks are not counted (`--vault` names the vault)."
        )


def _calls(calls: Calls) -> Iterator[str]:
    if calls.missing_before:
        yield (
            f"The audit log tells of this month from {calls.missing_before[:10]} on only: older "
            "entries were removed, and what they told is not counted."
        )
    if calls.unreadable:
        yield f"{_many(calls.unreadable, 'entry', 'entries')} of the audit log can't be read."
    if calls.outcomes.not_judged:
        yield (
            f"{_many(calls.outcomes.not_judged, 'call')} {_were(calls.outcomes.not_judged)} stored "
            "without a decision on consent: the policy did not enforce it."
        )
    for one in calls.campaigns:
        if one.missing or one.late:
            named = f"Campaign {one.campaign}" if one.campaign else "Calls without a campaign"
            yield (
                f"{named}: no disclosure in {one.missing} of {_many(one.calls, 'call')}, a late "
                f"one in {one.late}."
            )


def _policy(found: PolicyRow) -> Iterator[str]:
    if found.state == "overdue":
        yield f"The policy {found.name} is past its review date, {found.review_by}."
    elif found.state == "due":
        yield f"The policy {found.name} is due for review by {found.review_by}."
    elif found.state == "none":
        yield f"The policy {found.name} states no review date (review_by)."


def _rules(found: Rules) -> Iterator[str]:
    for state, told in (("overdue", "past their review date"), ("due", "due for review")):
        rows = found.of_state(state)
        if rows:
            names = ", ".join(one.rule for one in rows)
            yield f"{_many(len(rows), 'rule')} of places {told}: {names}."
    disputed = [one for one in found.contested if one.calls]
    if disputed:
        names = ", ".join(one.rule for one in disputed)
        yield f"Calls of this month fall under contested rules: {names}."
    if found.gone:
        names = ", ".join(f"{one.rule}@{one.version}" for one in found.gone)
        yield f"Rules that decided on calls of this month and are not in force any more: {names}."


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
