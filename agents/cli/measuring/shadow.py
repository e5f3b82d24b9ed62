"""``hushwire shadow``: what a candidate policy would have done beside the live one."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultHint, opened
from agents.settings.model import load_settings
from agents.system.screen import Listing, print_listing, screen

if TYPE_CHECKING:
    from agents.vault.shadow_results import ShadowReport

app = typer.Typer(
    help="A candidate policy beside the live one (HUSHWIRE_SHADOW_POLICY).", no_args_is_help=True
)


@app.command()
def report(
    vault: VaultHint = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only calls that were compared then or later (UTC).")
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="One JSON object per pair of policies.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Show what both policies silence and what only one of them does, by type."""
    from datetime import UTC  # noqa: PLC0415 - --help comes at once

    from agents.vault.shadow_results import ShadowResults  # noqa: PLC0415

    with opened(load_settings(state_dir=state_dir), vault) as parts:
        found = ShadowResults(parts.ledger.database).reports(
            since.replace(tzinfo=since.tzinfo or UTC) if since else None
        )
    if as_json:
        for one in found:
            typer.echo(json.dumps(asdict(one), sort_keys=True))
        return
    out = screen()
    if not found:
        out.print("nothing was compared; HUSHWIRE_SHADOW_POLICY names a policy to be tried")
    for one in found:
        print_listing(out, _table(one))


@app.command()
def forget(
    candidate: Annotated[
        str, typer.Argument(help="The candidate's digest, or its first 8 characters and more.")
    ],
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Remove what was gathered of a candidate."""
    from agents.vault.shadow_results import ShadowResults  # noqa: PLC0415 - --help comes at once
    from pipeline.errors import InputError  # noqa: PLC0415

    if len(candidate) < _SHORT or not set(candidate) <= set("0123456789abcdef"):
        raise InputError(f"{candidate}: no beginning of a digest; `hushwire shadow report` has it")
    with opened(load_settings(state_dir=state_dir), vault) as parts:
        calls = ShadowResults(parts.ledger.database).forget(candidate)
    screen().print(f"removed the comparisons of {calls} calls", highlight=False)


_SHORT = 8


def _table(one: ShadowReport) -> Listing:
    pair = one.pair
    rows = []
    for each in one.entities:
        seconds = (f"{ms / 1_000:.1f}" for ms in (each.both_ms, each.live_ms, each.candidate_ms))
        spans = f"{each.both_spans}/{each.live_spans}/{each.candidate_spans}"
        rows.append((each.entity, str(each.calls), str(each.differing), *seconds, spans))
    return Listing(
        ("type", "calls", "differ", "both s", "live s", "cand. s", "spans b/l/c"),
        rows,
        title=f"candidate {pair.candidate_name} ({pair.candidate[:_SHORT]}) beside "
        f"{pair.live_name} ({pair.live[:_SHORT]})",
        note=f"{one.calls} calls, {one.first[:16]} to {one.last[:16]} UTC; stretches that are "
        "silenced, before padding: by both, by the live policy only, by the candidate only",
    )
