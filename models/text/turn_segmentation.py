"""A call's words as turns: per channel and hearing, parted at pauses, with what came before.

Outcomes: :meth:`CallTurns.ready` returns the turns that no later word can change, in time order;
a turn that still goes on is "not yet" and shows in :meth:`CallTurns.open_since`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from typing import Final

from pipeline.detection.hypotheses.agreement import may_be_number
from pipeline.detection.hypotheses.fusion import trimmed
from pipeline.detection.language.lazy import once
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.records.intervals import shared
from pipeline.records.model import Hearing, Interval, WindowTranscript, Word
from pipeline.transcription.word_timing import audible_part

PAUSE_S: Final = 1.0
"""Silence that ends a turn."""
LONGEST_S: Final = 15.0
"""A turn that goes on longer is cut at its widest gap, so that memory and delay stay bounded."""
MOST_WORDS: Final = 60
CARRY_S: Final = 6.0
"""How far back the words before a turn count as its context."""
CARRY_WORDS: Final = 12
CUT_WORDS: Final = 8
"""Words before a cut that the next turn may still make part of an entity."""
UNSURE_S: Final = 0.5
"""Speech in a word's samples beside its place from which nobody knows where it was spoken."""
_HALF: Final = 0.5
"""Share of a word that the words of a hearing have to take for it to fill no hole there."""
_YIELDS: Final = 0.85
"""Share of a number heard again that likelier ones have to take for it to be dropped."""


class Stream(IntEnum):
    """Which hearings make a text."""

    SHOWN = 0
    """The main hearing, its holes filled by what was heard again."""
    EVIDENCE = 1
    """The second model, its holes filled likewise."""


@dataclass(frozen=True)
class Spoken:
    """A finished turn of one channel and stream."""

    channel: int
    stream: Stream
    before: tuple[Word, ...] = field(repr=False)
    words: tuple[Word, ...] = field(repr=False)
    places: tuple[Interval, ...] = field(default=(), repr=False)
    """Where somebody speaks in the samples of each word; words are recorded wide, over pauses too.
    By them turns are parted and put in order; what is silenced goes by the words. Empty: as they
    are recorded."""

    @property
    def start(self) -> int:
        """First sample of the first word."""
        return self.words[0].start

    @once
    def end(self) -> int:
        """Sample after the last word."""
        return max(word.end for word in self.words)

    @property
    def begins(self) -> int:
        """Sample at which somebody begins to speak."""
        return self.places[0].start if self.places else self.start

    @once
    def ends(self) -> int:
        """Sample at which nobody speaks any more."""
        return max(place.end for place in self.places) if self.places else self.end

    def until(self, sample: int) -> tuple[Word, ...]:
        """The words that are spoken before a sample."""
        starts = [one.start for one in self.places or self.words]
        return tuple(word for word, start in zip(self.words, starts, strict=True) if start < sample)


@dataclass(frozen=True, slots=True)
class _Placed:
    word: Word
    place: Interval


@dataclass(slots=True)
class _Lane:
    pending: list[_Placed] = field(default_factory=list)
    past: list[Word] = field(default_factory=list)


def _order(word: Word) -> tuple[int, int, str]:
    return (word.start, word.end, word.text)


def streams_of(words: Iterable[Word]) -> dict[Stream, list[Word]]:
    """Part one window's words into the two streams."""
    words = sorted(words, key=_order)
    again = [word for word in words if word.hearing is Hearing.AGAIN]
    streams: dict[Stream, list[Word]] = {}
    for stream, hearing in ((Stream.SHOWN, Hearing.MAIN), (Stream.EVIDENCE, Hearing.SECOND)):
        own = [word for word in words if word.hearing is hearing]
        if not own and stream is Stream.EVIDENCE:
            continue
        fill = [word for word in again if not _covered(word, own, _HALF)]
        streams[stream] = sorted([*own, *fill], key=_order) if fill else own
    return streams


def likeliest(words: Iterable[Word], rate: int) -> list[Word]:
    """The words of a stream in order, and of the numbers heard again the likeliest of each sound.

    Several decodes heap them up: a number of four digits would be read as one of ten. Other words
    stay, and no number yields to one: it does not say that no digit was spoken there. A number
    counts for no longer than it plausibly takes.

    Args:
        words: of one channel.
        rate: Hz.
    """
    kept, numbers = list[Word](), list[Word]()
    for word in sorted(words, key=lambda one: (-one.probability, *_order(one))):
        if word.hearing is Hearing.AGAIN and may_be_number(word.text, vocabulary()):
            said = trimmed(word, rate)
            if _covered(said, numbers, _YIELDS):
                continue
            insort(numbers, said, key=_order)
        kept.append(word)
    return sorted(kept, key=_order)


def _covered(word: Word, others: Iterable[Word], share: float) -> bool:
    """Whether other words, in time order, take more than a share of a word's time."""
    taken = 0
    reached = word.start
    for other in others:
        start = max(other.start, reached)
        end = min(other.end, word.end)
        if end > start:
            taken += end - start
            reached = end
    return taken > share * (word.end - word.start)


_STREAMS: Final = tuple(Stream)


class CallTurns:
    """The words of one call on their way into turns.

    Args:
        sample_rate: Hz.
        channels: how many the call has.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._lanes = {
            (channel, stream): _Lane() for channel in range(channels) for stream in _STREAMS
        }

    def take(self, transcript: WindowTranscript) -> None:
        """Add the words of one window."""
        for stream, heard in streams_of(transcript.words).items():
            for channel in {word.channel for word in heard}:
                lane = self._lanes.get((channel, stream))
                if lane is not None:
                    own = [one for one in heard if one.channel == channel and one.text.strip()]
                    own = likeliest(own, self._rate)
                    before = lane.pending[-1:]
                    lane.pending += self._placed(own, transcript.speech)
                    if before and own and _order(own[0]) < _order(before[0].word):
                        lane.pending.sort(key=lambda one: _order(one.word))

    def ready(self, horizon: int, *, final: bool) -> list[Spoken]:
        """Turns that are over at ``horizon``, before which all channels were heard."""
        found: list[Spoken] = []
        for (channel, stream), lane in self._lanes.items():
            while lane.pending:
                size = self._turn_size(lane.pending, horizon, final=final)
                if not size:
                    break
                turn, lane.pending = lane.pending[:size], lane.pending[size:]
                words, places = [one.word for one in turn], [one.place for one in turn]
                since = words[0].start
                if self._adjoins(lane.past, words[0]):
                    since = min(since, lane.past[-1].start)
                carry = since - round(CARRY_S * self._rate)
                before = [word for word in lane.past if word.end >= carry][-CARRY_WORDS:]
                found.append(Spoken(channel, stream, tuple(before), tuple(words), tuple(places)))
                lane.past = [*before, *words]
        return sorted(found, key=lambda turn: (turn.begins, turn.channel, turn.stream, turn.ends))

    def open_since(self) -> int | None:
        """First sample that a turn still going on may make part of an entity."""
        samples: list[int] = []
        for lane in self._lanes.values():
            if not lane.pending:
                continue
            first = lane.pending[0].word
            samples.append(first.start)
            if self._adjoins(lane.past, first):
                samples.append(lane.past[-CUT_WORDS:][0].start)
        return min(samples, default=None)

    def going_on(self, channel: int, until: int) -> list[tuple[Word, ...]]:
        """What the other channels have said so far in turns of the main hearing that go on."""
        return [
            tuple(one.word for one in lane.pending if one.place.start < until)
            for (other, stream), lane in self._lanes.items()
            if other != channel and stream is Stream.SHOWN and lane.pending
        ]

    def _adjoins(self, past: list[Word], word: Word) -> bool:
        """Whether a word follows on those before it without a pause, as they are recorded."""
        end = max((one.end for one in past), default=None)
        return end is not None and word.start - end < PAUSE_S * self._rate

    def _placed(self, words: list[Word], speech: Sequence[Interval]) -> list[_Placed]:
        """Words of one channel, in order, with where somebody speaks in each."""
        places = [self._place(one, speech) for one in words]
        # No word is spoken after the next one.
        starts = [*accumulate((one.start for one in reversed(places)), min)][::-1]
        return [
            _Placed(word, Interval(start, place.end))
            for word, start, place in zip(words, starts, places, strict=True)
        ]

    def _place(self, word: Word, speech: Sequence[Interval]) -> Interval:
        """Where somebody speaks in a word; all of it, where nobody knows which speech is its."""
        whole = Interval(word.start, max(word.end, word.start))
        place = audible_part(word.text, whole, speech, self._rate)
        inside, chosen = (
            sum(max(0, shared(part, one)) for part in speech) for one in (whole, place)
        )
        return place if inside - chosen < UNSURE_S * self._rate else whole

    def _turn_size(self, words: list[_Placed], horizon: int, *, final: bool) -> int:
        """How many words the first turn has; 0 while it may go on."""
        places = [one.place for one in words]
        pause, last = PAUSE_S * self._rate, places[0].start + LONGEST_S * self._rate
        end = places[0].end
        for index, place in enumerate(places):
            if not final and place.start >= horizon:
                return 0
            if index and place.start - end >= pause:
                return index
            end = max(end, place.end)
            if index + 1 >= MOST_WORDS or end > last:
                return self._widest(places[: index + 1])
        # What is recorded wide may hold a word that nobody heard: it ends where its samples do.
        over = final or max(one.word.end for one in words) + pause <= horizon
        return len(words) if over else 0

    @staticmethod
    def _widest(places: list[Interval]) -> int:
        """Where to cut: at the widest gap of the later half."""
        if len(places) == 1:
            return 1
        half = range(max(1, len(places) // 2), len(places))
        return max(half, key=lambda index: (places[index].start - places[index - 1].end, index))
