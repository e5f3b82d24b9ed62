"""One list of exit codes: the enum, the table of docs/operate/workers.md, and what names one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.app.checks.certificate_file import Problem
from agents.cli.errors import exit_code
from agents.system.fatal_exit import ExitCode
from pipeline import errors

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PLAIN = {0, 1}
"""What every program has, and may be written as numbers."""
ENDING = frozenset({"exit", "_exit", "Exit"})


def table() -> list[int]:
    page = (ROOT / "docs/operate/workers.md").read_text("utf-8")
    return [int(one) for one in re.findall(r"(?m)^\| (\d+) \|", page.partition("## Exit codes")[2])]


def numbers(node: ast.expr) -> Iterator[int]:
    return (
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and type(one.value) is int
    )


def test_the_table_has_every_code_once_and_in_order() -> None:
    assert table() == sorted(ExitCode)


def test_no_process_ends_with_a_number_of_its_own() -> None:
    found = []
    for package in ("agents", "console"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in ENDING and node.args and not set(numbers(node.args[0])) <= PLAIN:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    # 128 and the signal's number: 143 is in the table.
    assert [one.partition(":")[0] for one in found] == ["agents/__main__.py"]


@pytest.mark.parametrize("folder", ["agents", "docs"])
def test_codes_that_are_named_elsewhere_are_in_the_table(folder: str) -> None:
    """Helps of commands say ``Exit codes: 0 done; 2 …``, pages ``exit code 4``."""
    listed = re.compile(r"Exit codes?: ((?:\d+ [^.]*?(?:; |, |\.))+)")
    named, seen = re.compile(r"exit code[s:]? \(?(\d+)"), 0
    for path in (ROOT / folder).rglob("*"):
        if path.suffix not in {".py", ".md"}:
            continue
        text = " ".join(path.read_text("utf-8").split())
        said = {int(one) for one in named.findall(text)}
        for some in listed.findall(text):
            said |= {int(one) for one in re.findall(r"(?:^|; )(\d+) ", some)}
        assert said <= set(ExitCode), path
        seen += len(said)
    assert seen


def test_each_error_has_its_code() -> None:
    given = {
        errors.ModelError: ExitCode.NO_MODEL,
        errors.BrokerError: ExitCode.AWAY,
        errors.StoreError: ExitCode.AWAY,
        errors.KeyServiceError: ExitCode.AWAY,
        errors.SettingsError: ExitCode.REFUSED,
        errors.BusyError: ExitCode.REFUSED,
        errors.TamperError: ExitCode.REFUSED,
    }
    assert {one: exit_code(one("x")) for one in given} == given


def test_what_is_wrong_with_a_certificate_is_an_exit_code() -> None:
    assert {int(one) for one in Problem} <= set(ExitCode)
