"""What the tests of conversations share: words with times, and a call that is heard whole."""

from __future__ import annotations

from pipeline.detection.decision.conversation import Conversation
from pipeline.records.model import Hearing, Span, WindowTranscript, Word

RATE = 8_000


def said(text: str, at: float, channel: int = 0, hearing: Hearing = Hearing.MAIN) -> list[Word]:
    """Words of 0.3 s each, one every 0.4 s, from a second on."""
    starts = [round((at + 0.4 * place) * RATE) for place in range(len(text.split()))]
    return [
        Word(channel, start, start + round(0.3 * RATE), word, 0.9, hearing)
        for start, word in zip(starts, text.split(), strict=True)
    ]


def spans_of(conversation: Conversation, *words: list[Word], channels: int = 2) -> tuple[Span, ...]:
    """What is found in a minute in which the words are all that is said."""
    for channel in range(channels):
        own = sorted((w for row in words for w in row if w.channel == channel), key=_start)
        conversation.take(
            WindowTranscript(
                "call", channel, channel, 0, 60 * RATE, tuple(own), heard_until=60 * RATE
            )
        )
    return conversation.spans(60 * RATE)


def _start(word: Word) -> int:
    return word.start
