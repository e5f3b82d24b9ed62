"""Guards patterns that come from outside: none may take long, whatever is said.

A pattern that backtracks without end would stop detection, and Presidio skips one that takes
longer than a minute: what it should have found would be audible. Here a pattern is tried on texts
that would make it backtrack before it is accepted, and at work it has :data:`AT_WORK_S`; then the
analysis of the turn fails, and the turn is silenced whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

import regex

from pipeline.errors import ModelError

LONGEST_TURN: Final = 800
"""Characters of the longest text that recognisers see: a turn of 60 words and what was before."""
AT_LOAD_S: Final = 0.1
"""Longest search over one trial text; a harmless pattern takes a ten-thousandth of it."""
AT_WORK_S: Final = 0.5
_FALLS_OUT: Final = "\x00"
"""Stands behind what is repeated, so that a match that went well until then has to be given up."""
_COMMON: Final = ("a", "1", " ", "a ", "1 ", "1-", "a1", "a.", "@a", "one ")
_parser: Any = import_module("re._parser")
_BLANK: Final = frozenset({"AT", "ASSERT", "ASSERT_NOT"})
_GROUPS: Final = frozenset({"SUBPATTERN", "ATOMIC_GROUP"})
_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_CLASSES: Final = {
    "CATEGORY_DIGIT": "1",
    "CATEGORY_SPACE": " ",
    "CATEGORY_WORD": "a",
    "CATEGORY_NOT_DIGIT": "a",
    "CATEGORY_NOT_SPACE": "a",
    "CATEGORY_NOT_WORD": "-",
}


def problem_of(pattern: str, flags: int) -> str:
    """Why a pattern is refused; empty where it is accepted.

    Args:
        pattern: a regular expression.
        flags: of the ``regex`` module.
    """
    try:
        compiled = regex.compile(pattern, flags=flags)
    except regex.error as error:
        return f"no regular expression: {error}"
    if compiled.fullmatch(""):
        return "matches an empty text, and so everywhere"
    for text in _trials(pattern):
        if not _quick(compiled, text) and not _quick(compiled, text):
            return (
                "can take for ever: it repeats something that it can also match in another way "
                f"(more than {AT_LOAD_S:g} s on {len(text)} characters)"
            )
    return ""


def bind(recognizer: Any) -> None:  # noqa: ANN401 - Presidio's types are partial
    """Give every pattern of a ``PatternRecognizer`` a time limit that raises, and does not skip."""
    flags = recognizer.global_regex_flags
    for pattern in recognizer.patterns:
        compiled = regex.compile(pattern.regex, flags=flags)
        pattern.compiled_regex = _Bounded(compiled, recognizer.name)
        pattern.compiled_with_flags = flags


class _Bounded:
    """A compiled pattern as Presidio uses it."""

    def __init__(self, compiled: Any, owner: str) -> None:  # noqa: ANN401 - regex has no types
        self._compiled, self._owner = compiled, owner

    def finditer(self, text: str, timeout: float | None = None) -> list[Any]:  # noqa: ARG002
        """Every match.

        Raises:
            ModelError: it took too long; not a ``TimeoutError``, which Presidio would swallow.
        """
        try:
            return list(self._compiled.finditer(text, timeout=AT_WORK_S))
        except TimeoutError:
            raise ModelError(f"a pattern of {self._owner} took longer than {AT_WORK_S} s") from None


def _quick(compiled: Any, text: str) -> bool:  # noqa: ANN401 - regex has no types
    try:
        for _ in compiled.finditer(text, timeout=AT_LOAD_S):
            pass
    except TimeoutError:
        return False
    return True


def _trials(pattern: str) -> Iterator[str]:
    """Texts on which a pattern that backtracks would do so."""
    pumped = dict.fromkeys(("", piece) for piece in _COMMON)
    try:
        tree = list(_parser.parse(pattern))
    except Exception:  # noqa: BLE001 - syntax that only the regex module has
        tree = []
    pumped.update(dict.fromkeys(_pumps(tree, "")))
    whole = _sample(tree)  # without it the search ends at once where a pattern needs a certain text
    for before, piece in pumped:
        if piece:
            yield before + piece * (LONGEST_TURN // len(piece)) + _FALLS_OUT + whole


def _pumps(items: Sequence[tuple[Any, Any]], before: str) -> Iterator[tuple[str, str]]:
    """Every repeated piece of a pattern, and a text that leads to it."""
    for kind, value in items:
        for branch in _branches(str(kind), value):
            if str(kind) in _REPEATS:
                yield before, _sample(branch)
            yield from _pumps(branch, before)
        before += _sample([(kind, value)])


def _branches(kind: str, value: Any) -> list[list[tuple[Any, Any]]]:  # noqa: ANN401 - a parse tree
    """The item lists inside an item."""
    if kind in _REPEATS:
        return [list(value[2])]
    if kind == "BRANCH":
        return [list(branch) for branch in value[1]]
    if kind in _GROUPS:
        return [list(value[-1] if kind == "SUBPATTERN" else value)]
    return []


def _sample(items: Sequence[tuple[Any, Any]]) -> str:
    """A short text that matches."""
    return "".join(_piece(str(kind), value) for kind, value in items)


def _piece(kind: str, value: Any) -> str:  # noqa: ANN401 - a parse tree
    if kind == "LITERAL":
        return chr(value)
    if kind == "IN":
        return _member(value)
    if kind in _REPEATS:
        return _sample(list(value[2])) * max(1, min(int(value[0]), 3))
    branches = _branches(kind, value)
    if branches:
        return _sample(branches[0])
    return "" if kind in _BLANK else "a"


def _member(members: Sequence[tuple[Any, Any]]) -> str:
    """A character of a set; of a negated one a letter or a dash, whichever is not excluded."""
    kind, value = str(members[0][0]), members[0][1]
    if kind == "NEGATE":
        named = {chr(one) for name, one in members[1:] if str(name) == "LITERAL"}
        return "a" if "a" not in named else "-"
    if kind == "RANGE":
        return chr(value[0])
    if kind == "CATEGORY":
        return _CLASSES.get(str(value), "a")
    return chr(value) if isinstance(value, int) else "a"
