"""Names in answers: what stands where a name was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from models.answers import is_spelled, sentence_end, skip_lead_in
from models.frequency import zipf
from models.lexicon import listed, plain_given_names
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.naming import (
    HONORIFICS,
    INTERJECTIONS,
    MOST_NAMES,
    bare,
    has_capitals,
    is_contracted,
    is_frequent_surname,
    may_be_name,
    name_end,
)
from models.recognizers.spelling import spellings
from models.spoken import Turn
from pipeline.entities import Entity

_IS: Final = Worded(r"\b(?:this is|name is|names|name was)\b")
_RELATED: Final = listed("relations")
_SHORT_ANSWER: Final = 6
_TOLD: Final = frozenset({"with", "like", "as", "spelled", "spelt"})
"""Words that go on with how a name is written."""
_SKIPPED: Final = frozenset(
    ["its", "it", "is", "thats", "thatll", "be", "under", "surname", "name", "names", "last", "the",
     "that", "yes", "yeah", "um", "uh", "er", "oh", "so", "mr", "mrs", "miss", "ms", "doctor", "my",
     "sorry", "okay", "sure"]
)  # fmt: skip
"""Words before a surname that is all of an answer."""
_RARE: Final = 3.5


def asked_for(turn: Turn, *, alone: bool) -> Iterator[Hit]:
    """Names, and rows of letters, where the turn answers a question for one.

    Args:
        turn: the turn.
        alone: nothing in the turn states a name by itself.
    """
    at = turn.expected(Entity.PERSON)
    if at is None:
        return
    first = _skip_small_talk(turn, at)
    last = first
    if _may_answer(turn, first):
        last = name_end(turn, first, free=True)
    if last == first and _is_surname(turn, at, first):
        last += 1
    if last > first:
        yield Hit(Entity.PERSON, first, last, 0.75, "asked for")
    else:
        behind = _behind_question(turn, at)
        answer = _skip_small_talk(turn, behind) if behind > at else at
        end = name_end(turn, answer, free=True) if behind > at else at
        if end > answer and _may_answer(turn, answer):
            yield Hit(Entity.PERSON, answer, end, 0.75, "asked for")
    rows = list(spellings(turn, at))
    if not rows and first < len(turn.tokens) and _is_letters(turn, first):
        yield Hit(Entity.PERSON, first, len(turn.tokens), 0.5, "letters of a name")
    for row in rows:
        yield Hit(Entity.PERSON, row.first, row.last, 0.85, "spelled when asked for")
    if last == first and alone and not rows:
        yield from _unreadable(turn, first)


def _is_surname(turn: Turn, at: int, first: int) -> bool:
    """Whether the answer is one word, a frequent surname as well ("It's Field, with an I.")."""
    if first >= len(turn.tokens) or not _SKIPPED.issuperset(turn.keys(at, first)):
        return False
    whole = turn.tokens[first].stops or first + 1 == len(turn.tokens)
    told = "," in turn.tokens[first].after or not _TOLD.isdisjoint(turn.keys(first + 1, first + 2))
    return (whole or told) and is_frequent_surname(bare(turn, first))


def _unreadable(turn: Turn, first: int) -> Iterator[Hit]:
    """Where the name stands that was asked for, though the words make none ("the new one")."""
    for found in turn.search(_IS):
        if found.first >= first and found.last < len(turn.tokens):
            end = sentence_end(turn, found.last, MOST_NAMES)
            yield Hit(Entity.PERSON, found.last, end, 0.45, "asked for, unreadable")
            return
    keys = turn.keys(first, len(turn.tokens))
    known = _RELATED | plain_given_names()  # a name that stands anywhere is found as one
    odd = (key for key in keys if zipf(key) < _RARE and key not in known)
    if 0 < len(keys) <= _SHORT_ANSWER and any(odd):
        yield Hit(Entity.PERSON, first, len(turn.tokens), 0.45, "odd answer")


def _skip_small_talk(turn: Turn, first: int) -> int:
    """First token of an answer behind "nah, it's my wife" and the like."""
    while first < len(turn.tokens):
        token = turn.tokens[first]
        skipped = skip_lead_in(turn, first)
        if skipped > first:
            first = skipped
        elif (
            token.key in INTERJECTIONS
            or token.key in _RELATED
            or is_contracted(turn, first)
            or (token.key in HONORIFICS and first + 1 < len(turn.tokens))
        ):
            first += 1
        else:
            break
    return first


def _is_letters(turn: Turn, first: int) -> bool:
    """Whether all that is said are letters: a name is spelled in several turns."""
    keys = turn.keys(first, len(turn.tokens))
    words = listed("spelling_words")
    letters = [key for key in keys if is_spelled(key) or key in words]
    return len(letters) == len(keys) and any(is_spelled(key) for key in keys)


def _behind_question(turn: Turn, at: int) -> int:
    """First token of the sentence after a question that goes on at ``at``, with both speakers."""
    while at < len(turn.tokens):
        at += 1
        if turn.tokens[at - 1].stops:
            return at if "?" in turn.tokens[at - 1].after else -1
    return -1


def _may_answer(turn: Turn, at: int) -> bool:
    """Whether a name that was asked for may begin here: it would be written large."""
    if at >= len(turn.tokens):
        return False
    token = turn.tokens[at]
    return token.title or not has_capitals(turn) or may_be_name(turn, at) or zipf(token.key) < _RARE
