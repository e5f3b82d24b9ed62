"""The keyset file: in clear for its owner alone, or encrypted by a key service.

Encrypted, it is Tink's usual JSON of an encrypted keyset. Which of the two it has to be is said by
the settings, never by the file: a file in clear is refused where a service is named, so that nobody
can put another one in its place.

Outcomes: ``StoreError`` where the file can't be used, ``KeyServiceError`` where the service can't.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tink
from tink import aead, json_proto_keyset_format, proto_keyset_format, secret_key_access
from tink.proto import tink_pb2

from agents.crypto.kms import KeyService
from agents.system.private_files import write_private
from pipeline.errors import StoreError

aead.register()

_NOTHING = b""
"""Associated data: Tink's client of HashiCorp Vault takes none."""


@dataclass(frozen=True, slots=True)
class KeysetFile:
    """Where the wrapping key is kept, and what encrypts it."""

    path: Path
    service: str | None = None
    """URI of the key that encrypts the file; ``None``: it is in clear."""
    setting: str = "HUSHWIRE_KEYSET"
    """The setting that names the file, or the service's key."""
    missing: str = (
        "is missing. `hushwire run`, `ingest` or `worker` makes it for the first call; where there "
        "are calls already, put it back from its backup, or name its folder with --state-dir or "
        "the file with HUSHWIRE_KEYSET"
    )
    """What is said where there is no file."""

    def content(self) -> bytes:
        """The file's bytes.

        Raises:
            StoreError: it cannot be read, or others may read it.
        """
        try:
            if self.path.stat().st_mode & 0o077:
                raise StoreError(f"key file {self.path}: others may read it; set its mode to 0600")
            return self.path.read_bytes()
        except FileNotFoundError:
            raise StoreError(f"key file {self.path}: {self.missing}") from None
        except OSError as error:
            raise self.unusable(error) from error

    def parse(self, content: bytes) -> tink.KeysetHandle:
        """The keyset in the file's bytes.

        Raises:
            SettingsError: the service's client is missing.
            KeyServiceError: the service can't be reached or refuses.
            StoreError: no keyset, or one that is not encrypted as the settings say.
        """
        try:
            text = content.decode()
            encrypted = "encryptedKeyset" in json.loads(text)
        except (ValueError, TypeError):
            raise self._none() from None
        if encrypted and self.service is None:
            raise StoreError(
                f"key file {self.path}: a key service encrypted it; name the service's key "
                f"with {self.setting}"
            )
        if not encrypted and self.service is not None:
            raise StoreError(
                f"key file {self.path}: not encrypted, though the settings name a key "
                "service; see `hushwire keys wrap`"
            )
        try:
            if self.service is None:
                return json_proto_keyset_format.parse(text, secret_key_access.TOKEN)
            return json_proto_keyset_format.parse_encrypted(
                text, KeyService(self.service), _NOTHING
            )
        except (tink.TinkError, ValueError):
            raise self._none() from None

    def read(self) -> tink.KeysetHandle:
        """The keyset.

        Raises:
            HushwireError: see ``content`` and ``parse``.
        """
        return self.parse(self.content())

    def write(self, handle: tink.KeysetHandle, *, replace: bool = True) -> None:
        """Write the file whole, mode 0600; an existing one stays unless ``replace``.

        Raises:
            SettingsError: the service's client is missing.
            KeyServiceError: the service can't be reached or refuses: nothing is written.
            StoreError: the disk refuses.
        """
        self.write_content(self.serialized(handle), replace=replace)

    def write_content(self, content: bytes, *, replace: bool = True) -> None:
        """Write what ``serialized`` gave.

        Raises:
            StoreError: the disk refuses.
        """
        try:
            write_private(self.path, content, replace=replace)
        except OSError as error:
            raise self.unusable(error) from error

    def serialized(self, handle: tink.KeysetHandle) -> bytes:
        """The file's bytes for a keyset; what a service encrypted is known to open again.

        Raises:
            HushwireError: see ``write``.
        """
        if self.service is None:
            text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
            return bytes(text.encode())
        text = json_proto_keyset_format.serialize_encrypted(
            handle, KeyService(self.service), _NOTHING
        )
        content = bytes(text.encode())
        # Whoever may encrypt but not decrypt would lock everybody out.
        self.parse(content)
        return content

    def unusable(self, error: OSError) -> StoreError:
        """What the file system said."""
        if error.errno == errno.EROFS:  # where keys are mounted, one that is there is not written
            return StoreError(
                f"key file {self.path}: is missing, and its place is read-only: keys are made "
                "before workers start (compose: `docker compose up keys`; Kubernetes: the Secret; "
                "else `hushwire keys new` and `hushwire keys transit new`)"
            )
        return StoreError(f"key file {self.path}: {os.strerror(error.errno or 0)}")

    def _none(self) -> StoreError:
        return StoreError(f"key file {self.path}: holds no Tink keyset")


def new_keyset() -> tink.KeysetHandle:
    """A keyset of one fresh AES-256-GCM key."""
    return tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)


def with_new_primary(
    handle: tink.KeysetHandle, make: Callable[[], tink.KeysetHandle] = new_keyset
) -> tink.KeysetHandle:
    """The keyset with one more key, which is the primary one; the others still unwrap.

    Args:
        handle: the keyset.
        make: gives a keyset of one fresh key of the same kind.
    """
    keyset, fresh = _clear(handle), _clear(make())
    while fresh.primary_key_id in {key.key_id for key in keyset.key}:
        fresh = _clear(make())
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


def _clear(handle: tink.KeysetHandle) -> tink_pb2.Keyset:
    # Tink for Python has no keyset manager; its keysets are protocol buffers of a public schema.
    binary = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return tink_pb2.Keyset.FromString(binary)


def _handle(keyset: tink_pb2.Keyset) -> tink.KeysetHandle:
    return proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
