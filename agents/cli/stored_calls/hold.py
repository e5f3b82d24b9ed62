"""``hushwire hold``: legal holds, which keep calls from being erased."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultHint, opened
from agents.settings.model import load_settings
from agents.system.owners import user
from agents.system.screen import screen

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(
    help="Legal holds: neither retention nor `hushwire erase` touches a held call.",
    no_args_is_help=True,
)
Call = Annotated[str, typer.Argument(help="Call id.")]


@app.command()
def add(call: Call, vault: VaultHint = None, state_dir: public_keys.StateDir = None) -> None:
    """Put a legal hold on a call. A repeat changes nothing."""
    changed = _change(call, vault, state_dir, held=True)
    _tell(f"{call}: {'is held from now on' if changed else 'was held already'}")


@app.command()
def remove(call: Call, vault: VaultHint = None, state_dir: public_keys.StateDir = None) -> None:
    """Take the legal hold away; a call whose time is up is then erased by the next sweep."""
    changed = _change(call, vault, state_dir, held=False)
    _tell(f"{call}: {'is not held any more' if changed else 'was not held'}")


def _change(call: str, vault: str | None, state_dir: Path | None, *, held: bool) -> bool:
    from agents.access.audit_log import Event  # noqa: PLC0415 - --help comes at once
    from agents.vault.call_catalogue import Catalogue  # noqa: PLC0415

    with opened(load_settings(state_dir=state_dir), vault) as parts:
        database = parts.ledger.database
        catalogue = Catalogue(database)
        if (catalogue.get(call).held is not None) is held:
            return False
        what = "hold-added" if held else "hold-removed"
        kind, at = f"hushwire.audit.{what}.v1", database.stamp()
        facts = {"at": at, "what": what, "by": user()}
        parts.log.append(Event(f"{call}/{kind}/{at}", call, kind, facts))
        return catalogue.hold(call, database.now() if held else None)


def _tell(text: str) -> None:
    screen().print(text, markup=False, highlight=False, soft_wrap=True)
