"""The vault's keys: one per stored call, wrapped, in a table of their own.

A key is made when the call is stored and destroyed when it is erased or its time is up; without
it the call's files open for nobody, wherever copies of them are.

Outcomes: ``obtain`` and ``key`` return Tink's streaming AEAD; ``UnknownCallError`` where a call may
have no key (it is not open) or has none any more; ``StoreError`` where the database is away.
"""

from __future__ import annotations

import io

import tink
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from tink import streaming_aead

from agents.crypto.envelope import KeyEncryptionKey, vault_bound, wrapping_key_id
from agents.crypto.streaming_segments import SegmentKey
from agents.database.call_ledger import CallState
from agents.database.engine import Database
from agents.database.tables import CALLS, VAULT_KEYS
from agents.database.wrapped_keys import (
    destroy_keys,
    note_wrapping_key,
    refuse_damaged,
    wrapping_key_in_force,
)
from pipeline.errors import SealError, StoreError, UnknownCallError

streaming_aead.register()

_TEMPLATE = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
"""Segments of 1 MiB, each authenticated: what a reader holds at once."""
_ATTEMPTS = 5
"""A key that is replaced while it is made or read: how often it is taken anew."""


class VaultKeys:
    """The vault's keys in a ledger's database.

    Args:
        database: the ledger's, with its schema up to date.
        kek: wraps the keys.
    """

    def __init__(self, database: Database, kek: KeyEncryptionKey) -> None:
        self.database, self._kek = database, kek

    def obtain(self, call_id: str) -> streaming_aead.StreamingAead:
        """The key of a call that is about to be stored, made where there is none yet.

        Raises:
            UnknownCallError: the call is not open (any more): it was stored, refused or erased.
        """
        for _ in range(_ATTEMPTS):
            handle = tink.new_keyset_handle(_TEMPLATE)
            wrapped = self._kek.wrap_keyset(handle, vault_bound(call_id))
            key_id = wrapping_key_id(wrapped)
            try:
                with self.database.writing() as connection:
                    # The row is locked: an erasure closes the call first, and no key comes after.
                    state = connection.scalar(
                        select(CALLS.c.state)
                        .where(CALLS.c.call_id == call_id)
                        .with_for_update(read=True)
                    )
                    if state != CallState.OPEN.value:
                        raise UnknownCallError("the call is not open: it gets no vault key")
                    in_force = wrapping_key_in_force(connection, key_id)
                    if in_force:
                        connection.execute(
                            insert(VAULT_KEYS).values(call_id=call_id, wrapped_key=wrapped)
                        )
                        return _primitive(handle)
            except IntegrityError:
                return self.key(call_id)  # stored half-way before, or another worker was first
            if in_force is None:
                note_wrapping_key(self.database, key_id)
            else:
                self._kek.reload()
        raise StoreError("ledger: the key file is older than the ledger: its key was retired")

    def key(self, call_id: str) -> streaming_aead.StreamingAead:
        """The key of a stored call; raises as ``segments`` does."""
        return _primitive(self._handle(call_id))

    def segments(self, call_id: str) -> SegmentKey:
        """The key of a stored call, for reading parts of its files.

        Raises:
            UnknownCallError: there is none: never stored, or destroyed.
            DamagedKeyError: it was damaged; others unwrap.
            SealError: it was wrapped with another key file, or for another call.
        """
        return SegmentKey(self._handle(call_id))

    def _handle(self, call_id: str) -> tink.KeysetHandle:
        query = select(VAULT_KEYS.c.wrapped_key).where(VAULT_KEYS.c.call_id == call_id)
        tried: list[bytes] = []
        while True:
            with self.database.reading() as connection:
                wrapped = connection.scalar(query)
            if not wrapped:
                raise UnknownCallError("no vault key of this call: never stored, or destroyed")
            try:
                return self._kek.unwrap_keyset(wrapped, vault_bound(call_id))
            except SealError:
                # A rotation may have wrapped it anew between the two lines above.
                if wrapped in tried or len(tried) >= _ATTEMPTS:
                    refuse_damaged(self.database, self._kek, wrapped)
                    raise
                tried.append(wrapped)

    def has(self, call_id: str) -> bool:
        """Whether a call has a key."""
        with self.database.reading() as connection:
            query = select(VAULT_KEYS.c.call_id).where(VAULT_KEYS.c.call_id == call_id)
            return connection.scalar(query) is not None

    def destroy(self, call_id: str) -> bool:
        """Destroy the key of a call, as the ledger destroys transit keys; whether there was one."""
        with self.database.writing() as connection:
            gone = destroy_keys(connection, VAULT_KEYS, VAULT_KEYS.c.call_id == call_id)
        # Also after a repeat: the first time may have ended between the two.
        self.database.scrub(VAULT_KEYS)
        return gone > 0

    def left_over(self) -> list[str]:
        """Calls that were refused after their key was made: nothing of them was stored."""
        query = (
            select(VAULT_KEYS.c.call_id)
            .join(CALLS)
            .where(CALLS.c.state == CallState.REFUSED.value)
            .order_by(VAULT_KEYS.c.call_id)
        )
        with self.database.reading() as connection:
            return list(connection.scalars(query))


def seal_bytes(
    key: streaming_aead.StreamingAead, clear: bytes, bound: bytes, *, what: str
) -> bytes:
    """Bytes sealed by a call's key.

    Args:
        key: the call's.
        clear: what is sealed.
        bound: what they open with alone, besides the key.
        what: they are, for the error.

    Raises:
        StoreError: they could not be sealed.
    """
    out = _Kept()
    try:
        with key.new_encrypting_stream(out, bound) as stream:
            stream.write(clear)
    except tink.TinkError:
        raise StoreError(f"vault: {what} could not be sealed") from None
    return out.getvalue()


class _Kept(io.BytesIO):
    """Tink closes what it wrote to; a closed buffer has no content."""

    def close(self) -> None:
        """Stay open."""


def _primitive(handle: tink.KeysetHandle) -> streaming_aead.StreamingAead:
    return handle.primitive(streaming_aead.StreamingAead)
