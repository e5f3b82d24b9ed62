"""Which words a transcript may tell: those that belong to nothing sensitive and can still be heard.

Word times are wide and mutes are padded, so a word beside a value nearly always shares some samples
with what is silent; dropping it would turn "my name is [PERSON], how can I help" into "my name
[PERSON] help". Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.audit import plausible
from pipeline.intervals import merge_intervals
from pipeline.records import Interval, Word
from pipeline.tokens import bare, is_number
from pipeline.vocabulary import Vocabulary

_ALONE = frozenset({"a", "i"})
"""Letters that are words; others may be spelled."""


def may_be_told(
    word: Word,
    findings: Iterable[Interval],
    silent: Iterable[Interval],
    voc: Vocabulary,
    rate: int,
) -> bool:
    """Whether a word may be shown.

    Not one that begins inside a finding, nor one of which half or more is silent. A number, a word
    that may be one, and a single letter may share no sample with either.

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
    text = bare(word.text)
    if is_number(word.text, voc) or any(map(str.isdigit, text)):
        return False
    if len(text) <= 1 and text not in _ALONE:
        return False
    if any(one.start <= word.start < one.end for one in begun):
        return False
    # Where a word was stretched over a pause, only its beginning says anything.
    core = plausible(word.text, place, rate)
    hidden = sum(
        max(0, min(one.end, core.end) - max(one.start, core.start))
        for one in merge_intervals(covered)
    )
    return 2 * hidden < len(core)
