"""What the page of a stored call shows beside its transcript: facts, mutes by type, consent.

All of it is free of content: from the catalogue, the facts that are counted, and the certificate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from agents.access.roles import Permission
from agents.reports.call_files import consent_told
from agents.reports.entity_groups import KINDS, kind_of
from agents.vault.reader import StoredCallFacts
from console.api.schemas import Muted
from pipeline.analytics.facts import CallFacts
from pipeline.evidence.certificate import Certificate

LISTED_OPEN: Final = 30
"""A list of more mutes than these is folded."""
_OUTCOMES: Final = {
    "kept": "Kept",
    "transcript_only": "Only the transcript is kept",
    "agent_side_only": "Only the agent's side is kept",
    "refused": "Refused",
    "pending": "Not decided",
}


@dataclass(frozen=True, slots=True)
class ByType:
    """How often and how long a type was muted."""

    entity: str
    kind: str
    count: int
    ms: int


def mutes_by_type(muted: Sequence[Muted]) -> list[ByType]:
    """Sums by type, the longest first; a stretch with several types counts for each."""
    counts, lengths = Counter[str](), Counter[str]()
    for one in muted:
        for entity in one.entities:
            counts[entity] += 1
            lengths[entity] += one.end_ms - one.start_ms
    return [
        ByType(entity, kind_of(entity).name, counts[entity], ms)
        for entity, ms in lengths.most_common()
    ]


def legend(kinds: Collection[str]) -> list[tuple[str, str]]:
    """Class and title of every colour that is to be explained, in the usual order."""
    known = [*((kind.name, kind.title) for kind in KINDS), ("gap", "No audio, or paused")]
    return [one for one in known if one[0] in kinds]


def told_facts(call: StoredCallFacts, facts: CallFacts | None) -> list[tuple[str, str, str]]:
    """Label, value and address of the calls that share it; what nobody knows is left out."""
    told = [("Purpose", call.purpose, ""), ("Policy", f"{call.policy} {call.policy_version}", "")]
    if facts is not None:

        def shared(label: str, name: str) -> tuple[str, str, str]:
            value: str = getattr(facts, name)
            return label, value, f"/?{urlencode({name: value})}"

        told += [
            ("Direction", facts.direction.capitalize(), ""),
            ("Outcome", facts.outcome.capitalize(), ""),
            shared("Campaign", "campaign"),
            shared("Tracking number", "line"),
            shared("Agent", "agent"),
            shared("Caller", "caller"),
            ("Place of the rule", facts.jurisdiction, ""),
            ("Notice given", facts.disclosed.capitalize(), ""),
            ("Talk", talk_shares(facts), ""),
            ("Nobody speaks", seconds(facts.silence_ms), ""),
            ("Paused", seconds(facts.hold_ms) if facts.hold_ms else "", ""),
            ("Interruptions", str(facts.interruptions), ""),
            ("Topics", ", ".join(name for name, _ in facts.topics), ""),
        ]
    return [one for one in told if one[1]]


def talk_shares(facts: CallFacts) -> str:
    """Who talks how much, in whole per cent that make up 100."""
    talk = ((facts.talk_agent_ms, "agent"), (facts.talk_customer_ms, "customer"),
            (facts.talk_mixed_ms, "mixed"))  # fmt: skip
    whole, so_far, told = max(1, sum(ms for ms, _ in talk)), 0, []
    for ms, who in talk:
        share = round(100 * (so_far + ms) / whole) - round(100 * so_far / whole)
        so_far += ms
        if ms:
            told.append(f"{who} {share} %")
    return ", ".join(told)


def told_consent(stated: Certificate, may: Collection[Permission]) -> str:
    """The outcome of consent; for who may read certificates also by which rules and evidence."""
    if stated.consent is None:
        return "Nobody asked: the policy needs none"
    if Permission.READ_CERTIFICATE in may:
        return consent_told(stated.consent)
    outcome = stated.consent.outcome.value
    return _OUTCOMES.get(outcome, outcome.capitalize())


def seconds(ms: int) -> str:
    """A length for people: seconds, from a minute on minutes too."""
    minutes, rest = divmod(round(ms / 1_000), 60)
    return f"{minutes} min {rest} s" if minutes else f"{ms / 1_000:.1f} s"
