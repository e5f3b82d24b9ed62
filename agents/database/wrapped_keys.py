"""Wrapped keys in tables: by which key they are wrapped, whether they are whole, and their end."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.crypto.envelope import (
    KeyEncryptionKey,
    transit_bound,
    vault_bound,
    wrapping_key_id,
)
from agents.database.engine import Database
from agents.database.tables import (
    TRANSIT_KEYS,
    VAULT_KEYS,
    WRAPPING_KEYS,
)
from pipeline.errors import (
    DamagedKeyError,
    SealError,
)

_PROOFS = 50
"""Other keys of a table that are tried before a key counts as damaged."""


def wrapping_key_in_force(connection: Connection, key_id: int) -> bool | None:
    """Whether a wrapping key may wrap; None where the ledger does not know it yet.

    Until the transaction ends, no rotation retires it.
    """
    row = connection.execute(
        select(WRAPPING_KEYS.c.retired)
        .where(WRAPPING_KEYS.c.key_id == key_id)
        .with_for_update(read=True)
    ).one_or_none()
    return None if row is None else row.retired is None


def note_wrapping_key(database: Database, key_id: int, *, retired: bool = False) -> None:
    """Make a wrapping key known to the ledger; a repeat changes nothing."""
    try:
        with database.writing() as connection:
            at = database.stamp()
            connection.execute(
                insert(WRAPPING_KEYS).values(
                    key_id=key_id, created=at, retired=at if retired else None
                )
            )
    except IntegrityError:
        return  # known already


def refuse_damaged(database: Database, kek: KeyEncryptionKey, wrapped: bytes) -> None:
    """Raise ``DamagedKeyError`` where a key that does not unwrap was damaged itself.

    A wrapping key that the ledger knows and the file lacks speaks for another file. Otherwise the
    file has to prove itself on another call's key: its own bytes may have been damaged, too. Where
    nothing proves it, nothing is raised.
    """
    known = select(WRAPPING_KEYS.c.key_id)
    others = [select(one.c.call_id, one.c.wrapped_key) for one in (TRANSIT_KEYS, VAULT_KEYS)]
    with database.reading() as connection:
        ids = set(connection.scalars(known))
        found = [connection.execute(one.limit(_PROOFS)).all() for one in others]
    with suppress(SealError):  # one whose frame is broken names none
        key_id = wrapping_key_id(wrapped)
        if not ids or (key_id in ids and key_id not in kek.ids):
            return
    bounds = (transit_bound, vault_bound)
    keys = [
        (key, bound(call)) for bound, rows in zip(bounds, found, strict=True) for call, key in rows
    ]
    if any(_unwraps(kek, key, bound) for key, bound in keys if key != wrapped):
        raise DamagedKeyError("the call's key is damaged: others unwrap, it does not")


def _unwraps(kek: KeyEncryptionKey, wrapped: bytes, bound: bytes) -> bool:
    try:
        kek.unwrap_keyset(wrapped, bound)
    except SealError:
        return False
    return True


def destroy_keys(connection: Connection, table: Table, where: ColumnElement[bool]) -> int:
    """Overwrite keys of a table with a ``wrapped_key``, then delete them; how many there were."""
    if connection.dialect.name == "sqlite":  # PostgreSQL would only write another row beside it
        zeros = func.zeroblob(func.length(table.c.wrapped_key))
        connection.execute(update(table).where(where).values(wrapped_key=zeros))
    return int(connection.execute(delete(table).where(where)).rowcount)
