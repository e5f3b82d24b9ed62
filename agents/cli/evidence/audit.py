"""``hushwire audit``: verify, export and sign the audit log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys as known
from agents.cli.shared.listing import AsJson, show_rows
from agents.settings.model import STATE, Settings, load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.owners import user
from agents.system.screen import screen
from pipeline.errors import InputError, TamperError

if TYPE_CHECKING:
    from agents.access.audit_log import AuditLog
    from agents.access.hash_chain import Checkpoint, Entry
    from agents.crypto.ed25519 import SigningKey
    from agents.vault.file_store import Place

BROKEN = ExitCode.NOT_CLEAN
"""The log was changed, cut or reordered, or signed by another key."""

Vault = Annotated[
    str | None,
    typer.Option("--vault", help="Folder of the vault, or s3://bucket/prefix."),
]

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
    vault: Vault = None,
    public_key: known.PublicKeys = None,
    state_dir: known.StateDir = None,
) -> None:
    """Go through the whole log: links, hashes, signatures. Says which entry is wrong, and how.

    The log of this installation is compared with what its signing key remembers. With --vault it is
    compared with the checkpoints and certificates there too.

    Exit codes: 0 it holds; 1 it does not; 2 a file can't be read; 4 ledger or vault are away;
    12 no public key is known.
    """
    from agents.access.hash_chain import tree_of, verify_chain  # noqa: PLC0415 - --help comes at once
    from agents.upkeep.audit_outside import Outside  # noqa: PLC0415

    out, err = screen(), screen(stderr=True)
    keys = known.public_keys(public_key or [], state_dir)
    if not keys:
        err.print("hushwire: no public key to check checkpoints with: name one with --public-key")
        sys.exit(ExitCode.NO_PUBLIC_KEY)
    settings = load_settings(state_dir=state_dir)
    outside = Outside(read_lines(kept)[1] if kept is not None else [])
    if vault is not None:
        outside.look(opened_place(vault), keys)
    if export is not None:
        entries, checkpoints = read_lines(export)
        seen = verify_chain(
            entries,
            [*checkpoints, *outside.checkpoints],
            keys,
            outside=outside.stated,
            calls=outside.calls,
        )
        outside.compare(settings, lambda: tree_of(entries, checkpoints))
    else:
        outside.remember(settings.signing_key_file(settings.state_folder(STATE)))
        with opened_log(settings) as log:
            seen = log.verify(
                keys, kept=outside.checkpoints, outside=outside.stated, calls=outside.calls
            )
            outside.compare(settings, log.tree)
    problems = (*outside.problems, *seen.problems)
    for problem in problems:
        err.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    signed = f"signed up to {seen.signed} on {seen.signed_at}" if seen.signed else "not signed"
    told = f"entries {seen.first} to {seen.last}, {signed}; {seen.unsigned} behind the signature"
    out.print(told, markup=False, highlight=False, soft_wrap=True)
    out.print("the audit log does not hold" if problems else "the audit log holds")
    if problems:
        sys.exit(BROKEN)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Option("--out", help="Where to; without it, standard output.")
    ] = None,
    force: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    state_dir: known.StateDir = None,
) -> None:
    """Write the log as JSON lines: every entry in order, every checkpoint behind its entry.

    Exit codes: 0 written; 2 there is no ledger, or a file is there already; 4 the ledger is away.
    """
    from agents.system.atomic_files import refuse_existing  # noqa: PLC0415 - --help comes at once
    from agents.system.private_files import write_private  # noqa: PLC0415

    if file is not None:
        refuse_existing([file], force=force)
    with opened_log(load_settings(state_dir=state_dir)) as log:
        if file is None:
            for line in log.export():
                sys.stdout.buffer.write(line)
            return
        try:
            written = write_private(file, log.export(), replace=force)
        except OSError as error:
            raise InputError(f"{file}: cannot be written ({error.strerror})") from error
        if not written:
            raise InputError(f"{file}: appeared meanwhile and stays; --force replaces it")


@app.command()
def checkpoint(vault: Vault = None, state_dir: known.StateDir = None) -> None:
    """Sign the last entry and print the checkpoint, to be kept where nobody here can change it.

    Workers sign by themselves too: every 100 entries, every ten minutes and when they stop, and lay
    checkpoints into the vault and on the audit topic. With --vault this one goes there too.

    Exit codes: 0 signed; 1 the log does not hold, or does not extend what was signed last: nothing
    is signed; 2 the key's memory is missing; 4 the key is missing, or another one.
    """
    settings = load_settings(state_dir=state_dir)
    with opened_log(settings) as log, refusals():
        _show(log.checkpoint(signing_key(settings, log)), vault)


@app.command()
def adopt(
    vault: Vault = None,
    public_key: known.PublicKeys = None,
    state_dir: known.StateDir = None,
) -> None:
    """Let the signing key go on from the log as it is now, and print the checkpoint.

    For a key whose memory of what it signed last is missing (an upgrade, a copy of the key alone),
    and for a database that was restored from a backup. Look at the log first (`hushwire audit
    verify --vault`): what was changed before this is signed with it. It is an entry of the log.

    Where a log that another key pruned begins, only that key says: name it with --public-key.
    """
    from agents.crypto.ed25519 import PublicKey  # noqa: PLC0415 - --help comes at once

    before = [PublicKey.load(path) for path in public_key or []]
    settings = load_settings(state_dir=state_dir)
    with opened_log(settings) as log, refusals():
        _show(log.adopt(signing_key(settings, log), by=user(), before=before), vault)


def signing_key(settings: Settings, log: AuditLog) -> SigningKey:
    """This installation's signing key; none is made: it is the workers'.

    Raises:
        KeyFileError: it is missing, or another one than it was.
        StoreError: it can't be used.
    """
    from agents.database.known_keys import known_signing_key  # noqa: PLC0415 - --help comes at once

    path = settings.signing_key_file(settings.state_folder(STATE))
    return known_signing_key(log.database).read(path)


def _show(signed: Checkpoint | None, vault: str | None) -> None:
    """Print a checkpoint, and lay it into the vault where one is named."""
    from agents.upkeep.audit_checkpoints import VaultCheckpoints  # noqa: PLC0415 - --help comes at once
    from pipeline.evidence.canonical_json import canonical_json  # noqa: PLC0415

    if signed is None:
        screen(stderr=True).print("hushwire: the audit log is empty: nothing to sign")
        return
    if vault is not None:
        VaultCheckpoints(opened_place(vault)).put(signed)
    typer.echo(canonical_json(signed.document).decode())


@contextmanager
def refusals() -> Iterator[None]:
    """End with the exit code of a log that does not hold."""
    try:
        yield
    except TamperError as error:
        screen(stderr=True).print(f"hushwire: {error}", markup=False, soft_wrap=True)
        sys.exit(BROKEN)


@app.command()
def prune(confirm: known.Confirm = None, state_dir: known.StateDir = None) -> None:
    """Remove entries that are older than `audit_days`, as workers do once a day.

    What is refused (exit code 2), and how it is confirmed, see `hushwire retention sweep --help`.
    Exit code 4: the signing key is missing, or another one; nothing is removed.
    """
    from agents.cli.shared.stores import confirmed  # noqa: PLC0415
    from agents.upkeep.audit_keeper import prune as remove_old  # noqa: PLC0415 - --help comes at once
    from agents.upkeep.sweep_guard import Bounds, SweepGuard  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    with opened_log(settings) as log:
        key = signing_key(settings, log)
        guard = SweepGuard(log.database, Bounds.of(settings))
        gone = remove_old(log, key, settings.audit_days, guard, confirmed=confirmed(confirm))
    screen().print(f"{gone} entries removed", highlight=False)


@app.command()
def kinds(
    markdown: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--markdown", help="Print the table of docs/certificates.md.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """List every kind of event that the log may hold, and what it tells."""
    from agents.access.audit_events import KINDS, table  # noqa: PLC0415 - --help comes at once

    if markdown:
        typer.echo(table())
        return
    rows = [{"event": name, "tells": told.replace("`", "")} for name, told in KINDS.items()]
    show_rows(rows, as_json=as_json)


@contextmanager
def opened_log(settings: Settings, fallback: Path = STATE) -> Iterator[AuditLog]:
    """The audit log in the ledger of a state folder, closed at the end of the block.

    Raises:
        InputError: there is no ledger.
        StoreError: it is away, or its schema is not ours.
    """
    from agents.access.audit_log import AuditLog  # noqa: PLC0415
    from agents.database import migrate  # noqa: PLC0415 - --help comes at once
    from agents.database.engine import Database  # noqa: PLC0415

    state = settings.state_folder(fallback)
    if settings.ledger_url is None and not (state / "ledger.db").exists():
        raise InputError(f"{state}: holds no ledger; name its folder with --state-dir")
    database = Database(settings.ledger_location(state))
    try:
        migrate.ready(database)
        yield AuditLog(database)
    finally:
        database.dispose()


def opened_place(vault: str) -> Place:
    """Where the files of a vault lie; nothing is made.

    Raises:
        InputError: there is no such folder.
        StoreError: the bucket is away.
    """
    from agents.vault.file_store import is_bucket, open_place  # noqa: PLC0415 - --help comes at once

    if not is_bucket(vault) and not Path(vault).is_dir():
        raise InputError(f"{vault}: there is no such folder; --vault names the vault")
    return open_place(vault)


def read_lines(path: Path) -> tuple[list[Entry], list[Checkpoint]]:
    """Entries and checkpoints of an export, or checkpoints that were kept.

    Raises:
        InputError: it can't be read, or is something else.
    """
    from agents.access.hash_chain import read_export  # noqa: PLC0415 - --help comes at once

    try:
        with path.open("rb") as lines:
            return read_export(lines)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
