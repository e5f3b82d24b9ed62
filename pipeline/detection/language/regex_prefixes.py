"""Which words regular expressions over words can begin with, read off the expressions.

A beginning is a word with a space behind it, for that word alone, or the first characters of words;
an empty one stands for every word. What is read off may be too much, never too little: it tells
which expressions a text rules out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, Final, TypeAlias

_parser: Any = import_module("re._parser")
_codes: Any = import_module("re._constants")

Nodes: TypeAlias = Sequence[tuple[Any, Any]]
"""What the parser makes of a part of an expression."""

_LONGEST: Final = 8
"""Characters by which a word is told."""
_WIDE_FIRST: Final = 40
"""Members of the largest set that is written out as the first character of a word."""
_WIDE: Final = 4
"""The same of a later character."""
_NOTHING: Final = frozenset({_codes.AT, _codes.ASSERT, _codes.ASSERT_NOT})
_LITERAL: Final = _codes.LITERAL
_IN: Final = _codes.IN
_BRANCH: Final = _codes.BRANCH
_GROUP: Final = _codes.SUBPATTERN
_RANGE: Final = _codes.RANGE
_CATEGORY: Final = _codes.CATEGORY
_DIGIT: Final = _codes.CATEGORY_DIGIT
_ATOMIC: Final = _codes.ATOMIC_GROUP
_REPEATS: Final = frozenset({_codes.MAX_REPEAT, _codes.MIN_REPEAT, _codes.POSSESSIVE_REPEAT})
_SPACE: Final = " "
_AT_WORD: Final = {""}
"""What a word has begun with where it begins."""


def beginnings(source: str) -> frozenset[str]:
    """What a match can begin with.

    Raises:
        re.error: the source is no regular expression.
    """
    return _first(_parser.parse(source), _AT_WORD)


def needed(source: str, share: Callable[[str], float]) -> list[frozenset[str]]:
    """What every match needs: of each set one word begins so.

    Args:
        source: an expression whose matches begin where a word does.
        share: of all words, those that have a beginning.

    Raises:
        re.error: the source is no regular expression.
    """
    found = _needs(_parser.parse(source), share, _AT_WORD)
    return list(dict.fromkeys(found))


class Beginnings:
    """Tells for a word which of many sets of beginnings it has one of.

    Args:
        sets: beginnings, as :func:`beginnings` or :func:`needed` reads them off.
    """

    def __init__(self, sets: Iterable[Iterable[str]]) -> None:
        self._places: dict[str, int] = {}
        self._size = 0
        for each in sets:
            self.add(each)

    def add(self, beginnings: Iterable[str]) -> int:
        """Add a set; returns its place."""
        for one in beginnings:
            for length in range(len(one)):
                self._places.setdefault(one[:length], 0)
            self._places[one] = self._places.get(one, 0) | 1 << self._size
        self._size += 1
        return self._size - 1

    @property
    def all(self) -> int:
        """The places of all sets."""
        return (1 << self._size) - 1

    def of(self, word: str) -> int:
        """The places of all sets that ``word`` has a beginning of, as bits."""
        if not word.isascii():
            return self.all  # how it matches a class is for the expression to say
        places = self._places.get(word + _SPACE, 0)
        for length in range(min(len(word), _LONGEST) + 1):
            begun = self._places.get(word[:length])
            if begun is None:
                break  # nothing begins so
            places |= begun
        return places


def _first(nodes: Nodes, begun: set[str]) -> frozenset[str]:
    done: set[str] = set()
    # What a match ends with in the midst of a word begins all words that go on so.
    return frozenset(done | _after(nodes, begun, done))


def _after(nodes: Nodes, begun: set[str], done: set[str]) -> set[str]:
    """What ``begun`` has become behind some nodes; what is whole by then goes to ``done``."""
    for kind, value in nodes:
        if not begun:
            break
        if kind == _LITERAL:
            begun = _appended(begun, chr(value), done)
        elif kind not in _NOTHING:
            begun = _behind(kind, value, begun, done)
    return begun


def _behind(kind: int, value: Any, begun: set[str], done: set[str]) -> set[str]:  # noqa: ANN401
    inside = _inside(kind, value)
    if inside is not None:
        return _after(inside, begun, done)
    if kind == _IN:
        return _appended(begun, _members(value), done)
    if kind == _BRANCH:
        return set[str]().union(*(_after(branch, begun, done) for branch in value[1]))
    if kind in _REPEATS:
        return _repeated(value, begun, done)
    done |= begun
    return set()


def _inside(kind: int, value: Any) -> Nodes | None:  # noqa: ANN401
    """The nodes of a group that changes nothing in how they match."""
    if kind == _GROUP and not value[1]:
        return value[3]  # type: ignore[no-any-return]
    return value if kind == _ATOMIC else None


def _repeated(value: tuple[Any, Any, Nodes], begun: set[str], done: set[str]) -> set[str]:
    least, most, nodes = int(value[0]), int(value[1]), value[2]
    behind = set(begun) if least == 0 else set()
    for times in range(1, min(most, max(least, _LONGEST + 1)) + 1):
        begun = _after(nodes, begun, done)
        if not begun or (times >= least and begun <= behind):
            break
        if times >= least:
            behind |= begun
    return behind


def _appended(begun: set[str], characters: str, done: set[str]) -> set[str]:
    """Beginnings with each of some characters behind; none stand for any character."""
    longer: set[str] = set()
    for one in begun:
        if not characters or len(characters) > (_WIDE if one else _WIDE_FIRST):
            done.add(one)
            continue
        for character in characters:
            if character != _SPACE:
                (longer if len(one) + 1 < _LONGEST else done).add(one + character)
            elif one:
                done.add(one + _SPACE)
            else:
                longer.add(one)
    return longer


def _members(value: Nodes) -> str:
    """The characters of a set; none where they are too many to tell."""
    found = ""
    for kind, member in value:
        if kind == _LITERAL:
            found += chr(member)
        elif kind == _RANGE and member[1] - member[0] < _WIDE_FIRST:
            found += "".join(map(chr, range(member[0], member[1] + 1)))
        elif kind == _CATEGORY and member == _DIGIT:
            found += "0123456789"
        else:
            return ""
    return found


def _needs(nodes: Nodes, share: Callable[[str], float], begun: set[str]) -> list[frozenset[str]]:
    """What a match of all of some nodes needs, behind what a word has begun with.

    Args:
        nodes: one after the other.
        share: of all words, those that have a beginning.
        begun: none where that is not known.
    """
    nodes = list(_flat(nodes))
    found: list[frozenset[str]] = []
    for index, (kind, value) in enumerate(nodes):
        if kind in _NOTHING:
            continue
        if begun == _AT_WORD or (begun and not index):
            first = _first(nodes[index:], begun)
            if "" not in first:
                found.append(first)
        if kind == _BRANCH:
            each = [_needs(branch, share, begun) for branch in value[1]]
            if all(each) and max(map(len, each)) > 1:
                found.append(frozenset[str]().union(*(_rarest(one, share) for one in each)))
        elif kind in _REPEATS and value[0] >= 1:
            found += _needs(value[2], share, begun)
        begun = _begun_behind((kind, value), begun)
    return found


def _begun_behind(node: tuple[Any, Any], begun: set[str]) -> set[str]:
    """What the word has begun with that a match is in behind a node; none where unknown."""
    if _ends_word([node], at_word=begun == _AT_WORD):
        return _AT_WORD
    done: set[str] = set()
    going_on = _after([node], begun, done)
    return set() if done else going_on


def _rarest(sets: list[frozenset[str]], share: Callable[[str], float]) -> frozenset[str]:
    return sets[0] if len(sets) == 1 else min(sets, key=lambda one: sum(map(share, one)))


def _flat(nodes: Nodes) -> Iterator[tuple[Any, Any]]:
    """Nodes of which every match has each, with groups opened."""
    for kind, value in nodes:
        inside = _inside(kind, value)
        if inside is None and kind in _REPEATS and value[0] >= 1 and value[1] == 1:
            inside = value[2]
        if inside is None:
            yield kind, value
        else:
            yield from _flat(inside)


def _ends_word(nodes: Nodes, *, at_word: bool) -> bool:
    """Whether a new word begins behind some nodes, before which one began or not."""
    for kind, value in nodes:
        if kind == _LITERAL:
            at_word = chr(value) == _SPACE
        elif kind in _NOTHING:
            continue
        elif kind == _GROUP:
            at_word = _ends_word(value[3], at_word=at_word)
        elif kind == _BRANCH:
            at_word = all(_ends_word(branch, at_word=at_word) for branch in value[1])
        elif kind in _REPEATS:
            once = _ends_word(value[2], at_word=at_word)
            at_word = once and (value[0] >= 1 or at_word) and _ends_word(value[2], at_word=once)
        else:
            at_word = False
    return at_word
