"""Where a name or another worded value begins and ends, by the words beside it.

A recogniser's words reach into one another: their ends were moved on to where a sound fades, so the
end of a name lies inside the word that follows it. Where both models wrote the same ordinary word
beside a value, the value ends no later than that word begins in either of them, and begins no
earlier than a part of the way from the earlier model's place to the later one's. Where they do not
agree, nothing moves. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pipeline.detection.hypotheses.agreement import MOST_S, between, comparable
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.tokens import is_number
from pipeline.records.model import Hearing, Interval, Span, Word
from pipeline.transcription.word_timing import PER_SPOKEN_LETTER_S, WORD_SPOKEN_S, plausible

_APART_S: Final = 0.5
"""How far two models place the same word apart."""
_SURE: Final = 0.5
"""Probability from which the better hearing of the word beside is believed."""


def bordered(
    spans: Iterable[Span], words: Sequence[Word], heard: Sequence[Word], voc: Vocabulary, rate: int
) -> list[Span]:
    """Spans of one turn with their edges drawn in to the words beside them.

    Args:
        spans: what was found in the turn.
        words: of the turn and what came before it, in the order of the text.
        heard: all words of the channel in these seconds, of every hearing.
        voc: the language.
        rate: Hz.
    """
    return [_bordered(span, words, heard, voc, rate) for span in spans]


def _bordered(
    span: Span, words: Sequence[Word], heard: Sequence[Word], voc: Vocabulary, rate: int
) -> Span:
    inside = [
        index
        for index, word in enumerate(words)
        if span.start <= word.start < span.end and _likely(word, rate).end <= span.end
    ]
    if not inside:
        return span
    first, last = words[inside[0]], words[inside[-1]]
    start, end = span.start, span.end
    if inside[-1] + 1 < len(words):
        after = words[inside[-1] + 1]
        twin = _twin(after, heard, voc, rate)
        if twin is not None and last.start < after.start < end:
            letters = sum(letter.isalnum() for letter in last.text)
            least = last.start + int((WORD_SPOKEN_S + PER_SPOKEN_LETTER_S * letters) * rate)
            starts = (after.start, twin.start)
            end = min(end, max(between(max(starts), min(starts), int(MOST_S * rate)), least))
    if inside[0] and first.start == span.start:
        before = words[inside[0] - 1]
        twin = _twin(before, heard, voc, rate)
        follows = None if twin is None else _next(twin, heard)
        if follows is not None and first.start < follows.start <= first.start + _APART_S * rate:
            start = between(start, follows.start, int(MOST_S * rate))
    return replace(span, start=min(start, end - 1), end=end)


def _twin(word: Word, heard: Sequence[Word], voc: Vocabulary, rate: int) -> Word | None:
    """The other model's hearing of an ordinary word; None where it heard something else."""
    text = comparable(word.text)
    if len(text) < 2 or is_number(word.text, voc) or text in voc.words["odd"]:  # noqa: PLR2004
        return None
    found = [
        other
        for other in heard
        if other.hearing is not word.hearing
        and other.hearing is not Hearing.AGAIN
        and word.hearing is not Hearing.AGAIN
        and comparable(other.text) == text
        and abs(other.start - word.start) <= _APART_S * rate
        and max(other.probability, word.probability) >= _SURE
    ]
    return min(found, key=lambda other: abs(other.start - word.start), default=None)


def _next(word: Word, heard: Sequence[Word]) -> Word | None:
    """The word that the same model heard after it."""
    later = [one for one in heard if one.hearing is word.hearing and one.start > word.start]
    return min(later, key=lambda one: one.start, default=None)


def _likely(word: Word, rate: int) -> Interval:
    return plausible(word.text, Interval(word.start, max(word.end, word.start)), rate)
