"""``hushwire quarantine``: the calls that were not stored, and the end of their keys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from agents.commands import known
from agents.settings import STATE, Settings, load_settings
from pipeline.errors import InputError

if TYPE_CHECKING:
    from agents.auditlog import AuditLog
    from agents.ledger import Ledger

app = typer.Typer(
    help="Calls whose verification failed: not stored, their key kept for a while.",
    no_args_is_help=True,
)
Vault = Annotated[
    Path | None,
    typer.Option("--vault", help="Folder of the vault: its certificates say why a call failed."),
]


@app.command("list")
def list_calls(vault: Vault = None, state_dir: known.StateDir = None) -> None:
    """List call, reason and end of every quarantine; a key whose time is up is destroyed first."""
    from agents import quarantine  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    out = Console()
    with _opened(settings, vault) as (ledger, log):
        gone = quarantine.sweep(ledger, log, settings.quarantine_hours)
        calls = quarantine.held(ledger, settings.quarantine_hours, vault)
    for call_id in gone:
        out.print(f"{call_id}: the time was up, the key is destroyed", markup=False)
    if not calls:
        out.print("no call is in quarantine")
        return
    table = Table("call", "failed checks", "since (UTC)", "key until (UTC)")
    for one in calls:
        reasons = ", ".join(one.reasons) or "see its certificate"
        since, until = (f"{each:%Y-%m-%d %H:%M}" for each in (one.since, one.until))
        table.add_row(one.call_id, reasons, since, until)
    out.print(table)


@app.command()
def drop(
    call: Annotated[str, typer.Argument(help="Call id.")],
    vault: Vault = None,
    state_dir: known.StateDir = None,
) -> None:
    """Destroy the key of a quarantined call at once; its certificate stays.

    Exit codes: 0 it is destroyed; 1 there was none.
    """
    from agents import quarantine  # noqa: PLC0415 - --help comes at once

    with _opened(load_settings(state_dir=state_dir), vault) as (ledger, log):
        destroyed = quarantine.end(ledger, log, call, "dropped")
    if not destroyed:
        Console(stderr=True).print(f"hushwire: {call}: no key in quarantine", markup=False)
        sys.exit(1)
    Console().print(f"{call}: the key is destroyed", markup=False, highlight=False)


@contextmanager
def _opened(settings: Settings, vault: Path | None) -> Iterator[tuple[Ledger, AuditLog]]:
    """The ledger and the audit log of the installation, or those that ``run`` left in a vault."""
    from agents.auditlog import AuditLog  # noqa: PLC0415 - --help comes at once
    from agents.start import opened_ledger  # noqa: PLC0415

    inside = vault / STATE if vault is not None and (vault / STATE).is_dir() else STATE
    state = settings.state_folder(inside)
    if settings.ledger_url is None and not (state / "ledger.db").exists():
        raise InputError(f"{state}: holds no ledger; name its folder with --state-dir")
    with opened_ledger(settings, inside) as ledger:
        yield ledger, AuditLog(ledger.database)
