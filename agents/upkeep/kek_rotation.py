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
removed. ``StoreError`` where file, key service or ledger are away, or another rotation runs.
``InputError`` where the ledger does not know a key that would go: another ledger may need it.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, String, Table, cast, select, update

from agents.access.audit_log import AuditLog, Event
from agents.crypto.envelope import KeyEncryptionKey, transit_bound, vault_bound, wrapping_key_id
from agents.crypto.keyset_file import KeysetFile, only_primary, with_new_primary
from agents.database.engine import Database
from agents.database.policies.published import key_bound
from agents.database.tables import POLICY_VERSIONS, TRANSIT_KEYS, VAULT_KEYS, WRAPPING_KEYS
from agents.database.wrapped_keys import note_wrapping_key
from pipeline.errors import InputError, StoreError

ROTATED = "hushwire.audit.wrapping-key-replaced.v1"
ENCRYPTED = "hushwire.audit.keyset-encrypted.v1"
BATCH = 500
"""Wrapped keys that are read at a time, and written in one transaction."""
_TABLES: tuple[tuple[Table, Callable[[str], bytes]], ...] = (
    (TRANSIT_KEYS, transit_bound),
    (VAULT_KEYS, vault_bound),
    (POLICY_VERSIONS, key_bound),
)
"""Where wrapped keys lie, and what each is bound to: the row's primary key."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did."""

    primary: int
    """Id of the key that wraps from now on."""
    removed: tuple[int, ...]
    """Ids of the keys that are gone."""
    rewrapped: int
    """Keys of calls and of policy versions that were wrapped anew."""
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
    """Keys of calls and of policy versions that it wraps."""


def rotate(path: Path, database: Database, *, service: str | None = None) -> Rotated:
    """Replace the wrapping key of a keyset file and its ledger.

    Args:
        path: the keyset file.
        database: the ledger's, with its schema up to date.
        service: URI of the key service's key that encrypts the file.
    """
    file = KeysetFile(path, service)
    with alone(path):
        handle = file.read()
        info = handle.keyset_info()
        resumed = len(info.key_info) > 1
        going = {key.key_id for key in info.key_info}
        if resumed:
            going.remove(info.primary_key_id)
        _refuse_unknown(database, going)
        if not resumed:
            handle = with_new_primary(handle)
            file.write(handle)
        kek = KeyEncryptionKey(path, service)
        old = tuple(sorted(kek.ids - {kek.primary}))
        note_wrapping_key(database, kek.primary)
        for key_id in old:
            note_wrapping_key(database, key_id, retired=True)
        with database.writing() as connection:
            connection.execute(
                update(WRAPPING_KEYS)
                .where(WRAPPING_KEYS.c.key_id.in_(old), WRAPPING_KEYS.c.retired.is_(None))
                .values(retired=database.stamp())
            )
        rewrapped = _rewrap_all(kek, database)
        for table, _ in _TABLES:
            database.scrub(table)
        AuditLog(database).append(_event(kek.primary, old, database.stamp()))
        file.write(only_primary(handle))
        return Rotated(kek.primary, old, rewrapped, resumed)


def _refuse_unknown(database: Database, going: set[int]) -> None:
    """Refuse to remove keys that this ledger opened nothing with: it may be the wrong one.

    Raises:
        InputError: there is such a key.
    """
    with database.reading() as connection:
        unknown = going - set(connection.scalars(select(WRAPPING_KEYS.c.key_id)))
    if unknown:
        raise InputError(
            f"ledger: it opened no call with key {min(unknown):08x} of the key file, so the file "
            "may be another ledger's; nothing was replaced. Name the ledger that the file belongs "
            "to; a new one knows its key from its first call on"
        )


def wrapping_keys(
    path: Path, database: Database, *, service: str | None = None
) -> list[WrappingKey]:
    """The keys of a keyset file, and any other that still wraps a call's key.

    Raises:
        StoreError: file, key service or ledger are away.
    """
    kek = KeyEncryptionKey(path, service)
    wraps = Counter(
        wrapping_key_id(wrapped)
        for table, _ in _TABLES
        for batch in _wrapped(database, table)
        for _, wrapped in batch
    )
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


def move_to_service(path: Path, database: Database, before: str | None, after: str) -> None:
    """Encrypt a keyset file with a key service's key; the wrapping key stays as it is.

    Args:
        path: the keyset file.
        database: the ledger's: the audit log is told first.
        before: URI of the service's key that encrypts the file so far; ``None``: it is in clear.
        after: URI of the service's key that is to encrypt it.

    Raises:
        SettingsError: ``after`` is no such URI, or the service's client is missing.
        StoreError: file, key service or ledger are away; the file is as it was.
    """
    target = KeysetFile(path, after)
    with alone(path):
        handle = KeysetFile(path, before).read()
        content = target.serialized(handle)
        primary = handle.keyset_info().primary_key_id
        facts = {
            "at": database.stamp(),
            "what": "keyset-encrypted",
            "primary": f"{primary:08x}",
            "by": after,
        }
        AuditLog(database).append(Event(f"keys/{ENCRYPTED}/{primary:08x}", "", ENCRYPTED, facts))
        target.write_content(content)


def _event(primary: int, removed: tuple[int, ...], at: str) -> Event:
    """The same for a repeat: it says which keys, not how much was left to do."""
    facts = {
        "at": at,
        "what": "wrapping-key-replaced",
        "primary": f"{primary:08x}",
        "removed": " ".join(f"{key_id:08x}" for key_id in removed),
    }
    return Event(f"keys/{ROTATED}/{primary:08x}", "", ROTATED, facts)


def _rewrap_all(kek: KeyEncryptionKey, database: Database) -> int:
    """Wrap anew until nothing is left that another key wraps; how many were."""
    return sum(_rewrap_table(kek, database, table, bound) for table, bound in _TABLES)


def _rewrap_table(
    kek: KeyEncryptionKey, database: Database, table: Table, bound: Callable[[str], bytes]
) -> int:
    count, own = 0, _own(table)
    while True:
        done = 0
        for batch in _wrapped(database, table):
            left = [one for one in batch if wrapping_key_id(one[1]) != kek.primary]
            done += len(left)
            if not left:
                continue
            with database.writing() as connection:
                for name, wrapped in left:
                    # A call that was closed or erased meanwhile stays so.
                    changed = connection.execute(
                        update(table)
                        .where(cast(own, String) == name, table.c.wrapped_key == wrapped)
                        .values(wrapped_key=kek.rewrap_keyset(wrapped, bound(name)))
                    )
                    count += changed.rowcount
        if not done:
            return count


def _wrapped(database: Database, table: Table) -> Iterator[list[tuple[str, bytes]]]:
    """Every wrapped key with its row's name, in batches: there are as many as stored calls."""
    own = _own(table)
    query = select(own, table.c.wrapped_key).where(table.c.wrapped_key.is_not(None)).order_by(own)
    last: object = None
    while True:
        batch = query.limit(BATCH) if last is None else query.where(own > last).limit(BATCH)
        with database.reading() as connection:
            found = [(name, bytes(wrapped)) for name, wrapped in connection.execute(batch)]
        if not found:
            return
        yield [(str(name), wrapped) for name, wrapped in found]
        last = found[-1][0]


def _own(table: Table) -> Column[Any]:
    """The column that names the row."""
    (column,) = table.primary_key.columns
    return column


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold other rotations of this file off, by a lock on its folder.

    Raises:
        StoreError: the folder is not there, or another one runs.
    """
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
