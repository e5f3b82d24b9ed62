"""Keys and seals: every value that reaches a broker is sealed with its call's own key.

``KeyEncryptionKey`` wraps the transit keys (a Tink keyset file, readable by its owner only);
``Seal`` holds one call's key and seals or opens values. Tink's AEAD is AES-256-GCM.

Outcomes: ``Seal.open`` returns the clear value or raises ``SealError``; it says nothing about
why, since the reason is the same for a wrong key, a changed byte and a moved record.
"""

from __future__ import annotations

import os
from pathlib import Path

import tink
from tink import aead, json_proto_keyset_format, proto_keyset_format, secret_key_access

from agents.private import write_private
from pipeline.errors import SealError, StoreError

aead.register()


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


class KeyEncryptionKey:
    """The key that wraps all transit keys.

    Args:
        handle: Tink's keyset.
    """

    def __init__(self, handle: tink.KeysetHandle) -> None:
        self._aead = handle.primitive(aead.Aead)

    @classmethod
    def load_or_create(cls, path: Path) -> KeyEncryptionKey:
        """Read the keyset file, or create it (mode 0600) where there is none.

        Raises:
            StoreError: the file cannot be read or written, holds no keyset, or others may read it.
        """
        try:
            if not path.exists():
                handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
                text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
                write_private(path, text.encode(), replace=False)
            # Read back in any case: another process may have been first.
            if path.stat().st_mode & 0o077:
                raise StoreError(f"key file {path.name}: others may read it; set its mode to 0600")
            text = path.read_text(encoding="utf-8")
            return cls(json_proto_keyset_format.parse(text, secret_key_access.TOKEN))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise StoreError(f"key file {path.name}: {reason}") from error
        except tink.TinkError:
            raise StoreError(f"key file {path.name}: holds no Tink keyset") from None

    def new_transit_key(self, call_id: str) -> tuple[bytes, Seal]:
        """A fresh key for a call: wrapped (to be stored) and ready for use."""
        handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
        wrapped = proto_keyset_format.serialize_encrypted(handle, self._aead, _bound(call_id))
        return wrapped, Seal(handle.primitive(aead.Aead))

    def unwrap(self, wrapped: bytes, call_id: str) -> Seal:
        """The seal of a wrapped key.

        Raises:
            SealError: the key was wrapped by another key, or for another call.
        """
        try:
            handle = proto_keyset_format.parse_encrypted(wrapped, self._aead, _bound(call_id))
            return Seal(handle.primitive(aead.Aead))
        except tink.TinkError:
            raise SealError("the call's key does not unwrap: wrong key file?") from None


def _bound(call_id: str) -> bytes:
    return b"hushwire/transit/" + call_id.encode()
