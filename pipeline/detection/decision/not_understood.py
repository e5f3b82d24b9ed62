"""What sounds on a channel and is not understood, however far from any question: it is silenced.

Outcomes of ``Comprehension``: ``take`` returns the spans of one window that are silenced for it, an
empty list where the talk is understood; ``open_since`` is the "not yet": the sample from which on
later sound may still make earlier sound count.

A sound is *not understood* where no believable word covers it: speech without a word, or with
words that nobody believes, and what no model took for speech. A breath or a key is that, too; so it
counts from so much of it on, with hardly a word understood since its beginning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.detection.hypotheses.agreement import comparable
from pipeline.policy.model import UnderstandingRule
from pipeline.records.intervals import length, merge_intervals, uncovered
from pipeline.records.model import Action, Hearing, Interval, Reason, Span, WindowTranscript, Word
from pipeline.records.scores import Recognizer
from pipeline.transcription.word_timing import plausible

NOT_UNDERSTOOD: Final = "NOT_UNDERSTOOD"
"""Entity of a stretch that sounds and that no believable word explains."""
HARDLY_UNDERSTOOD: Final = "hardly_understood"
"""Mark of a call of whose speech too little was understood: verification refuses it."""
_HOLDS_FROM: Final = 0.25
"""Share of what makes a stretch count, from which on the watermark waits for the rest."""
_SHORTEST_MS: Final = 200
"""Between two words, or beside one: nothing is lost in less."""
_TELLING: Final = 0.2
"""So much of the least speech has to have stayed audible to tell how much was understood."""
_SAME_S: Final = 0.6
"""How far apart both models may place the same word."""
_HARDLY: Final = 0.05
"""Words that cover less of speech, and of what can still be heard, are hardly a word."""


@dataclass(frozen=True, slots=True)
class _Lost:
    """A stretch that was not understood."""

    place: Interval
    speech: bool
    """Whether a voice detector took it for speech."""
    worded: bool
    """Whether a word was heard there after all, that nobody believes."""


@dataclass(slots=True)
class _Channel:
    """The last while of one channel."""

    lost: deque[_Lost] = field(default_factory=deque)
    understood: deque[Interval] = field(default_factory=deque)
    stated: int = 0
    """Up to where stretches were silenced."""
    until: int = 0
    worded: int = 0
    """Samples of all words, up to a second each."""
    unworded: int = 0
    """Of speech without a word, that was not silenced."""
    silent: int = 0
    """Of speech without a word, that was silenced."""
    believed: int = 0
    """Of the words, what believable ones cover."""


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
        known = length(merge_intervals(covers))
        lost = [one for one in mute if one.reason is Reason.NOT_UNDERSTOOD]
        speech = length(
            merge_intervals(
                Interval(one.start, one.end)
                for one in lost
                if one.recognizer == Recognizer.SPEECH_WITHOUT_WORDS
            )
        )
        understood += known
        sounds = heard + speech
        if sounds >= least and known < _HARDLY * sounds:
            silent.append(channel)
    return Understanding(tuple(silent), understood)


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
        self._shortest = _SHORTEST_MS * rate // 1_000
        self._most = round(self._within * (1.0 - rule.share))
        """With more understood behind it, a stretch can count no more."""
        self._channels = [_Channel() for _ in range(channels)]

    def take(self, transcript: WindowTranscript) -> list[Span]:
        """Take the next window of a channel; what is to be silenced for it."""
        channel = self._channels[transcript.channel]
        words = self._believable(channel, transcript)
        channel.understood.extend(words)
        spans: list[Span] = []
        sounds = merge_intervals((*transcript.speech, *transcript.unexplained))
        for part in uncovered(sounds, words, at_least=self._shortest):
            worded = not _mostly(part, transcript.unexplained)
            channel.lost.append(_Lost(part, _mostly(part, transcript.speech), worded))
            self._forget(channel, part.end)
            first = self._counts(channel, part.end)
            if first is not None:
                spans += self._silenced(transcript.channel, channel, first)
        channel.until = max(channel.until, transcript.heard_until)
        self._forget(channel, channel.until)
        return spans

    def open_since(self) -> int | None:
        """The earliest sample that later sound may still make count; None for none."""
        found: list[int] = []
        for channel in self._channels:
            waiting = [one.place for one in channel.lost if one.place.end > channel.stated]
            now = channel.until
            while waiting and _covered(waiting[0].start, now, channel.understood) > self._most:
                waiting.pop(0)
            if sum(map(len, waiting)) >= self._least * _HOLDS_FROM:
                found.append(max(waiting[0].start, channel.stated))
        return min(found, default=None)

    @property
    def hardly(self) -> bool:
        """Whether so little of what was said so far is believable that detection can't be."""
        every = _Channel()
        for one in self._channels:
            every.believed += one.believed
            every.worded += one.worded
            every.unworded += one.unworded
            every.silent += one.silent
        limits = [(one, self._rule.channel_share) for one in self._channels]
        return any(
            one.believed < share * (one.worded + one.unworded)
            for one, share in [*limits, (every, self._rule.call_share)]
            # What was silenced was speech too, but ringing and music may be among it.
            if one.worded + one.unworded + one.silent >= self._much
            and one.worded + one.unworded >= self._much * _TELLING
        )

    def _believable(self, channel: _Channel, transcript: WindowTranscript) -> list[Interval]:
        """Words that a model is sure of, or that both heard: what they cover.

        What is heard again, asked for digits, is evidence for muting and none for understanding.
        """
        found: list[Interval] = []
        first = [word for word in transcript.words if word.hearing is Hearing.MAIN]
        second = [word for word in transcript.words if word.hearing is Hearing.SECOND]
        for word, others in [*((one, second) for one in first), *((one, first) for one in second)]:
            spoken = Interval(max(0, word.start), max(0, word.start, word.end))
            place = plausible(word.text, spoken, self._rate)
            believed = word.probability >= self._rule.believed_from or self._agreed(word, others)
            if believed:
                found.append(place)
            if word.hearing is Hearing.MAIN:
                length = min(len(place), self._rate)
                channel.worded += length
                channel.believed += length * believed
        return merge_intervals(found)

    def _agreed(self, word: Word, others: Iterable[Word]) -> bool:
        """Whether the other model heard the same word there."""
        text, near = comparable(word.text), _SAME_S * self._rate
        return bool(text) and any(
            abs(other.start - word.start) < near and comparable(other.text) == text
            for other in others
        )

    def _counts(self, channel: _Channel, end: int) -> int | None:
        """From which stretch on enough was lost and hardly anything understood; None for none."""
        lost = 0
        for index in range(len(channel.lost) - 1, -1, -1):
            place = channel.lost[index].place
            lost += len(place)
            understood = _covered(place.start, end, channel.understood)
            if lost >= self._least and lost >= self._rule.share * (lost + understood):
                return index
        return None

    @staticmethod
    def _silenced(number: int, channel: _Channel, first: int) -> list[Span]:
        """All from a stretch on that was not silenced yet."""
        spans: list[Span] = []
        for one in list(channel.lost)[first:]:
            start = max(one.place.start, channel.stated)
            if start < one.place.end:
                heard = Recognizer.SPEECH_WITHOUT_WORDS
                name = heard if one.speech else Recognizer.SOUND_WITHOUT_WORDS
                place = Interval(start, one.place.end)
                spans.append(not_understood(number, place, name))
                channel.silent += len(place) if one.speech else 0
                channel.stated = one.place.end
        return spans

    def _forget(self, channel: _Channel, now: int) -> None:
        """Drop what is older than the while; speech that stayed audible without a word counts."""
        before = now - self._within
        while channel.lost and channel.lost[0].place.end <= before:
            one = channel.lost.popleft()
            if one.speech and not one.worded and one.place.end > channel.stated:
                channel.unworded += len(one.place)
        while channel.understood and channel.understood[0].end <= before:
            channel.understood.popleft()


def not_understood(channel: int, place: Interval, recognizer: Recognizer) -> Span:
    """The span that silences a stretch for it."""
    return Span(
        NOT_UNDERSTOOD,
        channel,
        place.start,
        place.end,
        1.0,
        recognizer.value,
        Action.MUTE,
        Reason.NOT_UNDERSTOOD,
    )


def _covered(start: int, end: int, covers: Iterable[Interval]) -> int:
    """Samples of ``[start, end)`` that stretches cover; none where that is empty."""
    return sum(max(0, min(end, one.end) - max(start, one.start)) for one in covers)


def _mostly(part: Interval, covers: Iterable[Interval]) -> bool:
    """Whether stretches cover half of a part, or more."""
    return 2 * _covered(part.start, part.end, covers) >= len(part)
