"""Opens what the commands on stored calls need: the ledger, the audit log, and the vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.settings.model import STATE, Settings
from agents.vault.file_store import PASSED, is_bucket, state_inside
from pipeline.errors import InputError, KeyFileError

if TYPE_CHECKING:
    from agents.access.audit_log import AuditLog
    from agents.crypto.party_pseudonyms import Pseudonyms
    from agents.database.call_ledger import Ledger
    from agents.upkeep.sweep_guard import Confirmed, SweepGuard
    from agents.vault.vault import Vault

VaultOption = Annotated[
    str, typer.Option("--vault", help="Folder of the vault, or s3://bucket/prefix.")
]
VaultHint = Annotated[
    str | None,
    typer.Option("--vault", help="Vault of `hushwire run`, whose ledger lies inside it."),
]


@dataclass(frozen=True, slots=True)
class Opened:
    """What is open until the block ends."""

    ledger: Ledger
    log: AuditLog
    guard: SweepGuard


@contextmanager
def opened(settings: Settings, vault: str | None) -> Iterator[Opened]:
    """The ledger of the installation, or the one that ``run`` left in a vault; none is made.

    Raises:
        InputError: there is none.
        StoreError: it can't be opened.
    """
    from agents.access.audit_log import AuditLog  # noqa: PLC0415 - --help comes at once
    from agents.database.open_ledger import opened_ledger  # noqa: PLC0415
    from agents.upkeep.sweep_guard import Bounds, SweepGuard  # noqa: PLC0415

    inside = state_inside(vault)
    fallback = inside if inside.is_dir() else STATE
    state = settings.state_folder(fallback)
    require_ledger(settings, state)
    with opened_ledger(settings, fallback) as ledger:
        guard = SweepGuard(ledger.database, Bounds.of(settings))
        yield Opened(ledger, AuditLog(ledger.database), guard)


@contextmanager
def opened_vault(settings: Settings, vault: str) -> Iterator[tuple[Opened, Vault]]:
    """The same, with the vault; raises as ``opened``, and where there is no such vault."""
    from agents.vault.vault import Vault  # noqa: PLC0415 - --help comes at once

    require_vault(vault)
    with opened(settings, vault) as parts:
        yield parts, Vault.opened(vault, parts.ledger)


def confirmed(count: int | None) -> Confirmed | None:
    """What ``--confirm`` says, if it was given."""
    from agents.system.owners import user  # noqa: PLC0415 - --help comes at once
    from agents.upkeep.sweep_guard import Confirmed  # noqa: PLC0415

    return None if count is None else Confirmed(count, user())


def require_ledger(settings: Settings, state: Path) -> None:
    """Refuse a ledger in SQLite that is not there: it would be made, and be empty.

    Raises:
        InputError: there is none.
    """
    from agents.database.engine import sqlite_file  # noqa: PLC0415 - --help comes at once

    file = sqlite_file(settings.ledger_location(state))
    if file is not None and not file.exists():
        raise InputError(
            f"{file.parent}: holds no ledger; name its folder with --state-dir, or the vault of "
            "`hushwire run` with --vault"
        )


def require_vault(location: str) -> None:
    """Refuse a folder that is no vault: a misspelt one would be made, and be empty.

    Raises:
        InputError: it is none.
    """
    if not is_bucket(location) and not (Path(location) / PASSED).is_dir():
        raise InputError(f"{location}: is no vault")


def party(settings: Settings, vault: str | None, subject: str, ledger: Ledger) -> str:
    """The pseudonym of a number, or of a pseudonym itself.

    Raises:
        KeyFileError: a number, and the token key is missing, or another one than calls have.
        StoreError: the key can't be read.
    """
    return pseudonyms(settings, vault, ledger)(subject)


def pseudonyms(settings: Settings, vault: str | None, ledger: Ledger) -> Pseudonyms:
    """Makes what calls are found by, as ``party``; the key is read where it is needed."""
    from agents.crypto.party_pseudonyms import Pseudonyms  # noqa: PLC0415 - --help comes at once
    from agents.database.known_keys import known_token_key  # noqa: PLC0415

    def key() -> bytes:
        try:
            return known_token_key(ledger.database).read(token_key_file(settings, vault))
        except KeyFileError as error:
            raise KeyFileError(f"no call can be looked for without its key: {error}") from None

    return Pseudonyms(key)


def token_key_file(settings: Settings, vault: str | None) -> Path:
    """The token key's file of the installation, or of the one that ``run`` left in a vault."""
    inside = state_inside(vault)
    return settings.token_key_file(settings.state_folder(inside if inside.is_dir() else STATE))


def tell_unfindable(ledger: Ledger) -> bool:
    """Say that some calls are found by no number or recorder's id any more, where it is so."""
    from agents.database.known_keys import found_by_lost_key  # noqa: PLC0415 - --help comes at once
    from agents.system.screen import screen  # noqa: PLC0415

    until = found_by_lost_key(ledger.database)
    if until is None:
        return False
    screen(stderr=True).print(
        f"hushwire: calls from before {until:%Y-%m-%d %H:%M} (UTC) were named with a token key "
        "that is lost: they are found by no number, nor by the recorder's own id",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return True
