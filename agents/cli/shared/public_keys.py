"""Which public keys a command that checks signatures goes by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.settings.model import STATE, load_settings
from agents.system.private_files import there

if TYPE_CHECKING:
    from agents.crypto.ed25519 import PublicKey

PublicKeys = Annotated[
    list[Path] | None,
    typer.Option(
        "--public-key",
        help="PEM file of a public key; may be given several times, for keys that were in use "
        "before.",
    ),
]
StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="Folder of the ledger and the keys.")
]
Confirm = Annotated[
    int | None,
    typer.Option(
        "--confirm",
        min=0,
        help="How many are to be destroyed, where a sweep was refused: the clock is right, and so "
        "is the number.",
    ),
]


def public_keys(
    files: list[Path], state_dir: Path | None, *, near: Path | None = None
) -> dict[str, PublicKey]:
    """The same as ``key_files``, by the keys' ids."""
    return {key.key_id: key for key in key_files(files, state_dir, near=near).values()}


def key_files(
    files: list[Path], state_dir: Path | None, *, near: Path | None = None
) -> dict[Path, PublicKey]:
    """The public keys of files, or of this installation where none is named, by their file.

    Args:
        files: PEM files.
        state_dir: the installation's state folder, where an option names it.
        near: a file in a vault, whose own state folder is looked at too.

    Raises:
        InputError: a file holds no public key.
        KeyFileError: the installation's key is another one than its ledger knows.
        StoreError: the installation's key can't be used, or its ledger is away or of another
            schema.
    """
    from agents.crypto.ed25519 import PublicKey  # noqa: PLC0415 - --help comes at once
    from agents.database.open_ledger import signing_key_beside  # noqa: PLC0415

    if files:
        return {path: PublicKey.load(path) for path in files}
    settings = load_settings(state_dir=state_dir)
    state = settings.state_folder(state_near(near))
    private = settings.signing_key_file(state)
    if not there(private):
        return {}
    return {private: signing_key_beside(settings, state).public}


def own_key_file(state_dir: Path | None, *, near: Path | None = None) -> Path:
    """The signing key of this installation, which may not be there; arguments as ``key_files``."""
    settings = load_settings(state_dir=state_dir)
    return settings.signing_key_file(settings.state_folder(state_near(near)))


def state_near(file: Path | None) -> Path:
    """The state folder that ``hushwire run`` made in the vault of a file, or the usual one."""
    for folder in file.absolute().parents if file is not None else ():
        if (folder / STATE).is_dir():
            return folder / STATE
    return STATE
