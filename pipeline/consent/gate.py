"""The gate of one call: what was heard waits until the call may be kept.

Then it goes on, without what may not be kept of it.

Outcomes of ``ConsentGate.take`` and ``finish``: the windows that may go on, in their order;
``ConsentError`` once the call is refused. While a decision is pending nothing goes on.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from pipeline.consent.decision import Setting, decide
from pipeline.consent.hints import with_company
from pipeline.consent.rules import RuleSet
from pipeline.consent.spoken import Reads, Spoken
from pipeline.errors import ConsentError
from pipeline.policy.model import Policy
from pipeline.records.consent import (
    MOST_EVIDENCE,
    MOST_PLACES,
    OBJECTIONS,
    UNKNOWN,
    Consent,
    Decision,
    Outcome,
    Why,
)
from pipeline.records.intervals import subtract_intervals
from pipeline.records.model import CallInfo, Interval, Reason, Role, Span, WindowTranscript

UNKNOWN_NOTICE: Final = "unknown_notice"
"""Mark of a call whose evidence names a notice that nobody has."""
WITHHELD: Final = "withheld"
"""Mark of a call of which a part may not be kept."""
_MENDS: Final = {
    Why.NO_NOTICE: "nobody was told of the recording; play a notice, and say so in the metadata",
    Why.LATE_NOTICE: "the notice came later than the rule allows",
    Why.NO_CONSENT: "the consent that the rule asks for is missing",
    Why.AGENTS_NOT_AGREED: "the policy does not state that agents agreed (consent.agents_agreed)",
    Why.SAID_NO: "the caller said no",
    Why.WITHDRAWN: "the caller withdrew their consent",
    Why.NO_BASIS: "the policy names no lawful basis for its purpose (consent.lawful_basis)",
    Why.BASIS_NOT_ALLOWED: "its lawful basis does not count there",
    Why.PROFILE_NOT_MET: "the policy silences less than the rule's profiles demand; join them to "
    "it, such as +pci",
    Why.ONE_CHANNEL: "the agent's side can't be told apart on one channel",
}


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """What an installation judges calls by."""

    rules: RuleSet
    reads: Reads
    knows_notice: Callable[[str], bool] = lambda _: True
    """Whether there is, or was, a notice of that ``id@version``."""
    reader: str = ""
    """Which reader ``reads`` is: ``id@sha256`` prefix."""

    @property
    def digest(self) -> str:
        """Of all that decides what is withheld of a call, beside its policy."""
        return hashlib.sha256(f"{self.rules.digest}\0{self.reader}".encode()).hexdigest()


def metadata_decision(call: CallInfo, policy: Policy, rules: RuleSet, setting: Setting) -> Decision:
    """What the metadata alone decides; ``PENDING`` where the opening has to be listened to."""
    return _decision(call, policy, rules, setting, until_ms=0)


def refusal(decision: Decision) -> ConsentError:
    """The error of a call that is refused."""
    rules = ", ".join(f"{rule.id} version {rule.version}" for rule in decision.rules)
    why = _MENDS.get(decision.why, decision.why.value)
    return ConsentError(f"may not be kept by rule {rules}: {why}", decision.facts)


def has_sides(roles: Iterable[Role]) -> bool:
    """Whether agent and customer have channels of their own."""
    return set(roles) == {Role.AGENT, Role.CUSTOMER}


def day_of(call: CallInfo) -> date | None:
    """The day on which a call began; None where nobody says."""
    try:
        return datetime.fromisoformat(call.started_at).date()
    except ValueError:
        return None


def withheld_span(channel: int, start: int, end: int) -> Span:
    """A stretch that nobody consented to."""
    name = Reason.CONSENT.value
    return Span(WITHHELD.upper(), channel, start, end, 1.0, name, reason=Reason.CONSENT)


def _decision(
    call: CallInfo,
    policy: Policy,
    rules: RuleSet,
    setting: Setting,
    *,
    until_ms: int | None,
    spoken: Spoken | None = None,
    more: bool = False,
) -> Decision:
    known = with_company(call.consent or Consent(), policy.consent)
    return decide(
        rules.holding(known.places, day_of(call)),
        known,
        spoken.evidence if spoken else (),
        setting=setting,
        purpose=call.purpose,
        until_ms=until_ms,
        more=more,
        sides=has_sides(call.roles),
        ruleset=rules.digest,
    )


class ConsentGate:
    """Judges one call; see the module's text for the outcomes.

    Args:
        call: the call.
        policy: the call's own.
        rules: what it is judged by.
        setting: the policy's part of the decision.

    Raises:
        ConsentError: the metadata alone forbids the call.
    """

    def __init__(
        self, call: CallInfo, policy: Policy, rules: ConsentRules, setting: Setting
    ) -> None:
        self._call, self._policy, self._rules, self._setting = call, policy, rules.rules, setting
        self.digest = rules.digest
        pause_s = policy.consent.pause_seconds
        self._spoken = Spoken(call.roles, call.sample_rate, call.language, rules.reads, pause_s)
        self._knows_notice = rules.knows_notice
        self._waiting: deque[WindowTranscript] = deque()
        self._withheld = False
        self._gone = [0] * len(call.roles)
        """The sample up to which a channel went on."""
        self._judged_ms = 0
        self.decision = self._decide(self._judged_ms)

    @property
    def marks(self) -> set[str]:
        """Content-free notes on the call."""
        named = {one.notice for one in self.decision.evidence if one.notice}
        unknown = not all(map(self._knows_notice, named))
        told = {UNKNOWN_NOTICE: unknown, WITHHELD: self._withheld}
        return {mark for mark, holds in told.items() if holds}

    def update(self, call: CallInfo) -> None:
        """Take what a later chunk says of the call: a key was pressed, or consent withdrawn.

        Raises:
            ConsentError: the call is refused.
        """
        both = _together(self._call.consent, call.consent)
        if both != self._call.consent:
            self._call = replace(self._call, consent=both)
            self.decision = self._decide(self._judged_ms)

    def withholds(self, channel: int) -> bool:
        """Whether a channel is not even listened to."""
        agents_only = self.decision.outcome is Outcome.AGENT_SIDE_ONLY
        return agents_only and self._call.roles[channel] is Role.CUSTOMER

    def take(self, transcript: WindowTranscript) -> list[WindowTranscript]:
        """Add a window; what may go on.

        Raises:
            ConsentError: the call is refused.
        """
        self._waiting.append(transcript)
        self._spoken.take(transcript)
        horizon = self._spoken.judged_until
        self._judged_ms = horizon * 1_000 // self._call.sample_rate
        self.decision = self._decide(self._judged_ms)
        if self.decision.outcome is Outcome.PENDING:
            return []
        ready = []
        while self._waiting and _end(self._waiting[0]) <= horizon:
            ready.append(self._without(self._waiting.popleft(), horizon))
        return ready

    def finish(self) -> list[WindowTranscript]:
        """The call is over: what is left, or the refusal.

        Raises:
            ConsentError: the call is refused.
        """
        self._spoken.finish()
        self.decision = self._decide(None)
        last = max([self._spoken.horizon, *map(_end, self._waiting)])
        rest = [self._without(heard, last) for heard in self._waiting]
        self._waiting.clear()
        return rest

    def _decide(self, until_ms: int | None) -> Decision:
        decision = _decision(
            self._call,
            self._policy,
            self._rules,
            self._setting,
            until_ms=until_ms,
            spoken=self._spoken,
            more=True,
        )
        if too_late := self._too_late(decision):
            decision = replace(decision, outcome=Outcome.REFUSED, why=too_late)
        if decision.outcome is Outcome.REFUSED:
            raise refusal(decision)
        return decision

    def _too_late(self, decision: Decision) -> Why | None:
        """Why what went on already can't be kept; a late chunk may say what nobody knew."""
        since = self._sample(decision.withdrawn_at_ms)
        if since is not None and since < max(self._gone):
            return Why.WITHDRAWN
        customers = [
            gone
            for gone, role in zip(self._gone, self._call.roles, strict=True)
            if role is Role.CUSTOMER
        ]
        if decision.outcome is Outcome.AGENT_SIDE_ONLY and any(customers):
            return decision.why
        return None

    def _without(self, transcript: WindowTranscript, horizon: int) -> WindowTranscript:
        """A window without what may not be kept of it."""
        if not self.withholds(transcript.channel):
            since = self._withdrawn_since
            kept = _end(transcript) if since is None else min(_end(transcript), since)
            self._gone[transcript.channel] = max(self._gone[transcript.channel], kept)
        whole = Interval(transcript.start, _end(transcript))
        if self.withholds(transcript.channel):
            taken = [whole]
        else:
            taken = [
                Interval(max(one.start, whole.start), min(one.end, whole.end))
                for one in self._unkept(horizon)
                if one.overlaps(whole)
            ]
        if not taken:
            return transcript
        self._withheld = True
        words = tuple(
            word
            for word in transcript.words
            if not any(word.start < one.end and one.start < word.end for one in taken)
        )
        return replace(
            transcript,
            words=words,
            speech=tuple(subtract_intervals(transcript.speech, taken)),
            unexplained=tuple(subtract_intervals(transcript.unexplained, taken)),
            withheld=tuple(taken),
        )

    def _unkept(self, horizon: int) -> list[Interval]:
        """What of the call nobody consented to, as far as it was heard."""
        found = self._spoken.paused(horizon)
        since = self._withdrawn_since
        return found if since is None else [*found, Interval(since, max(since, horizon))]

    @property
    def _withdrawn_since(self) -> int | None:
        """The sample from which on somebody no longer agrees."""
        return self._sample(self.decision.withdrawn_at_ms)

    def _sample(self, ms: int) -> int | None:
        return None if ms < 0 else ms * self._call.sample_rate // 1_000


def _together(one: Consent | None, other: Consent | None) -> Consent | None:
    """What two chunks say: they may come in any order, so nothing that was said is taken back."""
    if one is None or other is None:
        return one or other
    # Of more than a record holds, who objects goes before who agrees.
    evidence = sorted(
        dict.fromkeys((*one.evidence, *other.evidence)),
        key=lambda each: each.answer not in OBJECTIONS,
    )
    places = sorted({*one.places, *other.places})
    kept = tuple(places) if len(places) <= MOST_PLACES else (UNKNOWN,)
    return Consent(kept, one.campaign or other.campaign, tuple(evidence[:MOST_EVIDENCE]))


def _end(transcript: WindowTranscript) -> int:
    return max(transcript.end, transcript.heard_until)
