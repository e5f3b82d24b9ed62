"""The site: every page is in its navigation, and what code says of pages is there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from mkdocs.config import load_config

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
BY_FOLDER = ("adr/", "runbooks/")
"""Their pages come into the navigation by themselves (.ci/site/hooks.py)."""


def _pages(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    inside = nav.values() if isinstance(nav, dict) else nav
    assert isinstance(inside, Iterable)
    return [page for one in inside for page in _pages(one)]


@pytest.fixture(scope="module")
def navigation() -> list[str]:
    return _pages(load_config(str(ROOT / "mkdocs.yml"))["nav"])


def test_every_page_is_in_the_navigation_once(navigation: list[str]) -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("**/*.md")}
    missing = {one for one in pages if not one.startswith(BY_FOLDER)} - set(navigation)
    assert missing == set(), "add these to nav in mkdocs.yml"
    assert len(navigation) == len(set(navigation))


def test_pages_that_code_names_are_there() -> None:
    """Messages, helps and comments lead somewhere."""
    for folder in ("agents", "console", "models", "pipeline", "policies", "deploy", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".yaml", ".yml", ".tpl", ".html", ".json", ".md"}:
                for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text("utf-8")):
                    assert (ROOT / name).is_file(), f"{path.relative_to(ROOT)}: {name}"


def test_every_runbook_is_listed() -> None:
    listed = (ROOT / "docs/runbooks.md").read_text("utf-8")
    there = {path.name for path in (ROOT / "docs/runbooks").glob("*.md")}
    assert set(re.findall(r"\(runbooks/([\w-]+\.md)\)", listed)) == there


def test_upgrade_notes_name_the_version_that_is_built() -> None:
    version = re.search(r'(?m)^version = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert version is not None
    notes = (ROOT / "docs/upgrading.md").read_text("utf-8")
    assert re.search(rf"(?m)^### {re.escape(version[1])}\b", notes)


def test_the_reference_is_made_of_the_program() -> None:
    sys.path.insert(0, str(ROOT / ".ci" / "site"))
    try:
        import reference  # type: ignore[import-not-found]  # noqa: PLC0415 - beside the site's hooks
    finally:
        sys.path.pop(0)
    made = reference.pages()
    assert "## hushwire redact\n" in made["commands"]
    assert "### hushwire topics update\n" in made["commands"]
    assert "`--shorten`" in made["commands"]
    assert "## GET /api/calls/&#123;call_id}/transcript" in made["api"]
    assert "### Problem" in made["api"]
    assert "## hushwire.audio.in\n" in made["events"]
    assert "../adr/0008-encrypted-vault.md" in made["decisions"]
