"""What one side asks the other for, as far as words answer it (numbers: ``pipeline.cues``).

The phrases are those of the call's language (``worded`` and ``health`` in its spoken_*.yaml).
"""

from __future__ import annotations

from collections.abc import Iterator

from models.spoken import Turn
from pipeline.vocabulary import vocabulary


def asked(turn: Turn) -> Iterator[tuple[str, int]]:
    """Entity types that the turn asks for, with the token after the question's key words."""
    for entity, _, end in vocabulary(turn.language).worded.find(turn.plain):
        yield str(entity), turn.token_at(end - 1) + 1


def about_health(turn: Turn) -> bool:
    """Whether the turn has a word that only a call about health has."""
    return bool(vocabulary(turn.language).health.find(turn.plain))
