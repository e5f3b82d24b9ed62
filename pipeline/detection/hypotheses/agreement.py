"""What several hearings of the same sound say: two models that agree on a word heard that word.

One model alone writes an ordinary word for a digit now and then ("do" for "two"), or drops what
was said between two numbers. :class:`Witnesses` answers whether the other one supports it. Nothing
is raised.
"""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from pipeline.detection.hypotheses.fusion import ParsedChannel
from pipeline.detection.language.normalise import bare
from pipeline.detection.language.vocabulary import Vocabulary, vocabulary
from pipeline.detection.numbers.runs import NumberRun
from pipeline.detection.numbers.tokens import is_number, is_part, nearly_numbers
from pipeline.records.intervals import subtract_intervals
from pipeline.records.model import Agreed, Hearing, Interval, Word
from pipeline.transcription.word_timing import plausible

_SURE: Final = 0.5
"""Word probability from which an ordinary word is believed to be one."""
_LONGEST_S: Final = 3.0
"""No word that counts is longer."""
APART_S: Final = 0.5
"""How far two models place the same word apart."""
_TRUST: Final = 0.35
"""How far a border moves from the outer model's place to the inner one's: the earlier one is nearer
to the truth where a number follows without a pause."""
MOST_S: Final = 0.1
"""The most that a border moves so at an end: less than a span is padded."""
SURE: Final = 0.6
"""Word probability below which a model does not know where a number begins either."""
_ENOUGH: Final = 2
"""Digits at an edge that both models have to agree on."""
_BOTH_SURE: Final = 0.7
"""Word probability from which both models know a word: below, both may mishear alike."""
_HINT: Final = 0.1
"""Word probability from which a number that any hearing wrote is none of such a word's place."""
_PIECES: Final = re.compile(r"(?:^|(?<=-))[^-'\u2019]+")


class Witnesses:
    """The words of the hearings that each heard the whole call.

    Args:
        hearings: per hearing, one track per channel.
        voc: the language.
        rate: samples per second.
    """

    def __init__(
        self, hearings: Sequence[Sequence[ParsedChannel]], voc: Vocabulary, rate: int
    ) -> None:
        self._voc = voc
        self._longest = round(_LONGEST_S * rate)
        self._apart = round(APART_S * rate)
        self._most = round(MOST_S * rate)
        self._hearings = [{track.channel: track.words for track in tracks} for tracks in hearings]
        self._runs = [{track.channel: track.runs for track in tracks} for tracks in hearings]

    def agree(self, word: Word) -> bool:
        """Whether every model, of two at least, wrote this word at this time."""
        text = comparable(word.text)
        return len(self._hearings) > 1 and all(
            any(comparable(other.text) == text for other in self._near(hearing, word))
            for hearing in self._hearings
        )

    def ordinary(self, channel: int, start: int, end: int) -> int:
        """Most words in ``[start, end)`` that one model is sure of and that are no digits."""
        return max(
            (
                sum(
                    1
                    for word in self._within(hearing.get(channel, ()), start, end)
                    if word.probability >= _SURE and self._ordinary(word)
                )
                for hearing in self._hearings
            ),
            default=0,
        )

    def start(self, run: NumberRun, words: Sequence[Word]) -> int:
        """Where a number begins: at the later of the places that the models agree on.

        They agree if each heard the same ordinary word and then the same two digits. Two equal
        digits don't count: of those a model may have dropped the first.

        Args:
            run: a number of ``words``.
            words: its channel's words in its hearing.
        """
        same = self._twins(run, words, run.first - 1, run.digits[:_ENOUGH])
        firsts = [other.parts[0] for other, _ in same]
        if any(len(part.digits) != 1 or part.word.probability < SURE for part in firsts):
            return run.start  # a word of several digits is misplaced by more, and a doubtful one
        starts = [other.start for other, _ in same]
        earliest = min(starts, default=run.start)
        apart = max(starts, default=run.start) - earliest
        return max(run.start, earliest + round(_TRUST * apart))

    def end(self, run: NumberRun, words: Sequence[Word], end: int) -> int:
        """Where a number ends that was taken to end at ``end``: no later than the next word begins.

        That is where the models agree on the last two digits and on the word after them.
        """
        same = self._twins(run, words, run.last + 1, run.digits[-_ENOUGH:])
        if not same:
            return end
        starts = [word.start for _, word in same]
        return min(end, between(max(starts), min(starts), self._most))

    def _twins(
        self, run: NumberRun, words: Sequence[Word], beside: int, digits: str
    ) -> list[tuple[NumberRun, Word]]:
        """The run in every whole hearing, with the word beside it; none where they differ."""
        if len(self._hearings) < _ENOUGH or len(set(digits)) < _ENOUGH:
            return []
        if not 0 <= beside < len(words) or not self._ordinary(words[beside]):
            return []
        before = beside < run.first
        found: list[tuple[NumberRun, Word]] = []
        for runs, hearing in zip(self._runs, self._hearings, strict=True):
            row = hearing.get(run.channel, ())
            twin = next(
                (
                    (other, row[at])
                    for other in runs.get(run.channel, ())
                    for at in [other.first - 1 if before else other.last + 1]
                    if 0 <= at < len(row)
                    and comparable(row[at].text) == comparable(words[beside].text)
                    and (other.digits[:_ENOUGH] if before else other.digits[-_ENOUGH:]) == digits
                    and self._close(run, other, before=before)
                ),
                None,
            )
            if twin is None:
                return []
            found.append(twin)
        return found

    def _close(self, run: NumberRun, other: NumberRun, *, before: bool) -> bool:
        apart = other.start - run.start if before else other.end - run.end
        return abs(apart) <= 2 * self._apart

    def _ordinary(self, word: Word) -> bool:
        text = comparable(word.text)
        return not (is_number(word.text, self._voc) or text in self._voc.words["odd"])

    def _near(self, hearing: dict[int, Sequence[Word]], word: Word) -> list[Word]:
        words = hearing.get(word.channel, ())
        near = self._within(words, word.start - self._longest, word.end + self._apart)
        return [one for one in near if one.end + self._apart > word.start]

    @staticmethod
    def _within(words: Sequence[Word], start: int, end: int) -> Sequence[Word]:
        first = bisect.bisect_left(words, start, key=lambda one: one.start)
        return words[first : bisect.bisect_left(words, end, key=lambda one: one.start)]


def agreed(words: Sequence[Word], voc: Vocabulary, rate: int) -> list[Agreed]:
    """Where both models were sure of the same ordinary word; in time order.

    A place begins where the first of them placed the word and ends where the first of them ended
    it: the other often writes it over the digit that follows. What any hearing wrote as a number
    there is left out. Of a word that was not asked how nearly it is a number, none is sure.

    Args:
        words: of one window, as all hearings have them.
        voc: the language.
        rate: samples per second.
    """
    nearly = nearly_numbers(words, voc)
    numbers: list[Interval] = []
    sure: dict[tuple[Hearing, int, str], list[Interval]] = defaultdict(list)
    for word, number in zip(words, nearly, strict=True):
        heard = Interval(word.start, max(word.start, word.end))
        place = plausible(word.text, heard, rate)
        text = comparable(word.text)
        if may_be_number(word.text, voc):
            if word.probability >= _HINT:
                numbers.append(place)
        elif word.probability >= _BOTH_SURE and word.number_probability > 0 and text and not number:
            sure[word.hearing, word.channel, text].append(place)
    found = {
        Agreed(channel, rest.start, rest.end)
        for (hearing, channel, text), places in sure.items()
        if hearing is Hearing.MAIN
        for one in places
        for other in sure.get((Hearing.SECOND, channel, text), ())
        if one.overlaps(other)
        for rest in subtract_intervals(
            [Interval(min(one.start, other.start), min(one.end, other.end))], numbers
        )
    }
    return sorted(found, key=lambda each: (each.start, each.channel, each.end))


def may_be_number(text: str, voc: Vocabulary) -> bool:
    """Whether a word, or a piece of it ("c-4", "four's"), may be a part of a number.

    In the language of the call or in English, in which verification listens.
    """
    return any(
        is_number(piece, language) or is_part(piece, language)
        for piece in _PIECES.findall(text)
        for language in (voc, vocabulary())
    )


def between(outer: int, inner: int, most: int) -> int:
    """A border that two models place differently: a part of the way from the outer place in.

    Args:
        outer: the place that silences more.
        inner: the other one.
        most: how many samples it moves at most.
    """
    moved = min(round(_TRUST * abs(inner - outer)), most)
    return outer + moved if inner > outer else outer - moved


def comparable(text: str) -> str:
    """A word in lower case without the punctuation at its edges; "okay" in one spelling."""
    word = bare(text, "-")
    return "okay" if word == "ok" else word
