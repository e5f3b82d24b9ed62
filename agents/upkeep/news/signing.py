"""Webhooks are signed by the scheme of Standard Webhooks (standardwebhooks.com), symmetric form.

Signed are id, time and body, with dots between them, by HMAC-SHA256. Every secret of the file
signs, so that a receiver may know the old one or the new one while they are replaced.

Outcomes: ``read_secrets`` raises ``SettingsError``, which names file and line and never a secret.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from agents.system.private_files import secret_text
from pipeline.errors import SettingsError

PREFIX: Final = "whsec_"
SHORTEST: Final = 24
LONGEST: Final = 64
"""Bytes of a secret, as the scheme has it."""
MOST_SECRETS: Final = 8
_FORM: Final = (
    "a line is `whsec_` and 24 to 64 bytes in base64, such as "
    '`printf "whsec_%s\\n" "$(openssl rand -base64 32)"` prints'
)


def read_secrets(path: Path) -> tuple[bytes, ...]:
    """The secrets of a file, in its order; ``#`` begins a comment.

    Raises:
        SettingsError: it can't be read, others may read it, a line is no secret, or none is there.
    """
    name = f"webhook_secrets: {path}"
    text = secret_text("webhook_secrets", path)
    found = [
        _secret(name, number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.strip().startswith("#")
    ]
    if not 1 <= len(found) <= MOST_SECRETS:
        raise SettingsError(f"{name}: holds {len(found)} secrets, not 1 to {MOST_SECRETS}; {_FORM}")
    return tuple(found)


def _secret(name: str, number: int, line: str) -> bytes:
    try:
        secret = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not secret or not line.startswith(PREFIX):
        raise SettingsError(f"{name}, line {number}: {_FORM}")
    if not SHORTEST <= len(secret) <= LONGEST:
        raise SettingsError(f"{name}, line {number}: {len(secret)} bytes; {_FORM}")
    return secret


def signed(
    message_id: str, seconds: int, body: bytes, secrets: Sequence[bytes]
) -> Mapping[str, str]:
    """The headers of a webhook.

    Args:
        message_id: the same for every attempt; no dot in it.
        seconds: since the epoch, of this attempt.
        body: as it is sent.
        secrets: all of them sign.
    """
    content = f"{message_id}.{seconds}.".encode() + body
    signatures = (hmac.digest(secret, content, "sha256") for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }
