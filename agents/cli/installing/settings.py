"""``hushwire settings`` and ``hushwire version``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from agents.cli.shared.listing import AsJson, show_rows
from agents.settings.credentials import shown
from agents.settings.model import (
    CONFIG_VARIABLE,
    DEFAULT_CONFIG,
    PREFIX,
    Settings,
    load_settings,
)
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


def settings_page() -> str:
    """All settings as the Markdown page ``docs/settings.md``."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | `{name}` | {_shown(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            (
                "Strongest first: options of a command, environment variables, a TOML file "
                f"(`{DEFAULT_CONFIG}` in the working folder, or the one that `{CONFIG_VARIABLE}` "
                "names), defaults. What is misspelt or out of range is refused. "
                "`hushwire settings` shows the values in force; this page is printed by "
                "`hushwire settings --markdown`."
            ),
            "",
            "| environment | TOML | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _shown(default: object) -> str:
    if isinstance(default, tuple) and default:
        default = ",".join(default)
    return "none" if default is None else f"`{default}`"


def _text(value: object) -> str | None:
    """As it is set in a variable; None where nothing is."""
    return None if value is None else shown(value)


def show_version() -> None:
    """Print the version."""
    screen().print(version("hushwire"), highlight=False)
