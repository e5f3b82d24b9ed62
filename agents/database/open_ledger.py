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
from agents.system.private_files import there


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
    if there(path) or not (named or known_keys.known_token_key(database).needed()):
        known_keys.known_token_key(database).ensured(path, make=not named)


@contextmanager
def database_at_hand(settings: Settings, state: Path) -> Iterator[Database | None]:
    """The ledger's database for a command that opens no call; None where there is none yet.

    It is not migrated: workers of an older version may run, and nobody made a backup.

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
        migrate.require(database)
        yield database
    finally:
        database.dispose()


def token_key_beside(settings: Settings, state: Path) -> bytes:
    """The token key for a command that opens no call.

    Where a ledger is at hand, nothing is made or noted: that is for its workers. Without one, it is
    made unless a setting names it.

    Raises:
        KeyFileError: it is missing, or another one than the ledger knows.
        StoreError: it can't be read or made, or the ledger is away or of another schema.
    """
    path = settings.token_key_file(state)
    with database_at_hand(settings, state) as database:
        if database is not None:
            return known_keys.known_token_key(database).read(path)
    return read_key(path) if settings.token_key is not None else read_or_make_key(path)


def signing_key_beside(settings: Settings, state: Path) -> SigningKey:
    """The signing key, likewise.

    Raises:
        KeyFileError: see ``token_key_beside``.
        StoreError: see ``token_key_beside``.
    """
    path = settings.signing_key_file(state)
    with database_at_hand(settings, state) as database:
        if database is not None:
            return known_keys.known_signing_key(database).read(path)
    named = settings.signing_key is not None
    return SigningKey.load(path) if named else SigningKey.load_or_create(path)
