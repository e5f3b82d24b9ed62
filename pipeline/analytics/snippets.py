"""The place of a redacted transcript where what was searched for stands.

Outcomes: ``snippet_of`` gives a ``Snippet``, or None where a run of the query is nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.analytics.terms import WordQuery, word_terms
from pipeline.evidence.redacted_transcript import ReadTranscript

BEFORE: Final = 8
"""Words before the first that was found."""
WORDS: Final = 26


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, or what stands for something muted."""

    text: str = field(repr=False)
    found: bool = False
    entity: str = ""
    """Set on placeholders."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Some words of one turn."""

    role: str
    start_ms: int
    """Where the first word that was found begins."""
    pieces: tuple[Piece, ...] = field(repr=False)
    begins: bool
    """Whether the turn begins here."""
    ends: bool
    """Whether it ends here."""


def snippet_of(told: ReadTranscript, query: WordQuery) -> Snippet | None:
    """Where most of a query stands together, the first such turn.

    Args:
        told: a stored transcript.
        query: what was searched for.
    """
    best, most, seen = None, 0, set[int]()
    for turn in told.turns:
        terms = [(term, at) for at, word in enumerate(turn.words) for term in word_terms(word)]
        here = {number: tuple(_places(terms, run)) for number, run in enumerate(query.runs)}
        there = {number for number, places in here.items() if places}
        seen |= there
        if len(there) > most:
            best, most = (turn, {place for one in here.values() for place in one}), len(there)
    if best is None or len(seen) < len(query.runs):
        return None
    turn, places = best
    first = min(places)
    start = max(0, first - BEFORE)
    stop = min(len(turn.words), start + WORDS)
    pieces = (
        Piece(word.text, place in places, word.entity)
        for place, word in enumerate(turn.words[start:stop], start)
    )
    return Snippet(
        turn.role, turn.words[first].start_ms, tuple(pieces), not start, stop == len(turn.words)
    )


def _places(terms: Sequence[tuple[str, int]], run: tuple[str, ...]) -> Iterator[int]:
    """Numbers of the words that a run of terms stands in; ``terms`` are with their words'."""
    for at, (term, place) in enumerate(terms):
        if term != run[0]:
            continue
        if len(run) == 1:
            yield place
        elif tuple(one for one, _ in terms[at : at + len(run)]) == run:
            yield from (place for _, place in terms[at : at + len(run)])
