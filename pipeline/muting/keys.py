"""The keys that are pressed in a call: where their tones are heard, and what is cut for each.

Every channel is listened to by itself; and where a key is heard on one, its tone is looked for on
the others, however soft it comes back there. Which key it was nobody learns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pipeline.audio.key_tones import KEY_EDGE_MS, KeyTones, traces
from pipeline.muting.merging import Cut
from pipeline.policy.model import EntityRule
from pipeline.records.entities import Entity
from pipeline.records.model import CallInfo, Interval, Pcm, Reason, Span
from pipeline.records.scores import KEY_TONES

_SCORE: Final = 1.0


class Keys:
    """Listens for keys on every channel of a call, from its first sample on.

    Args:
        call: its channels and rate.
        start: call sample of the first one that is taken.
    """

    def __init__(self, call: CallInfo, start: int = 0) -> None:
        self.edge = KEY_EDGE_MS * call.sample_rate // 1_000
        """Samples that are cut beside a tone at least."""
        self._channels = [KeyTones(call.sample_rate, start) for _ in range(call.channels)]

    @property
    def settled(self) -> int:
        """Every key that begins before this call sample was returned."""
        return min(channel.settled for channel in self._channels)

    def take(self, pcm: Pcm) -> list[Span]:
        """Take the next samples; return the keys that are now certain."""
        return [
            _span(number, tone)
            for number, channel in enumerate(self._channels)
            for tone in channel.take(pcm[:, number])
        ]

    def finish(self) -> list[Span]:
        """The rest, after the call's last sample; nothing when it is asked again."""
        return [
            _span(number, tone)
            for number, channel in enumerate(self._channels)
            for tone in channel.finish()
        ]


def is_key(span: Span) -> bool:
    """Whether a span is the tone of a key."""
    return span.recognizer == KEY_TONES


def key_cuts(span: Span, rule: EntityRule, pcm: Pcm, start: int, sample_rate: int) -> list[Cut]:
    """What is cut for a key: its tone and the tone's echo on every other channel.

    Args:
        span: as ``Keys`` found it.
        rule: of the policy; at least ``KEY_EDGE_MS`` are cut beside a tone.
        pcm: the call around it, as far as an echo may lie from it.
        start: call sample of ``pcm[0]``.
        sample_rate: Hz.
    """
    end = start + len(pcm)
    before, after = (
        max(pad, KEY_EDGE_MS) * sample_rate // 1_000
        for pad in (rule.pad_before_ms, rule.pad_after_ms)
    )
    tone = pcm[max(0, span.start - start) : max(0, span.end - start), span.channel]
    found = [span]
    for channel in range(pcm.shape[1]):
        if channel != span.channel:
            found += [
                replace(
                    span,
                    channel=channel,
                    start=start + place.start,
                    end=start + place.end,
                    reason=Reason.ECHO,
                )
                for place in traces(tone, pcm[:, channel], sample_rate)
            ]
    return [
        Cut(max(start, one.start - before), min(end, one.end + after), one)
        for one in found
        if one.start < end
    ]


def _span(channel: int, tone: Interval) -> Span:
    return Span(Entity.DTMF.value, channel, tone.start, tone.end, _SCORE, KEY_TONES)
