"""Which words a transcript may tell: those that belong to nothing sensitive and can still be heard.

Word times are wide and mutes are padded, so a word beside a value nearly always shares some samples
with what is silent; dropping it would turn "my name is [PERSON], how can I help" into "my name
[PERSON] help". Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipeline.audit import longest
from pipeline.intervals import merge_intervals
from pipeline.records import Interval, Word
from pipeline.tokens import is_number, is_part
from pipeline.vocabulary import Vocabulary
from pipeline.witnesses import MOST_S

_WORDS: Final = frozenset({"a", "I"})
"""Single letters that are words, written so; others may be spelled."""


def may_be_told(
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
    # The beginning of a finding is drawn in by up to that much (``pipeline/borders.py``).
    drawn = round(MOST_S * rate)
    if any(one.start - drawn <= word.start < one.end for one in begun):
        return False
    hidden = sum(
        min(one.end, place.end) - max(one.start, place.start) for one in merge_intervals(covered)
    )
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
