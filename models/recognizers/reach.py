"""How far a complaint reaches in a call about health: where it is, how, and what comes with it.

"Stung on the lip", "swelled shut", "went stiff and then blue round the mouth".
"""

from __future__ import annotations

from functools import cache
from typing import Final

from models.answers import sentence_end
from models.lexicon import inflected, listed, longest_listed, words_in
from models.spoken import Turn

_LONGEST: Final = 6
_ENDS: Final = frozenset(
    ["but", "so", "because", "cos", "since", "when", "which", "though", "until", "i", "im",
     "ive", "shes", "hes", "do", "can", "could", "should", "would", "please", "thanks", "and",
     "then", "yeah", "for", "today", "yesterday", "last", "now", "if", "after", "before",
     "while", "who", "please"]
)  # fmt: skip
"""Words with which something else begins."""
_NOTHING: Final = frozenset(
    ["to", "of", "the", "a", "an", "my", "and", "in", "on", "at", "with", "as"]
)  # fmt: skip
_AT: Final = frozenset(
    ["in", "on", "under", "over", "round", "around", "behind", "through", "across", "up", "down",
     "from", "into", "with", "at", "by", "to", "below", "above", "near", "inside", "between",
     "along", "against", "off", "onto"]
)  # fmt: skip
_WHOSE: Final = frozenset(
    ["the", "my", "his", "her", "their", "me", "both", "one", "all", "left", "right", "lower",
     "upper", "whole", "other", "back", "top", "bottom", "side", "sides", "of", "inner", "front",
     "same", "that", "this", "a", "an", "some", "tip", "end", "middle", "base"]
)  # fmt: skip
_MORE: Final = frozenset(
    ["then", "all", "very", "really", "so", "a", "bit", "no", "gone", "going", "getting", "quite",
     "just", "also", "feeling", "went", "is", "are", "turned", "more", "bad"]
)  # fmt: skip
"""Words between "and" and what else ails somebody."""
_WHENEVER: Final = frozenset({"when", "whenever", "if"})
_SOMEONE: Final = frozenset({"i", "he", "she", "im", "hes", "shes"})
_LIKE: Final = frozenset({"like", "as"})
_ROUNDS: Final = 3
_WORDS: Final = 3


def until(turn: Turn, at: int) -> int:
    """Token after what is said from ``at`` on, to the end of the clause."""
    if at >= len(turn.tokens) or parted(turn, at - 1):
        return at
    stop = sentence_end(turn, at, _LONGEST)
    last = at
    while last < stop and turn.tokens[last].key not in _ENDS:
        last += 1
        if "," in turn.tokens[last - 1].after:
            break
    while last > at and turn.tokens[last - 1].key in _NOTHING:
        last -= 1
    return last


def parted(turn: Turn, at: int) -> bool:
    """Whether more than a blank or a hyphen follows a token."""
    return bool(turn.tokens[at].after.strip(" -"))


def unbroken(turn: Turn, first: int, last: int) -> bool:
    """Whether no sentence ends within tokens ``[first, last)``."""
    return not any(token.stops for token in turn.tokens[first : last - 1])


def carried_on(turn: Turn, last: int) -> int:
    """``last`` moved over where it is, how it is and what comes with it."""
    for _ in range(_ROUNDS):
        if last >= len(turn.tokens) or parted(turn, last - 1):
            break
        further = _further(turn, last)
        if further == last:
            break
        last = further
    return last


def _further(turn: Turn, at: int) -> int:
    key = turn.tokens[at].key
    size = longest_listed("condition_tails_told", turn.all_keys, at)
    if size or key in words_in("condition_adverbs"):
        return at + max(size, 1)
    if key in _AT:
        return _place(turn, at)
    if key == "and":
        return _also(turn, at)
    following = turn.keys(at + 1, at + 2)
    likened = key in _LIKE and not _WHOSE.isdisjoint(following)
    if likened or (key in _WHENEVER and not _SOMEONE.isdisjoint(following)):
        return min(until(turn, at + 2), at + 2 + _WORDS)
    return at


def _place(turn: Turn, at: int) -> int:
    """Token after "on the lip", "up to the groin"; ``at`` where no part is named."""
    last = at + 1
    stop = sentence_end(turn, at, _LONGEST + 1)
    while last < stop and turn.tokens[last].key in _WHOSE and not parted(turn, last - 1):
        last += 1
    first = last
    if last >= stop or parted(turn, last - 1):
        return at
    for end in (first + 2, first + 1):
        if end <= stop and " ".join(turn.keys(first, end)).removesuffix("s") in _body():
            return end
    return at


def _also(turn: Turn, at: int) -> int:
    """Token after "and then blue"; ``at`` where nothing that ails anybody comes with it."""
    first = at + 1
    while first < len(turn.tokens) and turn.tokens[first].key in _MORE:
        first += 1
    if first >= len(turn.tokens) or any(parted(turn, one) for one in range(at, first)):
        return at
    for end in (first + 2, first + 1):
        if end <= len(turn.tokens) and " ".join(turn.keys(first, end)) in _ailing():
            return end
    return at


@cache
def _body() -> frozenset[str]:
    return listed("body_parts") | listed("bodily")


@cache
def _ailing() -> frozenset[str]:
    named = ("body_faults", "body_faults_weak", "unwell", "unwell_weak", "complaints", "it_turned",
             "symptoms")  # fmt: skip
    return inflected("body_verbs").union(*map(listed, named)) - words_in("not_ailing")
