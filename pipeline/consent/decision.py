"""Evidence against what a place demands: the decision whether a call may be kept.

Outcome of ``decide``: a ``Decision``; ``PENDING`` only while speech that is not heard yet may bring
what is missing. It raises nothing, and the same input gives the same decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.consent.rules import Holds, Needed, Rule, Told
from pipeline.policy.known_names import DEFAULT_PURPOSE
from pipeline.records.consent import (
    EXPLICIT,
    NOTICES,
    OBJECTIONS,
    Answer,
    Basis,
    Consent,
    Decision,
    Evidence,
    Kind,
    Outcome,
    Party,
    Why,
)

LEAST_CERTAINTY: Final = 0.5
"""Of what was heard, from which on it counts as said."""
ANSWER_MS: Final = 20_000
"""How much longer than for a notice an answer to it is waited for."""
LONGEST_AGO_MS: Final = 3_600_000
"""A notice played longer before the call belongs to another call."""
NOBODY: Final = -1


@dataclass(frozen=True, slots=True)
class Setting:
    """What the installation says itself: the part of the policy that a decision reads."""

    enforced: bool = True
    agents_agreed: bool = False
    """Whether the company states that those who answer its calls agreed to being recorded."""
    bases: Mapping[str, str] | None = None
    """The lawful basis by purpose."""
    profiles: frozenset[str] = frozenset()
    """Shipped policies that the call's policy silences at least as much as."""
    withdrawal: str = "refuse"
    """``refuse``: who withdraws has all of the call removed; ``silence``: what comes after."""


def decide(
    holding: Sequence[Holds],
    call: Consent,
    heard: Sequence[Evidence] = (),
    *,
    setting: Setting,
    purpose: str = "",
    until_ms: int | None = None,
    more: bool = False,
    sides: bool = False,
    ruleset: str = "",
) -> Decision:
    """The decision on a call: kept as far as each rule that holds lets it.

    Args:
        holding: the rules of its places.
        call: what its metadata says.
        heard: what was heard so far.
        setting: the policy's part.
        purpose: of the call.
        until_ms: how much of the call was listened to; None: all there will ever be.
        more: whether later chunks may still bring metadata, such as that a key was pressed.
        sides: whether the agent and the customer have channels of their own.
        ruleset: digest of all rules.
    """
    named = purpose or DEFAULT_PURPOSE
    evidence = sorted(
        (one for one in (*call.evidence, *heard) if _is_sure(one)),
        key=lambda one: one.at_ms,
    )
    judged = [_Judged(each.rule, evidence, setting, named) for each in holding]
    outcome, why = _strictest([each.outcome(until_ms, more=more, sides=sides) for each in judged])
    if not setting.enforced:
        outcome, why = Outcome.KEPT, Why.NOT_ENFORCED
    limits = [days for each in holding if (days := each.rule.keep_days(named))]
    silenced = setting.enforced and setting.withdrawal == "silence"
    return Decision(
        outcome,
        why,
        tuple(each.stated for each in holding),
        ruleset,
        tuple(evidence),
        (setting.bases or {}).get(named, ""),
        min(limits, default=0) if setting.enforced else 0,
        withdrawn_at(evidence) if silenced else NOBODY,
        call.campaign,
        sides,
    )


def withdrawn_at(evidence: Sequence[Evidence]) -> int:
    """Since when somebody no longer agrees, in ms of the call; -1: all do."""
    said = (one.at_ms for one in _objections(evidence) if one.answer is Answer.WITHDRAWN)
    return next((max(0, at) for at in said), NOBODY)


def _is_sure(one: Evidence) -> bool:
    """Whether a piece is sure enough; a no is, however unsure."""
    return one.answer in OBJECTIONS or one.certainty >= LEAST_CERTAINTY


def _objections(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Who said no or withdrew, whoever it was.

    What was said in the call stands. What was said before it may have been taken back by an act.
    """
    acts = [one.at_ms for one in evidence if one.answer is Answer.YES and one.kind in EXPLICIT]
    return [
        one
        for one in evidence
        if one.answer in OBJECTIONS and not (one.at_ms < 0 and any(one.at_ms < act for act in acts))
    ]


def _strictest(outcomes: Sequence[tuple[Outcome, Why]]) -> tuple[Outcome, Why]:
    """What keeps nothing that one of the rules would not keep."""
    for wanted in (Outcome.REFUSED, Outcome.PENDING):
        for outcome, why in outcomes:
            if outcome is wanted:
                return outcome, why
    partly = {outcome: why for outcome, why in outcomes if outcome is not Outcome.KEPT}
    if len(partly) > 1:  # neither the audio nor the customer's words: nothing is left
        return Outcome.REFUSED, next(iter(partly.values()))
    return next(iter(partly.items()), (Outcome.KEPT, Why.SATISFIED))


class _Judged:
    """One call's evidence, in its order, against one rule."""

    def __init__(
        self, rule: Rule, evidence: Sequence[Evidence], setting: Setting, purpose: str
    ) -> None:
        self._rule, self._evidence, self._setting = rule, evidence, setting
        self._basis = (setting.bases or {}).get(purpose, "")

    def outcome(self, until_ms: int | None, *, more: bool, sides: bool) -> tuple[Outcome, Why]:
        """What may be kept, and why."""
        missing = self._never() or self._objection()
        if missing is not None:
            return Outcome.REFUSED, missing
        lacking = self._notice() or self._consent()
        if lacking is None:
            return Outcome.KEPT, Why.SATISFIED
        waited = self._latest_yes if lacking is Why.NO_CONSENT else self._latest_notice
        if until_ms is not None and until_ms < waited and self._may_come(lacking, more=more):
            return Outcome.PENDING, lacking
        if self._rule.without_evidence is Outcome.AGENT_SIDE_ONLY and not sides:
            return Outcome.REFUSED, Why.ONE_CHANNEL
        return self._rule.without_evidence, lacking

    @property
    def _latest_notice(self) -> int:
        """Until when a notice has to be given, in ms of the call."""
        return self._rule.notice_within_s * 1_000

    @property
    def _latest_yes(self) -> int:
        """Until when consent has to be given: so long nothing of the call goes on."""
        return self._latest_notice + ANSWER_MS

    def _never(self) -> Why | None:
        """What no evidence mends."""
        allowed = self._rule.lawful_bases
        if allowed and not self._basis:
            return Why.NO_BASIS
        if allowed and self._basis not in allowed:
            return Why.BASIS_NOT_ALLOWED
        if not self._rule.profiles <= self._setting.profiles:
            return Why.PROFILE_NOT_MET
        return None

    def _objection(self) -> Why | None:
        """Who says no is not recorded, whatever the rule."""
        said = {one.answer for one in _objections(self._evidence)}
        if Answer.NO in said:
            return Why.SAID_NO
        refused = Answer.WITHDRAWN in said and self._setting.withdrawal == "refuse"
        return Why.WITHDRAWN if refused else None

    def _told(self) -> list[Evidence]:
        """Notices to the customer of a kind that counts, played for this call."""
        return [
            one
            for one in self._evidence
            if one.is_notice
            and one.kind in self._rule.evidence
            and one.party is not Party.AGENT
            and one.at_ms >= -LONGEST_AGO_MS
        ]

    def _notice(self) -> Why | None:
        rule, told = self._rule, self._told()
        if rule.notice is Told.NEVER:
            return None
        if rule.notice is Told.BEFORE:
            fitting = [one for one in told if one.kind is Kind.NOTICE_PLAYED and one.at_ms < 0]
        else:
            fitting = [one for one in told if one.at_ms <= self._latest_notice]
        if fitting:
            return None
        return Why.LATE_NOTICE if any(one.is_notice for one in self._evidence) else Why.NO_NOTICE

    def _consent(self) -> Why | None:
        needed, by_consent = self._rule.consent, self._basis == Basis.CONSENT
        agents, customers = self._agrees(Party.AGENT), self._agrees(Party.CUSTOMER)
        agents = agents or self._setting.agents_agreed
        if needed is Needed.EXPLICIT:
            customers = self._agrees(Party.CUSTOMER, EXPLICIT)
        elif self._rule.staying_counts and not by_consent and self._told():
            customers = True
        if needed is Needed.NONE or (needed is Needed.ONE_PARTY and (agents or customers)):
            return Why.NO_CONSENT if by_consent and not customers else None
        if not agents:
            return Why.AGENTS_NOT_AGREED
        return None if customers else Why.NO_CONSENT

    def _agrees(self, party: Party, kinds: frozenset[Kind] = frozenset(Kind)) -> bool:
        """Whether a party said yes, in time, by a kind that counts."""
        return any(
            one.answer is Answer.YES
            and one.party in {party, Party.ALL}
            and one.kind in self._rule.evidence & kinds
            and not one.is_notice
            and one.at_ms <= self._latest_yes
            for one in self._evidence
        )

    def _may_come(self, lacking: Why, *, more: bool) -> bool:
        """Whether what is missing may still come: by speech, or on a later chunk."""
        rule = self._rule
        match lacking:
            case Why.NO_NOTICE:
                kinds = rule.evidence & NOTICES if more else rule.evidence & {Kind.NOTICE_SPOKEN}
                return rule.notice is Told.OPENING and bool(kinds)
            case Why.NO_CONSENT:
                spoken = rule.consent is not Needed.EXPLICIT and Kind.SPOKEN in rule.evidence
                return spoken or more
            case _:
                return False
