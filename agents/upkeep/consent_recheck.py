"""Stored calls that the rules and the policy in force today would not keep any longer.

``plan`` looks and changes nothing. ``flag`` marks such calls in the catalogue, and takes the mark
from those that would be kept again. ``erase_forbidden`` erases those that would not be kept at all,
and marks those of which only a part would be kept: of a stored call no part can be taken away.
Both do what the plan says and no more, after the sweep guard allowed that many at once.

What a legal hold keeps is neither marked nor erased, only listed. Calls that were stored without a
decision are counted (nobody asked), and never touched; neither is one whose decision can't be read.

Outcomes: ``Done``; ``SweepRefusedError`` where the clock is not believed or too much would be
changed at once; ``InputError`` for a confirmation of another number; ``StoreError`` where vault or
database are away.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Final, Literal

from sqlalchemy import update

from agents.access.audit_log import AuditLog, Event
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.system.logging import get_logger
from agents.upkeep.erasure import CONSENT, erase
from agents.upkeep.retention import LOOK_S
from agents.upkeep.stored_decisions import stored_decisions
from agents.upkeep.sweep_guard import Confirmed, SweepGuard
from agents.vault.vault import Vault
from pipeline.consent.rules import RuleSet
from pipeline.errors import HeldError, HushwireError, SettingsError
from pipeline.evaluation.change.stored_calls import RETENTION, Fate, Flag, Judge, Kept, fate
from pipeline.policy.model import Policy
from pipeline.records.consent import Outcome

SWEEP: Final = "consent"
RECHECKED: Final = "hushwire.audit.consent-rechecked.v1"
CLEARED: Final = "hushwire.audit.consent-cleared.v1"
WORKER: Final = "worker"
"""By whom the nightly recheck is."""
AGAIN: Final = 60
"""Looks until one that failed is tried again: an hour."""


@dataclass(frozen=True, slots=True)
class Nightly:
    """What a worker does every night."""

    mode: Literal["flag", "erase"]
    rules: RuleSet
    """In force."""


def require_enforced(policy: Policy) -> None:
    """Refuse a policy by which nothing can be rechecked.

    Raises:
        SettingsError: it asks for no consent.
    """
    if not policy.consent.enforced:
        raise SettingsError(
            f"consent can't be rechecked: the policy in force ({policy.name}) asks for none; use "
            "one with consent.enforced, such as --policy pci+consent or HUSHWIRE_POLICY"
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A call that would not be kept as it is."""

    call_id: str
    fate: Fate
    """``REFUSED`` or ``OVER``: not at all; ``LESS``: in part."""
    then: Kept
    flag: Flag | None = None
    """The mark that it has already."""

    @property
    def why(self) -> str:
        """The reason."""
        if self.fate is Fate.OVER:
            return RETENTION
        return self.then.why.value if self.then.why else ""

    @property
    def outcome(self) -> str:
        """What would be kept."""
        kept = Outcome.REFUSED if self.fate is not Fate.LESS else self.then.outcome
        return kept.value if kept else ""

    @property
    def marked(self) -> bool:
        """Whether it is marked already, for this reason."""
        wanted = (self.outcome, self.why, self.then.named)
        return self.flag is not None and wanted == (
            self.flag.outcome,
            self.flag.why,
            self.flag.rules,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a recheck found; nothing is changed yet."""

    policy: str
    """Name and version."""
    day: date
    """Whose rules were asked."""
    asked: int = 0
    """Calls that were judged."""
    unasked: int = 0
    """Calls that were stored without a decision: nobody asked."""
    unread: int = 0
    """Calls whose decision can't be read here."""
    forbidden: tuple[Found, ...] = ()
    """Calls that would not be kept."""
    partly: tuple[Found, ...] = ()
    """Calls of which only a part would be kept."""
    held: tuple[Found, ...] = ()
    """Calls of either kind that a legal hold keeps."""
    cleared: tuple[str, ...] = ()
    """Calls that are flagged and would be kept again."""

    @property
    def to_flag(self) -> tuple[Found, ...]:
        """What ``flag`` marks: calls that are not marked yet."""
        return tuple(one for one in (*self.forbidden, *self.partly) if not one.marked)

    @property
    def to_erase(self) -> tuple[Found, ...]:
        """What ``erase_forbidden`` changes: calls to be erased, and to be marked."""
        return (*self.forbidden, *(one for one in self.partly if not one.marked))


@dataclass(slots=True)
class Done:
    """What a recheck did, by call id."""

    erased: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """A hold came between the look and the end."""


def plan(database: Database, policy: Policy, rules: RuleSet) -> Plan:
    """Look which stored calls would not be kept any longer; nothing is changed.

    Args:
        database: the ledger's; its clock says which day is today.
        policy: in force; where it does not enforce consent, nothing but its retention is asked.
        rules: in force.
    """
    now = database.now()
    judge = Judge(policy, rules, now.date())
    asked = unasked = unread = 0
    forbidden: list[Found] = []
    partly: list[Found] = []
    held: list[Found] = []
    cleared: list[str] = []
    for one in stored_decisions(database):
        if one.decision is None:
            unasked += one.readable
            unread += not one.readable
            continue
        asked += 1
        then = judge.kept(one.decision, one.purpose)
        judged = _fate(one.kept, then, one.stored, one.retain_until, now)
        if judged is None:
            if one.flag is not None and not one.held:
                cleared.append(one.call_id)
            continue
        where = held if one.held else partly if judged is Fate.LESS else forbidden
        where.append(Found(one.call_id, judged, then, one.flag))
    return Plan(
        f"{policy.name} {policy.version}",
        judge.day,
        asked,
        unasked,
        unread,
        tuple(forbidden),
        tuple(partly),
        tuple(held),
        tuple(cleared),
    )


def _fate(now: Kept, then: Kept, stored: datetime, until: datetime, at: datetime) -> Fate | None:
    """Why a call would not be kept as it is; None: it would be, or its time is up anyway."""
    if then.outcome is Outcome.REFUSED:
        return Fate.REFUSED  # whatever was decided once
    judged = fate(now, then, stored, at)
    if judged is Fate.OVER and until <= at:
        return None
    return judged if judged in {Fate.OVER, Fate.LESS} else None


class Recheck:
    """Does what a plan says.

    Args:
        ledger: states and keys.
        log: is told of each call, with rules and reason, before anything is changed.
        guard: allows it.
        by: who does it.
    """

    def __init__(self, ledger: Ledger, log: AuditLog, guard: SweepGuard, by: str) -> None:
        self._ledger, self._log, self._guard, self._by = ledger, log, guard, by

    def flag(self, found: Plan, confirmed: Confirmed | None = None) -> Done:
        """Mark what would not be kept as it is; take the mark from what would be kept again."""
        self._allow(len(found.to_flag), found, confirmed)
        done = Done()
        self._mark(found.to_flag, found, done)
        self._clear(found, done)
        return done

    def erase_forbidden(
        self, vault: Vault, found: Plan, confirmed: Confirmed | None = None
    ) -> Done:
        """Erase what would not be kept; mark that of which only a part would be."""
        self._allow(len(found.to_erase), found, confirmed)
        done = Done()
        calls = {one.call_id: one for one in found.forbidden}

        def erased(call_id: str) -> bool:
            facts = vault.catalogue.find(call_id)
            if facts is None:
                return False  # somebody else was faster
            if facts.held is not None:
                done.held.append(call_id)
                return False
            vault.require_files(call_id)
            self._tell(calls[call_id], found, "erase")
            try:
                return erase(vault, self._ledger, self._log, call_id, CONSENT)
            except HeldError:
                done.held.append(call_id)
                return False

        done.erased += self._guard.each(SWEEP, calls, erased)
        self._mark([one for one in found.partly if not one.marked], found, done)
        self._clear(found, done)
        return done

    def _allow(self, due: int, found: Plan, confirmed: Confirmed | None) -> None:
        total = found.asked + found.unasked + found.unread
        self._guard.allow(SWEEP, self._ledger.database.now(), due, total, confirmed)

    def _mark(self, calls: Iterable[Found], found: Plan, done: Done) -> None:
        by_id = {one.call_id: one for one in calls}

        def marked(call_id: str) -> bool:
            one = by_id[call_id]
            self._tell(one, found, "flag")
            flag = Flag(self._ledger.database.stamp(), one.outcome, one.why, one.then.named)
            if self._set(call_id, json.dumps(asdict(flag))):
                return True
            done.held.append(call_id)
            return False

        done.flagged += self._guard.each(SWEEP, by_id, marked)

    def _clear(self, found: Plan, done: Done) -> None:
        def cleared(call_id: str) -> bool:
            if not self._set(call_id, None):  # a hold came, or its erasure began
                return False
            self._append(CLEARED, call_id, {"what": "consent-cleared", **self._facts(found)})
            return True

        done.cleared += self._guard.each(SWEEP, found.cleared, cleared)

    def _set(self, call_id: str, value: str | None) -> bool:
        """Write or remove a mark, unless a hold is on the call or it is being erased."""
        free = CATALOGUE.c.held.is_(None) & CATALOGUE.c.erasing.is_(None)
        with self._ledger.database.writing() as connection:
            change = update(CATALOGUE).where(CATALOGUE.c.call_id == call_id, free)
            return bool(connection.execute(change.values(flagged=value)).rowcount)

    def _tell(self, one: Found, found: Plan, does: str) -> None:
        """Before it is done, so that the log has the rule whatever happens next."""
        facts = {
            "what": "consent-rechecked",
            "does": does,
            "consent": one.outcome,
            "consent_why": one.why,
            "consent_rules": one.then.named,
        }
        self._append(RECHECKED, one.call_id, {**facts, **self._facts(found)})

    def _facts(self, found: Plan) -> dict[str, str]:
        return {"policy": found.policy, "day": found.day.isoformat(), "by": self._by}

    def _append(self, kind: str, call_id: str, facts: Mapping[str, str]) -> None:
        at = self._ledger.database.stamp()
        # Several workers may come to the same on the same day: that is told once.
        key = f"{call_id}/{kind}/{facts['day']}"
        self._log.append(Event(key, call_id, kind, {"at": at, **facts}))


async def tend(
    vault: Vault,
    ledger: Ledger,
    log: AuditLog,
    guard: SweepGuard,
    nightly: Nightly,
    policy: Callable[[], Policy],
    *,
    look_s: float = LOOK_S,
) -> None:
    """Recheck once a day, in the first minute of it (UTC) and at the start, until cancelled.

    One that is refused or fails is told, and tried again ``AGAIN`` looks later.

    Args:
        vault: where the calls lie.
        ledger: states and keys.
        log: is told.
        guard: allows it.
        nightly: by which rules calls are judged, and what becomes of them.
        policy: in force, asked each time; raises where that is not certain.
        look_s: how often the day is looked at.
    """
    told = get_logger("vault")
    last: date | None = None
    waits = 0
    while True:
        try:
            today = ledger.database.now().date()
            waits = max(0, waits - 1)
            if today != last and not waits:
                recheck = Recheck(ledger, log, guard, WORKER)
                done = await asyncio.to_thread(_once, vault, recheck, ledger, nightly, policy)
                last = today
                if done.erased or done.flagged or done.cleared:
                    told.info(
                        "stored calls judged by the rules of today",
                        count=len(done.erased) + len(done.flagged) + len(done.cleared),
                    )
        except HushwireError as error:
            told.error("consent not rechecked", code=error.code)
            waits = AGAIN
        await asyncio.sleep(look_s)


def _once(
    vault: Vault,
    recheck: Recheck,
    ledger: Ledger,
    nightly: Nightly,
    in_force: Callable[[], Policy],
) -> Done:
    policy = in_force()
    require_enforced(policy)
    found = plan(ledger.database, policy, nightly.rules)
    if nightly.mode == "flag":
        return recheck.flag(found)
    return recheck.erase_forbidden(vault, found)
