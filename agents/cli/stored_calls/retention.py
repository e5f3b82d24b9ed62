"""``hushwire retention``: the end of calls whose time is up."""

from __future__ import annotations

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultOption, confirmed, opened_vault
from agents.settings.model import load_settings
from agents.system.screen import screen

app = typer.Typer(help="How long stored calls are kept.", no_args_is_help=True)


@app.callback()
def retention() -> None:
    """How long stored calls are kept."""


@app.command()
def sweep(
    vault: VaultOption, confirm: public_keys.Confirm = None, state_dir: public_keys.StateDir = None
) -> None:
    """Erase every call whose time is up, as the vault stage does every minute.

    Calls under a legal hold stay. An erasure that was interrupted is finished. A sweep that goes by
    a doubtful clock, or would erase a great part of all calls at once, is refused (exit code 2)
    until --confirm names how many calls it is.
    """
    from agents.upkeep.retention import sweep as sweep_calls  # noqa: PLC0415 - --help comes at once

    with opened_vault(load_settings(state_dir=state_dir), vault) as (parts, opened):
        gone = sweep_calls(
            opened, parts.ledger, parts.log, parts.guard, confirmed=confirmed(confirm)
        )
        held = len(opened.catalogue.held())
    out = screen()
    for call_id in gone:
        out.print(f"{call_id}: erased", markup=False, highlight=False)
    out.print(f"{len(gone)} calls erased; {held} are under a legal hold", highlight=False)
