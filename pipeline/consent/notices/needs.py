"""What the rules of a call's places ask of the prompt that is played, and when.

It follows ``pipeline.consent.decision``: a prompt that meets the need, played when it says, lets
the decision find the notice, and the answer where one is asked for. It raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from pipeline.consent.decision import LONGEST_AGO_MS
from pipeline.consent.rules import Holds, Needed, Rule, Told
from pipeline.records.consent import Basis, Kind


class Strength(IntEnum):
    """How much a prompt does, and how much a rule asks for; the greater holds for several."""

    NOTHING = 0
    NOTICE = 1
    """Somebody is told."""
    QUESTION = 2
    """They are asked as well."""
    OPT_IN = 3
    """They are asked for an act, without which nothing is recorded."""

    @property
    def told(self) -> str:
        """In words."""
        return _WORDS[self]


_WORDS = {
    Strength.NOTHING: "no prompt",
    Strength.NOTICE: "a notice",
    Strength.QUESTION: "a notice with a question",
    Strength.OPT_IN: "a notice that asks for an opt-in by an act",
}


@dataclass(frozen=True, slots=True)
class Need:
    """What all rules of a call ask for together."""

    strength: Strength
    asking: tuple[Holds, ...] = ()
    """The rules that ask for a prompt at all, the most demanding first."""
    before: bool = False
    """It has to be over before the first sample is recorded."""
    within_s: int = 0
    """In so many seconds from the first sample; 0: no rule says so."""
    in_recording: bool = False
    """A rule counts only what the recording itself holds."""

    @property
    def when(self) -> str:
        """When the prompt has to be played, in words."""
        opening = f"within the first {self.within_s} seconds of the recording"
        before = f"before the recording begins, at most {LONGEST_AGO_MS // 60_000} minutes before"
        if self.strength is Strength.NOTHING:
            return "no rule asks for it; at the beginning of the call, if at all"
        if self.before and self.in_recording:
            return f"{before}; and again {opening}, because one place counts only what it holds"
        if self.in_recording:
            return f"{opening}, so that the recording holds it: nothing else counts there"
        return before if self.before else f"{opening}, or before it begins"


def asked_by(rule: Rule, basis: str = "") -> Strength:
    """What one rule asks for.

    Args:
        rule: the rule.
        basis: the lawful basis that the policy names; consent has to be asked for.
    """
    by_consent = basis == Basis.CONSENT or rule.lawful_bases == {Basis.CONSENT}
    match rule.consent:
        case Needed.EXPLICIT:
            return Strength.OPT_IN
        case Needed.ALL_PARTIES:
            told_is_enough = rule.staying_counts and not by_consent
            return Strength.NOTICE if told_is_enough else Strength.QUESTION
        case Needed.ONE_PARTY if by_consent:
            return Strength.QUESTION
        case _:
            return Strength.NOTHING if rule.notice is Told.NEVER else Strength.NOTICE


def need_of(holding: Sequence[Holds], basis: str = "") -> Need:
    """What the rules that hold for a call ask for; of several, the strictest.

    Args:
        holding: the rules of its places.
        basis: the lawful basis that the policy names.
    """
    asking = [each for each in holding if asked_by(each.rule, basis) > Strength.NOTHING]
    if not asking:
        return Need(Strength.NOTHING)
    asking.sort(key=lambda each: (-asked_by(each.rule, basis), each.place, each.rule.id))
    rules = [each.rule for each in asking]
    telling = [rule for rule in rules if rule.notice is not Told.NEVER]
    openings = [rule.notice_within_s for rule in rules if rule.notice is not Told.BEFORE]
    return Need(
        asked_by(rules[0], basis),
        tuple(asking),
        before=any(rule.notice is Told.BEFORE for rule in rules),
        within_s=min(openings, default=0),
        in_recording=any(Kind.NOTICE_PLAYED not in rule.evidence for rule in telling),
    )
