"""``hushwire calls``: what the vault holds, and which call the recorder means; no content."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultHint, opened, party
from agents.settings.model import STATE, load_settings
from agents.system.owners import user
from agents.system.screen import print_list, screen
from agents.vault.file_store import state_inside
from pipeline.errors import UnknownCallError
from pipeline.records.model import INCOMPLETE

if TYPE_CHECKING:
    from agents.access.audit_log import AuditLog
    from agents.settings.model import Settings
    from agents.vault.call_catalogue import StoredCallFacts

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
    from agents.vault.call_catalogue import CallFilter, Catalogue  # noqa: PLC0415 - --help comes at once
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
        _tell_listed(parts.log, len(page.calls))
    if as_json:
        for one in page.calls:
            typer.echo(json.dumps(described(one), sort_keys=True))
        return
    titles = ("call", "stored", "length", "outcome", "policy", "purpose", "kept until")
    rows = []
    for one in page.calls:
        minutes, seconds = divmod(round(one.duration_ms / 1_000), 60)
        kept = f"{one.retain_until:%Y-%m-%d}"
        rows.append(
            (
                one.call_id,
                f"{one.stored:%Y-%m-%d}",
                f"{minutes}:{seconds:02}",
                _outcome(one),
                f"{one.policy} {one.policy_version}",
                one.purpose or "none",
                "legal hold" if one.held else kept,
            )
        )
    out = screen()
    if page.calls:
        print_list(out, titles, rows)
    if page.following:
        out.print(f"there are more; --limit {limit * 10} shows more of them", highlight=False)
    elif not page.calls:
        out.print("no such call in the vault")


@app.command("find")
def find(
    recorder_id: Annotated[
        str, typer.Option("--recorder-id", help="What the recorder or platform calls the call.")
    ],
    vault: VaultHint = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="One JSON object per line.")
    ] = False,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Find calls by the recorder's own id: open, stored, quarantined and refused ones.

    Exit codes: 0 found; 1 there is none.
    """
    from agents.crypto.party_pseudonyms import Pseudonyms  # noqa: PLC0415 - --help comes at once
    from agents.vault.call_catalogue import Catalogue  # noqa: PLC0415
    from agents.vault.recorder_ids import find_by_recorder_id  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    key = _token_key(settings, vault)
    with opened(settings, vault) as parts:
        ledger = parts.ledger
        calls = [recorder_id]  # which is the call's id where it can be one
        if key.exists():
            calls += find_by_recorder_id(ledger.database, Pseudonyms(key), recorder_id)
        known = [one for one in map(ledger.call, dict.fromkeys(calls)) if one is not None]
        catalogue = Catalogue(ledger.database)
        stored = {one.call_id: catalogue.find(one.call_id) for one in known}
        _tell_listed(parts.log, len(known))
    rows = [
        {
            "call_id": one.call_id,
            "state": one.standing,
            "opened": one.created.isoformat(timespec="seconds"),
            "outcome": _outcome(facts) if (facts := stored[one.call_id]) else "",
        }
        for one in known
    ]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, sort_keys=True))
    elif rows:
        print_list(
            screen(), ("call", "state", "opened", "outcome"), [list(row.values()) for row in rows]
        )
    else:
        screen().print("no call of this id")
    raise typer.Exit(0 if rows else 1)


@app.command("show")
def show(
    call_id: Annotated[str, typer.Argument(help="The call's id.")],
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Show what is known of one call as JSON, with the recorder's own id where it is stored."""
    from agents.vault.call_catalogue import Catalogue  # noqa: PLC0415 - --help comes at once
    from agents.vault.call_keys import VaultKeys  # noqa: PLC0415
    from agents.vault.export import described  # noqa: PLC0415
    from agents.vault.recorder_ids import RecorderIds  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    with opened(settings, vault) as parts:
        ledger = parts.ledger
        known = ledger.call(call_id)
        if known is None:
            raise UnknownCallError("no such call in the ledger")
        facts = Catalogue(ledger.database).find(call_id)
        keys = VaultKeys(ledger.database, ledger.kek)
        _tell_listed(parts.log, 1, call_id)
        about = {
            "call_id": call_id,
            "state": known.standing,
            "opened": known.created.isoformat(timespec="seconds"),
            **(described(facts) if facts else {}),
            "recorder_id": RecorderIds(ledger.database, keys).shown(call_id) if facts else "",
        }
    typer.echo(json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False))


def _outcome(facts: StoredCallFacts) -> str:
    told = "passed" if facts.passed else "quarantined"
    return told + (", incomplete" if INCOMPLETE in facts.marks else "")


def _tell_listed(log: AuditLog, count: int, call_id: str = "") -> None:
    from agents.access.audit_log import Event  # noqa: PLC0415 - --help comes at once

    facts = {"at": log.stamp(), "what": "calls-listed", "by": user(), "calls": count}
    log.append(Event(f"calls/{LISTED}/{uuid.uuid4()}", call_id, LISTED, facts))


def _token_key(settings: Settings, vault: str | None) -> Path:
    inside = state_inside(vault)
    return settings.token_key_file(settings.state_folder(inside if inside.is_dir() else STATE))
