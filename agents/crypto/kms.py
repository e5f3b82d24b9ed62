"""A key service that encrypts the keyset file: AWS KMS, or the transit engine of HashiCorp Vault.

Where it is and who asks is what its own client reads: ``AWS_ACCESS_KEY_ID`` and all that boto3
knows (roles, ``AWS_ENDPOINT_URL_KMS``), ``VAULT_ADDR``, ``VAULT_TOKEN``, ``VAULT_CACERT``.

Outcomes: ``SettingsError`` where the name is none, the client library is missing, or keys would
travel without TLS; ``KeyServiceError`` where the service can't be reached or refuses. What a
library says goes no further: the message is ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import tink
from tink import aead

from agents.crypto.kms_uri import AwsKey, VaultKey, parse
from agents.system.sockets import reaching
from pipeline.errors import KeyServiceError, SettingsError

CONNECT_S, ANSWER_S = 5, 10
"""How long a service may take: a worker that starts waits for it, and no call ever does."""
ATTEMPTS: Final = 3
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

_UNREACHABLE: Final = "can't be reached"
_NAMED: Final = "VAULT_ADDR or AWS_ENDPOINT_URL_KMS where it is set"
_UNTRUSTED: Final = "can't be trusted: its TLS certificate is not from a known authority"
_NOT_ALLOWED: Final = "does not let us use the key: permission or credentials are missing"
_NO_KEY: Final = "knows no such key, or it is disabled"
_OTHER_KEY: Final = "does not open the file: another key encrypted it, or it was changed"
_AWS_REASONS: Final = {
    "AccessDeniedException": _NOT_ALLOWED,
    "UnrecognizedClientException": _NOT_ALLOWED,
    "InvalidClientTokenId": _NOT_ALLOWED,
    "InvalidSignatureException": _NOT_ALLOWED,
    "SignatureDoesNotMatch": _NOT_ALLOWED,
    "ExpiredTokenException": _NOT_ALLOWED,
    "NotFoundException": _NO_KEY,
    "DisabledException": _NO_KEY,
    "KMSInvalidStateException": _NO_KEY,
    "InvalidCiphertextException": _OTHER_KEY,
    "IncorrectKeyException": _OTHER_KEY,
}
"""By the error codes of AWS KMS, API reference of Encrypt and Decrypt."""
_STATUS_NOT_ALLOWED: Final = frozenset({401, 403})
_VAULT_REASONS: Final = {
    "Forbidden": _NOT_ALLOWED,
    "Unauthorized": _NOT_ALLOWED,
    "InvalidPath": _NO_KEY,
    "InvalidRequest": f"{_OTHER_KEY}, or no token was sent",
    "VaultDown": "is sealed",
    "VaultNotInitialized": "is not set up",
}
"""By hvac's exceptions, one for each HTTP status that Vault documents."""
_BY_NAME: Final = (
    (("SSL",), _UNTRUSTED),
    (("Credentials", "Token"), _NOT_ALLOWED),
    (("Connect", "Timeout", "Endpoint", "Proxy"), _UNREACHABLE),
)
"""By what the exceptions of botocore and requests are called; the first that fits."""


class KeyService:
    """One key of a service: Tink's AEAD for a keyset.

    Args:
        uri: the key's name.

    Raises:
        SettingsError: see the module.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        key = parse(uri)
        self._aead, address = _aws(key) if isinstance(key, AwsKey) else _vault(key)
        self._where = urlsplit(address).netloc.rpartition("@")[2]

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
        """Encrypt a keyset.

        Raises:
            KeyServiceError: see the module.
        """
        return self._asked(self._aead.encrypt, plaintext, associated_data)

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        """Decrypt a keyset.

        Raises:
            KeyServiceError: see the module.
        """
        return self._asked(self._aead.decrypt, ciphertext, associated_data)

    def _asked(self, what: Callable[[bytes, bytes], bytes], data: bytes, bound: bytes) -> bytes:
        try:
            return bytes(what(data, bound))
        except tink.TinkError as error:
            # Tink wraps what the client raised.
            cause = error.args[0] if error.args else error
            self._refuse(cause if isinstance(cause, Exception) else error)
        except Exception as error:  # noqa: BLE001 - whatever a client raises
            self._refuse(error)

    def _refuse(self, cause: Exception) -> NoReturn:
        reason = _reason(cause)
        if reason == _UNREACHABLE:
            why = reaching.cause(cause) or "no answer"
            reason += f" at {self._where}: {why}; see that it runs, and {_NAMED}"
        raise KeyServiceError(f"key service {self.uri}: {reason}") from None


def _reason(cause: Exception) -> str:
    """What went wrong, in our words."""
    response = getattr(cause, "response", None)
    if isinstance(response, dict):
        code = str(response.get("Error", {}).get("Code", ""))
        if response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _STATUS_NOT_ALLOWED:
            return _NOT_ALLOWED
        return _AWS_REASONS.get(code, f"refuses ({code[:60]})")
    name = type(cause).__name__
    parts = ((part, reason) for parts, reason in _BY_NAME for part in parts)
    known = (reason for part, reason in parts if part in name)
    return _VAULT_REASONS.get(name) or next(known, f"refuses ({name})")


def _aws(key: AwsKey) -> tuple[aead.Aead, str]:
    try:
        import boto3  # noqa: PLC0415 - an extra
        from botocore.config import Config  # noqa: PLC0415
        from tink.integration import awskms  # noqa: PLC0415
    except ImportError:
        raise _missing("AWS KMS") from None
    limits = Config(
        connect_timeout=CONNECT_S,
        read_timeout=ANSWER_S,
        retries={"max_attempts": ATTEMPTS, "mode": "standard"},
    )
    try:
        client = boto3.session.Session(region_name=key.region).client("kms", config=limits)
    except Exception as error:  # noqa: BLE001 - a profile or an endpoint that boto3 can't read
        told = f"AWS KMS: its client can't be set up ({type(error).__name__})"
        raise SettingsError(told) from None
    address = str(client.meta.endpoint_url)
    _only_private(address)
    return awskms.new_client(boto3_client=client, key_uri=key.uri).get_aead(key.uri), address


def _vault(key: VaultKey) -> tuple[aead.Aead, str]:
    try:
        import hvac  # noqa: PLC0415 - an extra
        from tink.integration import hcvault  # noqa: PLC0415
    except ImportError:
        raise _missing("HashiCorp Vault") from None
    address = f"https://{key.host}" if key.host else os.environ.get("VAULT_ADDR", "")
    if not address:
        raise SettingsError(f"{key.uri}: names no host, and VAULT_ADDR is not set")
    _only_private(address)
    namespace: Any = os.environ.get("VAULT_NAMESPACE") or None
    client = hvac.Client(url=address, timeout=ANSWER_S, namespace=namespace)
    return hcvault.new_aead(key.path, client), address


def _only_private(address: str) -> None:
    """The keyset goes to the service in clear: over TLS, or to this machine."""
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise SettingsError("a key service is reached over https, or on this machine's loopback")


def _missing(service: str) -> SettingsError:
    return SettingsError(
        f"{service} needs its client library: pip install 'hushwire[kms]', or pinned and offline "
        "by requirements-image.txt (docs/deploy/install.md)"
    )
