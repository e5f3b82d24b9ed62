"""``make test`` and ``make nightly`` leave no test out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def _given(name: str) -> str:
    (found,) = re.findall(rf"(?m)^{name} := (.+)$", MAKEFILE)
    return str(found)


def _marks(file: Path) -> set[str]:
    """Names of ``pytest.mark.…`` in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "mark"
    }


def test_what_needs_a_server_lies_where_make_test_looks_for_it() -> None:
    served = set(_given("SERVED").split(" or "))
    places = tuple(f"{place}/" for place in _given("SERVED_IN").split())
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "tests").rglob("*.py")}
    assert [
        name
        for name, path in files.items()
        if not name.startswith(places) and _marks(path) & served
    ] == []


def test_both_parts_of_make_test_and_the_nightly_ones_are_all_tests() -> None:
    (recipe,) = re.findall(r"(?ms)^test: .*?\n\n", MAKEFILE)
    chosen = re.findall(r'-m "([^"]+)"', recipe)
    assert chosen == ["($(SERVED)) and not nightly", "not ($(SERVED)) and not nightly"]
    nightly = (ROOT / ".ci" / "nightly").read_text(encoding="utf-8")
    assert "-m nightly " in nightly


def test_contributing_names_what_runs_only_at_night() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("| tests | nightly |")[2].partition("\n\n")[0]
    marked = {path.name for path in (ROOT / "tests").rglob("*.py") if "nightly" in _marks(path)}
    assert marked
    assert sorted(name for name in marked if name not in table) == []
