"""Looks whether the key files are those that the ledger's calls need.

Outcomes: a ``Finding`` for the token key and one for the signing key; weak where the file can't be
used, is another key's, or is missing where it should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from agents.app.operations.findings import Finding, Grade
from agents.database.engine import Database
from agents.database.known_keys import KnownKey, known_signing_key, known_token_key
from agents.settings.model import Settings
from pipeline.errors import HushwireError

_Key = TypeVar("_Key")


def key_files(settings: Settings, state: Path, database: Database) -> Iterator[Finding]:
    """What stands with each.

    Args:
        settings: which files.
        state: the state folder.
        database: the ledger's, with its schema up to date.
    """
    token, signing = settings.token_key_file(state), settings.signing_key_file(state)
    here = database.sqlite or settings.token_key is not None
    yield _stands(known_token_key(database), token, here=here)
    here = database.sqlite or settings.signing_key is not None
    yield _stands(known_signing_key(database), signing, here=here)


def _stands(known: KnownKey[_Key], path: Path, *, here: bool) -> Finding:
    """What stands with a key.

    Args:
        known: what the ledger knows of it.
        path: its file.
        here: whether it should be on this host, once it is needed.
    """
    if not path.exists():
        return _missing(known, path, here=here)
    noted = known.noted()
    if noted is None:
        told = f"{path}: the ledger notes it when a worker starts"
        return Finding(Grade.OK, known.what, told)
    try:
        same = noted.checked == known.check(known.load(path))
    except HushwireError as error:
        return Finding(Grade.WEAK, known.what, str(error), "mend it: no process starts with it")
    if not same:
        told = f"{path} is another one than the ledger has known since {noted.since[:10]}"
        mend = f"put that one back from its backup; where it is lost: {known.command}"
        return Finding(Grade.WEAK, known.what, told, mend)
    told = f"{path}: the one that the ledger has known since {noted.since[:10]}"
    return Finding(Grade.OK, known.what, told)


def _missing(known: KnownKey[_Key], path: Path, *, here: bool) -> Finding:
    if not known.needed():
        return Finding(Grade.SKIPPED, known.what, f"{path} is not there, nothing needs it yet")
    if not here:
        return Finding(Grade.SKIPPED, known.what, f"{path} is not there: other hosts have it")
    told = f"{path} is missing, and calls were made with it"
    mend = f"put it back from its backup; where it is lost: {known.command}"
    return Finding(Grade.WEAK, known.what, told, mend)
