"""Names of keys in a key service, in Tink's writing: ``aws-kms://arn:…`` and ``hcvault://…``.

Outcomes of ``parse``: the parts of a name, or ``SettingsError`` that says how one is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import SettingsError

# Tink for Python takes keys of the partition ``aws`` alone, none of ``aws-cn`` or ``aws-us-gov``.
_AWS: Final = re.compile(
    r"aws-kms://(?P<arn>arn:aws:kms:(?P<region>[a-z0-9-]+):[0-9]{12}:(?:key|alias)/[\w/-]+)",
    re.ASCII,
)
_VAULT: Final = re.compile(
    r"hcvault://(?P<host>(?:[\w.-]+(?::[0-9]{1,5})?)?)/(?P<path>[\w-]+(?:/[\w-]+)*/keys/[\w.-]+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class AwsKey:
    """A key in AWS KMS."""

    uri: str
    region: str


@dataclass(frozen=True, slots=True)
class VaultKey:
    """A key in the transit engine of HashiCorp Vault."""

    uri: str
    host: str
    """``host[:port]``, reached over TLS; empty: the address in ``VAULT_ADDR``."""
    path: str
    """``MOUNT/keys/NAME``."""


def names_service(text: str) -> bool:
    """Whether a setting means a key service, and not a file."""
    return "://" in text


def file_or_service(text: str | None) -> str | None:
    """What a setting may hold: a file, or the name of a service's key.

    Raises:
        ValueError: meant as a service's key, and of neither form.
    """
    if text and names_service(text):
        try:
            parse(text)
        except SettingsError as error:
            raise ValueError(str(error)) from None
    return text


def parse(uri: str) -> AwsKey | VaultKey:
    """Take a name apart.

    Raises:
        SettingsError: it is of neither form.
    """
    if found := _AWS.fullmatch(uri):
        return AwsKey(uri, found["region"])
    if found := _VAULT.fullmatch(uri):
        return VaultKey(uri, found["host"], found["path"])
    raise SettingsError(
        "a key service is named aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID or "
        "hcvault://HOST:PORT/MOUNT/keys/NAME"
    )
