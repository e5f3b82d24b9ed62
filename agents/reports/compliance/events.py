"""The audit log of a month, read once: what became of calls, and who was shown what.

The log is read by pages of numbers, each in a short transaction: a reader that holds the database
open would hold up the end of keys. The time alone would not do for pages: its index would be gone
through once for each. Outcomes of ``read_month``: calls and access; ``StoreError`` where the
database is away.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from sqlalchemy import func, select

from agents.access.roles import Role
from agents.database.engine import Database
from agents.database.tables import ENTRIES
from agents.reports.compliance.model import (
    Access,
    AccessRow,
    Calls,
    CampaignRow,
    Count,
    Month,
    Outcomes,
    PlaceRow,
    RuleUse,
)
from agents.reports.compliance.words import REASONS, place_name
from agents.system.clock import stamp
from pipeline.records.consent import NOTICES, UNKNOWN, Outcome, Why

_BATCH: Final = 2_000
_PREFIX, _SUFFIX = "hushwire.audit.", ".v1"
_STORED: Final = {
    Outcome.KEPT: "kept",
    Outcome.TRANSCRIPT_ONLY: "transcript_only",
    Outcome.AGENT_SIDE_ONLY: "agent_side_only",
}
_LISTS: Final = frozenset({"list", "list-quarantine", "quarantine"})
_READS: Final = frozenset({"transcript", "subtitles", "page", "quarantine-page"})
_ENDED: Final = (
    ("call-erased retention", "calls erased, their time was up"),
    ("call-erased request", "calls erased on request"),
    ("call-erased subject", "calls erased because a person asked for it"),
    ("call-erased consent", "calls erased because the rules would not keep them any more"),
    ("consent-rechecked", "calls found that the rules would not keep any more"),
    ("consent-cleared", "calls found that they would keep again"),
    ("erasure-held", "erasures that a legal hold forbade"),
    ("call-exported", "calls exported in clear"),
    ("hold-added", "legal holds added"),
    ("hold-removed", "legal holds removed"),
    ("quarantine-ended expired", "quarantines ended, their time was up"),
    ("quarantine-ended dropped", "quarantines ended by somebody"),
    ("sweep-confirmed", "sweeps that were refused, and confirmed by somebody"),
    ("wrapping-key-replaced", "replacements of the wrapping key"),
    ("token-key-replaced", "token keys that were lost, and replaced"),
    ("signing-key-replaced", "signing keys that were lost, and replaced"),
)
"""Events that are counted by themselves, with what they mean."""


@dataclass(frozen=True, slots=True)
class Read:
    """What the audit log tells of a month."""

    calls: Calls
    access: Access
    closed: frozenset[str]
    """Calls that were closed in the month."""


def read_month(
    database: Database, month: Month, seen: Callable[[int, int], None] = lambda *_: None
) -> Read:
    """Read the entries that were written in a month.

    Args:
        database: the log's.
        month: the month.
        seen: told now and then how many were read, and how many there are about.
    """
    tally = _Tally()
    for kind, subject, facts in _entries(database, month, seen):
        tally.take(kind, subject, facts)
    calls = tally.calls(_missing_before(database, month))
    return Read(calls, tally.access(), tally.closed)


def _entries(
    database: Database, month: Month, seen: Callable[[int, int], None]
) -> Iterator[tuple[str, str, Mapping[str, Any] | None]]:
    """Kind, subject and facts of each entry; None where the facts can't be read."""
    start, end = stamp(month.start), stamp(month.end)
    seq, recorded = ENTRIES.c.seq, ENTRIES.c.recorded
    ends = select(func.min(seq), func.max(seq)).where(recorded >= start, recorded < end)
    with database.reading() as connection:
        first, last = connection.execute(ends).one()
    if first is None:
        return
    columns = (seq, recorded, ENTRIES.c.kind, ENTRIES.c.subject, ENTRIES.c.facts)
    for at in range(first, last + 1, _BATCH):
        query = select(*columns).where(seq.between(at, min(last, at + _BATCH - 1))).order_by(seq)
        with database.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            if start <= row.recorded < end:  # where a clock was set, others stand between
                yield row.kind.removeprefix(_PREFIX).removesuffix(_SUFFIX), row.subject, _facts(row)
        seen(min(last, at + _BATCH - 1) - first + 1, last - first + 1)


def _facts(row: Any) -> Mapping[str, Any] | None:  # noqa: ANN401 - a row of the database
    try:
        facts = json.loads(row.facts)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


def _missing_before(database: Database, month: Month) -> str:
    """Since when the log tells of the month, where its beginning was pruned; empty: it is whole."""
    first = select(ENTRIES.c.seq, ENTRIES.c.recorded).order_by(ENTRIES.c.seq).limit(1)
    with database.reading() as connection:
        row = connection.execute(first).one_or_none()
        later = connection.scalar(
            select(func.min(ENTRIES.c.recorded)).where(ENTRIES.c.recorded >= stamp(month.start))
        )
    if row is None or row.seq == 1 or row.recorded < stamp(month.start):
        return ""
    return min(str(later), stamp(month.end))


@dataclass(slots=True)
class _Call:
    """What became of a call, and what was told of its consent."""

    outcome: str
    code: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def why(self) -> str:
        return _text(self.facts, "consent_why")

    @property
    def judged(self) -> bool:
        return bool(_text(self.facts, "consent"))

    @property
    def places(self) -> list[str]:
        return sorted(set(_text(self.facts, "consent_places").split())) or [""]

    @property
    def disclosed(self) -> bool:
        return bool(set(_text(self.facts, "consent_evidence").split()) & NOTICES)


class _Tally:
    """Counts entries; one call counts once, whatever is repeated of it."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        self._kinds: Counter[str] = Counter()
        self._reasoned: Counter[str] = Counter()
        self._looks: dict[str, _Looks] = defaultdict(_Looks)
        self._entries = self._unreadable = 0

    def take(self, kind: str, subject: str, facts: Mapping[str, Any] | None) -> None:
        """Count an entry."""
        self._entries += 1
        if facts is None:
            self._unreadable += 1
            facts = {}
        self._kinds[kind] += 1
        self._reasoned[f"{kind} {_text(facts, 'why')}"] += 1
        if kind == "call-closed":
            self._closed(subject, facts)
        elif kind == "call-refused":
            self._refused(subject, facts)
        elif kind == "call-expired":
            self._calls.setdefault(subject, _Call("failed", "expired"))
        elif kind in {"looked", "denied"}:
            self._looks[_text(facts, "roles")].take(kind, subject, facts)

    def _closed(self, call: str, facts: Mapping[str, Any]) -> None:
        if facts.get("state") == "stored":
            told = _STORED.get(_text(facts, "consent"), "not_judged")  # type: ignore[call-overload]
        else:
            told = "quarantined"
        self._calls[call] = _Call(told, facts=facts)

    def _refused(self, call: str, facts: Mapping[str, Any]) -> None:
        """Several stages may refuse one call; what a rule says goes before what failed after it."""
        by_rule = _text(facts, "consent") == Outcome.REFUSED
        known = self._calls.get(call)
        if known is None or (by_rule and known.outcome == "failed"):
            code = "" if by_rule else _text(facts, "code") or "unknown"
            self._calls[call] = _Call("refused" if by_rule else "failed", code, facts)

    def calls(self, missing_before: str) -> Calls:
        """What became of calls."""
        every = list(self._calls.values())
        by_rule = [one for one in every if one.outcome == "refused"]
        whys = Counter(one.why for one in by_rule)
        known = {why.value: told for why, told in REASONS.items()}
        codes = Counter(one.code for one in every if one.outcome == "failed")
        return Calls(
            outcomes=_outcomes(every),
            places=_places(every),
            refused=tuple(Count(why, whys[why], known.get(why, "")) for why in {**known, **whys}),
            failed=tuple(Count(code, count) for code, count in sorted(codes.items())),
            withdrawn=whys[Why.WITHDRAWN.value],
            campaigns=_campaigns(every),
            used=_used(every),
            forgotten=self._kinds["call-forgotten"],
            ended=tuple(
                Count(name, (self._reasoned if " " in name else self._kinds)[name], told)
                for name, told in _ENDED
            ),
            entries=self._entries,
            unreadable=self._unreadable,
            missing_before=missing_before,
        )

    @property
    def closed(self) -> frozenset[str]:
        """Calls that ended, however they did."""
        return frozenset(self._calls)

    def access(self) -> Access:
        """Who was shown what."""
        names = {**dict.fromkeys(role.value for role in Role), **dict.fromkeys(sorted(self._looks))}
        return Access(
            roles=tuple(self._looks[name].row(name or "none") for name in names),
            logins_refused=self._kinds["login-refused"],
            exported=self._kinds["call-exported"],
            listed=self._kinds["calls-listed"] + self._kinds["marks-listed"],
            tokens_made=self._kinds["token-created"],
            tokens_revoked=self._kinds["token-revoked"],
        )


class _Looks:
    """The looks of a role."""

    def __init__(self) -> None:
        self._people: set[str] = set()
        self._heard: set[tuple[str, str]] = set()
        self._what: Counter[str] = Counter()
        self._denied = 0

    def take(self, kind: str, subject: str, facts: Mapping[str, Any]) -> None:
        """Count a look or a refused attempt."""
        who, what = _text(facts, "who"), _text(facts, "what")
        self._people.add(who)
        if kind == "denied":
            self._denied += 1
        elif what == "audio":
            # A player that seeks makes an entry each time.
            self._heard.add((who, subject))
        else:
            self._what[what] += 1

    def row(self, role: str) -> AccessRow:
        """All of them."""
        lists = sum(self._what[what] for what in _LISTS)
        reads = sum(self._what[what] for what in _READS)
        logins = self._what["login"]
        return AccessRow(
            role=role,
            people=len(self._people),
            logins=logins,
            lists=lists,
            transcripts=reads,
            listened=len(self._heard),
            other=self._what.total() - lists - reads - logins,
            denied=self._denied,
        )


def _outcomes(calls: Iterable[_Call]) -> Outcomes:
    found = Counter(one.outcome for one in calls)
    return Outcomes(**{one.name: found[one.name] for one in fields(Outcomes)})


def _places(calls: Iterable[_Call]) -> tuple[PlaceRow, ...]:
    by_place: dict[str, list[_Call]] = defaultdict(list)
    for call in calls:
        for place in call.places:
            by_place[place].append(call)
    order = sorted(by_place, key=lambda place: (place in {"", UNKNOWN}, place == "", place))
    return tuple(PlaceRow(place, place_name(place), _outcomes(by_place[place])) for place in order)


def _campaigns(calls: Iterable[_Call]) -> tuple[CampaignRow, ...]:
    found: dict[str, list[_Call]] = defaultdict(list)
    for call in calls:
        if call.judged:
            found[_text(call.facts, "campaign")].append(call)
    return tuple(
        CampaignRow(
            campaign,
            len(mine),
            sum(one.why == Why.NO_NOTICE for one in mine),
            sum(one.why == Why.LATE_NOTICE for one in mine),
            sum(not one.disclosed for one in mine),
        )
        for campaign, mine in sorted(found.items())
    )


def _used(calls: Iterable[_Call]) -> tuple[RuleUse, ...]:
    found: Counter[tuple[str, int]] = Counter()
    for call in calls:
        for stated in set(_text(call.facts, "consent_rules").split()):
            rule, _, version = stated.rpartition("@")
            found[rule, int(version) if version.isdecimal() else 0] += 1
    return tuple(RuleUse(rule, version, count) for (rule, version), count in sorted(found.items()))


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""
