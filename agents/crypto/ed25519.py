"""The installation's signing key (Ed25519) and what is checked with its public half.

The private key is a PEM file that only its owner may read, beside the wrapping key. It signs
certificates, the checkpoints of the audit log and exported vCons, nothing that leaves a secret
behind. None of these can be taken for another: a certificate is signed as JSON, which begins with a
brace, and the signing input of a vCon begins with the base64 of one.

Outcomes: ``SigningKey.load_or_create`` and ``SigningKey.load`` raise ``StoreError`` for a key file
that can't be used, ``PublicKey.load`` raises ``InputError``; ``PublicKey.signed`` is a plain yes or
no.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agents.crypto.signed_head import HeadMemory
from agents.system.private_files import write_private
from pipeline.errors import ForgottenError, InputError, KeyFileError, RecordError, StoreError
from pipeline.evidence.canonical_json import Signature, sign_document, signature_of, signing_payload
from pipeline.evidence.certificate import (
    LogStated,
    certificate_json,
    parse_certificate,
    sign_certificate,
)
from pipeline.evidence.stored_call import StoredCall

_X509_FROM: Final = datetime(2020, 1, 1, tzinfo=UTC)
_X509_UNTIL: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""RFC 5280, 4.1.2.5: no well-defined end."""


class PublicKey:
    """What anybody may have: it tells whether a document was signed by the private half.

    Args:
        key: the library's key.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        der = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.key_id = hashlib.sha256(der).hexdigest()
        """sha256 of the DER form, in hex."""

    @classmethod
    def load(cls, path: Path) -> PublicKey:
        """Read a PEM file, as ``hushwire certificate public-key`` prints it.

        Raises:
            InputError: the file can't be read or holds no Ed25519 public key.
        """
        try:
            key = serialization.load_pem_public_key(path.read_bytes())
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise InputError(f"public key {path}: {reason}") from error
        except (ValueError, UnsupportedAlgorithm):
            raise InputError(f"public key {path}: holds no public key (PEM)") from None
        if not isinstance(key, Ed25519PublicKey):
            raise InputError(f"public key {path}: not an Ed25519 key")
        return cls(key)

    @property
    def raw(self) -> bytes:
        """The key's 32 bytes."""
        return self._key.public_bytes_raw()

    def pem(self) -> str:
        """The key as PEM text."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def signed(self, document: Mapping[str, Any]) -> bool:
        """Whether this key signed the document, and nothing of it was changed since."""
        try:
            signature = signature_of(document)
            if signature is None or signature.key_id != self.key_id:
                return False
            self._key.verify(base64.b64decode(signature.value), signing_payload(document))
        except (InvalidSignature, RecordError):
            return False
        return True


class SigningKey:
    """The private half.

    Args:
        key: the library's key.
        memory: what it signed last; a key without one signs certificates only.
    """

    def __init__(self, key: Ed25519PrivateKey, memory: HeadMemory | None = None) -> None:
        self._key, self._memory = key, memory
        self.public = PublicKey(key.public_key())

    @property
    def memory(self) -> HeadMemory:
        """What it signed last of the audit log.

        Raises:
            ForgottenError: it has no memory.
        """
        if self._memory is None:
            raise ForgottenError("a signing key that lies in no file signs no audit log")
        return self._memory

    @classmethod
    def load_or_create(cls, path: Path) -> SigningKey:
        """Read the key file, or create it (mode 0600) where there is none.

        Raises:
            StoreError: see ``load``.
        """
        cls.create(path)
        # Read back in any case: another process may have been first.
        return cls.load(path)

    @staticmethod
    def create(path: Path) -> Callable[[], None] | None:
        """Create the key file (mode 0600) and its memory where there is none.

        Returns:
            What removes them again, before anything was signed; None where the file was there.

        Raises:
            StoreError: it can't be written.
        """
        memory = HeadMemory(path)
        try:
            if path.exists():
                return None
            # First: a key that is there without a memory has lost it.
            begun = memory.begin()
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            if not write_private(path, pem, replace=False):
                return None
        except OSError as error:
            raise StoreError(f"signing key {path}: {os.strerror(error.errno or 0)}") from error

        def removed() -> None:
            path.unlink(missing_ok=True)
            if begun:
                memory.remove()

        return removed

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read the key file.

        Raises:
            KeyFileError: there is none.
            StoreError: it can't be read, holds no Ed25519 key, or others may read it.
        """
        try:
            if path.stat().st_mode & 0o077:
                raise StoreError(
                    f"signing key {path}: others may read it; set its mode to 0600, or make "
                    "a new key if somebody may have copied it"
                )
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError:
            raise KeyFileError(
                f"signing key {path}: is missing. Put it back from its backup, or name its place "
                "by HUSHWIRE_SIGNING_KEY; where nothing was signed yet, the first worker with the "
                "vault stage makes it"
            ) from None
        except OSError as error:
            raise StoreError(f"signing key {path}: {os.strerror(error.errno or 0)}") from error
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Without the cause: it may quote the file.
            raise StoreError(
                f"signing key {path}: holds no private key (PEM, PKCS 8, not encrypted)"
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise StoreError(f"signing key {path}: not an Ed25519 key")
        return cls(key, HeadMemory(path))

    def sign(self, document: Mapping[str, Any]) -> Signature:
        """Sign a JSON object; the same document gives the same signature."""
        return sign_document(document, self.public.key_id, self._sign)

    def sign_text(self, text: bytes | bytearray) -> bytes:
        """The 64 bytes of a signature over a text that is no JSON object."""
        return self._key.sign(text)

    def x509(self, host: str) -> bytes:
        """A certificate of the public key that it signs itself, for formats that carry one: DER.

        The same key and host give the same bytes; it never ends (RFC 5280, 4.1.2.5). It vouches
        for nothing: who relies on it compares its key with the published one.

        Args:
            host: DNS name of the subject.
        """
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(int(self.public.key_id[:38], 16) | 1)
            .not_valid_before(_X509_FROM)
            .not_valid_after(_X509_UNTIL)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(usage, critical=True)
            .sign(self._key, None)
        )
        return certificate.public_bytes(serialization.Encoding.DER)

    def certify(self, call: StoredCall, *, log: LogStated | None = None) -> StoredCall:
        """A call with its certificate signed; ``log`` is where the audit log ends."""
        certificate = sign_certificate(call.certificate, self.public.key_id, self._sign, log=log)
        files = {**call.files, call.certificate_name: certificate_json(certificate)}
        return replace(call, certificate=certificate, files=files)

    def certify_file(self, certificate: bytes) -> bytes:
        """The file of a certificate, signed.

        Raises:
            RecordError: it does not follow its schema.
        """
        stated = parse_certificate(certificate)
        return certificate_json(sign_certificate(stated, self.public.key_id, self._sign))

    def _sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload)).decode()
