"""``make test`` and ``make nightly`` leave no test out."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import LONGEST
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def _given(name: str) -> str:
    (found,) = re.findall(rf"(?m)^{name} := (.+)$", MAKEFILE)
    return str(found)


@cache
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
    places = tuple(
        place if place.endswith(".py") else f"{place}/" for place in _given("SERVED_IN").split()
    )
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "tests").rglob("*.py")}
    assert [
        name
        for name, path in files.items()
        if not name.startswith(places) and _marks(path) & served
    ] == []


def test_what_is_begun_first_is_there() -> None:
    assert [one for one in LONGEST if not (ROOT / "tests" / one).is_file()] == []


def test_both_parts_of_make_test_and_the_nightly_ones_are_all_tests() -> None:
    (recipe,) = re.findall(r"(?ms)^test: .*?\n\n", MAKEFILE)
    chosen = re.findall(r'-m "([^"]+)"', recipe)
    assert chosen == ["($(SERVED)) and not nightly", "not ($(SERVED)) and not nightly"]
    nightly = (ROOT / ".ci" / "nightly").read_text(encoding="utf-8")
    assert re.findall(r"pytest (?:-q )?-m (\w+|\"[^\"]+\") ", nightly) == [
        '"nightly and not hypothesis"',
        "hypothesis",
    ]


def test_every_property_is_chosen_by_the_night() -> None:
    """Hypothesis marks a test that it drives itself, not one that holds a property."""
    unseen = []
    for file in (ROOT / "tests").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for test in ast.walk(ast.parse(text)) if "given" in text else ():
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                told = [{*map(ast.unparse, one.decorator_list)} for one in _functions(test)]
                inside = any(one.startswith("given(") for names in told[1:] for one in names)
                if inside and "pytest.mark.hypothesis" not in told[0]:
                    unseen.append(f"{file.name}: {test.name}")
    assert unseen == []


def test_a_night_tries_other_examples_also_where_ci_is_set() -> None:
    told = "from hypothesis import settings; import tests.conftest; print(settings().derandomize)"
    for profile, same in (("nightly", "False"), ("ci", "True")):
        done = subprocess.run(
            [sys.executable, "-c", told],
            cwd=ROOT, env=os.environ | {"CI": "true", "HYPOTHESIS_PROFILE": profile},
            check=True, capture_output=True, text=True, timeout=HANG_S,
        )  # fmt: skip
        assert done.stdout.strip() == same
    fixed = [
        path.name
        for path in (ROOT / "tests").rglob("test_*.py")
        if "derandomize=" in path.read_text(encoding="utf-8") and path != Path(__file__)
    ]
    assert fixed == []


def _functions(node: ast.AST) -> list[ast.FunctionDef]:
    """A function, and those inside."""
    return [one for one in ast.walk(node) if isinstance(one, ast.FunctionDef)]


def test_contributing_names_what_runs_only_at_night() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("| tests | nightly |")[2].partition("\n\n")[0]
    marked = {path.name for path in (ROOT / "tests").rglob("*.py") if "nightly" in _marks(path)}
    assert marked
    assert sorted(name for name in marked if name not in table) == []
