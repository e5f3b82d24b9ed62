"""``hushwire keys``: the wrapping key; ids and ages are shown, never material."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from agents.cli.shared.stores import require_ledger
from agents.settings.model import STATE, Settings, load_settings
from agents.system.clock import system_clock
from agents.system.screen import screen

if TYPE_CHECKING:
    from agents.database.call_ledger import Ledger

app = typer.Typer(help="The key that wraps all calls' keys.", no_args_is_help=True)

StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="Folder of the ledger and the wrapping key.")
]


@app.command("list")
def list_keys(state_dir: StateDir = None) -> None:
    """Show ids and ages of the wrapping keys, and how many calls' keys each wraps."""
    from agents.upkeep.kek_rotation import wrapping_keys  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    with _opened(settings) as (path, ledger):
        keys = wrapping_keys(path, ledger.database, service=settings.key_service)
    table = Table("key id", "use", "known for", "wraps")
    for key in keys:
        use = "primary" if key.primary else "old: run `hushwire keys rotate` again"
        table.add_row(f"{key.key_id:08x}", use, _age(key.known_since), str(key.wraps))
    screen().print(table)


@app.command()
def rotate(state_dir: StateDir = None) -> None:
    """Replace the wrapping key; running workers go on. After an interruption, run it again."""
    from agents.upkeep.kek_rotation import rotate as rotate_keys  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    with _opened(settings) as (path, ledger):
        done = rotate_keys(path, ledger.database, service=settings.key_service)
    console = screen()
    if done.resumed:
        console.print("an earlier rotation was interrupted: this one finished it")
    removed = ", ".join(f"{key_id:08x}" for key_id in done.removed)
    console.print(
        f"primary key {done.primary:08x}; {done.rewrapped} keys wrapped anew; removed {removed}",
        highlight=False,
    )


@app.command()
def wrap(
    service: Annotated[
        str,
        typer.Option(
            "--with",
            help="The service's key: aws-kms://arn:aws:kms:… or hcvault://HOST/MOUNT/keys/NAME.",
        ),
    ],
    state_dir: StateDir = None,
) -> None:
    """Encrypt the file of the wrapping key with a key of a key service, or with another one.

    The key stays the same, so that nothing else changes. Exit code 4 when the service can't be
    reached or refuses: the file is as it was.
    """
    from agents.upkeep.kek_rotation import move_to_service  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    with _opened(settings) as (path, ledger):
        move_to_service(path, ledger.database, settings.key_service, service)
    told = (
        f"{path} is encrypted by {service} now. Next: HUSHWIRE_KEYSET={service}, start the "
        "workers again, then `hushwire keys rotate`: copies of the old file open nothing after it."
    )
    screen().print(told, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Path, Ledger]]:
    """The keyset file and the ledger; neither is made where it is missing.

    Raises:
        InputError: there is no ledger.
        StoreError: one of them is away.
    """
    from agents.crypto.envelope import KeyEncryptionKey  # noqa: PLC0415
    from agents.database.call_ledger import Ledger  # noqa: PLC0415 - --help comes at once

    state = settings.state_folder(STATE)
    require_ledger(settings, state)
    path = settings.keyset_file(state)
    ledger = Ledger(settings.ledger_location(state), KeyEncryptionKey(path, settings.key_service))
    try:
        yield path, ledger
    finally:
        ledger.dispose()


def _age(since: str | None) -> str:
    if since is None:
        return "unknown"
    return f"{(system_clock() - datetime.fromisoformat(since)).days} days"
