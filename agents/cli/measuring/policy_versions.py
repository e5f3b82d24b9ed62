"""``hushwire policy publish`` and what belongs to it: versions in the ledger, which workers follow.

Where another person has to approve (HUSHWIRE_POLICY_APPROVAL=two), that is told by the user of
the command line, or by who is logged in on the console's page.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.measuring.policy import app
from agents.cli.shared import public_keys as known
from agents.cli.shared.listing import AsJson, show_rows
from agents.cli.shared.stores import VaultHint, opened
from agents.settings.model import load_settings
from agents.system.owners import user
from agents.system.screen import screen
from pipeline.errors import InputError

if TYPE_CHECKING:
    from agents.access.policy_versions import PolicyVersions, Version

Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the list of versions.")]
Laxer = Annotated[
    bool, typer.Option("--laxer", help="Even where it is laxer than what is in force; else asked.")
]
Number = Annotated[int, typer.Argument(help="Number of the version; `policy versions` lists them.")]
_DIGITS = 12
"""Of a digest that are shown."""


@app.command("publish")
def publish(
    file: Annotated[str, typer.Argument(help="Policy file, or a shipped name.")],
    reason: Reason,
    laxer: Laxer = False,  # noqa: FBT002 - an option
    vault: VaultHint = None,
    state_dir: known.StateDir = None,
) -> None:
    """Put a policy in force for new calls, without a restart; open calls keep theirs.

    Where another person has to approve, it waits for `hushwire policy approve` or the page.

    Exit codes: 0 done; 2 the policy is refused, is in force already, or is laxer and nobody
    accepted that.
    """
    from agents.access.policy_versions import document_of  # noqa: PLC0415 - --help comes at once
    from agents.settings.policies import read_policy  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    policy = read_policy(settings, file)
    path = Path(file)
    written = path.read_text(encoding="utf-8") if path.is_file() else ""
    with _versions(vault, state_dir) as versions:
        document = document_of(policy, written, versions.known)
        step = partial(versions.publish, document, by=user(), reason=reason)
        _tell(_accepted(step, laxer=laxer))


@app.command("versions")
def list_versions(
    vault: VaultHint = None, state_dir: known.StateDir = None, *, as_json: AsJson = False
) -> None:
    """List the versions of the policy, the newest first; the one in force is marked."""
    with _versions(vault, state_dir) as versions:
        found, now = versions.known_versions(), versions.standing()
    if not found and not as_json:
        screen().print("no version was published: the policy of the settings is in force")
    rows = [
        {
            "version": one.number,
            "in_force": one.number == now.number,
            "policy": f"{one.name} {one.version}",
            "sha256": one.sha256 if as_json else one.sha256[:_DIGITS],
            "state": one.state.value,
            "on": one.decided or one.created,
            "by": one.author,
            "approved_by": one.approver,
            "why": one.reason,
        }
        for one in found
    ]
    show_rows(rows, as_json=as_json)
    if now.problem:
        told = f"no worker takes it up: {now.problem}; publish another version"
        screen(stderr=True).print(told, markup=False, highlight=False, soft_wrap=True)


@app.command("show")
def show(
    number: Number,
    vault: VaultHint = None,
    state_dir: known.StateDir = None,
) -> None:
    """Print the text of a version, as it was written."""
    with _versions(vault, state_dir) as versions:
        version = versions.get(number)
    if version.problem:
        raise InputError(version.problem)
    typer.echo(version.document, nl=False)


@app.command("approve")
def approve(
    number: Number,
    vault: VaultHint = None,
    state_dir: known.StateDir = None,
) -> None:
    """Put a version in force that another person wrote; look at it by `policy show` first."""
    with _versions(vault, state_dir) as versions:
        _tell(versions.approve(number, by=user()))


@app.command("withdraw")
def withdraw(
    number: Number,
    vault: VaultHint = None,
    state_dir: known.StateDir = None,
) -> None:
    """Take back a draft, or a version that waits for an approval."""
    with _versions(vault, state_dir) as versions:
        _tell(versions.withdraw(number, by=user()))


@app.command("rollback")
def rollback(
    number: Number,
    reason: Reason,
    laxer: Laxer = False,  # noqa: FBT002 - an option
    vault: VaultHint = None,
    state_dir: known.StateDir = None,
) -> None:
    """Put an earlier version in force again, as a new one; 0 is the policy of the settings."""
    with _versions(vault, state_dir) as versions:
        step = partial(versions.roll_back, number, by=user(), reason=reason)
        _tell(_accepted(step, laxer=laxer))


def _accepted(step: Callable[..., Version], *, laxer: bool) -> Version:
    """Take a step; what it is laxer in is asked on a terminal, and refused without one."""
    from agents.access.laxer_policies import LaxerPolicyError  # noqa: PLC0415 - as above

    try:
        return step(laxer=laxer)
    except LaxerPolicyError as error:
        if not _asks():
            raise
        typer.echo("It is laxer than what is in force:", err=True)
        for told in error.changes:
            typer.echo(f"- {told}", err=True)
        typer.confirm("Publish it anyway?", abort=True, err=True)
        return step(laxer=True)


@contextmanager
def _versions(vault: str | None, state_dir: Path | None) -> Iterator[PolicyVersions]:
    from agents.access.policy_versions import PolicyVersions  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    with opened(settings, vault) as parts:
        yield PolicyVersions.of(settings, parts.ledger)


def _asks() -> bool:
    return sys.stdin.isatty()


def _tell(version: Version) -> None:
    told = {
        "published": "is in force: new calls get it",
        "awaiting": "waits: another person has to approve it",
        "withdrawn": "is withdrawn",
    }
    screen().print(
        f"version {version.number} ({version.name} {version.version}, sha256 {version.sha256}) "
        f"{told.get(version.state.value, version.state.value)}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
