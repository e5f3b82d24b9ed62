"""How answers are built: what people say before the answer, and where it ends."""

from __future__ import annotations

from typing import Final

from models.lexicon import listed, zipf
from models.spoken import Turn

FILLERS: Final = listed("fillers")
"""Words that carry nothing; an answer begins after them."""

LEAD_IN: Final = FILLERS | listed("lead_ins")
"""Words with which people lead to an answer ("yes, it's …", "you can use …")."""

NUMBER_WORDS: Final = listed("number_words")

ORDINALS: Final = listed("ordinals")

_PAIR: Final = 2
_RARE_PAIR: Final = 4.25
_FUNCTION: Final = 5.25
"""Zipf frequency from which a word is grammar rather than content, unless it is a name."""

MONTHS: Final = listed("calendar_words")


def is_number(key: str) -> bool:
    """Whether a token is a number word, a figure or an ordinal figure ("21st")."""
    return key in NUMBER_WORDS or key[:1].isdigit()


def is_spelled(key: str) -> bool:
    """Whether a token is a single letter."""
    return len(key) == 1 and key.isalpha()


def is_function(key: str) -> bool:
    """Whether a token is a word of grammar or chit-chat, and so no part of a value."""
    return key in FILLERS or key in LEAD_IN or key in MONTHS or zipf(key) >= _FUNCTION


def skip_lead_in(turn: Turn, first: int) -> int:
    """First token at or after ``first`` that is no lead-in."""
    while first < len(turn.tokens) and turn.tokens[first].key in LEAD_IN:
        first += 1
    return first


def trim_fillers(turn: Turn, first: int, last: int) -> int:
    """``last`` moved back over closing fillers ("… okay, thank you")."""
    while last > first and turn.tokens[last - 1].key in FILLERS - {"oh"}:
        last -= 1
    return last


def sentence_end(turn: Turn, first: int, limit: int) -> int:
    """Token after the sentence that holds ``first``, at most ``limit`` tokens on."""
    at = first
    stop = min(len(turn.tokens), first + limit)
    while at < stop:
        at += 1
        if turn.tokens[at - 1].stops and not is_spelled(turn.tokens[at - 1].key):
            break
    return at


def spelled_run(turn: Turn, first: int) -> int:
    """Token after a run of spelled letters that begins at ``first`` ("B, A as in apple, R").

    Returns ``first`` where nothing is spelled.
    """
    alphabet = listed("spelling_words")
    at = first
    letters = 0
    while at < len(turn.tokens):
        key = turn.tokens[at].key
        if is_spelled(key) and not (key == "i" and _is_pronoun(turn, at)):
            letters += 1
            at += 1
        elif letters and turn.keys(at, at + 2) == ("as", "in") and at + 2 < len(turn.tokens):
            at += 3
        elif (
            letters
            and key in {"for", "like", "as"}
            and at + 1 < len(turn.tokens)
            and (turn.tokens[at + 1].key in alphabet)
        ):
            at += 2
        elif key in {"double", "triple", "capital", "hyphen", "dash", "apostrophe"} and (
            at + 1 < len(turn.tokens) and is_spelled(turn.tokens[at + 1].key)
        ):
            at += 1
        elif key in alphabet and (letters or _alphabet_follows(turn, at)):
            letters += 1
            at += 1
        elif len(key) == _PAIR and letters >= _PAIR and key.isalpha() and zipf(key) < _RARE_PAIR:
            letters += 1  # two letters that the recogniser ran together
            at += 1
        else:
            break
    enough = 3
    return at if letters >= enough else first


def _is_pronoun(turn: Turn, at: int) -> bool:
    """An "I" with a verb after it; inside a spelled run letters stand on both sides."""
    if at + 1 >= len(turn.tokens):
        return False
    if turn.keys(at + 1, at + 3) == ("as", "in"):
        return False  # "I as in ice"
    return not is_spelled(turn.tokens[at + 1].key) and not (
        at and is_spelled(turn.tokens[at - 1].key)
    )


def _alphabet_follows(turn: Turn, at: int) -> bool:
    following = turn.keys(at + 1, at + 3)
    alphabet = listed("spelling_words")
    return len(following) == 2 and all(  # noqa: PLR2004 - two more make a run of three
        key in alphabet or is_spelled(key) for key in following
    )
