"""Opens the ledger of an installation, and the keys that go with it, by its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from agents.crypto.ed25519 import SigningKey
from agents.crypto.envelope import KeyEncryptionKey
from agents.crypto.pseudonym_secret import read_key, read_or_make_key
from agents.database import known_keys, migrate
from agents.database.call_ledger import Ledger
from agents.database.engine import Database, sqlite_file
from agents.settings.model import Settings
from pipeline.errors import KeyFileError


@contextmanager
def opened_ledger(
    settings: Settings, fallback: Path, *, make_key: bool = False
) -> Iterator[Ledger]:
    """The ledger of a state folder, closed at the end of the block.

    Args:
        settings: where ledger and key file are.
        fallback: the state folder, where the settings name none.
        make_key: make the key files of a new ledger: for commands that open calls alone, since a
            new key opens no call that is there.

    Raises:
        StoreError: the ledger can't be opened, or its key file is missing or another's.
    """
    state = settings.state_folder(fallback)
    location, file = settings.ledger_location(state), settings.keyset_file(state)
    if make_key:
        used = partial(migrate.uses_keys, location)
        kek = KeyEncryptionKey.load_or_create(file, settings.key_service, used=used)
    else:
        kek = KeyEncryptionKey(file, settings.key_service)
    ledger = Ledger(location, kek)
    try:
        if make_key:
            _token_key_of_calls(settings, state, ledger.database)
        yield ledger
    finally:
        ledger.dispose()


def _token_key_of_calls(settings: Settings, state: Path, database: Database) -> None:
    """Make sure that calls are named with the ledger's token key.

    Where it is missing and was there before, that is told by whoever comes to need it: a recording
    whose recorder names nobody can still be taken.
    """
    path, named = settings.token_key_file(state), settings.token_key is not None
    if path.exists() or not (named or known_keys.token_key_known(database).needed()):
        known_keys.token_key(database, path, named=named)


@contextmanager
def database_at_hand(settings: Settings, state: Path) -> Iterator[Database | None]:
    """The ledger's database for a command that opens no call; None where there is none yet.

    Raises:
        StoreError: it is away, or its schema is another one.
    """
    location = settings.ledger_location(state)
    file = sqlite_file(location)
    if file is not None and not file.exists():
        yield None
        return
    database = Database(location)
    try:
        migrate.ready(database)
        yield database
    finally:
        database.dispose()


def token_key_beside(settings: Settings, state: Path, path: Path) -> bytes:
    """The token key for a command that has no ledger open, and may have none at all.

    Raises:
        KeyFileError: it is missing, and a setting names it or calls were named with it.
        StoreError: it can't be read or made, or the ledger is away, which would say.
    """
    named = settings.token_key is not None
    if path.exists() or named:
        return read_key(path)
    with database_at_hand(settings, state) as database:
        if database is None:
            return read_or_make_key(path)
        return known_keys.token_key(database, path, named=named)


def signing_key_beside(settings: Settings, state: Path) -> SigningKey:
    """The signing key, likewise.

    Raises:
        KeyFileError: it is missing, and a setting names it or something was signed with it.
        StoreError: see ``token_key_beside``.
    """
    path = settings.signing_key_file(state)
    if path.exists():
        return SigningKey.load(path)
    if settings.signing_key is not None:
        raise KeyFileError(
            f"signing key {path}: is missing. Put it back from its backup, or name its place by "
            "HUSHWIRE_SIGNING_KEY; the first worker with the vault stage makes it"
        )
    with database_at_hand(settings, state) as database:
        if database is None:
            return SigningKey.load_or_create(path)
        return known_keys.signing_key(database, path)
