"""``hushwire settings`` and ``hushwire version``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer
from rich.table import Table

from agents.settings.credentials import shown
from agents.settings.model import PREFIX, Settings, load_settings, settings_page
from agents.system.screen import screen


def settings(
    markdown: Annotated[  # noqa: FBT002  a flag of the command line
        bool, typer.Option("--markdown", help="Print docs/settings.md.")
    ] = False,
) -> None:
    """List every setting: its meaning, its default and the value in force."""
    if markdown:
        typer.echo(settings_page(), nl=False)
        return
    current = load_settings()
    table = Table("setting", "in force", "default", "meaning", show_lines=True)
    for name, field in Settings.model_fields.items():
        table.add_row(
            f"{name}\n[dim]{PREFIX}{name.upper()}[/dim]",
            shown(getattr(current, name)),
            str(field.default),
            field.description or "",
        )
    screen().print(table)


def show_version() -> None:
    """Print the version."""
    screen().print(version("hushwire"), highlight=False)
