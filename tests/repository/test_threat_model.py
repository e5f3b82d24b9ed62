"""The threat model names tests that exist, for everything that has to fail closed."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
PROOFS = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)::([a-z_0-9]+)`", PAGE)
REACH = (
    "tamper",
    "replay",
    "moved record",
    "wrong key",
    "missing key",
    "expired token",
    "wrong role",
)
"""What has to have a test that fails closed."""
WAYS = (
    "Recorder", "broker", "workers", "Ledger", "vault", "API", "audit log", "Operators",
)  # fmt: skip


@cache
def _tests(file: str) -> set[str]:
    if not (ROOT / "tests" / file).is_file():
        return set()
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_named_test_exists() -> None:
    assert [
        f"{file}::{name}" for file, name in sorted(set(PROOFS)) if name not in _tests(file)
    ] == []


def test_every_threat_has_a_proof() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| [STRIDE] \|", line)]
    assert len(rows) > 30
    for row in rows:
        assert re.search(r"`(?:[a-z_]+/)+[a-z_]+\.py::test_", row), row
    assert {row[2] for row in rows} == set("STRIDE")


@pytest.mark.parametrize("what", REACH)
def test_what_has_to_fail_closed_is_in_a_row(what: str) -> None:
    assert re.search(rf"\|[^|]*\*\*{what}\*\*[^|]*\|", PAGE)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_data_says_what_is_not_covered(way: str) -> None:
    (section,) = [one for one in PAGE.split("\n## ")[1:] if way in one.splitlines()[0]]
    assert "**Not covered:**" in section


def test_no_page_claims_what_can_not_be_claimed() -> None:
    claims = re.compile(
        r"(?i)\b(?:removes?|takes? .{0,20}out of|reduces?) .{0,30}\bPCI(?: DSS)? scope"
        r"|(?:is|are|becomes?) (?:fully )?(?:de-identified|anonymous|anonymised)"
    )
    for path in [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = " ".join(path.read_text(encoding="utf-8").split())
        for found in claims.finditer(text):
            before = text[max(0, found.start() - 60) : found.start()].lower()
            negated = any(word in before for word in ("not ", "never ", "no ", "nor ", "that "))
            assert negated, f"{path.name}: {found.group(0)}"
