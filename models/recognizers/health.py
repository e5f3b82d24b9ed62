"""What the recognisers of conditions share: figures of speech, and how far a complaint reaches.

A complaint has words before it that say how bad it is ("really bad migraines"), and words behind
it that say how ("wheezing like a train", "can't stand more than ten minutes"); they are part of it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from models.allergies import led_up_to
from models.lexicon import listed, longest_listed
from models.recognizers.base import Hit, SpokenRecognizer
from models.recognizers.figures import exaggerated, within
from models.recognizers.reach import carried_on, parted
from models.spoken import Turn
from pipeline.entities import Entity

_GRADES: Final = listed("condition_grades")
_COUNTED: Final = frozenset(
    [
        "couple of",
        "lots of",
        "loads of",
        "bits of",
        "load of",
        "series of",
        "number of",
        "bout of",
        "gone all",
        "went all",
        "going all",
        "gone really",
        "come over",
        "came over",
        "getting all",
    ]
)
_SEVERAL: Final = frozenset({"two", "three", "four", "five", "six", "several", "2", "3", "4"})
_ARTICLES: Final = frozenset({"a", "an"})
_DETERMINERS: Final = _ARTICLES | {"the", "my", "your", "his", "her", "their"}
_CANNOT: Final = frozenset(["cant", "cannot", "not", "dont", "doesnt", "wont", "unable", "hardly",
                            "barely", "couldnt", "struggle", "struggling", "isnt"])  # fmt: skip
_THAN: Final = frozenset({"more", "longer", "further", "farther"})
_COMPARED: Final = 3
_LIKENED: Final = frozenset({"like", "as"})
_BEFORE: Final = 4
"""How many words before a complaint may grade it."""


class HealthRecognizer(SpokenRecognizer):
    """A recogniser of conditions, with their grades; subclasses say in ``hits`` what they found."""

    @abstractmethod
    def hits(self, turn: Turn) -> Iterable[Hit]:
        """Conditions in the turn; hits may overlap."""

    def find(self, turn: Turn) -> Iterator[Hit]:
        """The hits that are meant, with the words that grade them."""
        found = list(self.hits(turn))
        if not found:
            return
        lightly = exaggerated(turn)
        for hit in found:
            if not within((hit.first, hit.last), lightly):
                whole = _compared(turn, graded(turn, hit))
                first = without_reaction(turn, whole.first)
                if first < whole.last:
                    yield replace(whole, first=first)


def without_reaction(turn: Turn, first: int) -> int:
    """``first`` moved over "I'm allergic to" before a medicine."""
    words = led_up_to(turn)
    while first in words:
        first += 1
    return first


def with_article(turn: Turn, first: int) -> int:
    """``first`` moved over an article, which is said in one breath with what it introduces."""
    return _moved_over(turn, first, _ARTICLES)


def with_determiner(turn: Turn, first: int) -> int:
    """``first`` moved over an article, or a word for whose it is."""
    return _moved_over(turn, first, _DETERMINERS)


def _moved_over(turn: Turn, first: int, words: frozenset[str]) -> int:
    before = turn.keys(first - 1, first) if first else ()
    return first - 1 if before and before[0] in words and not parted(turn, first - 1) else first


def graded(turn: Turn, hit: Hit) -> Hit:
    """A condition with the words before it that say how bad, of what kind or how many it is."""
    if hit.entity != Entity.MEDICAL_CONDITION:
        return hit
    first = hit.first
    while first > 0 and hit.first - first < _BEFORE and not parted(turn, first - 1):
        keys = turn.keys(first - 1, first)
        if keys[0] in _GRADES or (keys[0] in _SEVERAL and turn.medical):
            first -= 1
        elif first > 1 and " ".join(turn.keys(first - 2, first)) in _GRADES | _COUNTED:
            first -= 2
        else:
            break
    first = with_article(turn, first)
    return hit if first == hit.first else replace(hit, first=first)


def _compared(turn: Turn, hit: Hit) -> Hit:
    """A condition with what it is likened to, or how often or how little it lets somebody do."""
    last = hit.last
    ends = last >= len(turn.tokens) or parted(turn, last - 1)
    if ends or hit.entity != Entity.MEDICAL_CONDITION:
        return hit
    keys = turn.keys(last, last + _COMPARED + 1)
    size = longest_listed("condition_tails", turn.all_keys, last)
    if keys[0] in _LIKENED and len(keys) > 2 and keys[1] in {"a", "an"}:  # noqa: PLR2004
        last += _COMPARED
    elif not _CANNOT.isdisjoint(turn.keys(hit.first, last)):
        if keys[0] in _THAN and keys[1:2] == ("than",):
            last = min(last + _COMPARED + 1, len(turn.tokens))
        else:
            last += size or longest_listed("ability_tails", turn.all_keys, last)
    else:
        last += size
    if turn.medical:
        last = carried_on(turn, last)
    return hit if last == hit.last else replace(hit, last=last)
