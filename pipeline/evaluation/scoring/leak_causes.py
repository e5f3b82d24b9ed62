"""Where a leak came from, as far as the records of a run tell.

Outcomes of ``cause_of``, for a word that can still be heard:

- ``muting``: the records say that it was silenced, but it can be heard;
- ``alignment``: a span stands for it, but not where it was spoken;
- ``detector``: it was heard, but no span stands for it;
- ``recogniser``: nothing of it was heard;
- ``recogniser or detector``: no span stands for it, and what was heard is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.evaluation.scoring.leak_scoring import SILENCED_SHARE, CallResult, WordScore, items_of
from pipeline.records.intervals import merge_intervals, shared
from pipeline.records.model import Action, Interval, Mute, Span, Word

MUTING: Final = "muting"
ALIGNMENT: Final = "alignment"
DETECTOR: Final = "detector"
RECOGNISER: Final = "recogniser"
NOT_FOUND: Final = "recogniser or detector"
_ORDER: Final = (RECOGNISER, NOT_FOUND, DETECTOR, ALIGNMENT, MUTING)
"""An entity's cause is the earliest of its words' causes: what went wrong first."""
_NEAR_MS: Final = 1_500
"""How far from its place a word may have been heard: word times are off by up to a second."""
_UNITS: Final[Mapping[str, str]] = {
    "zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11",
    "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "2", "thirty": "3",
    "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8", "ninety": "9",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunRecords:
    """What a run left about one call."""

    rate: int
    """Samples per second."""
    spans: tuple[Span, ...]
    mutes: tuple[Mute, ...]
    heard: tuple[Word, ...] | None = field(default=None, repr=False)
    """Words of every hearing; None where they were not kept, as in a vault."""


def causes_of(call: CallResult, records: RunRecords) -> dict[str, str]:
    """The cause of each entity of a call that leaked, by item."""
    causes = {}
    for item, entity in items_of(call):
        found = {cause_of(word, entity.channel, records) for word in entity.words if word.leaked}
        if found:
            causes[item] = min(found, key=_ORDER.index)
    return causes


def cause_of(score: WordScore, channel: int, records: RunRecords) -> str:
    """The cause of one audible word; see the module's text."""
    place = _interval(score.word.start_ms, score.word.end_ms, records.rate)
    if _share(place, (mute.interval for mute in records.mutes if mute.channel == channel)) >= (
        SILENCED_SHARE
    ):
        return MUTING
    spans = [
        Interval(span.start, span.end)
        for span in records.spans
        if span.channel == channel and span.action is Action.MUTE
    ]
    if records.heard is None:
        return ALIGNMENT if _share(place, spans) > 0 else NOT_FOUND
    near = _interval(score.word.start_ms - _NEAR_MS, score.word.end_ms + _NEAR_MS, records.rate)
    same = [
        _of(word)
        for word in records.heard
        if word.channel == channel and near.overlaps(_of(word)) and _alike(score, word)
    ]
    if any(_share(word, spans) > 0 for word in same):
        return ALIGNMENT
    if same:
        return DETECTOR
    return ALIGNMENT if _share(place, spans) > 0 else RECOGNISER


def _of(word: Word) -> Interval:
    return Interval(word.start, max(word.end, word.start + 1))


def _interval(start_ms: float, end_ms: float, rate: int) -> Interval:
    start = max(0, round(start_ms * rate / 1_000))
    return Interval(start, max(start + 1, round(end_ms * rate / 1_000)))


def _share(place: Interval, others: Iterable[Interval]) -> float:
    """How much of a place others cover, 0 to 1."""
    covered = sum(max(0, shared(place, other)) for other in merge_intervals(others))
    return covered / len(place)


def _alike(score: WordScore, heard: Word) -> bool:
    """Whether a heard word says any of what was spoken."""
    theirs = _keys(heard.text)
    if score.word.digits:
        said = "".join(_UNITS.get(key, key) for key in theirs)
        return bool(set(score.word.digits) & set(re.sub(r"\D", "", said)))
    return bool(set(theirs) & set(_keys(score.word.text)))


def _keys(text: str) -> Sequence[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
