"""Keys and seals: every value that reaches a broker is sealed with its call's own key.

``KeyEncryptionKey`` wraps the transit keys (a Tink keyset, see ``agents.crypto.keyset_file``);
``Seal`` holds one call's key and seals or opens values. Tink's AEAD is AES-256-GCM.

Outcomes: ``Seal.open`` returns the clear value or raises ``SealError``; it says nothing about
why, since the reason is the same for a wrong key, a changed byte and a moved record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import tink
from google.protobuf.message import DecodeError
from tink import aead, proto_keyset_format
from tink.proto import tink_pb2

from agents.crypto.keyset_file import KeysetFile, new_keyset
from pipeline.errors import SealError

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

    content: bytes = field(repr=False)
    aead: aead.Aead
    primary: int
    ids: frozenset[int]

    @classmethod
    def read(cls, file: KeysetFile, known: _Keyset | None = None) -> _Keyset:
        content = file.content()
        if known is not None and content == known.content:
            return known  # a service is not asked again for the same file
        handle = file.parse(content)
        info = handle.keyset_info()
        ids = frozenset(key.key_id for key in info.key_info)
        return cls(content, handle.primitive(aead.Aead), info.primary_key_id, ids)


class KeyEncryptionKey:
    """The key that wraps all transit keys: the primary one of a keyset file.

    It is in memory from here on: no call waits for a key service. The file may be replaced while
    processes use it (``agents.upkeep.kek_rotation``): a wrapped key whose wrapping key is not known
    makes the file be read again.

    Args:
        path: the keyset file.
        service: URI of the key service's key that encrypts the file; ``None``: it is in clear.

    Raises:
        StoreError: the file cannot be read, holds no keyset, or others may read it.
        KeyServiceError: the service can't be reached or refuses.
        SettingsError: the service's client library is missing.
    """

    def __init__(self, path: Path, service: str | None = None) -> None:
        self.path = path
        self._file = KeysetFile(path, service)
        self._keyset = _Keyset.read(self._file)

    @classmethod
    def load_or_create(
        cls,
        path: Path,
        service: str | None = None,
        *,
        used: Callable[[], bool] = lambda: False,
    ) -> KeyEncryptionKey:
        """Read the keyset file, or create it (mode 0600) where there is none.

        Args:
            path: the keyset file.
            service: as for the class.
            used: asked where there is no file: whether calls need the one that is gone, so that
                none is to be made.

        Raises:
            HushwireError: see the class; nothing is written where a service fails.
        """
        file = KeysetFile(path, service)
        try:
            missing = not path.exists()
        except OSError as error:
            raise file.unusable(error) from error
        if missing and not used():
            file.write(new_keyset(), replace=False)
        # Read back in any case: another process may have been first.
        return cls(path, service)

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
            HushwireError: see ``KeyEncryptionKey``.
        """
        self._keyset = _Keyset.read(self._file, self._keyset)

    def new_transit_key(self, call_id: str) -> tuple[bytes, Seal]:
        """A fresh key for a call: wrapped (to be stored) and ready for use."""
        handle = new_keyset()
        return self.wrap_keyset(handle, transit_bound(call_id)), Seal(handle.primitive(aead.Aead))

    def unwrap(self, wrapped: bytes, call_id: str) -> Seal:
        """The seal of a wrapped key.

        Raises:
            SealError: the key was wrapped by another key, or for another call.
            StoreError: the key file had to be read again, and can't be.
        """
        return Seal(self.unwrap_keyset(wrapped, transit_bound(call_id)).primitive(aead.Aead))

    def rewrap(self, wrapped: bytes, call_id: str) -> bytes:
        """The same transit key, wrapped by the primary key.

        Raises:
            SealError: see ``unwrap``.
        """
        return self.rewrap_keyset(wrapped, transit_bound(call_id))

    def wrap_keyset(self, handle: tink.KeysetHandle, bound: bytes) -> bytes:
        """Wrap a keyset of any kind by the primary key, bound to what it is for."""
        return bytes(proto_keyset_format.serialize_encrypted(handle, self._keyset.aead, bound))

    def rewrap_keyset(self, wrapped: bytes, bound: bytes) -> bytes:
        """The same keyset, wrapped by the primary key.

        Raises:
            SealError: see ``unwrap_keyset``.
        """
        return self.wrap_keyset(self.unwrap_keyset(wrapped, bound), bound)

    def unwrap_keyset(self, wrapped: bytes, bound: bytes) -> tink.KeysetHandle:
        """A keyset that ``wrap_keyset`` wrapped.

        Raises:
            SealError: it was wrapped by another key, or for something else.
            StoreError: the key file had to be read again, and can't be.
        """
        if wrapping_key_id(wrapped) not in self._keyset.ids:
            self.reload()
        try:
            return proto_keyset_format.parse_encrypted(wrapped, self._keyset.aead, bound)
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


def vault_bound(call_id: str) -> bytes:
    """What a wrapped vault key is bound to."""
    return b"hushwire/vault-key/" + call_id.encode()


def transit_bound(call_id: str) -> bytes:
    """What a wrapped transit key is bound to."""
    return b"hushwire/transit/" + call_id.encode()
