"""What tells of a word whether it is part of something personal, for the tagger.

The word and those round it, lists that they stand in, signs, what the other side said last and what
was asked for. An attribute is a name; one that ends in ``@2`` comes from the word two words on, one
that ends in ``|r`` is told of rare words only. Figures are told by their number, never by value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Final, NamedTuple

from models.frequency import zipf
from models.lexicon import diseases, given_names, listed, medicines, surnames, words_in
from models.spoken import Turn

REACH: Final = 3
"""How many words to either side tell of a word."""
KINDS: Final = "dlscr"
"""Kinds of words: figures, letters, small words, common and rare ones."""
_PAIRED: Final = (-2, -1, 0, 1)
"""Where pairs of words begin that tell of a word."""
_HEARD: Final = 24
"""Words of the other side, counted from its last one, that tell of an answer."""
_HEARD_PAIRS: Final = 16
_RARE: Final = 4.0
"""Zipf frequency below which a word is rare."""
_FIGURE: Final = re.compile(r"\d")
_LONGEST: Final = 6
"""Figures from which a number is a long one."""
_MANY_A_LINE: Final = ("condition_adverbs", "everyday_doings", "everyday_moods", "not_ailing")
"""Lists that have many words in a line."""
_FREQUENT: Final = 7
_INDEX: Final = 4
_LENGTH: Final = 5
_WORDS_A_LENGTH: Final = 3
"""A turn's length is told in steps of so many words."""


class Place(NamedTuple):
    """Where a word stands in a turn; nothing of the word itself."""

    nth: int
    length: int
    kind: str
    mark: str
    """What stands behind it, and behind the word before it."""
    mark_before: str
    raised: bool
    """A capital amid a sentence."""
    last: bool


@cache
def _small_words() -> frozenset[str]:
    return words_in("small_words")


@cache
def _listed() -> dict[str, list[str]]:
    """The names of our own lists that a word is an entry of."""
    folder = resources.files("models") / "lexicons"
    files = sorted(path.name for path in folder.iterdir() if path.name.endswith(".txt"))
    found: dict[str, list[str]] = {}
    for name in (file.removesuffix(".txt") for file in files):
        for word in words_in(name) if name in _MANY_A_LINE else listed(name):
            found.setdefault(word, []).append(name)
    return found


def _lists_with(key: str) -> list[str]:
    """The names of all lists that a word is in, with those where it only begins an entry."""
    found = list(_listed().get(key, ()))
    for name, lexicon in (("diseases", diseases()), ("drugs", medicines())):
        if key in lexicon:
            found += [f"{name}+"] + [name] * ("" in lexicon[key])
    return found + ["given"] * (key in given_names()) + ["surnames"] * (key in surnames())


def is_small(key: str) -> bool:
    """Whether a word says little by itself."""
    return key in _small_words()


def kind_of(key: str) -> str:
    """What sort of word a key is, by one of the letters of ``KINDS``."""
    if _FIGURE.search(key):
        return "d"
    if len(key) == 1 and key not in "ai":
        return "l"
    if key in _small_words():
        return "s"
    return "r" if zipf(key) < _RARE else "c"


def masked(key: str) -> str:
    """A word with figures without their values."""
    return key if key.isalpha() else _FIGURE.sub("0", key)


def of_word(key: str) -> list[tuple[str, int]]:
    """What a word tells, and how many words off it tells it at most.

    Args:
        key: as ``masked`` gives it.
    """
    kind = kind_of(key)
    size = {"d": min(len(key), _LONGEST), "l": 0, "s": 0}
    told = [
        (f"w={key}", REACH),
        (f"s={kind}{size.get(kind, min(_FREQUENT, int(zipf(key))))}", REACH - 1),
        (f"ends={key[-3:]}", 0),
        (f"begins={key[:4]}", 0),
    ]
    return told + [(f"in={name}", 1) for name in _lists_with(key)]


def of_pairs(keys: Sequence[str]) -> list[str]:
    """What each two words in a row tell."""
    return [f"v={first}_{second}" for first, second in pairwise(keys)]


def places(turn: Turn, kinds: Sequence[str]) -> list[Place]:
    """The place of each token, of which the kinds are known."""
    count = len(turn.tokens)
    length = min(count // _WORDS_A_LENGTH, _LENGTH)
    found, mark_before, stops = list[Place](), "", True
    for index, (token, kind) in enumerate(zip(turn.tokens, kinds, strict=True)):
        mark = "" if token.after == " " else token.after.strip()[:1]
        nth = min(index, _INDEX)
        raised, last = token.title and not stops, index + 1 == count
        found.append(Place(nth, length, kind, mark, mark_before, raised, last))
        mark_before, stops = mark, bool(mark) and token.stops
    return found


def of_place(place: Place) -> list[str]:
    """What the place of a word tells."""
    told = ["any", f"index={place.nth}|{place.kind}", f"length={place.length}|{place.kind}"]
    if place.mark:
        told.append(f"mark={place.mark}")
    if place.mark_before:
        told.append(f"before={place.mark_before}")
    return told + ["raised"] * place.raised + ["first"] * (not place.nth) + ["last"] * place.last


def of_talk(turn: Turn) -> list[str]:
    """What the call tells of every word of a turn; each kind of word has weights of its own."""
    heard = [masked(key) for key in turn.heard[-_HEARD:]]
    told = [f"q={key}" for key in sorted(set(heard) - _small_words())]
    told += [f"q{pair}" for pair in sorted(set(of_pairs(heard[-_HEARD_PAIRS:])))]
    told += [f"asked={entity}" for entity in sorted({entity for entity, _ in turn.expects})]
    told += [f"lately={entity}" for entity in sorted(turn.lately)]
    told += [f"said={entity}" for entity in sorted(turn.recent)]
    return told + ["medical"] * turn.medical + ["secret"] * turn.secret


def attributes(turn: Turn) -> list[list[str]]:
    """Everything that tells of each token of a turn, as the training reads it."""
    keys = [masked(key) for key in turn.all_keys]
    words = [of_word(key) for key in keys]
    pairs = of_pairs(keys)
    kinds = [kind_of(key) for key in keys]
    talk = of_talk(turn)
    found = []
    for index, place in enumerate(places(turn, kinds)):
        told = of_place(place) + [f"{one}|{place.kind}" for one in talk]
        for distance in range(-REACH, REACH + 1):
            if 0 <= index + distance < len(words):
                near = words[index + distance]
                told += [f"{one}@{distance}" for one, far in near if abs(distance) <= far]
        for distance in _PAIRED:
            if 0 <= index + distance < len(pairs):
                told.append(f"{pairs[index + distance]}@{distance}")
        found.append(told)
    return found
