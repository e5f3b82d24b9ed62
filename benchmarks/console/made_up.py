"""Facts and words of calls that never were: as many as wanted, the same for the same seed.

Numbers follow what telephone queues show: calls by day, lengths log-normal (median three minutes),
campaigns, agents and callers unevenly busy, and words by Zipf's law, so that some are in nearly
every call and most are rare.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from pipeline.analytics.facts import CallFacts, Redacted

FIRST: Final = datetime(2026, 1, 5, tzinfo=UTC)
DAYS: Final = 300
CAMPAIGNS, LINES, AGENTS, CALLERS = 20, 60, 120, 40_000
WORDS: Final = 20_000
"""Different words of all calls together."""
SKEW: Final = 1.2
"""Of Zipf's law: a call of three minutes has some 150 different words."""
SPOKEN: Final = 2.2
"""Words a second, of both sides, pauses counted."""
TYPES: Final = {
    "PERSON": 0.6, "PHONE_NUMBER": 0.3, "ADDRESS": 0.2, "CARD_NUMBER": 0.15, "CVV": 0.12,
    "EMAIL_ADDRESS": 0.1, "DATE_OF_BIRTH": 0.08, "MEDICATION": 0.05,
}  # fmt: skip
TOPICS: Final = {"billing": 0.25, "refund": 0.15, "appointment": 0.15, "complaint": 0.1}


def word(rank: int) -> str:
    """The word of a rank; 0 is the commonest."""
    return f"word{rank}"


def calls(count: int, seed: int = 1) -> Iterator[tuple[CallFacts, tuple[str, ...]]]:
    """Facts of calls in the order in which they began, and what was said in each, word by word."""
    random = np.random.default_rng(seed)
    places = np.sort(random.uniform(0, DAYS, count))
    chances = 1 / np.arange(1, WORDS + 1) ** SKEW
    ranks = np.cumsum(chances / chances.sum())
    for number, place in enumerate(places):
        seconds = float(np.clip(random.lognormal(np.log(180), 0.9), 8, 7_200))
        yield (
            _facts(number, float(place), seconds, random),
            _words(int(seconds * SPOKEN), ranks, random),
        )


def _facts(number: int, place: float, seconds: float, random: np.random.Generator) -> CallFacts:
    length = int(seconds * 1_000)
    hour = float(np.clip(random.normal(13, 3), 7, 21))
    began = FIRST + timedelta(days=int(place), hours=hour)
    redactions = tuple(
        Redacted(
            kind, times := int(random.integers(1, 4)), times * int(random.integers(400, 3_000))
        )
        for kind, chance in sorted(TYPES.items())
        if random.random() < chance
    )
    talk = int(length * random.uniform(0.3, 0.5))
    muted = sum(one.ms for one in redactions)
    return CallFacts(
        call_id=f"call-{number:08}",
        started=began.isoformat(timespec="milliseconds"),
        duration_ms=length,
        direction="inbound" if random.random() < 0.8 else "outbound",
        campaign=f"campaign-{_uneven(random, CAMPAIGNS)}",
        line=f"line-{_uneven(random, LINES)}",
        agent=f"Agent {_uneven(random, AGENTS)}",
        outcome=str(random.choice(["answered", "missed", "voicemail"], p=[0.85, 0.05, 0.1])),
        policy="pci+gdpr",
        jurisdiction=str(random.choice(["US-CA", "US-NY", "DE", ""])),
        caller=f"pn-{_uneven(random, CALLERS):032x}",
        talk_agent_ms=talk,
        talk_customer_ms=int(length * 0.8) - talk,
        silence_ms=length // 5,
        interruptions=int(random.poisson(seconds / 90)),
        turns=int(seconds / 6),
        words=int(seconds * SPOKEN),
        muted_ms=muted,
        muted_share=round(muted / length / 2, 6),
        precaution_ms=int(random.exponential(150)),
        disclosed="yes" if random.random() < 0.9 else "no",
        redactions=redactions,
        topics=tuple(
            (name, 1) for name, chance in sorted(TOPICS.items()) if random.random() < chance
        ),
    )


def _words(
    spoken: int, ranks: np.ndarray[tuple[int], np.dtype[np.float64]], random: np.random.Generator
) -> tuple[str, ...]:
    drawn = np.searchsorted(ranks, random.random(spoken))
    return tuple(word(int(rank)) for rank in drawn)


def _uneven(random: np.random.Generator, count: int) -> int:
    """A number below ``count``, the small ones more often."""
    return int(count * random.random() ** 2)
