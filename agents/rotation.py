"""Replaces the wrapping key while workers run; no data is touched, only the wrapped keys.

The steps, each of which may be repeated after a crash:

1. the keyset file gets a new primary key beside the old one;
2. the ledger notes the old keys as retired: from here on no call is opened with one, since
   ``Ledger.open_call`` holds the row of its wrapping key until its call is written;
3. every wrapped key is wrapped anew, where it still is as it was read;
4. nothing in the ledger needs the old keys any more: the audit log is told, and they are removed
   from the file.

A worker that meets a key whose wrapping key it does not know reads the file again. The file has to
be one that all processes share, such as on a common volume.

Outcomes of ``rotate``: what was done. ``SealError`` where a key does not unwrap: nothing was
removed. ``StoreError`` where file or ledger are away, or another rotation runs.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update

from agents.auditlog import AuditLog, Event
from agents.database import Database
from agents.ledger import note_wrapping_key, now
from agents.sealing import (
    KeyEncryptionKey,
    only_primary,
    read_keyset,
    with_new_primary,
    wrapping_key_id,
    write_keyset,
)
from agents.tables import TRANSIT_KEYS, WRAPPING_KEYS
from pipeline.errors import StoreError

ROTATED = "hushwire.audit.wrapping-key-replaced.v1"
BATCH = 500
"""Wrapped keys that are read at a time."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did."""

    primary: int
    """Id of the key that wraps from now on."""
    removed: tuple[int, ...]
    """Ids of the keys that are gone."""
    rewrapped: int
    """Transit keys that were wrapped anew."""
    resumed: bool
    """It finished an earlier rotation that was interrupted."""


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """What may be told of a wrapping key."""

    key_id: int
    primary: bool
    known_since: str | None
    """ISO 8601; ``None`` for a key that the ledger was never opened with."""
    retired: str | None
    wraps: int
    """Transit keys that it wraps."""


def rotate(path: Path, database: Database) -> Rotated:
    """Replace the wrapping key of a keyset file and its ledger.

    Args:
        path: the keyset file.
        database: the ledger's, with its schema up to date.
    """
    with _alone(path):
        handle = read_keyset(path)
        resumed = len(handle.keyset_info().key_info) > 1
        if not resumed:
            handle = with_new_primary(handle)
            _write(path, handle)
        kek = KeyEncryptionKey(path)
        old = tuple(sorted(kek.ids - {kek.primary}))
        note_wrapping_key(database, kek.primary)
        for key_id in old:
            note_wrapping_key(database, key_id, retired=True)
        with database.writing() as connection:
            connection.execute(
                update(WRAPPING_KEYS)
                .where(WRAPPING_KEYS.c.key_id.in_(old), WRAPPING_KEYS.c.retired.is_(None))
                .values(retired=now())
            )
        rewrapped = _rewrap_all(kek, database)
        database.scrub(TRANSIT_KEYS)
        AuditLog(database).append(_event(kek.primary, old))
        _write(path, only_primary(handle))
        return Rotated(kek.primary, old, rewrapped, resumed)


def wrapping_keys(path: Path, database: Database) -> list[WrappingKey]:
    """The keys of a keyset file, and any other that still wraps a transit key.

    Raises:
        StoreError: file or ledger are away.
    """
    kek = KeyEncryptionKey(path)
    wraps = Counter(wrapping_key_id(wrapped) for _, wrapped in _wrapped(database))
    with database.reading() as connection:
        rows = {row.key_id: row for row in connection.execute(select(WRAPPING_KEYS))}
    return [
        WrappingKey(
            key_id,
            key_id == kek.primary,
            rows[key_id].created if key_id in rows else None,
            rows[key_id].retired if key_id in rows else None,
            wraps[key_id],
        )
        for key_id in sorted(kek.ids | set(wraps), key=lambda one: (one != kek.primary, one))
    ]


def _event(primary: int, removed: tuple[int, ...]) -> Event:
    """The same for a repeat: it says which keys, not how much was left to do."""
    facts = {
        "at": now(),
        "what": "wrapping-key-replaced",
        "primary": f"{primary:08x}",
        "removed": " ".join(f"{key_id:08x}" for key_id in removed),
    }
    return Event(f"keys/{ROTATED}/{primary:08x}", "", ROTATED, facts)


def _rewrap_all(kek: KeyEncryptionKey, database: Database) -> int:
    """Wrap anew until nothing is left that another key wraps; how many were."""
    count = 0
    while True:
        left = [one for one in _wrapped(database) if wrapping_key_id(one[1]) != kek.primary]
        if not left:
            return count
        for start in range(0, len(left), BATCH):
            with database.writing() as connection:
                for call_id, wrapped in left[start : start + BATCH]:
                    # A call that was closed meanwhile stays closed.
                    done = connection.execute(
                        update(TRANSIT_KEYS)
                        .where(
                            TRANSIT_KEYS.c.call_id == call_id,
                            TRANSIT_KEYS.c.wrapped_key == wrapped,
                        )
                        .values(wrapped_key=kek.rewrap(wrapped, call_id))
                    )
                    count += done.rowcount


def _wrapped(database: Database) -> list[tuple[str, bytes]]:
    """Every wrapped key with its call: as many as calls are open or quarantined, 150 bytes each."""
    with database.reading() as connection:
        return [
            (row.call_id, bytes(row.wrapped_key))
            for row in connection.execute(select(TRANSIT_KEYS).order_by(TRANSIT_KEYS.c.call_id))
        ]


def _write(path: Path, handle: object) -> None:
    try:
        write_keyset(path, handle)
    except OSError as error:
        raise StoreError(f"key file {path.name}: {os.strerror(error.errno or 0)}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold other rotations of this file off, by a lock on its folder."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StoreError(f"key file {path}: {os.strerror(error.errno or 0)}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StoreError(f"key file {path.name}: another rotation is running") from None
    else:
        yield
    finally:
        os.close(folder)
