"""Who talked how long, and over whom: from the times of a stored, redacted transcript.

Talk is phrases: the words and placeholders of a channel without a longer pause between them, so
that what is muted counts as talk of its channel; where nobody listened, nobody knows. An
interruption is a phrase that begins while the other side is in one, and is long enough to be more
than an "okay".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.analytics.stored import StoredTranscript
from pipeline.evidence.redacted_transcript import ReadTranscript

PHRASE_PAUSE_MS: Final = 700
"""A longer pause ends a phrase; the same as for turns."""
BACKCHANNEL_MS: Final = 700
"""A shorter phrase interrupts nobody: it says that somebody listens."""
OVERLAP_MS: Final = 300
"""So far off word times may be: speakers who overlap less took turns."""
_NOT_LISTENED: Final = frozenset({"consent", "unheard", "not_understood"})
"""Reasons of placeholders that may stand for a whole channel, whatever went on there."""

Stretch = tuple[int, int]
"""Milliseconds ``[start, end)`` of a call."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Milliseconds of a call, and how often somebody was interrupted."""

    talk_agent_ms: int
    talk_customer_ms: int
    talk_mixed_ms: int
    """On channels that several people share and were not told apart."""
    silence_ms: int
    """Nobody talks, though something was recorded."""
    hold_ms: int
    """The recorder paused."""
    interruptions: int
    sides: int
    """Of agent and customer, who were listened to as a whole on channels of their own."""


def activity_of(stored: StoredTranscript) -> Activity:
    """The activity of a call.

    Talk of both sides at once counts for both, so the parts may sum up to more than the call. What
    is missing from the recording (a gap or a pause), or was not listened to, is neither talk nor
    silence.
    """
    told, stated = stored.told, stored.certificate
    length = told.duration_ms
    unknown = {span.entity for span in stated.spans if span.reason in _NOT_LISTENED}
    spoken = [[*_words(told, channel, unknown)] for channel in range(len(told.roles))]
    phrases = [
        merged([place for place, known in each if known], PHRASE_PAUSE_MS) for each in spoken
    ]
    by_role = {
        role: _total(merged(_phrases_of(told, role, unknown)), length)
        for role in ("agent", "customer", "mixed")
    }
    rate = max(1, stated.sample_rate)
    gaps = [(one, (_ms(one.start, rate), _ms(one.end, rate))) for one in stated.mutes if one.gap]
    held = merged(place for one, place in gaps if one.paused)
    # A gap of one channel is missing only there; the others may talk through it.
    lost = _everywhere(
        [
            merged(place for one, place in gaps if one.channel == channel)
            for channel in range(len(told.roles))
        ]
    )
    doubtful = [place for each in spoken for place, known in each if not known]
    busy = merged([*(one for each in phrases for one in each), *lost, *doubtful])
    return Activity(
        talk_agent_ms=by_role["agent"],
        talk_customer_ms=by_role["customer"],
        talk_mixed_ms=by_role["mixed"],
        silence_ms=length - _total(busy, length),
        hold_ms=_total(held, length),
        interruptions=interruptions(phrases),
        sides=len(
            {role for role, each in zip(told.roles, spoken, strict=True) if all(k for _, k in each)}
            & {"agent", "customer"}
        ),
    )


def interruptions(phrases: Sequence[Sequence[Stretch]]) -> int:
    """How many phrases begin well inside one of another channel and are no backchannel.

    Args:
        phrases: of each channel, in order.
    """
    count = 0
    for channel, own in enumerate(phrases):
        others = merged(
            one for other, each in enumerate(phrases) if other != channel for one in each
        )
        place = 0
        for start, end in own:
            while place < len(others) and others[place][1] <= start:
                place += 1
            if place == len(others):
                break
            began, stops = others[place]
            over = began + OVERLAP_MS <= start <= stops - OVERLAP_MS
            count += over and end - start >= BACKCHANNEL_MS
    return count


def merged(stretches: Iterable[Stretch], pause_ms: int = 0) -> list[Stretch]:
    """Stretches in order, joined where less than ``pause_ms`` (or nothing) is between them."""
    out: list[Stretch] = []
    for start, end in sorted(stretches):
        if out and start - out[-1][1] <= max(0, pause_ms - 1):
            out[-1] = (out[-1][0], max(out[-1][1], end))
        elif end > start:
            out.append((start, end))
    return out


def _everywhere(channels: Sequence[Sequence[Stretch]]) -> list[Stretch]:
    """Where every channel has a stretch."""
    common = list(channels[0]) if channels else []
    for other in channels[1:]:
        common = [
            (max(a, c), min(b, d)) for a, b in common for c, d in other if max(a, c) < min(b, d)
        ]
    return common


def _words(
    told: ReadTranscript, channel: int, unknown: Collection[str], role: str = ""
) -> Iterator[tuple[Stretch, bool]]:
    """Where a channel has words and placeholders, and whether somebody surely talked there.

    Args:
        told: the transcript.
        channel: which one.
        unknown: types of placeholders that may stand for a whole channel.
        role: whose turns; empty: all.
    """
    for turn in told.turns:
        if turn.channel == channel and role in {"", turn.role}:
            for word in turn.words:
                yield (word.start_ms, word.end_ms), word.entity not in unknown


def _phrases_of(told: ReadTranscript, role: str, unknown: Collection[str]) -> Iterator[Stretch]:
    """The phrases of all turns of a role, those of who shares a channel among them."""
    for channel in range(len(told.roles)):
        words = _words(told, channel, unknown, role)
        yield from merged((place for place, sure in words if sure), PHRASE_PAUSE_MS)


def _ms(samples: int, rate: int) -> int:
    return samples * 1_000 // rate


def _total(stretches: Iterable[Stretch], length: int) -> int:
    return sum(max(0, min(end, length) - start) for start, end in stretches)
