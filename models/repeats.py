"""Where a turn says again, corrects or spells what was said before in the call.

Outcome: tokens ``[first, last)`` of each such place; none where nothing was said before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from models.answers import is_number, is_spelled
from models.frequency import zipf
from models.lexicon import listed
from models.memory import telling
from models.spoken import Turn

AGAIN: Final = "said again"
"""Pattern of what is found here."""
_PIECE: Final = re.compile(r"[^\W\d_]+|\d+")
_SHORTEST_SPELLED: Final = 3
_SHORTEST_PART: Final = 5
"""Letters that two words begin with, of which one was misheard or cut off."""
_UNHEARD: Final = 2.8
"""Zipf frequency below which a word is one that was said before, misheard: "Bramling"."""
_MISHEARD: Final = 3
"""By how many letters such a word may be longer or shorter."""
_MOST_BETWEEN: Final = 3
_BETWEEN: Final = listed("between_parts")
_CASES: Final = frozenset({"capital", "double", "triple", "small", "big", "lowercase", "uppercase"})
_LETTERS_OF_WORDS: Final = frozenset({"a", "i"})


def letters_at(turn: Turn, at: int) -> tuple[str, int]:
    """Letters spelled from a token on ("double L", "S for sugar"), and the token after them."""
    letters = ""
    keys = turn.all_keys
    while at < len(keys):
        key = keys[at]
        following = keys[at + 1] if at + 1 < len(keys) else ""
        if is_spelled(key):
            letters += key
            at += 1
            standin = at + 1
            if keys[at : at + 2] == ("as", "in"):
                standin = at + 2
            linked = standin > at + 1 or keys[at : at + 1] in {("for",), ("like",)}
            if linked and standin < len(keys) and keys[standin][:1] == key:
                at = standin + 1
        elif key in _CASES and is_spelled(following):
            letters += following if key in {"double", "triple"} else ""
            at += 1
        else:
            break
    return letters, at


def said_again(
    turn: Turn, entity: str, part: Callable[[str], bool], found: Sequence[tuple[int, int]] = ()
) -> Iterator[tuple[int, int]]:
    """Every place that says again what was found as an entity.

    Args:
        turn: with what is known of the call.
        entity: its type.
        part: tells what belongs to a value that it stands beside ("underscore", "Lane").
        found: tokens ``[first, last)`` that were found in this turn; on one channel both sides
            may speak in it.
    """
    words = turn.said.get(entity, frozenset())
    here = {word for first, last in found for word in telling(turn, entity, first, last)}
    if not words and not here:
        return
    reached = 0
    for first, last in _told(turn, words | here):
        if first >= reached:
            begin, reached = _widened(turn, first, last, part)
            yield begin, reached


def just_said(turn: Turn, entity: str, found: Sequence[tuple[int, int]]) -> int:
    """Token from which talk may be of a value that was just said; their number for none."""
    if entity in turn.recent:
        return 0
    return min((last for _, last in found), default=len(turn.tokens))


def _told(turn: Turn, words: frozenset[str]) -> Iterator[tuple[int, int]]:
    keys = turn.all_keys
    at = 0
    while at < len(keys):
        letters, end = letters_at(turn, at)
        if len(letters) >= _SHORTEST_SPELLED and any(
            letters in word or word in letters for word in words
        ):
            yield at, end
        elif any(_same(piece, words) for piece in _PIECE.findall(keys[at])):
            yield at, at + 1
        elif at + 1 < len(keys) and keys[at] + keys[at + 1] in words:
            yield at, at + 2
        at = max(at + 1, end)


def _same(piece: str, words: frozenset[str]) -> bool:
    if piece in words:
        return True
    if len(piece) < _SHORTEST_PART:
        return False
    unheard = zipf(piece) < _UNHEARD
    return any(
        word.startswith(piece)
        or piece.startswith(word)
        or (unheard and word[:_SHORTEST_SPELLED] == piece[:_SHORTEST_SPELLED])
        for word in words
        if abs(len(word) - len(piece)) <= _MISHEARD and len(word) >= _SHORTEST_PART
    )


def _widened(turn: Turn, first: int, last: int, part: Callable[[str], bool]) -> tuple[int, int]:
    """The place with what belongs to the value beside it ("with an exclamation mark")."""
    keys = turn.all_keys
    at = last
    while at < len(keys) and at - last < _MOST_BETWEEN:
        parted = turn.tokens[at - 1].stops and not is_spelled(keys[at - 1])
        if parted or keys[at : at + 2] == ("and", "the"):  # "and the lane?"
            break
        if _belongs(turn, at, part):
            last = at + 1
        elif keys[at] not in _BETWEEN:
            break
        at += 1
    first = _widened_back(turn, first, part)
    while first < last and keys[first] == "at":
        first += 1
    return first, last


def _widened_back(turn: Turn, first: int, part: Callable[[str], bool]) -> int:
    keys = turn.all_keys
    at = first
    while at > 0 and first - at < _MOST_BETWEEN:
        at -= 1
        if turn.tokens[at].stops and not is_spelled(keys[at]):
            break
        if _belongs(turn, at, part):
            first = at
        elif keys[at] not in _BETWEEN:
            break
    return first


def _belongs(turn: Turn, at: int, part: Callable[[str], bool]) -> bool:
    key = turn.all_keys[at]
    if key in _LETTERS_OF_WORDS:
        return turn.tokens[at].title and key == "a"
    return is_spelled(key) or is_number(key) or part(key)
