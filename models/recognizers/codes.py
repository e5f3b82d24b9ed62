"""Codes of letters and figures: what plates, VINs and serial numbers have in common."""

from __future__ import annotations

from collections.abc import Iterator

from models.answers import FILLERS, is_number, is_spelled
from models.lexicon import listed
from models.patterns import Worded
from models.recognizers.base import Hit
from models.spoken import Turn
from pipeline.entities import Entity

_REACH = 8
"""How many words may stand between the name of a code and the code."""


def code_at(turn: Turn, first: int) -> tuple[int, int]:
    """A code that begins at ``first``: the token after it, and how many characters it has."""
    at = first
    characters = 0
    alphabet = listed("spelling_words")
    while at < len(turn.tokens):
        key = turn.tokens[at].key
        mixed = any(map(str.isdigit, key))
        if is_spelled(key) or is_number(key) or mixed or key in alphabet:
            characters += len(key) if mixed else 1
        elif turn.keys(at, at + 2) == ("as", "in") or key in {"for", "like"}:
            at += 2 if key == "as" else 1
        elif not (at > first and key in {"dash", "hyphen", "dot", "colon", "space", "uh", "um"}):
            break
        at += 1
    return min(at, len(turn.tokens)), characters


def code_after(turn: Turn, entity: Entity, name: Worded, *, shortest: int) -> Iterator[Hit]:
    """Codes of at least ``shortest`` characters after their name, or in an answer."""
    starts = [(found.last, 0.7, "named") for found in turn.search(name)]
    asked = turn.expected(entity)
    if asked is not None:
        starts.append((asked, 0.75, "asked for"))
    for start, score, pattern in starts:
        for first in range(start, min(start + _REACH, len(turn.tokens))):
            if turn.tokens[first].key in FILLERS - {"oh"}:
                continue
            last, characters = code_at(turn, first)
            if characters >= shortest:
                yield Hit(entity, first, last, score, pattern)
                break
