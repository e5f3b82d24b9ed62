"""``hushwire audit witness-…``: show the audit log to witnesses, and keep what they answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.evidence import audit
from agents.cli.evidence.audit import app
from agents.cli.shared import public_keys
from agents.settings.model import STATE, Settings, load_settings
from pipeline.errors import InputError, SettingsError

if TYPE_CHECKING:
    from agents.access.witness import Note


@app.command("witness-key")
def key(state_dir: public_keys.StateDir = None) -> None:
    """Print the log's key as witnesses want it (`name+id+key`)."""
    from agents.access.witness import log_vkey  # noqa: PLC0415 - --help comes at once
    from agents.database.open_ledger import signing_key_beside  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    signing = signing_key_beside(settings, settings.state_folder(STATE))
    typer.echo(log_vkey(signing, _origin(settings)))


@app.command("witness-request")
def request(
    old: Annotated[
        int, typer.Option(min=0, help="How many entries the witness saw last; it says so.")
    ] = 0,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Sign the log as it is, and print what a witness is sent (`add-checkpoint`).

    For example: hushwire audit witness-request --old 120 > request.txt;
    curl --data-binary @request.txt https://WITNESS/add-checkpoint > answer.txt
    """
    from agents.access.witness import log_note  # noqa: PLC0415 - --help comes at once
    from agents.access.witness import request as request_of  # noqa: PLC0415

    settings = load_settings(state_dir=state_dir)
    origin = _origin(settings)
    with audit.opened_log(settings) as log, audit.refusals():
        signing = audit.signing_key(settings, log)
        # What may not be signed for ourselves is not signed for a witness.
        signed, tree = log.checkpoint(signing), log.tree()
    if signed is None:
        raise InputError("the audit log is empty: nothing to witness")
    try:
        note = log_note(signing, origin, tree, signed.seq)
        typer.echo(request_of(note, tree, old).encode(), nl=False)  # a note is UTF-8
    except ValueError as error:
        raise InputError(f"--old {old}: {error}") from None


@app.command("witness-add")
def add(
    asked: Annotated[Path, typer.Argument(help="What the witness was sent.")],
    answered: Annotated[Path, typer.Argument(help="What it answered: lines of signatures.")],
    vault: Annotated[str, typer.Option("--vault", help="Folder of the vault, or s3://…")],
    state_dir: public_keys.StateDir = None,
) -> None:
    """Check a witness's cosignature and keep the checkpoint in the vault."""
    from agents.access.witness import contradictions, with_lines, witnesses  # noqa: PLC0415
    from agents.upkeep.audit_checkpoints import keep_note  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    note = with_lines(_note(_text(asked)), _text(answered))
    names = witnesses(settings.audit_witnesses)
    with audit.opened_log(settings) as log:
        problems = contradictions([note], names, _origin(settings), log.tree())
    if problems:
        raise InputError(problems[0])
    keep_note(audit.opened_place(vault), note)
    typer.echo(f"{note.size} entries, witnessed by {', '.join(note.cosigned(names))}")


def _note(sent: str) -> Note:
    """The checkpoint in what a witness was sent: behind the first empty line."""
    from agents.access.witness import Note  # noqa: PLC0415 - --help comes at once

    return Note.parse(sent.partition("\n\n")[2])


def _origin(settings: Settings) -> str:
    if not settings.audit_origin:
        raise SettingsError("audit_origin: name the log for its witnesses (HUSHWIRE_AUDIT_ORIGIN)")
    return settings.audit_origin


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__})") from error
