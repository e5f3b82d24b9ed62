"""What is kept of a stored call beside its files, to find and to count it: no content.

``facts_of`` makes it of the stored, redacted files, and of what the recorder said of how the call
came about; the same files give the same facts. It does not fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from pipeline.analytics.activity import activity_of
from pipeline.analytics.stored import StoredTranscript
from pipeline.analytics.topics import TopicList, counted
from pipeline.evidence.certificate import Certificate
from pipeline.records.consent import UNKNOWN, Decision, Why, moment_of

VERSION: Final = 3
"""Of what is counted and how: facts of another one are made anew by a rebuild."""
SAID: Final = ("direction", "campaign", "line", "agent", "outcome", "caller")
"""Fields that the recorder says (``pipeline.records.model.Business``); the others are counted."""
_MISSING: Final = frozenset({"gap", "paused"})
"""Reasons of what never came: nothing was muted there."""
_PRECAUTIONS: Final = ("unexplained", "not_understood", "unheard")


@dataclass(frozen=True, slots=True)
class Redacted:
    """How much of a type was muted in a call."""

    type: str
    count: int
    """Placeholders in the transcript, or 1 where nothing was said there."""
    ms: int
    """Over all channels."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A call's facts; texts are empty where nobody knows. Times are milliseconds."""

    call_id: str
    started: str
    """ISO 8601 in UTC with milliseconds; when it was stored where the recorder said nothing."""
    duration_ms: int
    direction: str = ""
    """``inbound`` or ``outbound``."""
    campaign: str = ""
    line: str = ""
    """The tracking number: the name that the installation's notices give it, or its pseudonym."""
    agent: str = ""
    """As the recorder names who answered; never a number."""
    outcome: str = ""
    """``answered``, ``missed`` or ``voicemail``."""
    policy: str = ""
    jurisdiction: str = ""
    """The place whose rule decided on consent."""
    caller: str = ""
    """Keyed pseudonym of the other side."""
    talk_agent_ms: int = 0
    talk_customer_ms: int = 0
    talk_mixed_ms: int = 0
    silence_ms: int = 0
    """While nobody speaks."""
    interruptions: int = 0
    sides: int = 0
    """Of agent and customer, who were listened to as a whole on channels of their own."""
    hold_ms: int = 0
    """While the recorder paused."""
    turns: int = 0
    words: int = 0
    """That are told; placeholders are none."""
    muted_ms: int = 0
    """Over all channels."""
    muted_share: float = 0
    """Of all channels' time, 0 to 1, to the millionth."""
    precaution_ms: int = 0
    """Muted without any entity: on suspicion, or because nobody could listen."""
    caught_ms: int = 0
    """Muted because verification heard it in the redacted audio."""
    disclosed: str = ""
    """``yes``, ``no``, or empty where nobody listened for a notice."""
    marks: tuple[str, ...] = ()
    redactions: tuple[Redacted, ...] = ()
    """By type, in their order."""
    topics: tuple[tuple[str, int], ...] = ()
    """Name and count, in the order of names."""

    @property
    def entities(self) -> tuple[str, ...]:
        """Types that were muted."""
        return tuple(one.type for one in self.redactions)


def facts_of(
    stored: StoredTranscript, topics: TopicList, *, kept: datetime, said: Mapping[str, str]
) -> CallFacts:
    """A call's facts.

    Args:
        stored: its redacted transcript and certificate.
        topics: what is counted as a topic.
        kept: when it was stored.
        said: of ``SAID`` what is known; a campaign may stand in the certificate as well.
    """
    told, stated = stored.told, stored.certificate
    words = [word for turn in told.turns for word in turn.words]
    placeholders = Counter(word.entity for word in words if word.entity)
    reasons = stated.muted_ms_by_reason
    muted = stated.muted_ms - sum(reasons.get(one, 0) for one in _MISSING)
    whole = stated.duration_ms * len(stated.roles)
    return CallFacts(
        call_id=stated.call_id,
        started=_started(stated.started_at, kept),
        duration_ms=stated.duration_ms,
        direction=said.get("direction", ""),
        campaign=said.get("campaign") or (stated.consent.campaign if stated.consent else ""),
        line=said.get("line", ""),
        agent=said.get("agent", ""),
        outcome=said.get("outcome", ""),
        caller=said.get("caller", ""),
        policy=stated.policy.name,
        jurisdiction=_jurisdiction(stated.consent),
        **asdict(activity_of(stored)),
        turns=len(told.turns),
        words=sum(1 for word in words if not word.entity),
        muted_ms=muted,
        muted_share=round(muted / whole, 6) if whole else 0,
        precaution_ms=sum(reasons.get(one, 0) for one in _PRECAUTIONS),
        caught_ms=reasons.get("verification", 0),
        disclosed=_disclosed(stated.consent),
        marks=(*stated.marks, *(("idle",) if stated.ended_by == "idle" else ())),
        redactions=_redactions(stated, placeholders),
        topics=tuple(sorted(counted(stored, topics).items())),
    )


def _started(said: str, kept: datetime) -> str:
    return (moment_of(said) or kept).astimezone(UTC).isoformat(timespec="milliseconds")


def _jurisdiction(consent: Decision | None) -> str:
    """The strictest place: where one is unknown that one, else one with a rule of its own."""
    places = sorted({rule.place for rule in consent.rules}) if consent else []
    if UNKNOWN in places:
        return UNKNOWN
    return max(places, key=lambda place: "-" in place, default="")


def _disclosed(consent: Decision | None) -> str:
    if consent is not None and any(one.is_notice for one in consent.evidence):
        return "yes"
    return "" if consent is None or consent.why is Why.NOT_ENFORCED else "no"


def _redactions(stated: Certificate, placeholders: Mapping[str, int]) -> tuple[Redacted, ...]:
    """What never came is no redaction; a mute without a placeholder, such as of a key, is one."""
    missing = {one.upper() for one in _MISSING}
    length = stated.muted_ms_by_entity
    return tuple(
        Redacted(kind, placeholders.get(kind, 1), length.get(kind, 0))
        for kind in sorted({*length, *placeholders} - missing)
    )
