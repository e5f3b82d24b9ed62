"""``hushwire ledger``: the schema of the database that all workers share."""

from __future__ import annotations

import typer

from agents.settings.model import STATE, load_settings
from agents.system.screen import screen

app = typer.Typer(help="The ledger's database.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep this a group while it has a single command."""


@app.command()
def upgrade() -> None:
    """Migrate the ledger's schema to this version; PostgreSQL is never migrated by itself."""
    from agents.database import migrate  # noqa: PLC0415 - --help comes at once
    from agents.database.engine import Database  # noqa: PLC0415

    settings = load_settings()
    database = Database(settings.ledger_location(settings.state_folder(STATE)))
    try:
        before, after = migrate.upgrade(database)
    finally:
        database.dispose()
    done = "up to date already" if before == after else f"upgraded from {before or 'empty'}"
    if after != migrate.newest():
        done = f"newer than {migrate.newest()}, and fit for this version"
    screen().print(f"ledger: schema {after}, {done}", highlight=False)
