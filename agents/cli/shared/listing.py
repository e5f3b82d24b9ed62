"""A list as a command prints it: for people, for programs that split lines, or as JSON.

On a terminal a table, or a block a row where that is too narrow; elsewhere a line a row, its cells
divided by tabs (``agents.system.screen.print_list``). With ``--json`` an object a line, by the same
names as the columns; what is no number is null, since JSON has none for it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Annotated

import typer

from agents.system.screen import print_list, screen
from pipeline.evidence.canonical_json import finite

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def show_rows(
    rows: Sequence[Mapping[str, object]],
    *,
    as_json: bool,
    whole: str = "",
    unlisted: Collection[str] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print rows; nothing where there are none.

    Args:
        rows: values by the column's name, such as ``call_id``; all have the same names. Several in
            one are a list, what is not there is None.
        as_json: JSON instead of a table.
        whole: name of the column that is to be copied from: others are broken first.
        unlisted: names of what is in JSON alone, since no line would hold it.
        styles: of cells with a certain text, in a table.
    """
    if as_json:
        for row in rows:
            typer.echo(json.dumps(finite(row), ensure_ascii=False, default=_plain, allow_nan=False))
    elif rows:
        names = [name for name in rows[0] if name not in unlisted]
        cells = [[_cell(row[name]) for name in names] for row in rows]
        titles = [_title(name) for name in names]
        print_list(screen(), titles, cells, styles=styles, whole=_title(whole))


def _title(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case Enum():
            return str(value.value)
        case _:
            return str(value)


def _plain(value: object) -> str:
    if isinstance(value, date):  # a time, too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
