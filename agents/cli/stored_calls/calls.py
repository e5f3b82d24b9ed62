"""``hushwire calls``: what the vault holds; no content."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Column, Table

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultHint, opened, party
from agents.settings.model import load_settings
from agents.system.owners import user
from agents.system.screen import screen

app = typer.Typer(help="The calls in the vault.", no_args_is_help=True)
LISTED = "hushwire.audit.calls-listed.v1"


@app.command("list")
def list_calls(
    vault: VaultHint = None,
    subject: Annotated[
        str | None, typer.Option(help="Only calls of this number or pseudonym.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="Only calls of this purpose.")] = None,
    quarantined: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--quarantined", help="Only calls that did not pass.")
    ] = False,
    held: Annotated[  # noqa: FBT002
        bool, typer.Option("--held", help="Only calls under a legal hold.")
    ] = False,
    flagged: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--flagged", help="Only calls that `hushwire consent recheck` has marked."),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 100,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="One JSON object per line, with everything.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """List calls with length, policy, purpose, retention and legal hold, the newest first."""
    from agents.access.audit_log import Event  # noqa: PLC0415 - --help comes at once
    from agents.vault.call_catalogue import CallFilter, Catalogue  # noqa: PLC0415
    from agents.vault.export import described  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    wanted = CallFilter(
        passed=False if quarantined else None,
        held=True if held else None,
        flagged=True if flagged else None,
        purpose=purpose,
    )
    if subject is not None:
        wanted = replace(wanted, party=party(settings, vault, subject))
    with opened(settings, vault) as parts:
        page = Catalogue(parts.ledger.database).page(wanted, limit=limit)
        facts = {
            "at": parts.log.stamp(),
            "what": "calls-listed",
            "by": user(),
            "calls": len(page.calls),
        }
        parts.log.append(Event(f"calls/{LISTED}/{uuid.uuid4()}", "", LISTED, facts))
    if as_json:
        for one in page.calls:
            typer.echo(json.dumps(described(one), sort_keys=True))
        return
    table = Table(Column("call", overflow="fold"))
    for title in ("stored", "length", "outcome", "policy", "purpose", "kept until"):
        table.add_column(title, no_wrap=True)
    for one in page.calls:
        minutes, seconds = divmod(round(one.duration_ms / 1_000), 60)
        kept = f"{one.retain_until:%Y-%m-%d}"
        table.add_row(
            one.call_id,
            f"{one.stored:%Y-%m-%d}",
            f"{minutes}:{seconds:02}",
            "passed" if one.passed else "quarantined",
            f"{one.policy} {one.policy_version}",
            one.purpose or "none",
            "legal hold" if one.held else kept,
        )
    out = screen()
    if page.calls:
        out.print(table)
    if page.following:
        out.print(f"there are more; --limit {limit * 10} shows more of them", highlight=False)
    elif not page.calls:
        out.print("no such call in the vault")
