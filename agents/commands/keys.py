"""``hushwire keys``: the wrapping key; ids and ages are shown, never material."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from agents.settings import STATE, Settings, load_settings

if TYPE_CHECKING:
    from agents.ledger import Ledger

app = typer.Typer(help="The key that wraps all calls' keys.", no_args_is_help=True)

StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="Folder of the ledger and the wrapping key.")
]


@app.command("list")
def list_keys(state_dir: StateDir = None) -> None:
    """Show ids and ages of the wrapping keys, and how many calls' keys each wraps."""
    from agents.rotation import wrapping_keys  # noqa: PLC0415 - --help comes at once

    with _opened(load_settings(state_dir=state_dir)) as (path, ledger):
        keys = wrapping_keys(path, ledger.database)
    table = Table("key id", "use", "known for", "wraps")
    for key in keys:
        use = "primary" if key.primary else "old: run `hushwire keys rotate` again"
        table.add_row(f"{key.key_id:08x}", use, _age(key.known_since), str(key.wraps))
    Console().print(table)


@app.command()
def rotate(state_dir: StateDir = None) -> None:
    """Replace the wrapping key; running workers go on. After an interruption, run it again."""
    from agents.rotation import rotate as rotate_keys  # noqa: PLC0415 - --help comes at once

    with _opened(load_settings(state_dir=state_dir)) as (path, ledger):
        done = rotate_keys(path, ledger.database)
    console = Console()
    if done.resumed:
        console.print("an earlier rotation was interrupted: this one finished it")
    removed = ", ".join(f"{key_id:08x}" for key_id in done.removed)
    console.print(
        f"primary key {done.primary:08x}; {done.rewrapped} keys wrapped anew; removed {removed}",
        highlight=False,
    )


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Path, Ledger]]:
    """The keyset file and the ledger; neither is made where it is missing.

    Raises:
        StoreError: one of them is away.
    """
    from agents.ledger import Ledger  # noqa: PLC0415 - --help comes at once
    from agents.sealing import KeyEncryptionKey  # noqa: PLC0415

    state = settings.state_folder(STATE)
    path = settings.keyset_file(state)
    ledger = Ledger(settings.ledger_location(state), KeyEncryptionKey(path))
    try:
        yield path, ledger
    finally:
        ledger.dispose()


def _age(since: str | None) -> str:
    if since is None:
        return "unknown"
    return f"{(datetime.now(UTC) - datetime.fromisoformat(since)).days} days"
