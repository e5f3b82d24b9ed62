"""``hushwire quarantine``: the calls that were not stored, and the end of their keys."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.listing import AsJson, show_rows
from agents.cli.shared.stores import confirmed, opened, require_vault
from agents.settings.model import load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen

app = typer.Typer(
    help="Calls whose verification failed: not stored, their key kept for a while.",
    no_args_is_help=True,
)
Vault = Annotated[
    str | None,
    typer.Option(
        "--vault",
        help="Folder of the vault, or s3://bucket/prefix: its certificates say why a call failed.",
    ),
]


@app.command("list")
def list_calls(
    vault: Vault = None, state_dir: public_keys.StateDir = None, *, as_json: AsJson = False
) -> None:
    """List call, reason and end of every quarantine; nothing is changed."""
    from agents.upkeep import quarantine  # noqa: PLC0415 - --help comes at once
    from agents.vault.file_store import open_place  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    if vault:
        require_vault(vault)
    with opened(settings, vault) as parts:
        place = open_place(vault) if vault else None
        calls = quarantine.held(parts.ledger, settings.quarantine_hours, place)
        now = parts.ledger.database.now()
    if not calls and not as_json:
        screen().print("no call is in quarantine")
    unknown, unread = "not known: drop it", "its certificate can't be read"
    rows: list[dict[str, object]] = []
    for one in calls:
        over = one.until is not None and one.until <= now
        row: dict[str, object] = {"call": one.call_id}
        if as_json:
            row |= {"failed_checks": one.reasons, "since": one.since, "key_until": one.until}
            row["time_is_up"] = over
        else:
            missing = unread if vault else "shown with --vault"
            row |= {"failed_checks": one.reasons or missing, "since": one.since or unknown}
            row["key_until"] = "its time is up" if over else one.until or unknown
        rows.append(row)
    show_rows(rows, as_json=as_json, whole="call")


@app.command()
def sweep(
    confirm: public_keys.Confirm = None, vault: Vault = None, state_dir: public_keys.StateDir = None
) -> None:
    """Destroy every key whose time is up, as the vault stage does every minute.

    Calls under a legal hold stay. What is refused (exit code 2), and how it is confirmed, see
    `hushwire retention sweep --help`.
    """
    from agents.upkeep import quarantine  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    with opened(settings, vault) as parts:
        hours = settings.quarantine_hours
        gone = quarantine.sweep(
            parts.ledger, parts.log, hours, parts.guard, confirmed=confirmed(confirm)
        )
    out = screen()
    for call_id in gone:
        out.print(f"{call_id}: the time was up, the key is destroyed", markup=False)
    out.print(f"{len(gone)} quarantines ended", highlight=False)


@app.command()
def drop(
    call: Annotated[str, typer.Argument(help="Call id.")],
    vault: Vault = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Destroy the key of a quarantined call at once; its certificate stays.

    Exit codes: 0 it is destroyed; 1 there was none.
    """
    from agents.system.owners import user  # noqa: PLC0415 - --help comes at once
    from agents.upkeep import quarantine  # noqa: PLC0415

    with opened(load_settings(state_dir=state_dir), vault) as parts:
        destroyed = quarantine.end(parts.ledger, parts.log, call, "dropped", by=user())
    if not destroyed:
        screen(stderr=True).print(f"hushwire: {call}: no key in quarantine", markup=False)
        sys.exit(ExitCode.NOT_CLEAN)
    screen().print(f"{call}: the key is destroyed", markup=False, highlight=False)
