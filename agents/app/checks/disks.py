"""Whether the folders that an installation writes have room.

Outcomes: a ``Finding`` for each filesystem, which names all that lies on it. Keys and models on one
that is mounted read-only are left out, as nobody writes them there. Raises ``OSError`` where a
filesystem can't be asked.

Nothing else is written: logs go to stderr, the gateway and recorders' hosts keep nothing of a call,
and the broker's and PostgreSQL's disks are looked at where they run.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.app.checks.holdings import only_sends
from agents.app.operations.findings import FREE_BYTES, Finding, Grade
from agents.database.engine import sqlite_file
from agents.settings.model import Settings
from agents.vault.file_store import is_bucket
from models.store.loader import default_folder
from pipeline.errors import ModelError

SMALL_BYTES: Final = 256 * 1024
"""Room for key files, which may lie on a volume of 1 MiB; each is written anew before it is
replaced."""
FREE_FILES: Final = 1_000
"""Files that a filesystem should take, where it counts them."""


@dataclass(frozen=True, slots=True)
class Written:
    """A folder that is written."""

    what: str
    folder: Path
    full: str
    """What happens when its disk is full."""
    least: int = FREE_BYTES
    """Bytes that should be free."""
    may_be_fixed: bool = False
    """Whether it may lie on a filesystem that is mounted read-only."""


def written(
    settings: Settings, state: Path, vault: str | Path | None, also: Iterable[Path] = ()
) -> Iterator[Written]:
    """What this host writes.

    Args:
        settings: where things are.
        state: the state folder.
        vault: a folder, a bucket, or none.
        also: folders that commands write: one that is watched, or where exports go.
    """
    ledger = sqlite_file(settings.ledger_location(state))
    if ledger is not None and not only_sends(settings, state, vault):
        yield Written("ledger", ledger.parent, "workers end, and calls wait on the broker")
    files = (
        settings.keyset_file(state),
        settings.token_key_file(state),
        settings.signing_key_file(state),
        settings.transit_private_file(state),
    )
    for folder in dict.fromkeys((state, *(one.parent for one in files))):
        told = "no key is replaced, and no audit log signed"
        yield Written("keys", folder, told, SMALL_BYTES, may_be_fixed=True)
    if vault is not None and not is_bucket(vault):
        yield Written("vault", Path(vault), "calls wait on the broker")
    models = _models(settings)
    if models is not None and models.exists():
        yield Written("models", models, "none is fetched", SMALL_BYTES, may_be_fixed=True)
    for folder in also:
        yield Written(str(folder), folder, "what is laid there is cut off")


def disks(places: Iterable[Written]) -> Iterator[Finding]:
    """What stands with each filesystem, in the order of what lies there."""
    on: dict[int, list[Written]] = defaultdict(list)
    for one in places:
        on[device(_there(one.folder))].append(one)
    for there in on.values():
        folder = _there(there[0].folder)
        found = os.statvfs(folder)
        fixed = bool(found.f_flag & os.ST_RDONLY)
        here = [one for one in there if not (fixed and one.may_be_fixed)]
        if not here:
            continue
        what = f"disk of {', '.join(dict.fromkeys(one.what for one in here))}"
        if fixed:
            yield Finding(
                Grade.WEAK,
                what,
                f"{folder}: mounted read-only",
                "a disk with errors is mounted so by the kernel: look at its log, mend the disk "
                f"and mount it to be written; until then, {_full(here)}",
            )
            continue
        free = found.f_bavail * found.f_frsize
        told = f"{folder}: {_size(free)} free"
        short = [one for one in here if free < one.least]
        if found.f_files and found.f_favail < FREE_FILES:
            told, short = f"{folder}: no more than {found.f_favail} files fit", here
        if short:
            yield Finding(Grade.WEAK, what, told, f"make room; when it is full, {_full(short)}")
        else:
            yield Finding(Grade.OK, what, told)


def _full(here: Iterable[Written]) -> str:
    return "; ".join(dict.fromkeys(f"{one.what}: {one.full}" for one in here))


def _models(settings: Settings) -> Path | None:
    """Where models lie; None where that can't be known: a user without a home."""
    try:
        return settings.models_dir or default_folder()
    except ModelError:
        return None


def device(folder: Path) -> int:
    """Which filesystem a folder lies on."""
    return folder.stat().st_dev


def _there(folder: Path) -> Path:
    """The folder, or where it would be made."""
    return next(one for one in (folder, *folder.absolute().parents) if one.exists())


def _size(count: int) -> str:
    gib = count / 1024**3
    return f"{gib:.1f} GiB" if gib >= 1 else f"{count / 1024**2:.1f} MiB"
