"""What one side asks the other for, as far as words answer it (numbers: ``pipeline.cues``).

The phrases are those of the call's language (``worded`` and ``health`` in its spoken_*.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from models.frequency import zipf
from models.lexicon import diseases, entries, medicines
from models.spoken import OfLastTurn, Turn
from pipeline.entities import Entity
from pipeline.vocabulary import DEFAULT, Subject, vocabulary

_RARE: Final = 3.4
"""Zipf frequency below which the name of an illness or a medicine is no figure of speech."""
_SHORT: Final = 5
_WARNING: Final = 5
_NEVER: Final = frozenset({"never", "dont", "not", "cannot", "nobody"})
_GIVES: Final = frozenset(
    ["give", "share", "tell", "reveal", "disclose", "say", "read", "send", "ask"]
)
_FIGURES: Final = frozenset(
    ["headache", "headaches", "migraine", "migraines", "aneurysm", "coronary", "seizure", "hernia",
     "ulcer", "ulcers", "hives", "burnout", "amnesia", "paranoia", "schizophrenic", "meltdown",
     "latex", "colic", "cramps", "botox", "heroin", "steroids", "nits", "acne"]
)  # fmt: skip
"""Illnesses and substances that people name when they speak of bills, forms, goods or news."""


_worded: Final = OfLastTurn(lambda turn: vocabulary(turn.language).worded.find(turn.plain))


def asked(turn: Turn) -> Iterator[tuple[str, int]]:
    """Entity types that the turn asks for, with the token after the question's key words."""
    for entity, start, end in _worded(turn):
        if isinstance(entity, Subject):
            continue
        if entity is Entity.PASSWORD and _warned(turn, turn.token_at(start)):
            continue
        yield str(entity), turn.token_at(end - 1) + 1


def _warned(turn: Turn, at: int) -> bool:
    """Whether somebody is told to keep a secret: "never give the passcode to anybody"."""
    before = turn.keys(max(0, at - _WARNING), at)
    return not _NEVER.isdisjoint(before) and not _GIVES.isdisjoint(before)


def is_about(turn: Turn, subject: Subject) -> bool:
    """Whether the turn has a word that only a call about the subject has."""
    return any(told is subject for told, _, _ in _worded(turn))


def about_health(turn: Turn) -> bool:
    """Whether the turn has a word, or a rare name, that only a call about health has."""
    if is_about(turn, Subject.HEALTH):
        return True
    if turn.language != DEFAULT:
        return False
    return any(
        not _FIGURES.intersection(turn.keys(first, last))
        and min(map(zipf, turn.keys(first, last))) < _RARE
        for lexicon in (diseases(), medicines())
        for first, last in entries(lexicon, turn.all_keys)
        if first + 1 < last or len(turn.all_keys[first]) > _SHORT
    )
