"""Names by which somebody is called or acts, and the companies that are none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from models.answers import is_function, is_number, is_spelled, sentence_end
from models.frequency import zipf
from models.lexicon import listed, surnames
from models.patterns import Worded
from models.recognizers.base import Hit
from models.recognizers.naming import (
    COMPANY,
    FREE,
    MOST_NAMES,
    NO_NAMES,
    TITLES,
    begins,
    has_capitals,
    in_address,
    in_surnames,
    is_given,
    is_large,
    may_be_name,
)
from models.spoken import Turn
from pipeline.entities import Entity

_CALLED: Final = re.compile(
    r"\b(?:(?:thanks|thank you)(?: so much| very much| again)?|hi|hello|hey|okay|alright|all right"
    r"|perfect|great|sorry|dear|bye|worries|problem|meet you|hear you|talk to you|of course|there"
    r"|goodbye|morning|afternoon|evening|sure|yes|welcome|right|now|well|day)$"
)
_THANKS: Final = frozenset({"thanks", "tanks"})
_UNTHANKED: Final = NO_NAMES | TITLES
"""What is no name behind thanks."""
_ACTS: Final = Worded(
    r"\b(?:speaking|here|calling|again|told (?:me|us)|said (?:i|it|that|to|you)|promised|helped me"
    r"|called (?:me|us)|gave me|sent me|from (?:your|the) \w+|(?:is|was) (?:my|our|the) (?:wife"
    r"|husband|son|daughter|agent|doctor|manager|rep))\b"
)
_GREETING: Final = Worded(
    r"\b(?:(?:thanks|thank you) for (?:calling|choosing)|welcome to|(?:youve|you have) reached)\b"
)
"""A company's name follows."""
_ENDEARMENTS: Final = listed("interjections")
_COMPANY_NAMES: Final = 2
"""Words of a company's own name before the word for what it is."""
_COMMON_SURNAME: Final = 2_000
_FIRM: Final = Worded(
    r"\b(?:hello|hi|morning|afternoon|evening|good day|through to|thanks for calling)\b"
)
"""Behind which whoever answers the telephone says the firm's name first."""
_ANSWERS: Final = Worded(
    r"\b(?:this is|my names?|speaking|how (?:can|may) (?:i|we)|can i help|what can i do)\b"
)
_MOST_FIRM: Final = 5
_WORD: Final = 3.1
"""Zipf frequency from which a word that is no surname says what a firm is ("Gyms", "Pensions")."""
_RARE: Final = 3.5


def acting(turn: Turn, companies: set[int]) -> Iterator[Hit]:
    """Who speaks, is here or told something: "Hiroshi told me", "Nkechi Obi here"."""
    for found in turn.search(_ACTS):
        last = found.first
        first = last
        while first > 0 and last - first < MOST_NAMES and not turn.tokens[first - 1].stops:
            at = first - 1
            if at in companies or (first < last and "," in turn.tokens[at].after):
                break
            family = first == last and turn.tokens[at].title and _is_common_surname(turn, at)
            initial = is_spelled(turn.tokens[at].key) and turn.tokens[at].key not in {"i", "a"}
            if not (may_be_name(turn, at) or family or (initial and first < last)):
                break
            first = at
        while first > 0 and first < last and is_spelled(turn.tokens[first - 1].key):
            first -= 1  # "J. R. Whitfield here"
        starts = begins(turn, first) or "," in turn.tokens[first - 1].after
        if first < last and starts and not companies.intersection({first}):
            yield Hit(Entity.PERSON, first, last, 0.55, "acts")


def _is_common_surname(turn: Turn, at: int) -> bool:
    return surnames().get(turn.tokens[at].key, _COMMON_SURNAME) < _COMMON_SURNAME


def called_oddly(turn: Turn, index: int) -> bool:
    """Whether a word on no list of given names is a vocative: "Alright Mateusz, let me"."""
    key = turn.tokens[index].key
    if not (is_large(turn, index) or in_surnames(key)) or zipf(key) >= _RARE:
        return False
    before = turn.plain[: max(0, turn.offsets[index] - 1)]
    goes_on = turn.tokens[index].after == " " and is_large(turn, index + 1)
    if goes_on and not may_be_name(turn, index + 1):
        return False  # "Morning, Kwik Fit Didcot"
    called = _CALLED.search(before) is not None and not in_address(turn, index + 1)
    return called and may_be_name(turn, index)


def thanked_name(turn: Turn, index: int) -> bool:
    """Whether an odd word follows "thanks" in a call in which a name was given."""
    key = turn.tokens[index].key
    if not _thanked(turn, index) or key in _UNTHANKED:
        return False
    return not is_function(key) and zipf(key) < FREE and not is_number(key)


def _thanked(turn: Turn, index: int) -> bool:
    before = turn.keys(max(0, index - 2), index)
    return before == ("thank", "you") or not _THANKS.isdisjoint(before[-1:])


def called(turn: Turn, index: int) -> bool:
    """Whether the token is a vocative: "Thanks, Laurie", "…, Laurie."."""
    token = turn.tokens[index]
    if token.key in _ENDEARMENTS:
        return False
    beside = {*turn.keys(max(0, index - 1), index), *turn.keys(index + 1, index + 2)}
    alphabet = listed("spelling_words")
    if in_address(turn, index + 1) or (token.key in alphabet and beside & alphabet):
        return False
    if _thanked(turn, index):
        return True
    before = turn.plain[: max(0, turn.offsets[index] - 1)]
    ends = index + 1 == len(turn.tokens) or "," in token.after or token.stops
    if not has_capitals(turn) and zipf(token.key) < _RARE and _CALLED.search(before):
        return True  # without punctuation nothing shows where a vocative ends
    comma = index > 0 and "," in turn.tokens[index - 1].after
    return bool(ends and (comma or _CALLED.search(before)))


def companies_in(turn: Turn) -> set[int]:
    """Tokens after "thank you for calling", where a company's name stands ("Willow Creek")."""
    tokens = named_companies(turn)
    for found in turn.search(_GREETING):
        if found.last < len(turn.tokens) and not turn.tokens[found.last - 1].stops:
            tokens.update(range(found.last, sentence_end(turn, found.last, MOST_NAMES)))
    return tokens


def answering_firm(turn: Turn) -> set[int]:
    """Tokens of the firm with whose name somebody answers ("Hello, Meridian Cards, this is Jo")."""
    if not has_capitals(turn) or next(turn.search(_ANSWERS), None) is None:
        return set()
    firms: set[int] = set()
    for first in {0, *(found.last for found in turn.search(_FIRM))}:
        last = first
        while last < len(turn.tokens) and last - first < _MOST_FIRM and turn.tokens[last].title:
            last += 1
            if turn.tokens[last - 1].stops or "," in turn.tokens[last - 1].after:
                break
        kinds = [
            at
            for at in range(first + 1, last)
            if zipf(turn.tokens[at].key) >= _WORD and not in_surnames(turn.tokens[at].key)
        ]
        if kinds and not is_given(turn, first) and turn.tokens[first].key not in TITLES:
            firms.update(range(first, last))
    return firms


def named_companies(turn: Turn) -> set[int]:
    """Tokens of odd names right before what a company is ("Valley Electric"), no known name."""
    tokens: set[int] = set()
    for index, token in enumerate(turn.tokens):
        if token.key not in COMPANY:
            continue
        for at in range(index - 1, max(-1, index - 1 - _COMPANY_NAMES), -1):
            before = turn.tokens[at]
            if "," in before.after or before.stops or not before.title:
                break
            if is_given(turn, at) or in_surnames(before.key):
                break
            tokens.add(at)
    return tokens
