"""The changes that ``make mutation`` makes, and that the modules it names are there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation.__main__ import MODULES
from tests.mutation.changes import mutants

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def changed(source: str) -> set[str]:
    return {ast.unparse(one.tree) for one in mutants(source)}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a == b", {"a != b"}),
        ("a and b", {"a or b", "a", "b"}),
        ("not a", {"a"}),
        ("a = 5", {"a = 6", "a = 4"}),
        ("a = True", {"a = False"}),
        ("a = 0.5", {"a = 1.0", "a = 0.25"}),
        ("max(a)", {"min(a)", "pass"}),
        ("a - b", {"a + b"}),
        ("a += b", {"pass"}),
        ("raise Error('1 < 2')", {"pass"}),
        ("if a:\n    raise Error", {"if not a:\n    raise Error", "pass", "if a:\n    pass"}),
        ("a if b else c", {"a", "c"}),
        ("a = [b for b in c if d]", {"a = [b for b in c]"}),
        ("a = (b, c)", {"a = (b,)", "a = (c,)"}),
        ("a: Literal[1] = b", set()),
        ("a = f'{1}'", set()),
    ],
)
def test_what_is_changed(source: str, wanted: set[str]) -> None:
    assert changed(source) == wanted


def test_a_change_says_where_it_is() -> None:
    (one,) = mutants("a = b\nc = not d\n")
    assert (one.line, one.last, one.change) == (2, 2, "not d -> d")
    first, _ = mutants("a = (\n    b\n    if c\n    else d\n)\n")
    assert (first.line, first.last) == (2, 4)


def test_the_modules_and_their_tests_are_there() -> None:
    for module, names in MODULES.items():
        assert (ROOT / module).is_file()
        assert all((ROOT / "tests" / name).is_file() for name in names)
