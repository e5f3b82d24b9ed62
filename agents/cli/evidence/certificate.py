"""``hushwire certificate``: check what a certificate says, and the public key to check it with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.evidence import audit
from agents.cli.shared import public_keys
from agents.settings.model import STATE, Settings, load_settings
from agents.system.screen import screen

if TYPE_CHECKING:
    from rich.console import Console

    from agents.crypto.ed25519 import PublicKey
    from pipeline.evidence.certificate import LogStated

app = typer.Typer(help="Certificates of redacted calls.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="<call>.certificate.json beside its call's files.")],
    audit_log: Annotated[
        Path | None,
        typer.Option(
            "--audit-log",
            help="An export; without it, this installation's log, unless a --public-key is named.",
        ),
    ] = None,
    public_key: public_keys.PublicKeys = None,
    state_dir: public_keys.StateDir = None,
    signature_only: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option("--signature-only", help="Leave out the files that it names, and the log."),
    ] = False,
) -> None:
    """Check a certificate offline: schema, signature, and the files that lie beside it.

    With --signature-only, the certificate alone, as one that was downloaded from the console.

    Where an audit log is at hand, it has to hold the entry that the certificate names.

    Files that lie sealed in the vault are opened where the installation's ledger and keys are.

    Without --public-key it is checked with this installation's own key.

    Exit codes: 0 valid, or its signature is good where only that is asked; 1 genuine, but the call
    was quarantined or its audio does not measure as it should; 2 no certificate; 10 a file is
    missing; 11 not signed; 12 no public key to check it with; 13 signed by another key; 14 changed;
    15 the audit log was rewritten or cut since.
    """
    from agents.app.checks import certificate_file  # noqa: PLC0415 - --help comes at once
    from pipeline.evidence.canonical_json import read_document, signature_of  # noqa: PLC0415

    out, err = screen(), screen(stderr=True)

    def tell(text: str, *, to: Console = err) -> None:
        to.print(f"{file.name}: {text}", markup=False, highlight=False, soft_wrap=True)

    files = public_keys.key_files(public_key or [], state_dir, near=file)
    keys = {key.key_id: key for key in files.values()}
    # The certificate alone first: what else is missing or wrong says nothing of its signature.
    found = certificate_file.check_alone(file, keys)
    good = all(one.problem < certificate_file.Problem.UNSIGNED for one in found)
    if not signature_only:
        # Another's key may belong to another log than the one here.
        own = None if public_key else load_settings(state_dir=state_dir)
        with _unsealing(file, state_dir) as unseal, _logged(file, audit_log, keys, own) as logged:
            found = certificate_file.check_file(file, keys, unseal=unseal, logged=logged)
    whose = "" if public_key else "this installation's own key "
    named = {key.key_id: f"{whose}{path} ({key.key_id[:16]}…)" for path, key in files.items()}
    signature = signature_of(read_document(file.read_bytes())) if good else None
    signed = f"signature good, signed by {named[signature.key_id]}" if signature else ""
    if found:
        if signed:
            tell(signed)
        for one in found:
            tell(one.text)
        if not signed:
            missing = (
                f"no key: {whose}{public_keys.own_key_file(state_dir, near=file)} is not there"
            )
            tell(f"checked with {', '.join(named.values())}" if named else missing)
        elif any(one.problem is certificate_file.Problem.MISSING for one in found):
            tell("--signature-only checks it without the files that it names")
        sys.exit(max(one.problem for one in found))
    if signature_only:
        tell(f"{signed}; the files that it names were not looked at", to=out)
    else:
        tell(f"valid, {signed.removeprefix('signature good, ')}", to=out)


@contextmanager
def _unsealing(file: Path, state_dir: Path | None) -> Iterator[Callable[[str], bytes] | None]:
    """How to read the sealed files beside a certificate; None where there are none, or no keys."""
    from agents.database.open_ledger import opened_ledger  # noqa: PLC0415 - --help comes at once
    from agents.vault.vault import Vault  # noqa: PLC0415
    from pipeline.evidence.layout import SEALED  # noqa: PLC0415

    settings, near = load_settings(state_dir=state_dir), public_keys.state_near(file)
    folder = file.absolute().parent
    state = settings.state_folder(near)
    has_ledger = settings.ledger_url is not None or (state / "ledger.db").exists()
    if not has_ledger or not any(folder.glob(f"*{SEALED}")):
        yield None
        return
    with opened_ledger(settings, near) as ledger:
        vault = Vault.opened(folder.parent.parent, ledger)
        yield lambda name: vault.read(folder.name, name)


@contextmanager
def _logged(
    file: Path, export: Path | None, keys: Mapping[str, PublicKey], settings: Settings | None
) -> Iterator[Callable[[LogStated], bool] | None]:
    """How to look an entry up in the audit log; None where there is none at hand."""
    from agents.access.hash_chain import Head, contains  # noqa: PLC0415 - --help comes at once

    near = public_keys.state_near(file)
    if export is not None:
        entries, checkpoints = audit.read_lines(export)
        yield lambda one: contains(entries, checkpoints, keys, Head(one.seq, one.hash))
    elif settings and (settings.ledger_url or (settings.state_folder(near) / "ledger.db").exists()):
        with audit.opened_log(settings, near) as log:
            yield lambda one: log.holds(Head(one.seq, one.hash), keys)
    else:
        yield None


@app.command("public-key")
def public_key(state_dir: public_keys.StateDir = None) -> None:
    """Print this installation's public key as PEM.

    The key is made where there is no ledger yet; else the first worker with the vault stage makes
    it. Another one than the ledger knows is refused.

    Whoever has it can check certificates and the audit log, and nothing else. Hand it over on
    another way than the certificates.
    """
    from agents.database.open_ledger import signing_key_beside  # noqa: PLC0415 - --help comes at once

    settings = load_settings(state_dir=state_dir)
    key = signing_key_beside(settings, settings.state_folder(STATE))
    typer.echo(key.public.pem(), nl=False)
