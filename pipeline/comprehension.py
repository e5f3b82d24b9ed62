"""What sounds on a channel and is not understood, however far from any question: it is silenced.

Outcomes of ``Comprehension``: ``take`` returns the spans of one window that are silenced for it, an
empty list where the talk is understood; ``open_since`` is the "not yet": the sample from which on
later sound may still make earlier sound count.

A sound is *not understood* where no believable word covers it: speech without a word, and what no
model took for speech. A breath or a key is that, too; so a stretch counts from so much of it on,
within a while in which hardly a word was understood.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.intervals import merge_intervals, subtract_intervals
from pipeline.policy import UnderstandingRule
from pipeline.records import Action, Heard, Hearing, Interval, Reason, Span, Word
from pipeline.witnesses import bare

NOT_UNDERSTOOD: Final = "NOT_UNDERSTOOD"
"""Entity of a stretch that sounds and that no believable word explains."""
HARDLY_UNDERSTOOD: Final = "hardly_understood"
"""Mark of a call of whose speech too little was understood: verification refuses it."""
SPEECH_WITHOUT_WORDS: Final = "speech-without-words"
SOUND_WITHOUT_WORDS: Final = "sound-without-words"
"""Recognisers of such stretches: whether a voice detector took them for speech."""
_HOLDS_FROM: Final = 0.25
"""Share of what makes a stretch count, from which on the watermark waits for the rest."""
_MOSTLY: Final = 0.6
"""A channel is silent whole from this share of its speech on that was not understood."""
_TELLING: Final = 0.2
"""Share of the least speech, so much of it in words: ringing and music bring none or a few."""
_SAME_S: Final = 0.6
"""How far apart both models may place the same word."""
_HARDLY: Final = 0.05
"""Words that cover less than this share of what can be heard are hardly a word."""


@dataclass(slots=True)
class _Channel:
    """The last while of one channel."""

    lost: deque[tuple[Interval, bool]] = field(default_factory=deque)
    """What was not understood, and whether it is speech."""
    understood: deque[Interval] = field(default_factory=deque)
    stated: int = 0
    """Up to where stretches were silenced."""
    until: int = 0
    worded: int = 0
    """Samples of all words, up to a second each."""
    unworded: int = 0
    """Of speech without a word."""
    believed: int = 0
    """Of it, what believable words cover."""


@dataclass(frozen=True, slots=True)
class Understanding:
    """How much of a whole call was understood, in samples."""

    silent: tuple[int, ...]
    """Channels that are to be silenced whole."""
    understood: int
    """What words and recognised entities cover, over all channels."""


def understanding(
    rule: UnderstandingRule,
    rate: int,
    audible: Sequence[int],
    spans: Sequence[Span],
    words: Sequence[Word],
) -> Understanding:
    """Judge a whole call.

    Args:
        rule: limits.
        rate: Hz.
        audible: per channel, samples of redacted audio that can be heard by their level.
        spans: everything that detection found.
        words: everything that is shown.
    """
    least = rule.least_ms * rate // 1_000
    silent: list[int] = []
    understood = 0
    for channel, heard in enumerate(audible):
        mute = [span for span in spans if span.channel == channel and span.action is Action.MUTE]
        covers = [
            Interval(word.start, max(word.start, word.end))
            for word in words
            if word.channel == channel
        ]
        covers += [
            Interval(one.start, max(one.start, one.end))
            for one in mute
            if one.reason is Reason.RECOGNISED
        ]
        known = _length(covers)
        lost = [one for one in mute if one.reason is Reason.NOT_UNDERSTOOD]
        sounds = heard + _length(Interval(one.start, one.end) for one in lost)
        speech = _length(
            Interval(one.start, one.end) for one in lost if one.recognizer == SPEECH_WITHOUT_WORDS
        )
        understood += known
        hardly = sounds >= least and known < _HARDLY * sounds
        if hardly or (speech >= least and speech >= _MOSTLY * (speech + known)):
            silent.append(channel)
    return Understanding(tuple(silent), understood)


def _length(intervals: Iterable[Interval]) -> int:
    return sum(len(one) for one in merge_intervals(intervals))


class Comprehension:
    """What of one call is understood; see the module's text for the outcomes.

    Args:
        rate: Hz.
        channels: how many the call has.
        rule: from when on a stretch is not understood.
    """

    def __init__(self, rate: int, channels: int, rule: UnderstandingRule) -> None:
        self._rule, self._rate = rule, rate
        self._much = rule.least_ms * rate // 1_000
        self._within = rule.within_ms * rate // 1_000
        self._least = rule.sound_ms * rate // 1_000
        self._channels = [_Channel() for _ in range(channels)]

    def take(self, heard: Heard) -> list[Span]:
        """Take the next window of a channel; what is to be silenced for it."""
        channel = self._channels[heard.channel]
        words = self._believable(channel, heard)
        channel.understood.extend(sorted(words))
        spans: list[Span] = []
        for part in subtract_intervals(heard.unexplained, words):
            speech = _share(part, heard.speech) >= 0.5  # noqa: PLR2004 - half
            channel.unworded += len(part) if speech else 0
            channel.lost.append((part, speech))
            _forget(channel, part.end - self._within)
            if self._counts(channel, part.end):
                spans += self._silenced(heard.channel, channel)
        channel.until = max(channel.until, heard.heard_until)
        return spans

    def open_since(self) -> int | None:
        """The earliest sample that later sound may still make count; None for none."""
        found: list[int] = []
        for channel in self._channels:
            _forget(channel, channel.until - self._within)
            lost = [part for part, _ in channel.lost if part.end > channel.stated]
            if sum(map(len, lost)) >= self._least * _HOLDS_FROM:
                found.append(max(lost[0].start, channel.stated))
        return min(found, default=None)

    @property
    def hardly(self) -> bool:
        """Whether so little of what was said so far is believable that detection can't be."""
        shares = [
            (one.believed / one.worded, self._rule.channel_share)
            for one in self._channels
            if self._enough(one.worded, one.unworded)
        ]
        worded = sum(one.worded for one in self._channels)
        unworded = sum(one.unworded for one in self._channels)
        if self._enough(worded, unworded):
            believed = sum(one.believed for one in self._channels)
            shares.append((believed / worded, self._rule.call_share))
        elif unworded >= self._much:
            return True  # somebody speaks, and there is not a sentence of it
        return any(share < least for share, least in shares)

    def _enough(self, worded: int, unworded: int) -> bool:
        """Whether so much was said that words tell how much of it was understood."""
        return worded + unworded >= self._much and worded >= self._much * _TELLING

    def _believable(self, channel: _Channel, heard: Heard) -> list[Interval]:
        """Words that the better model is sure of, or that both models heard."""
        found: list[Interval] = []
        second = [word for word in heard.words if word.hearing is Hearing.SECOND]
        near = _SAME_S * self._rate
        for word in heard.words:
            if word.hearing is not Hearing.MAIN:
                continue
            place = Interval(max(0, word.start), max(0, word.start, word.end))
            length = min(len(place), self._rate)
            channel.worded += length
            if word.probability >= self._rule.believed_from or any(
                abs(other.start - word.start) < near and bare(other.text) == bare(word.text)
                for other in second
            ):
                channel.believed += length
                found.append(place)
        return found

    def _counts(self, channel: _Channel, end: int) -> bool:
        """Whether enough was lost in the last while, and hardly anything understood."""
        lost = sum(len(part) for part, _ in channel.lost)
        understood = sum(len(part) for part in channel.understood if part.start < end)
        return lost >= self._least and lost >= self._rule.share * (lost + understood)

    @staticmethod
    def _silenced(number: int, channel: _Channel) -> list[Span]:
        """All of the last while that was not silenced yet, from sound to sound."""
        spans: list[Span] = []
        for part, speech in channel.lost:
            start = max(part.start, channel.stated)
            if start < part.end:
                name = SPEECH_WITHOUT_WORDS if speech else SOUND_WITHOUT_WORDS
                spans.append(
                    Span(
                        NOT_UNDERSTOOD,
                        number,
                        start,
                        part.end,
                        1.0,
                        name,
                        Action.MUTE,
                        Reason.NOT_UNDERSTOOD,
                    )
                )
                channel.stated = part.end
        return spans


def _forget(channel: _Channel, before: int) -> None:
    while channel.lost and channel.lost[0][0].end <= before:
        channel.lost.popleft()
    while channel.understood and channel.understood[0].end <= before:
        channel.understood.popleft()


def _share(part: Interval, speech: Iterable[Interval]) -> float:
    inside = sum(max(0, min(part.end, one.end) - max(part.start, one.start)) for one in speech)
    return inside / max(1, len(part))
