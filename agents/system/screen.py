"""Where commands print: as wide as the terminal, and as wide as it takes where there is none.

A list is a table on a terminal, in which nothing is cut and no word is broken, or a block of lines
a row where it has too many columns for that; elsewhere it is one line a row, its cells divided by
tabs, so that other programs can take it apart. A cell steers no terminal: its control characters,
and those that turn the direction of writing, are shown as U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_WIDE: Final = 100_000
"""Columns that nothing of ours fills, so that nothing is cut or broken for a pipe or a file."""
_STEERING: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EDGES: Final = 3
"""Columns that a column's border and its two spaces take."""


def screen(*, stderr: bool = False) -> Console:
    """The console on stdout, or on stderr."""
    made = Console(stderr=stderr)
    if not made.file.isatty():
        made.width = _WIDE
    return made


@dataclass(frozen=True, slots=True)
class Listing:
    """A list with what is said above and below it."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    note: str = ""


def print_listing(console: Console, listing: Listing) -> None:
    """Print a list with all of its titles, its first column whole."""
    if listing.title:
        console.print(listing.title, markup=False, highlight=False, soft_wrap=True)
    print_list(console, listing.titles, listing.rows, whole=listing.titles[0], headed=True)
    if listing.note:
        console.print(listing.note, markup=False, highlight=False, soft_wrap=True)


def print_list(
    console: Console,
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    styles: Mapping[str, str] | None = None,
    whole: str = "",
    headed: bool = False,
) -> None:
    """Print a list, see the module.

    Args:
        console: where.
        titles: of the columns; shown on a terminal alone, unless ``headed``.
        rows: their cells, as plain text.
        styles: of cells with a certain text, in a table.
        whole: title of the column that is to be copied from: the others are broken first.
        headed: whether all titles are shown, also elsewhere and for columns without a cell.
    """
    rows = [[_STEERING.sub("\ufffd", cell) for cell in row] for row in rows]
    if not console.file.isatty():
        for row in [titles, *rows] if headed else rows:
            line = "\t".join(" ".join(cell.split()) for cell in row)
            console.file.write(f"{line}\n")  # print would expand the tabs
        return
    shown = [one for one in range(len(titles)) if headed or any(row[one] for row in rows)]
    widths = _widths(titles, rows, shown, whole, console.width)
    if widths is None:
        _print_blocks(console, titles, rows, shown)
        return
    table = Table(*(Column(titles[at], width=wide) for at, wide in zip(shown, widths, strict=True)))
    for row in rows:
        table.add_row(*(Text(row[index], (styles or {}).get(row[index], "")) for index in shown))
    console.print(table)


def _widths(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    shown: Sequence[int],
    whole: str,
    most: int,
) -> list[int] | None:
    """Columns for each cell, at least those of its longest word; None where they are too many."""
    wanted, widths = [], []
    for index in shown:
        cells = [titles[index], *(row[index] for row in rows)]
        wanted.append(max(map(cell_len, cells)))
        words = (cell_len(word) for cell in cells for word in cell.split())
        widths.append(wanted[-1] if titles[index] == whole else max(words, default=0))
    spare = most - 1 - sum(widths) - _EDGES * len(shown)
    if spare < 0:
        return None
    # Those that want the least get all of it; the others share what is left.
    lacking = sorted(range(len(shown)), key=lambda at: wanted[at] - widths[at])
    for behind, at in enumerate(lacking):
        more = min(wanted[at] - widths[at], spare // (len(lacking) - behind))
        widths[at] += more
        spare -= more
    return widths


def _print_blocks(
    console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int]
) -> None:
    """A block a row, a line a cell: its title and its text."""
    across = max(cell_len(titles[index]) for index in shown)
    for place, row in enumerate(rows):
        if place:
            console.print()
        for index in shown:
            line = f"{set_cell_size(titles[index], across)}  {row[index]}".rstrip()
            console.print(Text(line), soft_wrap=True)
