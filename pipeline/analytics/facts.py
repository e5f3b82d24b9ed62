"""What is kept of a stored call beside its files, to find and to count it: no content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Redacted:
    """How much of a type was muted in a call."""

    type: str
    count: int
    """Placeholders in the transcript."""
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
    hold_ms: int = 0
    """While the recorder paused."""
    turns: int = 0
    words: int = 0
    """That are told; placeholders are none."""
    muted_ms: int = 0
    """Over all channels."""
    muted_share: int = 0
    """Thousandths of all channels' time."""
    precaution_ms: int = 0
    """Muted without any entity: on suspicion, or because nobody could listen."""
    caught_ms: int = 0
    """Muted because verification heard it in the redacted audio."""
    disclosed: str = ""
    """``yes``, ``no``, or empty where nobody looked for a notice."""
    marks: tuple[str, ...] = ()
    redactions: tuple[Redacted, ...] = ()
    """By type, in their order."""
    topics: tuple[tuple[str, int], ...] = ()
    """Name and count, in the order of names."""

    @property
    def entities(self) -> tuple[str, ...]:
        """Types that were muted."""
        return tuple(one.type for one in self.redactions)
