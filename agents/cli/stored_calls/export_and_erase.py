"""``hushwire export`` and ``hushwire erase``: stored calls as plain files, and their end."""

from __future__ import annotations

import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.shared import public_keys
from agents.cli.shared.stores import VaultOption, opened_vault, party, tell_unfindable
from agents.settings.model import STATE, Settings, load_settings
from agents.system.fatal_exit import ExitCode
from agents.system.owners import user
from agents.system.private_files import there
from agents.system.screen import screen
from agents.vault.file_store import same_place, state_inside
from pipeline.errors import HeldError, InputError, StoreError, UnknownCallError

if TYPE_CHECKING:
    from agents.crypto.ed25519 import SigningKey
    from agents.database.call_ledger import Ledger
    from agents.vault.exports.files import Export

CallOption = Annotated[str | None, typer.Option("--call", help="Call id.")]
SubjectOption = Annotated[
    str | None, typer.Option("--subject", help="A person's number, or pseudonym: all their calls.")
]


class Format(StrEnum):
    """How stored calls are written out."""

    FILES = "files"
    VCON = "vcon"
    DEEPGRAM = "deepgram"
    JSONL = "jsonl"


def export(
    vault: VaultOption,
    to: Annotated[Path, typer.Option("--to", help="Folder; made when missing.")],
    call: CallOption = None,
    subject: SubjectOption = None,
    every: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--all", help="All calls of the vault.")
    ] = False,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="files: a folder a call. vcon: <call>.vcon.json. deepgram: the transcript as "
            "<call>.deepgram.json. jsonl: as <call>.jsonl, a line a turn.",
        ),
    ] = Format.FILES,
    by_reference: Annotated[
        str | None,
        typer.Option(
            "--by-reference",
            metavar="URL",
            help="Of a vcon: its audio is at URL/<call>/<call>.flac, not inside. https only.",
        ),
    ] = None,
    sign: Annotated[
        bool | None,
        typer.Option(
            "--sign/--no-sign",
            help="A vcon as JWS, by the installation's signing key. Default: where there is one.",
            show_default=False,
        ),
    ] = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Decrypt stored calls into plain files: FLAC, transcript, subtitles, certificate, facts.

    With --format vcon each call becomes one vCon (IETF) instead: redacted audio and transcript,
    certificate, lawful basis. Parties are named by role and pseudonym. A quarantined call is none.
    deepgram and jsonl write the redacted transcript alone (docs/outputs.md).

    The audit log notes each call and who got it. Exit codes: 0 written; 1 nobody's call was found,
    or some of several can't be exported: they are named, the others are written; or calls are left
    of which nobody knows whether they are the subject's, since a token key was lost; 4 a number was
    named, and the token key is missing or another one.
    """
    from agents.vault.call_catalogue import Catalogue  # noqa: PLC0415 - --help comes at once
    from agents.vault.exports.files import Exported, export_call, export_each  # noqa: PLC0415
    from agents.vault.exports.transcripts import Shape, TranscriptExport  # noqa: PLC0415
    from agents.vault.exports.vcons import VConExport, url_prefix  # noqa: PLC0415
    from agents.vault.reader import CallFilter, VaultReader  # noqa: PLC0415

    if sum((call is not None, subject is not None, every)) != 1:
        raise InputError("name one of --call, --subject and --all")
    if form is not Format.VCON and (by_reference is not None or sign is not None):
        raise InputError("--by-reference and --sign are for --format vcon")
    prefix = url_prefix(by_reference) if by_reference is not None else ""
    settings = load_settings(state_dir=state_dir)
    lost = False
    with opened_vault(settings, vault) as (parts, opened):
        key = _signing_key(settings, vault, sign, parts.ledger) if form is Format.VCON else None
        wanted = CallFilter()
        if subject is not None:
            wanted = CallFilter(party=party(settings, vault, subject, parts.ledger))
            lost = tell_unfindable(parts.ledger)
        reader = VaultReader(opened)
        export: Export = partial(export_call, reader, parts.log, folder=to, by=user())
        if form is Format.VCON:
            export = VConExport(reader, parts.log, to, user(), key, prefix)
        elif form is not Format.FILES:
            shape = Shape.DEEPGRAM if form is Format.DEEPGRAM else Shape.LINES
            export = TranscriptExport(reader, parts.log, to, user(), shape)
        if call is not None:
            if Catalogue(parts.ledger.database).find(call) is None:
                raise UnknownCallError(
                    "no such call in the catalogue: never stored, or erased; of the recorder's own "
                    "id, `hushwire calls find --recorder-id` tells the call"
                )
            result = Exported((export(call),), {})
        else:
            result = export_each(reader, wanted, export)
    quarantined = sum(not one.passed for one in result.done)
    told = f"{len(result.done)} calls in {to}"
    if form is Format.VCON and key is None:
        told += ", not signed"
    _tell(told + (f", of which {quarantined} quarantined: certificate only" if quarantined else ""))
    for call_id, error in result.failed.items():
        why = str(error).removeprefix(f"call {call_id} is ").removeprefix(f"call {call_id}: ")
        _tell(f"not exported: call {call_id}: {why}", err=True)
    whole = result.done and not result.failed and not lost
    sys.exit(ExitCode.DONE if whole else ExitCode.NOT_CLEAN)


def _signing_key(
    settings: Settings,
    vault: str,
    wanted: bool | None,  # noqa: FBT001
    ledger: Ledger,
) -> SigningKey | None:
    """The installation's signing key, where vCons are to be signed; none is made.

    Raises:
        InputError: it was asked for, and is not there.
        KeyFileError: it is another one than the ledger knows.
        StoreError: it can't be used.
    """
    from agents.database.known_keys import known_signing_key  # noqa: PLC0415 - --help comes at once

    inside = state_inside(vault)
    path = settings.signing_key_file(settings.state_folder(inside if inside.is_dir() else STATE))
    if wanted is False or (wanted is None and not there(path)):
        return None
    if not there(path):
        raise InputError(f"{path}: is not there, so nothing can be signed; use --no-sign")
    return known_signing_key(ledger.database).read(path)


def erase(
    vault: VaultOption,
    call: CallOption = None,
    subject: SubjectOption = None,
    state_dir: public_keys.StateDir = None,
) -> None:
    """Destroy keys, files and catalogue entries of a call, or of all calls of a person.

    Needs no confirmation and can't be undone. A call that is still on its way is refused. Only the
    audit log keeps that it was done. After an interruption, run it again.

    Of a person's calls all are erased but those that a legal hold keeps: they are named, with the
    day of the hold, and the audit log notes that they were asked for.

    Exit codes: 0 erased; 1 there was nothing, or some of a person's calls are not erased: each is
    named, and why; or calls are left of which nobody knows whose they are, since a token key was
    lost; 2 a legal hold keeps the call; 4 a number was named, and the token key, without which
    nobody can be looked for, is missing or another one.
    """
    from agents.upkeep import erasure  # noqa: PLC0415 - --help comes at once

    if (call is None) is (subject is None):
        raise InputError("name one of --call and --subject")
    settings = load_settings(state_dir=state_dir)
    with opened_vault(settings, vault) as (parts, opened):
        if call is not None:
            opened.require_files(call)
            try:
                there = erasure.erase(opened, parts.ledger, parts.log, call, erasure.REQUEST)
            except HeldError as error:
                raise HeldError(f"{error}{_remove_hold(call, vault, state_dir)}") from None
            _tell(f"{call}: {'erased' if there else 'there is nothing left of it'}")
            sys.exit(ExitCode.DONE if there else ExitCode.NOT_CLEAN)
        who = party(settings, vault, subject or "", parts.ledger)
        lost = tell_unfindable(parts.ledger)
        erased, left = erasure.erase_party(opened, parts.ledger, parts.log, who)
    for call_id in erased:
        _tell(f"{call_id}: erased")
    held = {one for one, reason in left.items() if isinstance(reason, HeldError)}
    for call_id, reason in left.items():
        if call_id in held:
            _tell(f"{call_id}: kept: {reason}{_remove_hold(call_id, vault, state_dir)}")
        else:
            again = "not finished, run it again" if isinstance(reason, StoreError) else "not erased"
            _tell(f"{call_id}: {again}: {reason}")
    told = f"{len(erased)} calls erased, {len(held)} kept"
    _tell(told + (f", {len(left) - len(held)} not erased" if len(left) > len(held) else ""))
    sys.exit(ExitCode.DONE if erased and not left and not lost else ExitCode.NOT_CLEAN)


def _remove_hold(call: str, vault: str, state_dir: Path | None) -> str:
    return f" (`hushwire hold remove {call}{same_place(vault, state_dir)}`)"


def _tell(text: str, *, err: bool = False) -> None:
    screen(stderr=err).print(text, markup=False, highlight=False, soft_wrap=True)
