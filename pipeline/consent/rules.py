"""What a place demands before a call may be recorded.

``RuleSet.holding`` answers for every place, known or not; it raises nothing. All rules of a call's
places hold at once: see ``pipeline.consent.decision``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.records.consent import NAME, PLACE, UNKNOWN, Basis, Kind, Outcome, RuleStated
from pipeline.records.pseudonyms import PURPOSE

LATEST_NOTICE_S: Final = 120
ANY_PURPOSE: Final = "any"
"""Of ``retention_days``: what holds for purposes that a rule does not name."""


class Needed(StrEnum):
    """Whose consent a rule asks for."""

    NONE = "none"
    ONE_PARTY = "one_party"
    ALL_PARTIES = "all_parties"
    EXPLICIT = "explicit_opt_in"
    """Of the customer, by an act: a key, an event, something written."""


class Told(StrEnum):
    """When the parties have to be told."""

    NEVER = "never"
    OPENING = "opening"
    """In the first ``notice_within_s`` seconds."""
    BEFORE = "before"
    """Before the first sample is recorded."""


Line = Annotated[str, Field(min_length=1, max_length=600)]
Days = Annotated[int, Field(ge=1, le=36_500)]
WithoutEvidence = Literal[Outcome.REFUSED, Outcome.TRANSCRIPT_ONLY, Outcome.AGENT_SIDE_ONLY]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Model):
    """Where a rule comes from."""

    cite: Line
    says: Line
    """In our own words."""


class Rule(_Model):
    """What one or more places demand. No legal advice; ``confirm_by`` says whom to ask."""

    id: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    version: Annotated[int, Field(ge=1, le=10_000)]
    places: Annotated[
        tuple[Annotated[str, Field(pattern=rf"^(\*|{PLACE.pattern})$")], ...], Field(min_length=1)
    ]
    name: Line
    consent: Needed
    notice: Told
    notice_within_s: Annotated[int, Field(ge=1, le=LATEST_NOTICE_S)] = 30
    """Of ``notice: opening``, and how long speech is waited for."""
    staying_counts: bool = False
    """Whether who was told and stays on the line has consented."""
    evidence: frozenset[Kind]
    """The kinds that count."""
    lawful_bases: frozenset[Basis]
    """That count for recording; empty: the law asks for none."""
    profiles: frozenset[Literal["pci", "hipaa", "gdpr"]] = frozenset()
    """Shipped policies that the call's policy has to silence at least as much as."""
    retention_days: dict[Annotated[str, Field(pattern=f"^{PURPOSE.pattern}$")], Days] = {}
    """At most, by purpose; ``any`` for all others. Empty: the rule sets no limit."""
    without_evidence: WithoutEvidence = Outcome.REFUSED
    """What is done where the evidence is missing when its time is up."""
    subdivisions: bool = False
    """Whether it also holds for subdivisions of its countries that have no rule of their own."""
    contested: Annotated[str, Field(max_length=600)] = ""
    """Why courts or statutes disagree; the stricter reading is stated."""
    valid_from: date
    valid_until: date | None = None
    """The last day."""
    review_by: date
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    confirm_by: Line
    """Who has to confirm it before anybody relies on it."""
    legal_advice: Literal[False]

    def keep_days(self, purpose: str) -> int:
        """The longest that a call of a purpose may be kept; 0: no limit is set."""
        return self.retention_days.get(purpose, self.retention_days.get(ANY_PURPOSE, 0))

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on a day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True)
class Holds:
    """A rule, and for which of a call's places it holds."""

    rule: Rule
    place: str

    @property
    def stated(self) -> RuleStated:
        """As a decision names it."""
        return RuleStated(self.rule.id, self.rule.version, self.place)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules that an installation goes by."""

    rules: tuple[Rule, ...]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Take the digest of all rules."""
        plain = [rule.model_dump(mode="json") for rule in self.rules]
        for rule in plain:
            for name in ("evidence", "lawful_bases", "profiles"):
                rule[name] = sorted(rule[name])
        content = json.dumps(plain, sort_keys=True, ensure_ascii=False)
        object.__setattr__(self, "digest", hashlib.sha256(content.encode()).hexdigest())

    def holding(self, places: Iterable[str], day: date | None) -> tuple[Holds, ...]:
        """The rules that hold for a call between places; of no place, the strictest.

        Args:
            places: codes, or ``*``.
            day: on which the call began; None: nobody says, so the rules of every day hold.
        """
        asked = sorted(set(places)) or [UNKNOWN]
        in_force: dict[str, list[Rule]] = {}
        for rule in self.rules:
            if day is None or rule.holds_on(day):
                for place in rule.places:
                    in_force.setdefault(place, []).append(rule)
        strictest = [rule for rule in self.rules if UNKNOWN in rule.places]
        return tuple(
            Holds(rule, place) for place in asked for rule in _of(place, in_force, strictest)
        )


def _of(place: str, in_force: Mapping[str, list[Rule]], strictest: list[Rule]) -> list[Rule]:
    """The rules of one place.

    A country's rule holds for its subdivisions: alone where it covers them, beside theirs
    otherwise. Who is known by a country alone whose subdivisions have rules of their own may be in
    any of them. Where nothing is known, or in force, the strictest holds.
    """
    country, _, part = place.partition("-")
    of_country = in_force.get(country, [])
    own = in_force.get(place, []) if part else []
    if place == UNKNOWN or not (own or of_country):
        return strictest
    if not part:
        divided = any(one.startswith(f"{country}-") for one in in_force)
        return [*of_country, *(strictest if divided else [])]
    beside = [rule for rule in of_country if not rule.subdivisions]
    if own:
        return [*own, *beside]
    return [*beside, *strictest] if beside else of_country
