"""What the reader holds of the words of a call, by place, for whoever decides about a stretch.

A word is held by what it may be part of, with a probability each. Nothing is raised; nothing that
was said is kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.records.model import Hearing, Word


class Opinion(NamedTuple):
    """Of one word."""

    start: int
    end: int
    hearing: Hearing
    secret: float
    """Probability that it is part of anything sensitive."""
    types: Mapping[str, float]
    """Of what, with the probability of each type that is worth a mention."""
    said_until: int
    """Up to where it tells what was said: no longer than it can take, and nowhere where the model
    that wrote it was not sure of it."""


@dataclass(slots=True)
class Opinions:
    """Of one call, by channel, in the order of time."""

    channels: int
    _kept: list[list[Opinion]] = field(init=False, repr=False)
    _longest: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._kept = [[] for _ in range(self.channels)]

    def add(self, channel: int, opinion: Opinion) -> None:
        """Add a word's."""
        kept = self._kept[channel]
        self._longest = max(self._longest, opinion.end - opinion.start)
        at = bisect_left(kept, opinion.start, key=lambda one: one.start)
        kept.insert(at, opinion)

    def of(self, word: Word) -> Opinion | None:
        """The one of a word as one hearing has it; None where it was not read."""
        kept = self._kept[word.channel]
        first = bisect_left(kept, word.start, key=lambda one: one.start)
        for one in kept[first:]:
            if one.start > word.start:
                return None
            if one.hearing is word.hearing:
                return one
        return None

    def within(self, channel: int, start: int, end: int) -> Iterator[Opinion]:
        """Those whose word reaches into ``[start, end)``, of every hearing."""
        kept = self._kept[channel]
        first = bisect_left(kept, start - self._longest, key=lambda one: one.start)
        for one in kept[first:]:
            if one.start >= end:
                return
            if one.end > start:
                yield one

    def harmless(self, words: Sequence[Word], below: float) -> bool:
        """Whether each word was read as its hearing has it, and is held for less than a limit.

        Args:
            words: of one channel, in order; whatever another hearing has there counts, too.
            below: the probability that is too much.
        """
        if not words or not all(map(self.of, words)):
            return False
        start, end = words[0].start, max(word.end for word in words)
        return all(one.secret < below for one in self.within(words[0].channel, start, end))

    def forget(self, before: int) -> None:
        """Drop those of words that end before a sample."""
        self._kept = [[one for one in kept if one.end >= before] for kept in self._kept]
