"""Every check that the pipeline asks has words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agents.reports.check_words import _HOLDS, WORDS, words_of

pytestmark = pytest.mark.unit

PIPELINE = Path(__file__).parents[3] / "pipeline"


def _asked() -> set[str]:
    """Names of checks that the pipeline makes: ``Check("…")`` and ``Check.none_of("…")``."""
    found = set()
    for file in PIPELINE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if ast.unparse(node.func) in {"Check", "Check.none_of"} and isinstance(
                node.args[0], ast.Constant
            ):
                found.add(str(node.args[0].value))
    return found


def test_each_check_has_words_and_no_words_are_left_over() -> None:
    assert _asked() == set(WORDS)
    assert len(_asked()) > 20


def test_words_say_what_to_do() -> None:
    assert all(one.title[0].isupper() and one.todo.endswith(".") for one in WORDS.values())
    again = words_of("stored_samples_missing")
    assert again.title == "Redacted samples that never came"
    assert words_of("stored_energy_in_mutes_dbfs").title.endswith(", in the stored file")
    assert again.holds == "All redacted samples came"
    assert words_of("stored_wrong_fill_samples").holds.endswith("nothing else, in the stored file")
    assert words_of("one_detection").holds == words_of("one_detection").title
    assert set(_HOLDS) <= set(WORDS)
    other = words_of("asked_by_a_newer_version")
    assert other.title == "Asked by a newer version"
    assert "Another version" in other.todo
