"""Who works on an installation: locks on its folders, which the system drops with their process.

``hushwire run`` with its embedded broker has vault, state and ledger for itself. Workers,
``ingest`` and a run on a cluster share vault and ledger with one another. Commands that look, erase
or export need no lock: the database keeps what they do apart.

Outcomes: the block runs; ``BusyError`` where another process holds what is wanted; ``StoreError``
where a folder can't be locked.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from agents.database.engine import sqlite_file
from agents.settings.model import Settings
from agents.system.private_files import OWNER_ONLY, private_folder
from agents.vault.file_store import is_bucket
from pipeline.errors import BusyError, SettingsError, StoreError

FILE: Final = ".lock"
"""In each folder; empty. It stays: whoever removed it could lock another file of its name."""


@contextmanager
def working_alone(settings: Settings, state: Path, vault: str | Path) -> Iterator[None]:
    """Have ledger, state folder and vault for oneself.

    Args:
        settings: name the ledger.
        state: folder of ledger and keys.
        vault: folder, or ``s3://bucket/prefix``, which can't be locked.

    Raises:
        SettingsError: the ledger is in PostgreSQL, which is there to be shared.
        BusyError: another process works on one of them.
    """
    if sqlite_file(settings.ledger_location(state)) is None:
        raise SettingsError(
            "the ledger is in PostgreSQL, which workers share, and the embedded broker of "
            "`hushwire run` is for one machine alone: name the cluster with --bootstrap, or unset "
            "HUSHWIRE_LEDGER_URL"
        )
    with _locked({state, *_folders(settings, state, vault)}, fcntl.LOCK_EX):
        yield


@contextmanager
def working_together(
    settings: Settings, state: Path, vault: str | Path | None = None
) -> Iterator[None]:
    """Work on ledger and vault beside others who do so too.

    The state folder may hold keys alone and be read-only: it is not locked for its own sake.

    Raises:
        BusyError: a run with an embedded broker has one of them for itself.
    """
    with _locked(_folders(settings, state, vault), fcntl.LOCK_SH):
        yield


def _folders(settings: Settings, state: Path, vault: str | Path | None) -> set[Path]:
    """The folders of ledger and vault, as far as they can be locked."""
    ledger = sqlite_file(settings.ledger_location(state))
    folders = {ledger.parent} if ledger is not None else set()
    if vault is not None and not is_bucket(vault):
        folders.add(Path(vault))
    return folders


@contextmanager
def _locked(folders: set[Path], kind: int) -> Iterator[None]:
    with ExitStack() as stack:
        for folder in sorted({one.resolve() for one in folders}):  # each once
            stack.callback(os.close, _lock(folder, kind))
        yield


def _lock(folder: Path, kind: int) -> int:
    """An open file that holds the lock until it is closed."""
    handle = -1
    try:
        private_folder(folder)
        # Not inherited: a child that outlives us must not hold the lock on.
        handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError as error:
        if handle >= 0:
            os.close(handle)
        if isinstance(error, BlockingIOError):
            raise BusyError(
                f"{folder}: another hushwire process works here; wait until it has ended, or use "
                "another folder. Nothing was changed"
            ) from None
        raise StoreError(f"{folder / FILE}: {os.strerror(error.errno or 0)}") from error
    return handle
