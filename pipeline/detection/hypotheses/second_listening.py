"""Which words of the second listening (``AGAIN``) are evidence.

It is led on by a prompt full of digits, and writes some that nobody said. Of its numbers those are
read that ``fusion`` takes for the likeliest of their sound, and of a row of these not what lies at
its ends where both whole hearings have the same: an ordinary word of which both are sure, or the
number itself, which is in their own sequences already. What lies between stays: no number is
parted. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pipeline.detection.hypotheses.agreement import comparable, in_both, may_be_number, sure_words
from pipeline.detection.hypotheses.fusion import likeliest
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.tokens import says_number
from pipeline.records.intervals import length, subtract_intervals
from pipeline.records.model import Hearing, Interval, Word


def read(words: Sequence[Word], voc: Vocabulary, rate: int) -> list[bool]:
    """Which words of one window, so of one channel, are read. The others explain nothing.

    Args:
        words: as all hearings have them.
        voc: the language.
        rate: samples per second.
    """
    kept = likeliest(words, voc, rate)
    again = [at for at, word in enumerate(words) if kept[at] and word.hearing is Hearing.AGAIN]
    if any(may_be_number(words[at].text, voc) for at in again):
        again.sort(key=lambda at: words[at].start)
        for at in _at_ends(words, again, voc, rate):
            kept[at] = False
    return kept


def without_unread_numbers(words: Sequence[Word], voc: Vocabulary, rate: int) -> tuple[Word, ...]:
    """The words of one window without the numbers that are not read; arguments as for ``read``."""
    return tuple(
        word
        for word, kept in zip(words, read(words, voc, rate), strict=True)
        if kept or not may_be_number(word.text, voc)
    )


def _at_ends(
    words: Sequence[Word], again: Sequence[int], voc: Vocabulary, rate: int
) -> Iterator[int]:
    """Places of the numbers at the ends of a row of them that say nothing of their own."""
    ordinary = [place for _, place in in_both(sure_words(words, voc), rate)]
    numbers = [
        (comparable(word.text), place)
        for word, place in in_both([one for one in words if says_number(one.text, voc)], rate)
    ]

    def own(at: int) -> bool:
        text = comparable(words[at].text)
        same = [place for other, place in numbers if other == text]
        return not _covered(words[at], [*ordinary, *same])

    for number, group in groupby(again, lambda at: may_be_number(words[at].text, voc)):
        row = list(group)
        needed = [nth for nth, at in enumerate(row) if own(at)] if number else [0, len(row) - 1]
        for nth, at in enumerate(row):
            if not needed or not needed[0] <= nth <= needed[-1]:
                yield at


def _covered(word: Word, places: Sequence[Interval]) -> bool:
    """Whether more than half of a word lies in places."""
    whole = Interval(word.start, max(word.start + 1, word.end))
    return 2 * length(subtract_intervals([whole], places)) < len(whole)
