"""What is known of when and how a call came about and of consent, and what was decided."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pipeline.records.call_names import holds_digits, holds_number
from pipeline.records.pseudonyms import PSEUDONYM

PLACE: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
"""ISO 3166-1 alpha-2, or ISO 3166-2: ``DE``, ``US-CA``."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}(@[0-9]{1,4})?")
"""What names of campaigns, notices, rules and references look like; ``@`` before a version only."""
MOST_EVIDENCE: Final = 64
"""Pieces of evidence of one call."""
MOST_PLACES: Final = 16
"""Places of one call: at most one a party."""
LONGEST_FACT: Final = 250
"""Characters."""
UNKNOWN: Final = "*"
"""The place of whoever's place is not known: the strictest rule holds."""


class Kind(StrEnum):
    """What a piece of evidence is."""

    NOTICE_PLAYED = "notice_played"
    """The telephone system played a prompt."""
    NOTICE_SPOKEN = "notice_spoken"
    """The disclosure was heard in the opening of the call."""
    SPOKEN = "spoken"
    """A yes or no was heard."""
    KEY = "key"
    """A key was pressed."""
    API = "api"
    """An event of the customer's own system."""
    WRITTEN = "written"
    """A form, contract or message."""


NOTICES: Final = frozenset({Kind.NOTICE_PLAYED, Kind.NOTICE_SPOKEN})
EXPLICIT: Final = frozenset({Kind.KEY, Kind.API, Kind.WRITTEN})
"""What an explicit opt-in needs: never speech alone."""


class Party(StrEnum):
    """Whose consent it is, or to whom a notice was given."""

    AGENT = "agent"
    CUSTOMER = "customer"
    ALL = "all"


class Answer(StrEnum):
    """What a party said to being recorded."""

    YES = "yes"
    NO = "no"
    WITHDRAWN = "withdrawn"
    """No longer: from here on."""


OBJECTIONS: Final = frozenset({Answer.NO, Answer.WITHDRAWN})
"""Answers of who does not want it."""


class Basis(StrEnum):
    """The lawful bases of GDPR, article 6 (1); other laws' are mapped to them."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence."""

    kind: Kind
    party: Party = Party.ALL
    answer: Answer | None = None
    """None: a notice."""
    at_ms: int = 0
    """Since the call's first sample; negative: before it was recorded."""
    notice: str = ""
    """Which text: ``id@version``, or empty."""
    certainty: float = 1.0
    """0 to 1; of what was heard."""
    reference: str = ""
    """The name of the record in the customer's system; no number and no name of a person."""

    @property
    def is_notice(self) -> bool:
        """Whether it says that somebody was told, not that somebody agreed."""
        return self.kind in NOTICES


@dataclass(frozen=True, slots=True)
class Consent:
    """What the metadata of a call says; travels with every chunk."""

    places: tuple[str, ...] = ()
    """Where the parties are: codes of ISO 3166, or ``*``. Empty: nobody says."""
    campaign: str = ""
    evidence: tuple[Evidence, ...] = ()


YEARS: Final = range(1990, 2200)
"""Calls begin in one of these; another year is a recorder's clock that was never set."""


def moment_of(text: str) -> datetime | None:
    """When a call began; None for what is no time of ISO 8601 with an offset, or of ``YEARS``."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # The year first: at the ends of what there is, no other zone has that time.
    known = moment.tzinfo is not None and moment.year in YEARS
    return moment if known and moment.astimezone(UTC).year in YEARS else None


DIRECTIONS: Final = ("inbound", "outbound")
"""Which way a call went, seen from the company."""
OUTCOMES: Final = ("answered", "missed", "voicemail")
"""What became of its ringing."""
LONGEST_NAME: Final = 80
"""Characters of an agent's name."""


@dataclass(frozen=True, slots=True)
class Business:
    """What the recorder says of how a call came about, without any number; empty: nothing.

    Raises:
        ValueError: a value is none of its kind; the message names the field and quotes nothing.
    """

    direction: str = ""
    """One of ``DIRECTIONS``."""
    campaign: str = ""
    """A name as ``NAME`` has it."""
    line: str = ""
    """The tracking number: the name that the installation gives it, or its pseudonym."""
    agent: str = ""
    """Name of who answered, or of a queue."""
    outcome: str = ""
    """One of ``OUTCOMES``."""
    caller: str = ""
    """Pseudonym of the number on the other side."""

    def __post_init__(self) -> None:
        """Refuse what may hold a number, or is none of its kind."""
        name, agent = NAME.fullmatch, self.agent
        line = PSEUDONYM.fullmatch(self.line) or (name(self.line) and not holds_number(self.line))
        called = agent.isprintable() and len(agent) <= LONGEST_NAME and agent.strip() == agent
        for field_, holds, what in (
            ("direction", self.direction in DIRECTIONS, " or ".join(DIRECTIONS)),
            ("outcome", self.outcome in OUTCOMES, ", ".join(OUTCOMES)),
            (
                "campaign",
                name(self.campaign) and not holds_digits(self.campaign),
                "a word of small letters, digits, dots and dashes that can't hold a number",
            ),
            ("line", line, "a name or a pseudonym"),
            (
                "agent",
                called and not holds_digits(agent),
                f"a name of at most {LONGEST_NAME} characters that can't hold a number",
            ),
            ("caller", PSEUDONYM.fullmatch(self.caller), "a pseudonym"),
        ):
            if getattr(self, field_) and not holds:
                raise ValueError(f"{field_}: {what}")


class Outcome(StrEnum):
    """What may be kept of a call."""

    KEPT = "kept"
    TRANSCRIPT_ONLY = "transcript_only"
    """No audio is stored."""
    AGENT_SIDE_ONLY = "agent_side_only"
    """The customer's channels are silent, and nothing of them is transcribed."""
    REFUSED = "refused"
    PENDING = "pending"
    """Not yet: what is missing may still be heard."""


class Why(StrEnum):
    """Why an outcome is what it is."""

    SATISFIED = "satisfied"
    NOT_ENFORCED = "not_enforced"
    """The policy asks for no consent; the rule that would hold is stated all the same."""
    NO_NOTICE = "no_notice"
    LATE_NOTICE = "late_notice"
    """Told, but later than the rule allows."""
    NO_CONSENT = "no_consent"
    AGENTS_NOT_AGREED = "agents_not_agreed"
    """The policy does not state that those who answer the calls agreed."""
    SAID_NO = "said_no"
    WITHDRAWN = "withdrawn"
    NO_BASIS = "no_basis"
    """The policy names no lawful basis for the purpose."""
    BASIS_NOT_ALLOWED = "basis_not_allowed"
    """The rule does not count the lawful basis that the policy names."""
    PROFILE_NOT_MET = "profile_not_met"
    """The policy silences less than a profile that the rule demands."""
    ONE_CHANNEL = "one_channel"
    """Only the agent's side might be kept, and it can't be told apart."""


@dataclass(frozen=True, slots=True)
class RuleStated:
    """A rule that had a part in a decision."""

    id: str
    version: int
    place: str
    """For which of the call's places."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be kept of a call, by which rules and evidence; stated in its certificate."""

    outcome: Outcome
    why: Why
    rules: tuple[RuleStated, ...] = ()
    ruleset: str = ""
    """Digest of all rules that were in force."""
    evidence: tuple[Evidence, ...] = ()
    """All that was sure enough, whether the rules count it or not."""
    basis: str = ""
    """The lawful basis that the policy names for the call's purpose."""
    keep_days: int = 0
    """At most so long; 0: as the policy says."""
    withdrawn_at_ms: int = -1
    """From there on nothing is kept; -1: nobody withdrew."""
    campaign: str = ""
    sides: bool = False
    """Whether agent and customer have channels of their own."""

    @property
    def keeps(self) -> bool:
        """Whether anything of the call is kept."""
        return self.outcome not in {Outcome.REFUSED, Outcome.PENDING}

    @property
    def facts(self) -> dict[str, str]:
        """What an audit record tells of it."""
        told = {
            "consent": self.outcome.value,
            "consent_why": self.why.value,
            "consent_rules": " ".join(f"{rule.id}@{rule.version}" for rule in self.rules),
            "consent_places": " ".join(rule.place for rule in self.rules),
            "consent_evidence": " ".join(sorted({one.kind.value for one in self.evidence})),
            "campaign": self.campaign,
        }
        return {name: _short(text) for name, text in told.items() if text}


def _short(text: str) -> str:
    """As much as a fact of an audit record holds; whole names."""
    if len(text) <= LONGEST_FACT:
        return text
    return text[: LONGEST_FACT - 2].rpartition(" ")[0] + " …"
