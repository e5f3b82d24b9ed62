"""How answers are built: what people say before the answer, and where it ends."""

from __future__ import annotations

from typing import Final

from models.frequency import zipf
from models.lexicon import listed
from models.spoken import Found, Turn

FILLERS: Final = listed("fillers")
"""Words that carry nothing; an answer begins after them."""

LEAD_IN: Final = FILLERS | listed("lead_ins")
"""Words with which people lead to an answer ("yes, it's …", "you can use …")."""

NUMBER_WORDS: Final = listed("number_words")

ORDINALS: Final = listed("ordinals")

_FUNCTION: Final = 5.25
"""Zipf frequency from which a word is grammar rather than content, unless it is a name."""

_AFTER_ILL: Final = frozenset(
    [
        *("again", "all", "and", "as", "at", "because", "before", "but", "by", "during", "enough"),
        *(
            "for",
            "from",
            "health",
            "i",
            "in",
            "last",
            "now",
            "on",
            "or",
            "people",
            "person",
            "since",
        ),
        *("so", "that", "then", "this", "though", "to", "today", "too", "until", "when", "while"),
        *("with", "yesterday", "yeah", "yes", "he", "she", "we", "they", "um", "uh"),
    ]
)
"""What follows the adjective; after "I'll" comes a verb or an adverb."""

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


def says_will(turn: Turn, found: Found) -> bool:
    """Whether an "ill" in a match is "I'll": by its apostrophe, or by the verb that follows."""
    for at in range(found.first, found.last):
        token = turn.tokens[at]
        if token.key != "ill":
            continue
        if token.end - token.start > len(token.key):
            return True
        following = turn.keys(at + 1, at + 2)
        if following and not token.after.strip() and following[0] not in _AFTER_ILL:
            return True
    return False


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


_SHORTENED: Final = frozenset({"dr", "st", "prof", "rev"})
"""Written with a dot that in an answer ends no sentence; elsewhere it may ("on Elm St. My …")."""


def sentence_end(turn: Turn, first: int, limit: int) -> int:
    """Token after the sentence that holds ``first``, at most ``limit`` tokens on."""
    at = first
    stop = min(len(turn.tokens), first + limit)
    while at < stop:
        at += 1
        token = turn.tokens[at - 1]
        if token.stops and not is_spelled(token.key) and token.key not in _SHORTENED:
            break
    return at
