"""A stored call judged once more: by another policy, other rules, on another day.

In: the decision that was stored with a call, and its purpose. Out: how it would be kept now, and
how it fares from the one to the other. Nothing of the call itself is needed: a decision has all
evidence that there was. Where a call's place came from the policy of then, it stays; a place that
nobody knew may be named by the policy of now (``consent.their_places``).

Outcome of ``Judge.kept``: a ``Kept``; it raises nothing. Of a call that was stored without a
decision nobody asked, and nothing but the policy's retention is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from pipeline.consent.decision import decide
from pipeline.consent.hints import with_company
from pipeline.consent.rules import RuleSet
from pipeline.consent.setting import setting_of
from pipeline.policy.model import Policy
from pipeline.records.consent import Consent, Decision, Outcome, RuleStated, Why

RETENTION: Final = "retention"
"""Why a call would not be kept whose consent suffices: its time is up."""
_NOTHING: Final = frozenset({Outcome.REFUSED, Outcome.PENDING})


class Fate(StrEnum):
    """How a stored call fares under something else; of several, the first that holds."""

    REFUSED = "refused"
    """It would not be kept by consent."""
    OVER = "over"
    """It would be erased by now: its time would be up."""
    LESS = "less"
    """Only a part of what is stored would be kept."""
    SHORTER = "shorter"
    MORE = "more"
    """More would be kept of such a call; of this one it is gone."""
    LONGER = "longer"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Kept:
    """How a call is kept."""

    outcome: Outcome | None
    """None: nobody asked."""
    why: Why | None
    days: int
    """How long, from when it was stored."""
    rules: tuple[RuleStated, ...] = ()

    @property
    def places(self) -> str:
        """The call's places, by which it is judged."""
        return " ".join(sorted({rule.place for rule in self.rules}))

    @property
    def named(self) -> str:
        """The rules, each ``id@version``."""
        return named(self.rules)


@dataclass(frozen=True, slots=True)
class Flag:
    """Why the rules in force would not keep a stored call, or not all of it."""

    since: str
    """ISO 8601."""
    outcome: str
    """What would be kept: an ``Outcome``."""
    why: str
    """A ``Why``, or ``retention``."""
    rules: str
    """``id@version``, with blanks between."""


def named(rules: tuple[RuleStated, ...]) -> str:
    """Rules as ``id@version``, with blanks between."""
    return " ".join(dict.fromkeys(f"{rule.id}@{rule.version}" for rule in rules))


def as_stored(decision: Decision | None, stored: datetime, until: datetime) -> Kept:
    """How a call is kept now.

    Args:
        decision: that was stored with it; None: nobody asked.
        stored: when.
        until: the end of its retention.
    """
    days = round((until - stored) / timedelta(days=1))
    if decision is None:
        return Kept(None, None, days)
    return Kept(decision.outcome, decision.why, days, decision.rules)


def fate(now: Kept, then: Kept, stored: datetime, at: datetime) -> Fate:
    """How a call fares from one way of keeping it to another.

    Args:
        now: how it is kept.
        then: how it would be.
        stored: when it was stored.
        at: the time at which it is asked.
    """
    if then.outcome in _NOTHING and now.outcome not in _NOTHING:
        return Fate.REFUSED
    if _over(then, stored, at) and not _over(now, stored, at):
        return Fate.OVER
    if now.outcome != then.outcome and then.outcome not in {None, Outcome.KEPT}:
        return Fate.LESS
    if then.days < now.days:
        return Fate.SHORTER
    if now.outcome not in {None, then.outcome} and then.outcome is not None:
        return Fate.MORE
    return Fate.LONGER if then.days > now.days else Fate.SAME


def _over(kept: Kept, stored: datetime, at: datetime) -> bool:
    return stored + timedelta(days=kept.days) <= at


class Judge:
    """Judges stored calls by one policy and one set of rules, on one day.

    Args:
        policy: whose retention and part in the decision holds.
        rules: of all places.
        day: whose rules are in force.
    """

    def __init__(self, policy: Policy, rules: RuleSet, day: date) -> None:
        self.policy, self.rules, self.day = policy, rules, day
        self._setting = setting_of(policy)

    def decision(self, decision: Decision, purpose: str) -> Decision:
        """The decision on the same evidence; nothing more will be heard, so none is pending."""
        places = tuple(sorted({rule.place for rule in decision.rules}))
        known = with_company(
            Consent(places, decision.campaign, decision.evidence), self.policy.consent
        )
        return decide(
            self.rules.holding(known.places, self.day),
            known,
            setting=self._setting,
            purpose=purpose,
            sides=decision.sides,
            ruleset=self.rules.digest,
        )

    def kept(self, decision: Decision | None, purpose: str) -> Kept:
        """How a call with this decision would be kept."""
        days = self.policy.keep_days(purpose)
        if decision is None:
            return Kept(None, None, days)
        made = self.decision(decision, purpose)
        days = min(days, made.keep_days or days)
        return Kept(made.outcome, made.why, days, made.rules)
