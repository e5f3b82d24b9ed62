"""``hushwire settings`` and ``hushwire version``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from agents.cli.shared.listing import AsJson, show_rows
from agents.settings.credentials import shown
from agents.settings.model import PREFIX, Settings, load_settings, settings_page
from agents.system.screen import screen


def settings(
    markdown: Annotated[  # noqa: FBT002  a flag of the command line
        bool, typer.Option("--markdown", help="Print docs/settings.md.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """List every setting: its meaning, its default and the value in force."""
    if markdown:
        typer.echo(settings_page(), nl=False)
        return
    current = load_settings()
    rows = [
        {
            "setting": name,
            "variable": f"{PREFIX}{name.upper()}",
            "in_force": _text(getattr(current, name)),
            "default": _text(field.default),
            "meaning": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
    show_rows(rows, as_json=as_json)


def _text(value: object) -> str | None:
    """As it is set in a variable; None where nothing is."""
    return None if value is None else shown(value)


def show_version() -> None:
    """Print the version."""
    screen().print(version("hushwire"), highlight=False)
