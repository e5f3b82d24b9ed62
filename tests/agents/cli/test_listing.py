"""Every list of every command: read whole on 80 columns, taken apart in a pipe, and as JSON."""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main
from rich.console import Console
from typer.testing import CliRunner

from agents.cli.main import app
from agents.cli.shared import listing
from agents.system import screen

pytestmark = pytest.mark.unit

CLI = Path(__file__).parents[3] / "agents"
TABLES = {"print_list", "print_listing", "show_rows"}
LISTS = {
    ("audit", "kinds"),
    ("calls", "list"),
    ("deadletter", "list"),
    ("doctor",),
    ("keys", "list"),
    ("marks", "list"),
    ("models", "licences"),
    ("models", "list"),
    ("policy", "versions"),
    ("quarantine", "list"),
    ("recognizers", "list"),
    ("settings",),
    ("shadow", "report"),
    ("tokens", "list"),
    ("webhooks", "list"),
}
"""Commands whose whole purpose is a list."""
OTHER_FORM = {"agents/cli/stored_calls/query.py": "--format json"}
NO_LIST = {
    "agents/app/run_folder.py": "the summary of a run, whose exit code says what counts",
    "agents/cli/measuring/reader.py": "two lines of figures at the end of a training",
}


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def commands(
    group: Any,  # noqa: ANN401 - Typer's own
    path: tuple[str, ...] = (),
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words by which it is called."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name), one


EVERY = dict(commands(typer.main.get_command(app)))


def sources() -> list[Path]:
    return [one for one in CLI.rglob("*.py") if one.parts[-2:] != ("system", "screen.py")]


def test_there_is_one_way_to_print_a_table() -> None:
    """Rich's own tables break names at 80 columns and draw boxes into files."""
    own = {
        one.relative_to(CLI.parent).as_posix()
        for one in sources()
        if any(
            isinstance(node, ast.ImportFrom) and node.module in {"rich.table", "rich.box"}
            for node in ast.walk(ast.parse(one.read_text("utf-8")))
        )
    }
    assert own == {"agents/app/run_folder.py"}  # what moves on a terminal while a run goes on


def test_every_command_with_a_table_has_json() -> None:
    """Each module that prints one names the option, or is named here with the reason."""
    without = set()
    for one in sources():
        tree = ast.parse(one.read_text("utf-8"))
        called = {node.func.id for node in ast.walk(tree)
                  if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
        text = one.read_text("utf-8")
        if called & TABLES and '"--json"' not in text and "as_json: AsJson" not in text:
            without.add(one.relative_to(CLI.parent).as_posix())
    assert without - {"agents/cli/shared/listing.py"} == {*OTHER_FORM, *NO_LIST}


@pytest.mark.parametrize("words", sorted(LISTS))
def test_a_list_has_the_option(words: tuple[str, ...]) -> None:
    options = {name for one in EVERY[words].params for name in one.opts}
    assert "--json" in options


def test_no_list_is_forgotten() -> None:
    listed = {words for words in EVERY if words[-1] in {"list", "versions", "kinds", "report"}}
    assert listed - LISTS <= {("compliance", "report")}  # one page


@pytest.mark.parametrize(
    "words", [("settings",), ("audit", "kinds"), ("models", "list"), ("models", "licences")]
)
def test_lists_that_need_nothing(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    piped = CliRunner().invoke(app, words)
    assert piped.exit_code == 0, piped.output
    lines = piped.stdout.splitlines()
    assert len(lines) > 3
    assert len({line.count("\t") for line in lines}) == 1
    assert not set("│┃┏╭") & set(piped.stdout)

    told = CliRunner().invoke(app, [*words, "--json"])
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(lines) - len(rows) in {0, 1}  # titles
    assert len({frozenset(row) for row in rows}) == 1

    out = Terminal()
    monkeypatch.setattr(listing, "screen", lambda **_: Console(file=out, width=80))
    assert CliRunner().invoke(app, words).exit_code == 0
    on_terminal = out.getvalue()
    for row in rows:
        first = str(next(iter(row.values())))
        assert first in on_terminal  # whole, on one line


def test_no_word_is_broken_in_a_table() -> None:
    out = Terminal()
    rows = [("a-name-of-its-own", "some words that are to be broken between them", "x" * 20)] * 2
    screen.print_list(Console(file=out, width=80, color_system=None), ("id", "told", "by"), rows)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("┏")
    assert out.getvalue().count("a-name-of-its-own") == 2
    assert out.getvalue().count("x" * 20) == 2

    out = Terminal()
    screen.print_list(Console(file=out, width=44, color_system=None), ("id", "told", "by"), rows)
    assert "id    a-name-of-its-own\n" in out.getvalue()  # a block a row


def test_values_in_a_table_and_in_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
    row = {"call_id": "a\tb", "at": at, "types": ["A", "B"], "held": True, "gone": None}
    listing.show_rows([row], as_json=False)
    assert capsys.readouterr().out == "a b\t2026-03-01 12:30\tA, B\tyes\t\n"
    listing.show_rows([row], as_json=True)
    assert json.loads(capsys.readouterr().out) == {**row, "at": "2026-03-01T12:30:15+00:00"}
    listing.show_rows([row], as_json=False, unlisted=("at", "gone"))
    assert capsys.readouterr().out == "a b\tA, B\tyes\n"
    listing.show_rows([], as_json=True)
    assert capsys.readouterr().out == ""
    with pytest.raises(TypeError, match="bytes"):
        listing.show_rows([{"content": b""}], as_json=True)


def test_what_is_no_number_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(name: str) -> float:
        raise AssertionError(name)

    row = {"a": float("nan"), "b": [1.5, float("inf")], "c": {"d": -float("inf")}, "e": 2}
    listing.show_rows([row], as_json=True)
    told = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert told == {"a": None, "b": [1.5, None], "c": {"d": None}, "e": 2}
