"""Opens the ledger of an installation, by its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import Ledger
from agents.database.migrate import uses_keys
from agents.settings.model import Settings


@contextmanager
def opened_ledger(
    settings: Settings, fallback: Path, *, make_key: bool = False
) -> Iterator[Ledger]:
    """The ledger of a state folder, closed at the end of the block.

    Args:
        settings: where ledger and key file are.
        fallback: the state folder, where the settings name none.
        make_key: make the key file of a new ledger: for commands that open calls alone, since a
            new key opens no call that is there.

    Raises:
        StoreError: the ledger can't be opened, or its key file is missing or another's.
    """
    state = settings.state_folder(fallback)
    location, file = settings.ledger_location(state), settings.keyset_file(state)
    if make_key:
        used = partial(uses_keys, location)
        kek = KeyEncryptionKey.load_or_create(file, settings.key_service, used=used)
    else:
        kek = KeyEncryptionKey(file, settings.key_service)
    ledger = Ledger(location, kek)
    try:
        yield ledger
    finally:
        ledger.dispose()
