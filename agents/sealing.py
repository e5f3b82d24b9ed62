"""Keys and seals: every value that reaches a broker is sealed with its call's own key.

``KeyEncryptionKey`` wraps the transit keys (a Tink keyset file, readable by its owner only);
``Seal`` holds one call's key and seals or opens values. Tink's AEAD is AES-256-GCM.

Outcomes: ``Seal.open`` returns the clear value or raises ``SealError``; it says nothing about
why, since the reason is the same for a wrong key, a changed byte and a moved record.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import tink
from google.protobuf.message import DecodeError
from tink import aead, json_proto_keyset_format, proto_keyset_format, secret_key_access
from tink.proto import tink_pb2

from agents.private import write_private
from pipeline.errors import SealError, StoreError

aead.register()

_PREFIX = 5
"""Bytes of Tink's prefix before a ciphertext."""


class Seal:
    """One call's transit key.

    Args:
        primitive: Tink's AEAD over the call's keyset.
    """

    def __init__(self, primitive: aead.Aead) -> None:
        self._primitive = primitive

    def seal(self, value: bytes, associated: bytes) -> bytes:
        """Encrypt ``value`` and bind it to ``associated``; about 33 bytes longer than the value.

        Raises:
            SealError: Tink refuses, such as for a value that is too long.
        """
        try:
            return bytes(self._primitive.encrypt(value, associated))
        except tink.TinkError:
            raise SealError("the value could not be sealed") from None

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Decrypt ``sealed``.

        Raises:
            SealError: altered, moved to another place, or sealed with another key.
        """
        try:
            return bytes(self._primitive.decrypt(sealed, associated))
        except tink.TinkError:
            raise SealError("the seal does not open") from None


@dataclass(frozen=True, slots=True)
class _Keyset:
    """A keyset file as it was read."""

    aead: aead.Aead
    primary: int
    ids: frozenset[int]

    @classmethod
    def of(cls, handle: tink.KeysetHandle) -> _Keyset:
        info = handle.keyset_info()
        ids = frozenset(key.key_id for key in info.key_info)
        return cls(handle.primitive(aead.Aead), info.primary_key_id, ids)


class KeyEncryptionKey:
    """The key that wraps all transit keys: the primary one of a keyset file.

    The file may be replaced while processes use it (``agents.rotation``): a wrapped key whose
    wrapping key is not known makes the file be read again.

    Args:
        path: the keyset file.

    Raises:
        StoreError: the file cannot be read, holds no keyset, or others may read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keyset = _Keyset.of(read_keyset(path))

    @classmethod
    def load_or_create(cls, path: Path) -> KeyEncryptionKey:
        """Read the keyset file, or create it (mode 0600) where there is none.

        Raises:
            StoreError: the file cannot be read or written, holds no keyset, or others may read it.
        """
        try:
            if not path.exists():
                write_keyset(path, _new_handle(), replace=False)
        except OSError as error:
            raise _unusable(path, error) from error
        # Read back in any case: another process may have been first.
        return cls(path)

    @property
    def primary(self) -> int:
        """Id of the key that wraps new keys."""
        return self._keyset.primary

    @property
    def ids(self) -> frozenset[int]:
        """Ids of all keys that unwrap."""
        return self._keyset.ids

    def reload(self) -> None:
        """Read the file again.

        Raises:
            StoreError: see ``KeyEncryptionKey``.
        """
        self._keyset = _Keyset.of(read_keyset(self.path))

    def new_transit_key(self, call_id: str) -> tuple[bytes, Seal]:
        """A fresh key for a call: wrapped (to be stored) and ready for use."""
        handle = _new_handle()
        wrapped = proto_keyset_format.serialize_encrypted(
            handle, self._keyset.aead, _bound(call_id)
        )
        return wrapped, Seal(handle.primitive(aead.Aead))

    def unwrap(self, wrapped: bytes, call_id: str) -> Seal:
        """The seal of a wrapped key.

        Raises:
            SealError: the key was wrapped by another key, or for another call.
            StoreError: the key file had to be read again, and can't be.
        """
        return Seal(self._unwrapped(wrapped, call_id).primitive(aead.Aead))

    def rewrap(self, wrapped: bytes, call_id: str) -> bytes:
        """The same transit key, wrapped by the primary key.

        Raises:
            SealError: see ``unwrap``.
        """
        handle = self._unwrapped(wrapped, call_id)
        return bytes(
            proto_keyset_format.serialize_encrypted(handle, self._keyset.aead, _bound(call_id))
        )

    def _unwrapped(self, wrapped: bytes, call_id: str) -> tink.KeysetHandle:
        if wrapping_key_id(wrapped) not in self._keyset.ids:
            self.reload()
        try:
            return proto_keyset_format.parse_encrypted(wrapped, self._keyset.aead, _bound(call_id))
        except tink.TinkError:
            raise SealError("the call's key does not unwrap: wrong key file?") from None


def wrapping_key_id(wrapped: bytes) -> int:
    """Id of the key that wrapped a key, from Tink's prefix: a version byte, then four of the id.

    Raises:
        SealError: it is not a wrapped key.
    """
    try:
        inner = tink_pb2.EncryptedKeyset.FromString(wrapped).encrypted_keyset
    except DecodeError:
        inner = b""
    if len(inner) < _PREFIX or inner[0] != 1:
        raise SealError("not a wrapped key")
    return int.from_bytes(inner[1:_PREFIX], "big")


def read_keyset(path: Path) -> tink.KeysetHandle:
    """Read a keyset file.

    Raises:
        StoreError: it cannot be read, holds no keyset, or others may read it.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise StoreError(f"key file {path.name}: others may read it; set its mode to 0600")
        text = path.read_text(encoding="utf-8")
        return json_proto_keyset_format.parse(text, secret_key_access.TOKEN)
    except OSError as error:
        raise _unusable(path, error) from error
    except (tink.TinkError, ValueError):
        raise StoreError(f"key file {path.name}: holds no Tink keyset") from None


def write_keyset(path: Path, handle: tink.KeysetHandle, *, replace: bool = True) -> None:
    """Write a keyset file whole, mode 0600; an existing one stays unless ``replace``.

    Raises:
        OSError: the disk refuses.
    """
    text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    write_private(path, text.encode(), replace=replace)


def with_new_primary(handle: tink.KeysetHandle) -> tink.KeysetHandle:
    """The keyset with one more key, which is the primary one; the others still unwrap."""
    keyset, fresh = _clear(handle), _clear(_new_handle())
    while fresh.primary_key_id in {key.key_id for key in keyset.key}:
        fresh = _clear(_new_handle())
    keyset.key.append(fresh.key[0])
    keyset.primary_key_id = fresh.primary_key_id
    return _handle(keyset)


def only_primary(handle: tink.KeysetHandle) -> tink.KeysetHandle:
    """The keyset with its primary key alone."""
    keyset = _clear(handle)
    kept = [key for key in keyset.key if key.key_id == keyset.primary_key_id]
    del keyset.key[:]
    keyset.key.extend(kept)
    return _handle(keyset)


def _new_handle() -> tink.KeysetHandle:
    return tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)


def _clear(handle: tink.KeysetHandle) -> tink_pb2.Keyset:
    # Tink for Python has no keyset manager; its keysets are protocol buffers of a public schema.
    binary = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return tink_pb2.Keyset.FromString(binary)


def _handle(keyset: tink_pb2.Keyset) -> tink.KeysetHandle:
    return proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"key file {path.name}: {os.strerror(error.errno or 0)}")


def _bound(call_id: str) -> bytes:
    return b"hushwire/transit/" + call_id.encode()
