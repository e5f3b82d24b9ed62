"""No command of the docs is silently not run: each block says that it is, or why it can't be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.repository.blocks import PAGES, ROOT, Block, blocks

pytestmark = pytest.mark.unit

ALL = [one for page in PAGES for one in blocks(page)]


def _place(block: Block) -> str:
    return f"{block.page}:{block.line}"


def test_every_block_of_commands_is_run_or_says_why_not() -> None:
    commands = [one for one in ALL if one.commands]
    assert len(commands) > 80
    silent = [_place(one) for one in commands if one.mark not in {"run", "not run"}]
    assert silent == [], "put <!-- run --> or <!-- not run: why --> before these"


def test_more_pages_are_run_than_not() -> None:
    run = {one.page for one in ALL if one.mark == "run"}
    assert {"README.md", "docs/quickstart.md", "docs/redact.md", "docs/vault.md"} <= run
    assert len(run) >= 20


def test_reasons_are_sentences_and_name_tests_that_are_there() -> None:
    for one in ALL:
        if one.mark == "not run":
            assert len(one.said.split()) >= 2, _place(one)
            for name in re.findall(r"tests/[\w./]*\w", one.said):
                assert (ROOT / name).exists(), f"{_place(one)}: {name}"


def test_marks_stand_before_blocks() -> None:
    """A mark that no block follows would be a block that is not run."""
    for page in PAGES:
        marks = re.findall(r"(?m)^<!-- (?:run|file|not run)\b.* -->$", page.read_text("utf-8"))
        assert len(marks) == sum(bool(one.mark) for one in blocks(page)), page.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!-- run -->\n```sh\nhushwire version\n```\n", [("run", "", True)]),
        ("<!-- run: vault -->\n\n    hushwire version\n\n    make x\n", [("run", "vault", True)]),
        ("Text\n\n    hushwire version\n", [("", "", True)]),
        ("<!-- file: a.yaml -->\n```yaml\nname: x\n```\n", [("file", "a.yaml", False)]),
        ("```\nHUSHWIRE_A=b\n```\n", [("", "", False)]),
    ],
)
def test_what_a_block_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    expected: list[tuple[str, str, bool]],
) -> None:
    monkeypatch.setattr("tests.repository.blocks.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(text)
    assert [(one.mark, one.said, one.commands) for one in blocks(page)] == expected
