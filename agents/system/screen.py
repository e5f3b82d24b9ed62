"""Where commands print: as wide as the terminal, and as wide as it takes where there is none.

A list is a table on a terminal, in which nothing is cut; elsewhere it is one line a row, its cells
divided by tabs, so that other programs can take it apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_WIDE: Final = 100_000
"""Columns that nothing of ours fills, so that nothing is cut or broken for a pipe or a file."""


def screen(*, stderr: bool = False) -> Console:
    """The console on stdout, or on stderr."""
    made = Console(stderr=stderr)
    if not made.file.isatty():
        made.width = _WIDE
    return made


def print_list(
    console: Console,
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    styles: Mapping[str, str] | None = None,
    whole: str = "",
) -> None:
    """Print a list, see the module.

    Args:
        console: where.
        titles: of the columns; shown in a table alone.
        rows: their cells, as plain text.
        styles: of cells with a certain text, in a table.
        whole: title of the column that is to be copied from: the others are broken first.
    """
    if not console.file.isatty():
        for row in rows:
            line = "\t".join(" ".join(cell.split()) for cell in row)
            console.file.write(f"{line}\n")  # print would expand the tabs
        return
    shown = [index for index in range(len(titles)) if any(row[index] for row in rows)]
    table = Table(
        *(Column(titles[index], overflow="fold", no_wrap=titles[index] == whole) for index in shown)
    )
    for row in rows:
        table.add_row(*(Text(row[index], (styles or {}).get(row[index], "")) for index in shown))
    console.print(table)
