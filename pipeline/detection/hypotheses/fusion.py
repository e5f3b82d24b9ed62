"""From the hearings of a window to sequences that can be read: one voice, one word at a time.

The second listening (``AGAIN``) is a heap of overlapping decodes, led on by a prompt full of
digits: it hears what the first pass dropped, and also digits that nobody said. So its likeliest
words make a sequence of their own, and its numbers fill the holes of the other two; it never
replaces a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from pipeline.detection.language.prompts import Prompt
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import is_number
from pipeline.records.intervals import shared
from pipeline.records.model import Hearing, Word
from pipeline.transcription.word_timing import longest

_OVERLAP: Final = 0.35
"""Share of the shorter word from which two words are one sound heard twice."""
INVENTED: Final = 0.1
"""An ``AGAIN`` word of less probability is invented."""
_CONTRADICTED: Final = 0.5
"""The same, where a sure word of the first pass says otherwise."""
_SURE: Final = 0.85


@dataclass(frozen=True, slots=True)
class ParsedChannel:
    """One channel of one reading."""

    channel: int
    words: Sequence[Word] = field(repr=False)
    prompts: Sequence[Prompt]
    runs: Sequence[NumberRun]


class Source(StrEnum):
    """A sequence of words per channel; every one is searched, and what they find is united."""

    MAIN = "main"
    SECOND = "second"
    AGAIN = "again"


def sequences(words: tuple[Word, ...], voc: Vocabulary, rate: int) -> dict[Source, list[Word]]:
    """Part the words of one window into sequences, each in time order.

    No word is longer than it plausibly takes: the recogniser stretches words over silence, and
    what else is spoken there was listened to again or is stated as unexplained.
    """
    timed = [trimmed(word, rate) for word in words]
    main = [word for word in timed if word.hearing is Hearing.MAIN]
    second = [word for word in timed if word.hearing is Hearing.SECOND]
    again = [timed[at] for at in _read_again(timed, voc)]
    numbers = [word for word in again if is_number(word.text, voc)]
    return {
        Source.MAIN: _filled(main, numbers),
        Source.SECOND: _filled(second, numbers),
        Source.AGAIN: sorted(again, key=_start),
    }


def read(words: Sequence[Word], voc: Vocabulary, rate: int) -> list[bool]:
    """Which words of one window are in a sequence. The others say nothing and explain nothing."""
    again = {*_read_again([trimmed(word, rate) for word in words], voc)}
    return [word.hearing is not Hearing.AGAIN or at in again for at, word in enumerate(words)]


def _read_again(timed: Sequence[Word], voc: Vocabulary) -> list[int]:
    """Places of the words of the second listening that are read: the likeliest of each sound."""
    main = [word for word in timed if word.hearing is Hearing.MAIN]
    heard = [
        (-word.probability, word.start, word.end, at)
        for at, word in enumerate(timed)
        if word.hearing is Hearing.AGAIN and not _invented(word, main, voc)
    ]
    kept: list[int] = []
    for *_, at in sorted(heard):
        if not any(_same(timed[at], timed[other]) for other in kept):
            kept.append(at)
    return kept


def trimmed(word: Word, rate: int) -> Word:
    """A word that is no longer than it plausibly takes."""
    end = word.start + longest(word.text, rate)
    return word if word.end <= end else replace(word, end=end)


def _invented(word: Word, main: Iterable[Word], voc: Vocabulary) -> bool:
    if word.probability < INVENTED:
        return True
    if word.probability >= _CONTRADICTED or not is_number(word.text, voc):
        return False
    return any(
        other.probability >= _SURE and not is_number(other.text, voc) and _same(word, other)
        for other in main
    )


def _filled(words: list[Word], numbers: Iterable[Word]) -> list[Word]:
    if not words:
        return []
    holes = [word for word in numbers if not any(_same(word, other) for other in words)]
    return sorted([*words, *holes], key=_start)


def _same(one: Word, other: Word) -> bool:
    shorter = max(1, min(one.end - one.start, other.end - other.start))
    return shared(one, other) > _OVERLAP * shorter


def _start(word: Word) -> int:
    return word.start
