"""The month and the parts of a report: frozen records of counts, dates and names, no content.

Times are ISO 8601 in UTC; an empty text says that there is none. Outcomes of ``Month.parse``: the
month, or ``InputError``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Generic, Self, TypeVar

from pipeline.errors import InputError

MONTH: Final = r"[0-9]{4}-(0[1-9]|1[0-2])"
"""How a month is written: ``2026-11``."""
_FIRST_YEAR: Final = 2000
_NAMES: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "stored": ("calls stored in the month", "calls"),
    "refused": ("calls refused by a rule", "calls"),
    "withdrawn": ("calls of which the customer withdrew", "calls"),
    "undisclosed": ("calls whose disclosure was missing or late", "campaigns"),
    "failed": ("calls refused because a stage failed", "calls"),
    "quarantined": ("calls whose verification failed", "quarantine"),
    "quarantine_over": ("quarantines whose time is up", "quarantine"),
    "erased": ("calls erased", "calls"),
    "erased_for_people": ("calls erased because a person asked for it", "calls"),
    "exported": ("calls exported", "access"),
    "retention_due": ("calls due and not erased", "retention"),
    "holds": ("legal holds", "retention"),
    "keys_transit": ("transit keys alive", "keys"),
    "keys_stray": ("transit keys of calls that are over", "keys"),
    "keys_vault": ("vault keys alive", "keys"),
    "keys_wrapping": ("age of the wrapping key in force", "keys"),
    "key_changes": ("wrapping keys replaced", "calls"),
    "chain": ("audit log", "chain"),
    "signed": ("audit log, signed", "chain"),
    "entries": ("entries of the audit log", "calls"),
    "looks": ("looks at lists, pages and transcripts", "access"),
    "listened": ("calls listened to, each person once", "access"),
    "denied": ("attempts that a role does not allow", "access"),
    "logins_refused": ("tokens that let nobody in", "access"),
    "tokens": ("tokens made and revoked", "access"),
    "policy": ("policy in force", "policy"),
    "record_gaps": ("gaps of the record of processing", "processing"),
    "audit_days": ("days that the audit log is kept", "chain"),
}
"""What a figure is called, and the part of the page where it stands; by name."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC."""

    first: date

    @classmethod
    def parse(cls, text: str, now: datetime) -> Self:
        """The month of a text such as ``2026-11``; an empty one is the month that runs.

        Raises:
            InputError: it is no month, or has not begun.
        """
        today = now.astimezone(UTC).date()
        if not text:
            return cls(today.replace(day=1))
        if not re.fullmatch(MONTH, text) or int(text[:4]) < _FIRST_YEAR:
            raise InputError("month: write year and month, such as 2026-11")
        first = date(int(text[:4]), int(text[5:]), 1)
        if first > today:
            raise InputError("month: it has not begun; name this one or an earlier one")
        return cls(first)

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment that is not in it any more."""
        later = self.start + timedelta(days=31)
        return later.replace(day=1)

    @property
    def last(self) -> date:
        """Its last day."""
        return (self.end - timedelta(days=1)).date()

    @property
    def name(self) -> str:
        """As it is written: ``2026-11``."""
        return f"{self.first:%Y-%m}"

    @property
    def title(self) -> str:
        """For people."""
        return f"{_NAMES[self.first.month - 1]} {self.first.year}"


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of the report, or why it could not be read."""

    value: T | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How often something was there."""

    what: str
    count: int
    told: str = ""
    """For people, where the name alone says little."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Calls by what became of them; each call counts once."""

    kept: int = 0
    transcript_only: int = 0
    agent_side_only: int = 0
    not_judged: int = 0
    """Stored, and nobody asked whether it might be."""
    quarantined: int = 0
    """Verification failed: not stored."""
    refused: int = 0
    """By a rule of a place."""
    failed: int = 0
    """Refused because a stage could not work on it, or because it was open for too long."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.stored + self.quarantined + self.refused + self.failed

    @property
    def stored(self) -> int:
        """What lies in the vault, at least in part."""
        return self.kept + self.transcript_only + self.agent_side_only + self.not_judged


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """Calls of a place; a call between two places counts for both."""

    place: str
    """Code of ISO 3166, ``*`` for one that nobody knows, empty where none was stated."""
    name: str
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """Disclosures of a campaign."""

    campaign: str
    """Empty: the calls name none."""
    calls: int
    """That were judged."""
    missing: int
    """Whose rule asks for a disclosure that there was not."""
    late: int
    """Whose disclosure came later than the rule allows."""
    none: int
    """Without any disclosure in their evidence, whether a rule asks for one or not."""


@dataclass(frozen=True, slots=True)
class RuleUse:
    """How many calls a rule had a part in."""

    rule: str
    version: int
    calls: int


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that were closed in the month, as the audit log tells."""

    outcomes: Outcomes
    places: tuple[PlaceRow, ...]
    refused: tuple[Count, ...]
    """Calls that a rule refused, by why."""
    failed: tuple[Count, ...]
    """Calls that failed, by code."""
    withdrawn: int
    """Refused because the customer withdrew."""
    campaigns: tuple[CampaignRow, ...]
    used: tuple[RuleUse, ...]
    forgotten: int
    """Left open by an interrupted run: to be sent anew."""
    ended: tuple[Count, ...]
    """Erasures, exports, holds, quarantines and sweeps."""
    entries: int
    """Of the audit log in the month."""
    unreadable: int
    """Of them such as hold no facts that can be read."""
    missing_before: str
    """Entries before this are gone although they belong to the month; empty: none are."""


@dataclass(frozen=True, slots=True)
class AccessRow:
    """What a role was shown; somebody with several roles is a row of their own."""

    role: str
    people: int
    """Tokens and persons."""
    logins: int
    lists: int
    transcripts: int
    """Transcripts and pages of calls."""
    listened: int
    """Pairs of somebody and a call whose audio they were sent."""
    other: int
    denied: int


@dataclass(frozen=True, slots=True)
class Access:
    """Who was shown what."""

    roles: tuple[AccessRow, ...]
    logins_refused: int
    exported: int
    listed: int
    """Lists on the command line."""
    tokens_made: int
    tokens_revoked: int


@dataclass(frozen=True, slots=True)
class Retention:
    """What is due, and what is held, when the report was made."""

    stored: int
    quarantined: int
    due: int
    """Its time is up, nothing holds it, and it is not erased."""
    due_since: str
    """When the time of the oldest of them was up."""
    erasing: int
    """Erasures that began and did not end."""
    held: int
    held_since: str
    """The oldest hold."""
    held_due: int
    """Held, and its time would be up."""
    withdrawn: int
    """Stored in the month, of calls whose customer withdrew: silent from there on."""
    flagged: int
    """Stored calls that the rules would not keep any more, or not all of them."""
    unread: int
    """Stored in the month, and this version can't read by which decision."""
    untold: int
    """In the catalogue since the month, and the audit log tells of no end: there must be none."""
    policies: tuple[Count, ...]
    """Stored in the month and still there, by policy and version."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Calls whose verification failed."""

    keys: int
    """Quarantined calls whose key lives."""
    over: int
    """Of them such whose time is up."""
    certificates: int
    """Of calls that were quarantined in the month and are in the catalogue."""
    checks: tuple[Count, ...]
    """Failed checks in those certificates."""
    unread: int
    """Certificates that could not be read."""


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """A key that wraps other keys; never its material."""

    key_id: str
    created: str
    days: int
    retired: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that live."""

    open: int
    """Transit keys of open calls."""
    open_since: str
    """When the oldest open call was opened."""
    quarantined: int
    stray: int
    """Transit keys of calls that are over: there must be none."""
    vault: int
    vault_stray: int
    """Vault keys of calls that are not in the catalogue: the next sweep removes them."""
    wrapping: tuple[WrappingKey, ...]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Where a rule comes from."""

    cite: str
    says: str


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule of places that was in force in the month."""

    rule: str
    version: int
    name: str
    places: tuple[str, ...]
    consent: str
    notice: str
    without_evidence: str
    sources: tuple[SourceRow, ...]
    confirm_by: str
    review_by: str
    state: str
    """``overdue``, ``due`` (within 60 days) or ``ok``."""
    contested: str
    calls: int
    """In which it had a part."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of places."""

    digest: str
    rules: tuple[RuleRow, ...]
    gone: tuple[RuleUse, ...]
    """That had a part in calls of the month, and are not among the rules any more."""

    def of_state(self, state: str) -> tuple[RuleRow, ...]:
        """Rules whose review is in a state."""
        return tuple(one for one in self.rules if one.state == state)

    @property
    def contested(self) -> tuple[RuleRow, ...]:
        """Rules on which courts or statutes disagree."""
        return tuple(one for one in self.rules if one.contested)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """The policy in force when the report was made."""

    name: str
    version: str
    digest: str
    review_by: str
    state: str
    """``overdue``, ``due``, ``ok``, or ``none``: no date is stated."""
    consent: tuple[tuple[str, str], ...]
    """Its consent section, name and value."""
    silenced: tuple[str, ...]
    """Entity types that it silences."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Whether the audit log holds."""

    holds: bool
    first: int
    last: int
    signed: int
    signed_at: str
    unsigned: int
    problems: tuple[str, ...]
    compared: tuple[str, ...]
    """With what it was compared beside itself."""


@dataclass(frozen=True, slots=True)
class Processing:
    """What the record of processing says, and still lacks."""

    purposes: tuple[str, ...]
    missing: tuple[str, ...]
    """What nobody stated yet."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the report that shows how a control stands."""

    label: str
    told: str
    part: str
    """Anchor of the part where it stands."""
