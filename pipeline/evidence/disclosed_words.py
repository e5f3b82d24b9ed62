"""Which words a transcript may tell: those that belong to nothing sensitive and can still be heard.

Word times are wide and mutes are padded, so a word beside a value nearly always shares some samples
with what is silent; dropping it would turn "my name is [PERSON], how can I help" into "my name
[PERSON] help". Nothing is raised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.detection.hypotheses.agreement import APART_S, MOST_S
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.tokens import is_number, is_part
from pipeline.records.intervals import merge_intervals, shared
from pipeline.records.model import Hearing, Interval, Span, Word
from pipeline.transcription.word_timing import longest

_WORDS: Final = frozenset({"a", "I"})
"""Single letters that are words, written so; others may be spelled."""
_BESIDE_S: Final = 1.0
"""Within which a word of a finding is not shown, wherever a model placed it."""


class Disclosure:
    """The words of one call's main hearing that may be shown, as detection knows them.

    None that either model heard in a finding is, within a second. The models place one word up to
    half a second apart: beside what only the other one heard in a finding, a word is shown only if
    that one heard it as well, elsewhere, or if it is too ordinary to be a value.

    Args:
        channels: how many the call has.
        voc: the language.
        rate: Hz.
    """

    def __init__(self, channels: int, voc: Vocabulary, rate: int) -> None:
        self._voc, self._rate = voc, rate
        self._near, self._apart = round(_BESIDE_S * rate), round(APART_S * rate)
        self._hidden: defaultdict[tuple[int, str], dict[Interval, bool]] = defaultdict(dict)
        """Words of findings by channel and text: where they are, and whether the main model's."""
        self._alone: list[set[Interval]] = [set() for _ in range(channels)]
        """Words of findings that the main model did not hear in one."""

    def told(
        self, words: Iterable[Word], around: Iterable[Word], findings: Iterable[Span]
    ) -> tuple[Word, ...]:
        """Those of some words that may be shown.

        Args:
            words: in the order in which they are shown.
            around: all words of these seconds, of every hearing.
            findings: that are silenced.
        """
        found: defaultdict[int, list[Interval]] = defaultdict(list)
        for span in findings:
            found[span.channel].append(Interval(span.start, span.end))
        others: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        for word in sorted(around, key=lambda one: one.hearing is not Hearing.MAIN):
            key, main = (word.channel, spelt(word.text)), word.hearing is Hearing.MAIN
            if any(one.start <= word.start < one.end for one in found[word.channel]):
                place = Interval(word.start, max(word.end, word.start + 1))
                self._hidden[key].setdefault(place, main)
                if not main and not self._is_hidden(key, word.start, main=True):
                    self._alone[word.channel].add(place)
            elif not main:
                others[key].append(word.start)
        return tuple(
            word
            for word in words
            if word.hearing is Hearing.MAIN
            and may_be_disclosed(word, found[word.channel], (), self._voc, self._rate)
            and self._is_sure(word, others[word.channel, spelt(word.text)])
        )

    def forget(self, before: int) -> None:
        """Drop words that end before a sample."""
        for places in self._hidden.values():
            for place in [one for one in places if one.end <= before]:
                del places[place]
        for key in [key for key, places in self._hidden.items() if not places]:
            del self._hidden[key]
        self._alone = [{one for one in each if one.end > before} for each in self._alone]

    def _is_sure(self, word: Word, others: Sequence[int]) -> bool:
        """Whether a word outside of every finding is none of a finding's, placed beside it.

        Args:
            word: the word.
            others: where the other model heard it outside of every finding.
        """
        text = spelt(word.text)
        if self._is_hidden((word.channel, text), word.start):
            return False
        beside = any(
            one.start - self._apart < word.end and word.start < one.end + self._apart
            for one in self._alone[word.channel]
        )
        twin = any(abs(at - word.start) <= self._apart for at in others)
        return not beside or text in self._voc.words["safe"] or twin

    def _is_hidden(self, key: tuple[int, str], start: int, *, main: bool = False) -> bool:
        """Whether a text was heard near a place in a finding; by the main model, if asked so."""
        return any(
            abs(place.start - start) <= self._near and (by_main or not main)
            for place, by_main in self._hidden.get(key, {}).items()
        )


def may_be_disclosed(
    word: Word,
    findings: Iterable[Interval],
    silent: Iterable[Interval],
    voc: Vocabulary,
    rate: int,
) -> bool:
    """Whether a word may be shown.

    Not one that begins inside a finding, nor one of which half or more is silent. A number, a word
    that may be a piece of one or of something spelled, and one that was stretched over more than it
    can take, may share no sample with either.

    Args:
        word: a word of the main hearing.
        findings: of its channel that are silenced, as they were found, without padding.
        silent: what is silent on its channel.
        voc: the language.
        rate: Hz.
    """
    place = Interval(word.start, max(word.end, word.start + 1))
    begun = [one for one in findings if one.overlaps(place)]
    covered = [*begun, *(one for one in silent if one.overlaps(place))]
    if not covered:
        return True
    if _strict(word.text, voc) or len(place) > longest(word.text, rate):
        return False
    # The beginning of a finding is drawn in by up to that much
    # (``pipeline/detection/hypotheses/span_edges.py``).
    drawn = round(MOST_S * rate)
    if any(one.start - drawn <= word.start < one.end for one in begun):
        return False
    hidden = sum(shared(one, place) for one in merge_intervals(covered))
    return 2 * hidden < len(place)


def spelt(text: str) -> str:
    """A word as two models agree on it: letters and digits alone, in lower case."""
    return "".join(filter(str.isalnum, text.lower().removesuffix("'s")))


def _strict(text: str, voc: Vocabulary) -> bool:
    bare = text.strip()
    if bare in _WORDS:
        return False
    first = spelt(bare)
    return (
        len(first) <= 1
        or any(map(str.isdigit, first))
        or is_number(first, voc)
        or is_part(first, voc)
        or is_part(bare, voc)
    )
