"""Where a name or another worded value begins and ends, by the words beside it.

A recogniser's words reach into one another: their ends were moved on to where a sound fades, so the
end of a name lies inside the word that follows it. Where both models wrote the same ordinary word
beside a value, the value ends no later than that word begins in either of them, and begins no
earlier than a part of the way from the earlier model's place to the later one's. Where they do not
agree, nothing moves. Words that only lead to a condition, a medicine or a birthday ("allergic to")
are no part of it where both wrote them. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pipeline.detection.hypotheses.agreement import APART_S, MOST_S, between, comparable
from pipeline.detection.language.normalise import bare
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.tokens import is_number
from pipeline.records.entities import HEALTH, Entity
from pipeline.records.model import Hearing, Interval, Span, Word
from pipeline.transcription.word_timing import PER_SPOKEN_LETTER_S, WORD_SPOKEN_S, plausible

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

    Returns:
        In the same order, without those that held nothing but words that lead to a value.
    """
    drawn = (_bordered(span, words, heard, voc, rate) for span in spans)
    return [span for span in drawn if span is not None]


def _bordered(
    span: Span, words: Sequence[Word], heard: Sequence[Word], voc: Vocabulary, rate: int
) -> Span | None:
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
    led = _led([words[index] for index in inside], heard, _leading(span, voc), rate)
    if led == len(inside) and first.start == span.start:
        return None
    if 0 < led < len(inside):
        start = max(start, _behind(words[inside[led - 1]], words[inside[led]], heard, rate))
    elif inside[0] and first.start == span.start:
        before = words[inside[0] - 1]
        twin = _twin(before, heard, voc, rate)
        follows = None if twin is None else _next(twin, heard)
        if follows is not None and first.start < follows.start <= first.start + APART_S * rate:
            start = between(start, follows.start, int(MOST_S * rate))
    return replace(span, start=min(start, end - 1), end=end)


def _leading(span: Span, voc: Vocabulary) -> frozenset[str]:
    """Words that lead to a value of a span's type and tell nothing themselves."""
    if span.entity in HEALTH:
        return voc.words["leading"]
    return voc.words["leading_date"] if span.entity == Entity.DATE_OF_BIRTH else frozenset()


def _led(inside: Sequence[Word], heard: Sequence[Word], leading: frozenset[str], rate: int) -> int:
    """How many of a value's first words only lead to it, as both models wrote them.

    "Allergic to" tells nothing of a person that the word after it does not; but "my brain" may be
    "migraine".
    """
    count = 0
    while (
        count < len(inside)
        and bare(inside[count].text) in leading
        and _same(inside[count], heard, rate)
    ):
        count += 1
    return count


def _behind(lead: Word, first: Word, heard: Sequence[Word], rate: int) -> int:
    """Where a value begins behind the word that leads to it, as the earlier model has it.

    At the lead's own beginning where the models differ by more than they usually do, or a pause
    leaves room for a word that neither of them wrote.
    """
    twin = _same(lead, heard, rate)
    follows = None if twin is None else _next(twin, heard)
    starts = (first.start, lead.start if follows is None else follows.start)
    apart = max(max(starts) - min(starts), min(starts) - lead.end)
    return lead.start if apart > APART_S * rate else min(starts) - int(MOST_S * rate)


def _twin(word: Word, heard: Sequence[Word], voc: Vocabulary, rate: int) -> Word | None:
    """The other model's hearing of an ordinary word; None where it heard something else."""
    text = comparable(word.text)
    if len(text) < 2 or is_number(word.text, voc) or text in voc.words["odd"]:  # noqa: PLR2004
        return None
    return _same(word, heard, rate)


def _same(word: Word, heard: Sequence[Word], rate: int) -> Word | None:
    """The other model's hearing of a word; None where it heard something else."""
    text = bare(word.text)
    found = [
        other
        for other in heard
        if other.hearing is not word.hearing
        and other.hearing is not Hearing.AGAIN
        and word.hearing is not Hearing.AGAIN
        and comparable(other.text) == text
        and abs(other.start - word.start) <= APART_S * rate
        and max(other.probability, word.probability) >= _SURE
    ]
    return min(found, key=lambda other: abs(other.start - word.start), default=None)


def _next(word: Word, heard: Sequence[Word]) -> Word | None:
    """The word that the same model heard after it."""
    later = [one for one in heard if one.hearing is word.hearing and one.start > word.start]
    return min(later, key=lambda one: one.start, default=None)


def _likely(word: Word, rate: int) -> Interval:
    return plausible(word.text, Interval(word.start, max(word.end, word.start)), rate)
