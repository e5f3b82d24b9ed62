"""``hushwire tokens``: makes, lists and revokes tokens of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from agents.access.roles import Role
from agents.cli.shared import public_keys
from agents.cli.shared.listing import AsJson, show_rows
from agents.settings.model import STATE, Settings, load_settings
from agents.system.owners import user
from agents.system.screen import screen
from pipeline.errors import InputError

if TYPE_CHECKING:
    from agents.access.api_tokens import Tokens

app = typer.Typer(help="Tokens of the API; see docs/access.md.", no_args_is_help=True)

_SPAN = re.compile(r"([1-9][0-9]{0,3})([dh])")


@app.command()
def create(
    role: Annotated[Role, typer.Option(help="What the token may do.")],
    name: Annotated[str, typer.Option(help="What people know it by.")],
    expires: Annotated[str, typer.Option(help="How long it lives: 30d, 12h.")] = "30d",
    state_dir: public_keys.StateDir = None,
) -> None:
    """Make a token and print it: once, for it is stored nowhere."""
    lives = _span(expires)
    with _opened(load_settings(state_dir=state_dir)) as tokens:
        token, text = tokens.create(role, name, lives, by=user())
    screen(stderr=True).print(
        f"token {token.token_id} of {token.name}, {token.role}, until "
        f"{token.expires:%Y-%m-%d %H:%M} UTC. Keep what follows: it is not shown again.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    typer.echo(text)


@app.command("list")
def list_tokens(state_dir: public_keys.StateDir = None, *, as_json: AsJson = False) -> None:
    """Show all tokens: ids, roles and dates, never a token itself."""
    with _opened(load_settings(state_dir=state_dir)) as tokens:
        found, now = tokens.known(), tokens.now()
    if not found and not as_json:
        screen().print("no tokens; `hushwire tokens create` makes one")
    rows = [
        {
            "id": one.token_id,
            "name": one.name,
            "role": one.role.value,
            "state": one.state(now),
            "made": one.created if as_json else f"{one.created:%Y-%m-%d}",
            "ends": one.revoked or one.expires,
        }
        for one in found
    ]
    show_rows(rows, as_json=as_json, whole="id")


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="Its id; `tokens list` shows it.")],
    state_dir: public_keys.StateDir = None,
) -> None:
    """End a token at once."""
    with _opened(load_settings(state_dir=state_dir)) as tokens:
        done = tokens.revoke(token_id, by=user())
    screen().print("revoked" if done else "it was revoked before", highlight=False)


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise InputError(f"--expires {text}: a number with d or h is needed, such as 30d")
    count = int(found.group(1))
    return timedelta(days=count) if found.group(2) == "d" else timedelta(hours=count)


@contextmanager
def _opened(settings: Settings) -> Iterator[Tokens]:
    from agents.access.api_tokens import Tokens  # noqa: PLC0415
    from agents.access.audit_log import AuditLog  # noqa: PLC0415
    from agents.database import migrate  # noqa: PLC0415 - --help comes at once
    from agents.database.engine import Database  # noqa: PLC0415

    state = settings.state_folder(STATE)
    if settings.ledger_url is None and not (state / "ledger.db").exists():
        raise InputError(f"{state}: holds no ledger; name its folder with --state-dir")
    database = Database(settings.ledger_location(state))
    try:
        migrate.ready(database)
        yield Tokens(database, AuditLog(database))
    finally:
        database.dispose()
