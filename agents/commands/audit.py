"""``hushwire audit``: verify, export and sign the audit log."""

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
    from agents.auditchain import Checkpoint, Entry
    from agents.auditlog import AuditLog

BROKEN = 1
"""Exit code: the log was changed, cut or reordered, or signed by another key."""
NO_KEY = 12
"""Exit code: no public key is known; the same as for certificates."""

app = typer.Typer(help="The audit log: who did what to which call.", no_args_is_help=True)


@app.command()
def verify(
    export: Annotated[
        Path | None, typer.Argument(help="An export; without it, the log of this installation.")
    ] = None,
    kept: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", help="Checkpoints that were kept elsewhere: the log has to hold them."
        ),
    ] = None,
    public_key: known.PublicKeys = None,
    state_dir: known.StateDir = None,
) -> None:
    """Go through the whole log: links, hashes, signatures. Says which entry is wrong, and how.

    Exit codes: 0 it holds; 1 it does not; 2 a file can't be read; 4 the ledger is away;
    12 no public key is known.
    """
    from agents.auditchain import verify_chain  # noqa: PLC0415 - --help comes at once

    out, err = Console(), Console(stderr=True)
    keys = known.public_keys(public_key or [], state_dir)
    if not keys:
        err.print("hushwire: no public key to check checkpoints with: name one with --public-key")
        sys.exit(NO_KEY)
    outside = _read(kept)[1] if kept is not None else []
    if export is not None:
        entries, checkpoints = _read(export)
        seen = verify_chain(entries, [*checkpoints, *outside], keys)
    else:
        with _log(load_settings(state_dir=state_dir)) as log:
            seen = log.verify(keys, kept=tuple(outside))
    for problem in seen.problems:
        err.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    signed = f"signed up to {seen.signed} on {seen.signed_at}" if seen.signed else "not signed"
    told = f"entries {seen.first} to {seen.last}, {signed}; {seen.unsigned} behind the signature"
    out.print(told, markup=False, highlight=False, soft_wrap=True)
    out.print("the audit log does not hold" if seen.problems else "the audit log holds")
    if seen.problems:
        sys.exit(BROKEN)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Option("--out", help="Where to; without it, standard output.")
    ] = None,
    state_dir: known.StateDir = None,
) -> None:
    """Write the log as JSON lines: every entry in order, every checkpoint behind its entry."""
    from agents.private import write_private  # noqa: PLC0415 - --help comes at once

    with _log(load_settings(state_dir=state_dir)) as log:
        if file is None:
            for line in log.export():
                sys.stdout.buffer.write(line)
            return
        try:
            write_private(file, log.export())
        except OSError as error:
            raise InputError(f"{file}: cannot be written ({error.strerror})") from error


@app.command()
def checkpoint(state_dir: known.StateDir = None) -> None:
    """Sign the last entry and print the checkpoint, to be kept where nobody here can change it.

    Workers sign by themselves too: every 100 entries, every ten minutes and when they stop.
    """
    from agents.signing import SigningKey  # noqa: PLC0415 - --help comes at once
    from pipeline.signatures import canonical_json  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    key = SigningKey.load_or_create(settings.signing_key_file(settings.state_folder(STATE)))
    with _log(settings) as log:
        signed = log.checkpoint(key)
    if signed is None:
        Console(stderr=True).print("hushwire: the audit log is empty: nothing to sign")
        return
    typer.echo(canonical_json(signed.document).decode())


@app.command()
def prune(confirm: known.Confirm = None, state_dir: known.StateDir = None) -> None:
    """Remove entries that are older than `audit_days`, as workers do once a day.

    What is refused (exit code 2), and how it is confirmed, see `hushwire retention sweep --help`.
    """
    from agents.auditkeeper import prune as remove_old  # noqa: PLC0415 - --help comes at once
    from agents.commands.opened import confirmed  # noqa: PLC0415
    from agents.signing import SigningKey  # noqa: PLC0415
    from agents.sweeping import Bounds, SweepGuard  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    key = SigningKey.load(settings.signing_key_file(settings.state_folder(STATE)))
    with _log(settings) as log:
        guard = SweepGuard(log.database, Bounds.of(settings))
        gone = remove_old(log, key, settings.audit_days, guard, confirmed=confirmed(confirm))
    Console().print(f"{gone} entries removed", highlight=False)


@app.command()
def kinds(
    markdown: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--markdown", help="Print the table of docs/certificates.md.")
    ] = False,
) -> None:
    """List every kind of event that the log may hold, and what it tells."""
    from agents.auditkinds import KINDS, table  # noqa: PLC0415 - --help comes at once

    if markdown:
        typer.echo(table())
        return
    listed = Table("event", "what it tells")
    for name, told in KINDS.items():
        listed.add_row(name, told.replace("`", ""))
    Console().print(listed)


@contextmanager
def _log(settings: Settings) -> Iterator[AuditLog]:
    from agents import schema  # noqa: PLC0415 - --help comes at once
    from agents.auditlog import AuditLog  # noqa: PLC0415
    from agents.database import Database  # noqa: PLC0415

    state = settings.state_folder(STATE)
    if settings.ledger_url is None and not (state / "ledger.db").exists():
        raise InputError(f"{state}: holds no ledger; name its folder with --state-dir")
    database = Database(settings.ledger_location(state))
    try:
        schema.ready(database)
        yield AuditLog(database)
    finally:
        database.dispose()


def _read(path: Path) -> tuple[list[Entry], list[Checkpoint]]:
    from agents.auditchain import read_export  # noqa: PLC0415 - --help comes at once

    try:
        with path.open("rb") as lines:
            return read_export(lines)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
