"""``hushwire webhooks``: what others were not told yet, trying it again, and a first try."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultHint, opened
from agents.settings.model import load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.screen import print_list, screen
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from agents.database.webhook_queue import Waiting

app = typer.Typer(help="Webhooks that tell others what became of calls.", no_args_is_help=True)

Call = Annotated[str | None, typer.Option("--call", help="Only those of this call.")]
Dead = Annotated[bool, typer.Option("--given-up", help="Only those that are not tried any more.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines.")]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]


@app.command("list")
def list_waiting(
    call: Call = None,
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
    *,
    given_up: Dead = False,
    as_json: AsJson = False,
) -> None:
    """Show webhooks that are not delivered: of which call, since when, and why. No content."""
    from agents.database.webhook_queue import WebhookQueue  # noqa: PLC0415 - --help comes at once

    with opened(load_settings(state_dir=state_dir), vault) as parts:
        queue = WebhookQueue(parts.ledger.database)
        rows = queue.waiting(dead=True if given_up else None, call_id=call)
    if as_json:
        for one in rows:
            typer.echo(json.dumps(_row(one)))
        return
    console = screen()
    titles = ("call", "tells", "since", "tries", "last problem", "next try")
    shown = [[str(_row(one)[name]) for name in _SHOWN] for one in rows]
    print_list(console, titles, shown)
    dead = sum(one.dead is not None for one in rows)
    console.print(f"{len(rows)} webhooks not delivered, {dead} given up", highlight=False)


@app.command()
def retry(
    call: Call = None,
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
    *,
    every: Every = False,
) -> None:
    """Have webhooks tried again at once, for another day, also those that were given up.

    The worker with the vault stage sends them.
    """
    from agents.database.webhook_queue import WebhookQueue  # noqa: PLC0415 - --help comes at once

    _named(call, every=every)
    with opened(load_settings(state_dir=state_dir), vault) as parts:
        count = WebhookQueue(parts.ledger.database).revive(call_id=call)
    screen().print(f"{count} webhooks are tried again", highlight=False)


@app.command()
def drop(
    call: Call = None,
    vault: VaultHint = None,
    state_dir: public_keys.StateDir = None,
    *,
    every: Every = False,
) -> None:
    """Forget webhooks that were given up; those that are still tried stay."""
    from agents.database.webhook_queue import WebhookQueue  # noqa: PLC0415 - --help comes at once

    _named(call, every=every)
    with opened(load_settings(state_dir=state_dir), vault) as parts:
        count = WebhookQueue(parts.ledger.database).drop(call_id=call)
    screen().print(f"{count} webhooks forgotten", highlight=False)


@app.command()
def test() -> None:
    """Send one webhook of type webhook.test by the settings in force, and say what came of it.

    Exit codes: 0 it was taken; 1 it was not; 2 a setting is wrong.
    """
    from agents.app.wiring import webhook_endpoint  # noqa: PLC0415 - --help comes at once
    from agents.upkeep.news.posting import NotTakenError  # noqa: PLC0415
    from agents.upkeep.news.webhooks import send_test  # noqa: PLC0415

    endpoint = webhook_endpoint(load_settings())
    if endpoint is None:
        raise SettingsError("webhook_url: names nobody who could be told; docs/outputs.md")
    console = screen()
    try:
        asyncio.run(send_test(endpoint, f"test-{uuid.uuid4().hex}"))
    except NotTakenError as error:
        console.print(f"{error}; docs/outputs.md explains it", highlight=False)
        sys.exit(ExitCode.NOT_CLEAN)
    console.print("the webhook was taken", highlight=False)


_SHOWN = ("call", "tells", "since", "tries", "problem", "next")


def _named(call: str | None, *, every: bool) -> None:
    if (call is None) is not every:
        raise SettingsError("name which: --call, or --all")


def _row(one: Waiting) -> dict[str, object]:
    return {
        "id": one.notice.message_id,
        "call": one.notice.call_id,
        "tells": one.notice.kind,
        "at": one.notice.at,
        "since": one.queued.isoformat(timespec="seconds"),
        "tries": one.attempts,
        "problem": one.problem or "",
        "next": "given up" if one.dead else one.due.isoformat(timespec="seconds"),
    }
