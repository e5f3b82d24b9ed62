"""What is searched for in redacted transcripts: words as they are compared, and placeholders.

A word is compared without case, accents' encoding and punctuation (``normal_words``); a placeholder
is a term of its own, ``[CARD_NUMBER]``. A query is words that all have to be in a call, and runs in
quotes that have to stand in one turn as they are. There is no search by the beginning of a word.

Outcomes: ``parse_query`` gives a ``WordQuery`` or raises ``InputError``; the rest does not fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from pipeline.analytics.stored import StoredTranscript
from pipeline.analytics.topics import normal_words
from pipeline.errors import InputError
from pipeline.evidence.redacted_transcript import Word

TERMS_MOST: Final = 16
"""Of one query."""
_PART: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_PLACEHOLDER: Final = re.compile(r"\[([A-Za-z][A-Za-z0-9_]*)\]")


@dataclass(frozen=True, slots=True)
class WordQuery:
    """What has to be in a call."""

    runs: tuple[tuple[str, ...], ...] = field(repr=False)
    """Terms that stand behind one another in one turn; most runs are one term."""

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms, once, in their order."""
        return tuple(dict.fromkeys(term for run in self.runs for term in run))

    @property
    def has_phrases(self) -> bool:
        """Whether an index of single terms can't answer it alone."""
        return any(len(run) > 1 for run in self.runs)

    @property
    def pairs(self) -> tuple[str, ...]:
        """Terms that have to stand beside each other, as ``pairs_of`` writes them."""
        return tuple(dict.fromkeys(pair for run in self.runs for pair in _pairs(run)))


def terms_of(stored: StoredTranscript) -> frozenset[str]:
    """All terms of a call."""
    return frozenset(term for turn in _turns(stored) for term in turn)


def pairs_of(stored: StoredTranscript) -> frozenset[str]:
    """Terms that stand beside each other in a turn of a call, with a blank between them."""
    return frozenset(pair for turn in _turns(stored) for pair in _pairs(turn))


def _turns(stored: StoredTranscript) -> Iterator[list[str]]:
    for turn in stored.told.turns:
        yield [term for word in turn.words for term in word_terms(word)]


def _pairs(run: Sequence[str]) -> Iterator[str]:
    return (f"{one} {other}" for one, other in pairwise(run))


def word_terms(word: Word) -> tuple[str, ...]:
    """The terms of a word: several for "e-mail", none for a dash."""
    return (f"[{word.entity}]",) if word.entity else normal_words(word.text)


def parse_query(text: str) -> WordQuery:
    """What somebody typed.

    Raises:
        InputError: there is no word in it, or too many; it says nothing of them.
    """
    runs: list[tuple[str, ...]] = []
    for quoted, plain in _PART.findall(text):
        terms = tuple(_terms(quoted or plain))
        runs += [terms] if quoted and terms else [(term,) for term in terms]
    query = WordQuery(tuple(dict.fromkeys(runs)))
    if not 0 < len(query.terms) <= TERMS_MOST:
        raise InputError(f'type 1 to {TERMS_MOST} words, such as refund or "cancel my order"')
    return query


def _terms(text: str) -> Iterator[str]:
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        yield from normal_words(text[end : found.start()])
        yield f"[{found.group(1).upper()}]"
        end = found.end()
    yield from normal_words(text[end:])
