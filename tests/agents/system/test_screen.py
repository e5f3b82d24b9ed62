"""Lists: tables on a terminal, lines of cells elsewhere; nothing is cut in either."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from agents.system.screen import print_list

pytestmark = pytest.mark.unit

LONG = "/very/long/[bold]" + "x" * 150


class Terminal(io.StringIO):
    """A file that says that it is one."""

    def isatty(self) -> bool:
        return True


def test_elsewhere_a_row_is_a_line_and_cells_are_divided_by_tabs() -> None:
    out = io.StringIO()
    print_list(
        Console(file=out, width=20), ("", "found", "do"), [("ok", LONG, ""), ("a\tb", "", "c")]
    )
    assert out.getvalue() == f"ok\t{LONG}\t\na b\t\tc\n"


def test_a_table_folds_what_is_long_and_has_no_empty_column() -> None:
    out = Terminal()
    console = Console(file=out, width=80, color_system=None)
    print_list(console, ("", "found", "what to do"), [("ok", LONG, "")])
    told = out.getvalue()
    assert "what to do" not in told
    assert "…" not in told
    assert told.count("x") == LONG.count("x")
    assert "[bold]" in told


def test_what_is_copied_from_a_table_is_never_broken() -> None:
    out = Terminal()
    console = Console(file=out, width=44, color_system=None)
    rows = [("0123456789abcdef", "A name that is rather long", "analyst", "valid", "2026-03-01")]
    print_list(console, ("id", "name", "role", "state", "made"), rows, whole="id")
    assert "0123456789abcdef" in out.getvalue()


def test_too_many_columns_for_the_terminal_are_a_block_a_row() -> None:
    out = Terminal()
    titles = [f"column_{index}" for index in range(20)]
    rows = [[f"cell-{row}-{index}" for index in range(20)] for row in range(2)]
    print_list(Console(file=out, width=80, color_system=None), titles, rows)
    told = out.getvalue()
    assert "column_7   cell-0-7\n" in told
    assert "column_19  cell-0-19\n\ncolumn_0   cell-1-0\n" in told


def test_a_headed_list_shows_its_titles_everywhere_and_without_a_row() -> None:
    out, terminal = io.StringIO(), Terminal()
    print_list(Console(file=out, width=20), ("day", "calls"), [("a", "1")], headed=True)
    assert out.getvalue() == "day\tcalls\na\t1\n"
    print_list(Console(file=terminal, width=80), ("day", "calls"), [], headed=True)
    assert "day" in terminal.getvalue()
    assert "calls" in terminal.getvalue()


@pytest.mark.parametrize("file", [io.StringIO, Terminal])
@pytest.mark.parametrize("width", [80, 12])  # a table, and blocks
def test_a_cell_steers_no_terminal(file: type[io.StringIO], width: int) -> None:
    out = file()
    cell = "a\x1b[2J\x1b]0;title\x07b\x9b1m\rc\u202ed"
    console = Console(file=out, width=width, color_system=None)
    print_list(console, ("name", "what"), [(cell, "x" * 20)])
    told = out.getvalue()
    assert not set(told) & set("\x1b\x07\x9b\r\u202e")
    assert "\ufffd" in told
