"""``hushwire compliance``: the report of a month, for auditors."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.evidence.audit import opened_log
from agents.cli.shared import public_keys as known
from agents.cli.shared.stores import VaultHint, require_vault
from agents.settings.model import STATE, load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.screen import screen
from agents.vault.file_store import state_inside

if TYPE_CHECKING:
    from agents.reports.compliance.report import Sources, Told

app = typer.Typer(help="What an auditor reads of a month.", no_args_is_help=True)


@app.callback()
def compliance() -> None:
    """What an auditor reads of a month."""


@app.command()
def report(
    month: Annotated[str, typer.Option("--month", help="Year and month, such as 2026-11, in UTC.")],
    file: Annotated[
        Path | None,
        typer.Option("--out", help="Where to; without it compliance-MONTH.html in this folder."),
    ] = None,
    as_json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--json", help="JSON; on standard output without --out.")
    ] = False,
    force: Annotated[  # noqa: FBT002
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    vault: VaultHint = None,
    public_key: known.PublicKeys = None,
    state_dir: known.StateDir = None,
) -> None:
    """Write the report of a month: one HTML file that can be printed, without content.

    It reads the audit log, the ledger, the rules of places and the policy in force. With --vault it
    reads certificates too, and compares the audit log with them.

    Exit codes: 0 written; 1 written, and a part could not be read or the audit log does not hold;
    2 the month is none, there is no ledger, or a file is there already; 4 the ledger is away.
    """
    from agents.reports.compliance.model import Month  # noqa: PLC0415 - --help comes at once
    from agents.reports.compliance.page import html_file  # noqa: PLC0415
    from agents.reports.compliance.report import report_of  # noqa: PLC0415
    from agents.system.atomic_files import refuse_existing  # noqa: PLC0415

    with _sources(vault, public_key or [], state_dir) as sources:
        wanted = Month.parse(month, sources.database.now())
        target = file or (None if as_json else Path(f"compliance-{wanted.name}.html"))
        if target is not None:
            refuse_existing([target], force=force)
        with _far() as seen:
            made = report_of(sources, wanted, seen)
    text = (
        json.dumps(made.as_json(), indent=1, ensure_ascii=False) + "\n"
        if as_json
        else html_file(made)
    )
    if target is None:
        typer.echo(text, nl=False)
    else:
        _write(target, text, force=force)
        out = screen()
        out.print(made.summary, markup=False, highlight=False, soft_wrap=True)
        out.print(f"report: {target}", markup=False, highlight=False, soft_wrap=True)
    chain = made.parts.chain.value
    if made.parts.unread or chain is None or not chain.holds:
        told = ", ".join(made.parts.unread) or "the audit log does not hold"
        screen(stderr=True).print(
            f"hushwire: not all is as it should be: {told}", markup=False, soft_wrap=True
        )
        sys.exit(ExitCode.NOT_CLEAN)


@contextmanager
def _sources(
    vault: str | None, public_keys: list[Path], state_dir: Path | None
) -> Iterator[Sources]:
    """What the report is made from.

    No key file is needed until a version of the policy was published, which has to be proven: then
    the policy and the record of processing are told as unread without it.

    Raises:
        InputError: there is no ledger or no such vault.
        StoreError: the ledger is away.
    """
    from agents.crypto.ed25519 import PublicKey  # noqa: PLC0415
    from agents.reports.compliance.report import Sources  # noqa: PLC0415 - --help comes at once

    if vault is not None:
        require_vault(vault)
    inside = state_inside(vault)
    fallback = inside if inside.is_dir() else STATE
    settings = load_settings(state_dir=state_dir)
    keys = {key.key_id: key for key in map(PublicKey.load, public_keys)}
    with opened_log(settings, fallback) as log:
        state = settings.state_folder(fallback)
        yield Sources(settings, log.database, log, state, vault, keys)


@contextmanager
def _far() -> Iterator[Told]:
    """Says on standard error how far a report is: bars on a terminal, else a line now and then."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - --help comes at once

    from agents.reports.compliance.report import STEPS  # noqa: PLC0415
    from agents.system.progress import BEAT_S, plain  # noqa: PLC0415

    err, began = screen(stderr=True), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    tasks, beat = {step: bar.add_task(step, visible=False, total=None) for step in STEPS}, began

    def told(what: str, done: int, total: int) -> None:
        nonlocal beat
        bar.update(tasks[what], completed=done, total=total, visible=True)
        now = time.monotonic()
        if not err.is_terminal and now - beat >= BEAT_S:
            beat = now
            plain(err, f"after {now - began:.0f} s: {what}, {done} of {total}")

    with bar:
        yield told


def _write(path: Path, text: str, *, force: bool) -> None:
    from agents.system.private_files import write_private  # noqa: PLC0415 - --help comes at once
    from pipeline.errors import InputError  # noqa: PLC0415

    try:
        written = write_private(path, text.encode(), replace=force)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    if not written:
        raise InputError(f"{path}: appeared meanwhile and stays; --force replaces it")
