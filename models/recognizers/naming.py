"""What may be a name: the lists, the letters it is written with, and where it ends."""

from __future__ import annotations

import re
from typing import Final

from models.answers import FILLERS, LEAD_IN, MONTHS, is_function, is_number, is_spelled
from models.frequency import zipf
from models.lexicon import given_names, listed, longest, phrases, surnames
from models.spoken import PAUSE, Token, Turn
from pipeline.accents import plain
from pipeline.numbers import read
from pipeline.records import Word
from pipeline.tokens import Flag
from pipeline.vocabulary import vocabulary

COMPANY: Final = listed("company_words")
INTERJECTIONS: Final = listed("interjections") | listed("replies")
NO_NAMES: Final = listed("not_names") | INTERJECTIONS
PARTICLES: Final = listed("name_particles")
MOST_NAMES: Final = 4
FREE: Final = 4.8
"""Zipf frequency up to which any word may be a name where a name was asked for."""
TITLES: Final = frozenset(["mr", "mrs", "ms", "dr", "prof", "st"])
"""Abbreviations whose full stop ends no sentence."""
HONORIFICS: Final = frozenset(
    ["mr", "mrs", "ms", "miss", "mister", "missus", "doctor", "dr", "nurse", "professor", "prof"]
) | frozenset(
    ["reverend", "rev", "pastor", "rabbi", "imam", "captain", "sergeant", "constable", "officer"]
)
"""What stands before a name and says nothing of who it is: it stays audible."""
_SUFFIXES: Final = frozenset(["junior", "senior", "jr", "snr", "jnr", "iii"])
_NUMBERED: Final = frozenset(["second", "third", "fourth", "fifth", "younger", "elder"])
_STREETS: Final = frozenset(["street", "road", "avenue", "boulevard", "parkway", "highway"])
_CONTRACTED: Final = re.compile(r"['\u2019](?:m|ll|re|ve|d|t)$", re.IGNORECASE)
_WORD: Final = re.compile(r"\S+")
_TIMES_AND_FILLERS: Final = MONTHS | FILLERS
_ODD: Final = 2.5
_RARE: Final = 3.6
_SURNAME_AFTER_GIVEN: Final = 5.9
_VERY_COMMON: Final = 60
_FREQUENT: Final = 5_000
"""Rank of the surnames that many people have (census of 1990)."""
_MOST_FREQUENT: Final = 800
"""The same of those that are among the commonest of words."""
_SHORTEST: Final = 2
_WORDLIKE: Final = re.compile(
    r".{3,}(?:ed|ing|ous|able|ible|ful|less|ly|tion|sion|ness|ment|ive|ical|ity|ists?|ated|izes?"
    r"|ism|ance|ence|ships?|ers|ings|ies|ology|graphy|ware)$"
)
"""Endings of rare words that are no names ("flabbergasted")."""


def bare(turn: Turn, at: int) -> str:
    """A token's key as the lists have it: no accents, no possessive or contracted "s"."""
    return turn.plain_keys[at]


def is_contracted(turn: Turn, at: int) -> bool:
    """Whether a token is a pronoun with its verb, or a verb with "not" ("I'm", "she'll")."""
    token = turn.tokens[at]
    return token.end - token.start > len(token.key) and (
        _CONTRACTED.search(turn.text, token.start, token.end) is not None
    )


def is_acronym(turn: Turn, at: int) -> bool:
    """Whether a token is written large throughout, in a turn that is not ("my IBAN")."""
    token = turn.tokens[at]
    text = turn.text[token.start : token.end]
    return len(text) > 1 and text.isupper() and not turn.text.isupper()


def in_given(key: str) -> bool:
    """Whether a key is a given name on the lists."""
    return plain(key) in given_names()


def in_surnames(key: str) -> bool:
    """Whether a key is a surname on the list."""
    return plain(key) in surnames()


def is_frequent_surname(key: str) -> bool:
    """Whether many people have a surname, though it may be a common word ("Field", "White")."""
    rank = surnames().get(key, _FREQUENT)
    if len(key) <= _SHORTEST or key in INTERJECTIONS:
        return False
    return rank < (_MOST_FREQUENT if is_function(key) else _FREQUENT)


def has_capitals(turn: Turn) -> bool:
    """Whether the turn is written with capitals, so that a name in it would have one."""
    return turn.capitals


def is_large(turn: Turn, at: int) -> bool:
    """Whether a token is capitalised for another reason than to begin a sentence."""
    if at == 0 or at >= len(turn.tokens) or not turn.tokens[at].title:
        return False
    before = turn.tokens[at - 1]
    return not before.stops or before.key in TITLES


def may_be_name(turn: Turn, at: int, *, odd: float = 3.0) -> bool:
    """Whether a token may be a name where a person is named.

    Args:
        turn: the turn.
        at: the token.
        odd: Zipf frequency below which a word on no list counts as a name.
    """
    if at >= len(turn.tokens):
        return False
    token = turn.tokens[at]
    key = token.key
    if (
        len(key) == 1
        or not key.isalpha()
        or key in LEAD_IN
        or bare(turn, at) in MONTHS
        or is_number(key)
    ):
        return False
    if key in NO_NAMES or key in COMPANY or is_contracted(turn, at) or is_acronym(turn, at):
        return False
    if in_given(key):
        return True
    if is_large(turn, at):
        return zipf(key) < FREE and not is_function(key)
    small = not token.title and has_capitals(turn)  # a name would have been written large
    surname = in_surnames(key)
    limit = max(_RARE, odd) if surname else odd
    return not small and zipf(key) < limit and (surname or not _WORDLIKE.match(key))


def is_given(turn: Turn, index: int) -> bool:
    """Whether a token is a given name, or a word that stands as one."""
    if index >= len(turn.tokens):
        return False
    token = turn.tokens[index]
    if in_given(token.key):
        return True
    # "Will Turner": a word that is also a name counts where it is written large amid a sentence.
    following = turn.tokens[index + 1] if index + 1 < len(turn.tokens) else None
    return bool(
        is_large(turn, index)
        and token.key in listed("names_that_are_words")
        and token.key not in _TIMES_AND_FILLERS
        and following
        and following.title
        and in_surnames(following.key)
        and zipf(following.key) < FREE
    )


def name_end(turn: Turn, first: int, *, free: bool, cued: bool = False) -> int:
    """Token after the name that begins at ``first``; ``first`` if none does.

    Args:
        turn: the turn.
        first: where the name would begin.
        free: a name was asked for or announced: nearly any word may be one.
        cued: a person is named here, by whatever name.
    """
    at = _name_end(turn, first, free=free, cued=cued)
    return _suffix_end(turn, at) if at > first else first


def _suffix_end(turn: Turn, at: int) -> int:
    """``at`` moved over "junior" or "the third" behind a name."""
    keys = turn.keys(at, at + 2)
    if turn.tokens[at - 1].stops or not keys:
        return at
    if keys[0] in _SUFFIXES:
        return at + 1
    if keys[0] == "the" and keys[1:] and keys[1] in _NUMBERED:
        last = turn.tokens[at + 1]
        if at + 2 == len(turn.tokens) or last.stops or "," in last.after:
            return at + 2
    return at


def _name_end(turn: Turn, first: int, *, free: bool, cued: bool) -> int:
    at = first
    most = first + MOST_NAMES
    while at < min(len(turn.tokens), most):
        token = turn.tokens[at]
        most += at > first and token.key in PARTICLES
        if at > first and turn.tokens[at - 1].stops and not is_spelled(turn.tokens[at - 1].key):
            break
        addressed = at == first and at > 0 and turn.tokens[at - 1].key in HONORIFICS
        if (addressed or ((free or cued) and at > first)) and _is_surname_of(turn, at):
            at += 1
            continue
        if token.key in NO_NAMES or token.key in COMPANY or is_number(token.key):
            break
        if is_contracted(turn, at) or (
            at > first and not free and "," in turn.tokens[at - 1].after
        ):
            break
        if at > first and token.key in _STREETS:
            break
        here = cued and may_be_name(turn, at) and (at == first or _goes_on(turn, at))
        if not (here or _fits(turn, at, first=first, free=free) or _joins(turn, at, first=first)):
            break
        at += 1
    while at > first and (
        turn.tokens[at - 1].key in PARTICLES and not in_given(turn.tokens[at - 1].key)
    ):
        at -= 1
    return at


def _is_surname_of(turn: Turn, at: int) -> bool:
    """Whether a common word is the name behind a given name or a title ("Tom Day", "Mrs Day")."""
    token, before = turn.tokens[at], turn.tokens[at - 1]
    ends = at + 1 == len(turn.tokens) or token.stops or "," in token.after
    titled = before.key in HONORIFICS
    joined = before.after in (" ", ". ") if titled else before.after == " " and in_given(before.key)
    large = token.title or ends or (titled and not has_capitals(turn))
    return joined and large and is_frequent_surname(bare(turn, at))


def _goes_on(turn: Turn, at: int) -> bool:
    """Whether a word is a surname behind a name ("my wife Anjali Cardenas")."""
    return "," not in turn.tokens[at - 1].after


def _fits(turn: Turn, at: int, *, first: int, free: bool) -> bool:
    token = turn.tokens[at]
    key = token.key
    if (in_given(key) and key not in LEAD_IN) or (at == first and is_given(turn, at)):
        return True
    large = token.title and (at > first or (at > 0 and not turn.tokens[at - 1].stops))
    if key in LEAD_IN or key in MONTHS or is_spelled(key):
        return bool(large and at > first and key not in FILLERS and in_surnames(key))
    if at > first and (in_given(turn.tokens[at - 1].key) or is_given(turn, at - 1)):
        limit = _SURNAME_AFTER_GIVEN if token.title or _is_very_common(turn, at) else FREE
        return zipf(key) < limit and (in_surnames(key) or token.title or zipf(key) < _ODD)
    if free:
        limit = FREE
        if at > first and not token.title and any(one.title for one in turn.tokens[first:at]):
            limit = _RARE  # "Mrs. Quigley bear with me": a name would go on with a capital
        return (large and zipf(key) < _SURNAME_AFTER_GIVEN) or zipf(key) < limit
    return at > first and large and not is_function(key) and in_surnames(key)


def _is_very_common(turn: Turn, at: int) -> bool:
    """Whether a word is one of the most common surnames, in a turn without capitals ("hall")."""
    rank = surnames().get(turn.tokens[at].key, _VERY_COMMON)
    return rank < _VERY_COMMON and not has_capitals(turn)


def _joins(turn: Turn, at: int, *, first: int) -> bool:
    """A particle or an initial inside a name ("Maria de la Cruz", "John F Miller")."""
    token = turn.tokens[at]
    following = turn.tokens[at + 1] if at + 1 < len(turn.tokens) else None
    if following is None or (is_function(following.key) and following.key not in PARTICLES):
        return False
    particle = token.key in PARTICLES and token.key not in {"o", "a"}
    initial = at > first and is_spelled(token.key) and token.key not in {"i", "a"}
    initial = initial or (at > first and token.key == "a" and token.title)
    prefix = token.key in {"mc", "mac", "o", "st", "saint", "van", "von", "de", "di", "la", "el"}
    return (particle and (at > first or prefix)) or (initial and not is_spelled(following.key))


def in_address(turn: Turn, at: int) -> bool:
    """Whether a street's kind, a state or a company's kind follows ("Jackson Road")."""
    following = turn.keys(at, at + 2)
    if not following:
        return False
    pair = " ".join(following)
    return (
        following[0] in COMPANY
        or pair in COMPANY
        or following[0] in listed("street_suffixes") - {"st", "dr", "close", "way", "row", "place"}
        or following[0] in listed("states")
        or pair in listed("states")
    )


def names_thing(turn: Turn, last: int) -> bool:
    """Whether what ends before ``last``, or begins there, is a thing ("Alexandra Park")."""
    things = listed("named_things")
    following = turn.keys(last, last + 1)
    ends = turn.tokens[last - 1].stops or "," in turn.tokens[last - 1].after
    return turn.tokens[last - 1].key in things or (
        not ends and following[:1] != () and (following[0] in things)
    )


def well_known(turn: Turn) -> set[int]:
    """Tokens of brands and famous people that are made of names ("Ben and Jerry's")."""
    keys = tuple(plain(key) for key in turn.all_keys)
    names = phrases("well_known_names")
    tokens: set[int] = set()
    for at, key in enumerate(keys):
        if key in names:
            tokens.update(range(at, at + longest(names, keys, at)))
    return tokens


def in_codes(turn: Turn) -> set[int]:
    """Tokens of codes with figures whose letters are named ("J as in John, 4 4 1")."""
    if not any(is_spelled(token.key) for token in turn.tokens):
        return set()
    words = [
        Word(0, found.start(), found.end(), found.group())
        for found in _WORD.finditer(turn.text)
        if found.group() != PAUSE
    ]
    runs = read(words, voc=vocabulary(turn.language))
    codes = [
        part.word for run in runs if run.digits and Flag.SPELLED in run.flags for part in run.parts
    ]
    return {
        index
        for index, token in enumerate(turn.tokens)
        if any(word.start <= token.start < word.end for word in codes)
    }


def begins(turn: Turn, at: int) -> bool:
    """Whether a token begins a sentence, fillers and greetings before it left out."""
    while at > 0 and not turn.tokens[at - 1].stops:
        token: Token = turn.tokens[at - 1]
        if token.key not in LEAD_IN and token.key not in FILLERS:
            return False
        at -= 1
    return True
