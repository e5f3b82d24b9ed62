"""The pair of keys by which calls come in: who sends holds the public half, which opens nothing.

Every call has a fresh key (Tink AEAD, AES-256-GCM). It is sent with each record, encrypted by HPKE
(RFC 9180: DHKEM X25519, HKDF-SHA256, AES-256-GCM) and bound to its call. The private half, a Tink
keyset in a file of mode 0600 or encrypted by a key service, opens it; several keys of it may be in
use, so that it can be replaced while records of the old one are still on the broker.

Outcomes: ``new_key`` and ``unwrap`` return a ``Seal``; what doesn't unwrap raises ``SealError``,
which says nothing about why. A file that is of no use raises ``StoreError``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import tink
from google.protobuf.message import DecodeError
from tink import (
    aead,
    hybrid,
    json_proto_keyset_format,
    proto_keyset_format,
    secret_key_access,
)

from agents.crypto.envelope import Seal
from agents.crypto.keyset_file import KeysetFile, new_keyset, only_primary, with_new_primary
from agents.system.private_files import write_private
from pipeline.errors import SealError, StoreError

aead.register()
hybrid.register()

SETTING: Final = "HUSHWIRE_TRANSIT_PRIVATE_KEY"
_TEMPLATE: Final = hybrid.hybrid_key_templates.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_AES_256_GCM
_TYPES: Final = "type.googleapis.com/google.crypto.tink."
_PUBLIC, _PRIVATE, _CALL = (
    _TYPES + kind for kind in ("HpkePublicKey", "HpkePrivateKey", "AesGcmKey")
)
_PREFIX: Final = 5
"""Bytes of Tink's prefix before a ciphertext: a version byte, then four of the key's id."""
_MOST_PUBLIC: Final = 65_536
"""Bytes of a public key's file; one has 400."""
_MADE_BY: Final = "`hushwire keys transit new` makes it"


def hybrid_bound(call_id: str) -> bytes:
    """HPKE's ``info`` of a call's key (Tink calls it context info)."""
    return b"hushwire/in/" + call_id.encode()


class TransitPublic:
    """The public half: makes calls' keys.

    Args:
        handle: a Tink keyset of HPKE public keys; its primary one is used.

    Raises:
        StoreError: it holds other keys.
    """

    def __init__(self, handle: tink.KeysetHandle) -> None:
        _only(handle, _PUBLIC, "the public key")
        self._handle = handle
        self._encrypt = handle.primitive(hybrid.HybridEncrypt)

    @classmethod
    def load(cls, path: Path) -> TransitPublic:
        """Read a file that ``hushwire keys transit`` wrote.

        Raises:
            StoreError: it is missing, can't be read, or holds something else, such as a private
                key.
        """
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_PUBLIC + 1)
        except FileNotFoundError:
            raise StoreError(
                f"public key {path}: is missing. Where calls are redacted, {_MADE_BY} and "
                "`hushwire keys transit public` prints it again: put a copy here"
            ) from None
        except OSError as error:
            raise StoreError(f"public key {path}: {os.strerror(error.errno or 0)}") from error
        return cls.parse(content, f"public key {path}")

    @classmethod
    def parse(cls, content: bytes, name: str = "public key") -> TransitPublic:
        """The key in the bytes of such a file.

        Args:
            content: Tink's JSON of a keyset without secrets.
            name: what messages call it.

        Raises:
            StoreError: they are something else.
        """
        try:
            if len(content) > _MOST_PUBLIC or "key" not in json.loads(content):
                raise ValueError  # noqa: TRY301 - told in one place
            handle = json_proto_keyset_format.parse_without_secret(content.decode())
        except (tink.TinkError, ValueError, TypeError, RecursionError):
            raise StoreError(
                f"{name}: no Tink keyset of a public key (where it is the private one, it does not "
                "belong here: take it away); `hushwire keys transit public` prints the right one"
            ) from None
        return cls(handle)

    @property
    def primary(self) -> int:
        """Id of the key that wraps."""
        return int(self._handle.keyset_info().primary_key_id)

    def content(self) -> bytes:
        """The file's bytes: Tink's JSON, in clear, for everybody."""
        text: str = json_proto_keyset_format.serialize_without_secret(self._handle)
        return text.encode() + b"\n"

    def new_key(self, call_id: str) -> tuple[bytes, Seal]:
        """A fresh key for a call: wrapped (to be sent along) and ready for use."""
        handle = new_keyset()
        clear = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
        wrapped = bytes(self._encrypt.encrypt(clear, hybrid_bound(call_id)))
        return wrapped, Seal(handle.primitive(aead.Aead))


@dataclass(frozen=True, slots=True)
class _Private:
    """A private keyset as it was read."""

    content: bytes = field(repr=False)
    handle: tink.KeysetHandle = field(repr=False)
    decrypt: hybrid.HybridDecrypt = field(repr=False)
    primary: int
    ids: frozenset[int]

    @classmethod
    def read(cls, file: KeysetFile, known: _Private | None = None) -> _Private:
        content = file.content()
        if known is not None and content == known.content:
            return known  # a service is not asked again for the same file
        handle = file.parse(content)
        _only(handle, _PRIVATE, f"key file {file.path}")
        info = handle.keyset_info()
        ids = frozenset(key.key_id for key in info.key_info)
        decrypt = handle.primitive(hybrid.HybridDecrypt)
        return cls(content, handle, decrypt, info.primary_key_id, ids)


class TransitPrivate:
    """The private half: opens calls' keys, those of older keys as well.

    It is in memory from here on. The file may be replaced while processes use it: a call's key that
    was made for a key that is not known makes the file be read again.

    Args:
        path: the keyset file.
        service: URI of the key service's key that encrypts the file; ``None``: it is in clear.

    Raises:
        StoreError: the file can't be read, holds something else, or others may read it.
        KeyServiceError: the service can't be reached or refuses.
        SettingsError: the service's client library is missing.
    """

    def __init__(self, path: Path, service: str | None = None) -> None:
        self.path = path
        self._file = _file(path, service)
        self._keys = _Private.read(self._file)

    @classmethod
    def load_or_create(
        cls, path: Path, service: str | None = None, *, public: Path | None = None
    ) -> TransitPrivate:
        """Read the keyset file, or create it (mode 0600) where there is none.

        Args:
            path: the keyset file.
            service: see the class.
            public: where its public half lies; there without the private one, it was handed out.

        Raises:
            HushwireError: see the class; nothing is written where a service fails, nor where the
                public half is there alone.
        """
        file = _file(path, service)
        try:
            # In this order: another process may be making both, the private half first.
            handed_out = public is not None and public.exists()
            missing = not path.exists()
        except OSError as error:
            raise file.unusable(error) from error
        if missing and handed_out:
            raise StoreError(
                f"key file {path}: is missing, and its public half {public} is there: calls may "
                "have been sent for it. Put it back from its backup; where it is lost, `hushwire "
                "keys transit new --lost` makes another pair"
            )
        if missing:
            file.write(_fresh(), replace=False)
        # Read back in any case: another process may have been first.
        return cls(path, service)

    @property
    def primary(self) -> int:
        """Id of the key whose public half is handed out."""
        return self._keys.primary

    @property
    def ids(self) -> frozenset[int]:
        """Ids of all keys that open."""
        return self._keys.ids

    @property
    def public(self) -> TransitPublic:
        """The public half of the primary key."""
        return TransitPublic(only_primary(self._keys.handle).public_keyset_handle())

    def unwrap(self, wrapped: bytes, call_id: str) -> Seal:
        """The seal of a call's key.

        Raises:
            SealError: it was made for another key or another call, or is none.
            StoreError: the key file had to be read again, and can't be.
        """
        if hybrid_key_id(wrapped) not in self._keys.ids:
            self.reload()
        try:
            clear = self._keys.decrypt.decrypt(wrapped, hybrid_bound(call_id))
            handle = proto_keyset_format.parse(clear, secret_key_access.TOKEN)
            usual = {key.type_url for key in handle.keyset_info().key_info} == {_CALL}
            primitive = handle.primitive(aead.Aead)
        except (tink.TinkError, DecodeError):
            usual = False
        if not usual:
            raise SealError("the call's key does not open: made for another public key or call?")
        return Seal(primitive)

    def reload(self) -> None:
        """Read the file again.

        Raises:
            HushwireError: see ``TransitPrivate``.
        """
        self._keys = _Private.read(self._file, self._keys)

    def add_key(self) -> None:
        """Make a new key the primary one; the others still open.

        Raises:
            HushwireError: the file can't be written; it is as it was.
        """
        self.reload()
        self._file.write(with_new_primary(self._keys.handle, _fresh))
        self.reload()

    def move_to(self, service: str) -> None:
        """Encrypt the file by a key service's key, or by another one; the keys stay the same.

        Raises:
            HushwireError: the service can't be reached or refuses; the file is as it was.
        """
        self.reload()
        moved = _file(self.path, service)
        moved.write(self._keys.handle)
        self._file = moved
        self.reload()

    def keep_primary(self) -> frozenset[int]:
        """Destroy all keys but the primary one: what was sent for them opens no more.

        Returns:
            Their ids.

        Raises:
            HushwireError: the file can't be written; it is as it was.
        """
        self.reload()
        old = self._keys.ids - {self._keys.primary}
        if old:
            self._file.write(only_primary(self._keys.handle))
            self.reload()
        return old


def write_public(path: Path, public: TransitPublic) -> None:
    """Write the public half where everybody may read it (mode 0644).

    Raises:
        StoreError: the disk refuses.
    """
    try:
        write_private(path, public.content())
        path.chmod(0o644)
    except OSError as error:
        raise StoreError(f"public key {path}: {os.strerror(error.errno or 0)}") from error


def hybrid_key_id(wrapped: bytes) -> int:
    """Id of the key that a call's key was made for.

    Raises:
        SealError: it is no such key.
    """
    if len(wrapped) <= _PREFIX or wrapped[0] != 1:
        raise SealError("not a call's key")
    return int.from_bytes(wrapped[1:_PREFIX], "big")


def _file(path: Path, service: str | None) -> KeysetFile:
    return KeysetFile(
        path,
        service,
        SETTING,
        f"is missing. {_MADE_BY}; where calls were sent to it already, put it back from its "
        "backup, or where it is lost, `hushwire keys transit new --lost` makes another pair",
    )


def _fresh() -> tink.KeysetHandle:
    return tink.new_keyset_handle(_TEMPLATE)


def _only(handle: tink.KeysetHandle, kind: str, name: str) -> None:
    """Refuse a keyset of any other type, such as the vault's wrapping key."""
    kinds = {key.type_url for key in handle.keyset_info().key_info}
    if kinds != {kind}:
        raise StoreError(f"{name}: holds keys for something else; is it another key's file?")
