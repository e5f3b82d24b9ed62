"""Signed requests as Genesys AudioHook sends them: HTTP message signatures, draft form, by HMAC.

In: the request's target, authority and header fields, and the time. Out: the id of the key that
signed it, or ``GatewayError``: ``UNAUTHORISED`` (no or a wrong signature, an unknown key, a field
that must be signed and is not), ``REPLAYED`` (too old, or its nonce was used before), ``TOO_MANY``
(more nonces than are remembered). Nothing of a request or a secret is ever part of a message.

The form is that of draft-ietf-httpbis-message-signatures-11, which became RFC 9421: for these
components the two read alike. What is signed is taken as it was written, so only the canonical
spelling of ``signature-input`` is read; whatever else a field may hold there is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random_bytes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.errors import SettingsError
from pipeline.gateways.events import GatewayError, Reason

API_KEY: Final = "x-api-key"
SIGNED: Final = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    API_KEY,
)
"""What a signature has to cover."""
OLDEST_S: Final = 10
"""How old a signature may be, in seconds, as the vendor's own server has it."""
SKEW_S: Final = 3
"""By how much the clocks may differ, in seconds."""
MOST_NONCES: Final = 100_000
"""Remembered at a time: some 6,000 calls a second at these ages."""
SHORTEST_NONCE, LONGEST_NONCE = 22, 128
"""Characters: 16 bytes in base64 are 22."""
SHORTEST_SECRET: Final = 16
"""Bytes."""
LONGEST_FIELD: Final = 4_096
"""Characters of ``signature-input`` or ``signature``."""
_ID: Final = r"[A-Za-z0-9+/_=.-]{1,256}"
_ALGORITHM: Final = "hmac-sha256"
_TEXT: Final = r'"[ !#-\[\]-~]*"'
_PARAMETERS: Final = rf"(?:;[a-z]+=(?:{_TEXT}|[0-9]{{1,15}}))*"
_INPUT: Final = re.compile(
    rf"(?P<label>[a-z*][a-z0-9_.*-]*)="
    rf"(?P<signed>\((?P<components>{_TEXT}(?: {_TEXT})*)\)(?P<parameters>{_PARAMETERS}))"
)
_SIGNATURE: Final = re.compile(r"(?P<label>[a-z*][a-z0-9_.*-]*)=:(?P<value>[A-Za-z0-9+/]+={0,2}):")
_PARAMETER: Final = re.compile(rf";(?P<name>[a-z]+)=(?P<value>{_TEXT}|[0-9]+)")
_BLANKS: Final = " \t"
_NEXT: Final = re.compile(r"[ \t]*,[ \t]*")
_KNOWN: Final = {"alg": str, "created": int, "expires": int, "keyid": str, "nonce": str}

Secrets = Mapping[str, tuple[bytes, ...]]
"""Secrets by the id of their key; several of one key while they are rotated."""


def read_secrets(text: str) -> dict[str, tuple[bytes, ...]]:
    """Secrets of a file: a line each, ``<api key> <client secret in base64>``; ``#`` comments.

    Raises:
        SettingsError: a line that is none, or a secret that is too short; it is named by its
            number and never quoted.
    """
    found: dict[str, tuple[bytes, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, secret = _line(number, line)
        found[key] = (*found.get(key, ()), secret)
    if not found:
        raise SettingsError("the file holds no secret: a line is an API key, a blank, base64")
    return found


def _line(number: int, line: str) -> tuple[str, bytes]:
    words = line.split()
    if len(words) != 2 or not re.fullmatch(_ID, words[0]):  # noqa: PLR2004 - two words
        raise SettingsError(f"line {number} is not an API key, a blank and a secret in base64")
    try:
        secret = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(f"line {number}: the secret is not base64") from None
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(f"line {number}: a secret has at least {SHORTEST_SECRET} bytes")
    return words[0], secret


@dataclass(frozen=True, slots=True)
class _Signature:
    """One member of ``signature-input``."""

    signed: str
    """The list of components with its parameters, as it was written."""
    components: tuple[str, ...]
    created: int
    expires: int | None
    key_id: str
    nonce: str


class SignatureVerifier:
    """Verifies signed requests; it remembers nonces, so one instance serves an endpoint.

    Args:
        secrets: by the id of their key.
        oldest_s: how old a signature may be, in seconds.
        skew_s: by how much the clocks may differ, in seconds.
        most_nonces: how many nonces are remembered at a time.
    """

    def __init__(
        self,
        secrets: Secrets,
        *,
        oldest_s: int = OLDEST_S,
        skew_s: int = SKEW_S,
        most_nonces: int = MOST_NONCES,
    ) -> None:
        self._secrets = dict(secrets)
        self._oldest_s, self._skew_s, self._most = oldest_s, skew_s, most_nonces
        self._nonces: dict[tuple[str, str], float] = {}
        """Until when each is remembered, oldest first."""
        self._unknown = (random_bytes.token_bytes(32),)

    def verify(self, target: str, authority: str, headers: Mapping[str, str], now: float) -> str:
        """The id of the key that signed this request.

        Args:
            target: path and query, as requested.
            authority: the ``Host`` that was asked for, in lower case.
            headers: by name in lower case; a field that came twice is joined by ``", "``.
            now: seconds since the epoch.

        Raises:
            GatewayError: see the module.
        """
        key_id = headers.get(API_KEY, "").strip()
        if not key_id:
            raise _unauthorised("no X-API-KEY")
        label, signature = _chosen(headers.get("signature-input", ""), key_id)
        value = _value(headers.get("signature", ""), label)
        if missing := [one for one in SIGNED if one not in signature.components]:
            raise _unauthorised(f"{', '.join(missing)} must be signed")
        base = _base(signature, target, authority, headers)
        if not self._matches(key_id, base, value):
            raise _unauthorised("the signature does not match; check the API key and its secret")
        self._in_time(signature, now)
        self._first(key_id, signature.nonce, now)
        return key_id

    def _matches(self, key_id: str, base: bytes, value: bytes) -> bool:
        """Whether one of the key's secrets gives this signature; an unknown key takes as long."""
        secrets = self._secrets.get(key_id)
        matches = [
            hmac.compare_digest(hmac.digest(secret, base, hashlib.sha256), value)
            for secret in secrets or self._unknown
        ]
        return any(matches) and secrets is not None

    def _in_time(self, signature: _Signature, now: float) -> None:
        if signature.created > now + self._skew_s:
            raise _replayed("it was signed in the future; check both clocks")
        if now > signature.created + self._oldest_s + self._skew_s:
            raise _replayed(f"the signature is older than {self._oldest_s} s; check both clocks")
        if signature.expires is not None and now > signature.expires + self._skew_s:
            raise _replayed("the signature has expired; check both clocks")

    def _first(self, key_id: str, nonce: str, now: float) -> None:
        """Remember a nonce for as long as its signature could be accepted."""
        while self._nonces:
            oldest = next(iter(self._nonces))
            if self._nonces[oldest] >= now:
                break
            del self._nonces[oldest]
        if (key_id, nonce) in self._nonces:
            raise _replayed("the nonce was used before")
        if len(self._nonces) >= self._most:
            raise GatewayError(Reason.TOO_MANY, "more signed requests than nonces are remembered")
        self._nonces[key_id, nonce] = now + self._oldest_s + 2 * self._skew_s


def _chosen(field: str, key_id: str) -> tuple[str, _Signature]:
    """Label and signature of the member that this key made: others may have signed, too."""
    for found in _members(_INPUT, field, "signature-input"):
        parameters = _parameters(found["parameters"])
        if parameters.get("keyid") == key_id:
            return found["label"], _signature(found, parameters)
    raise _unauthorised("no signature whose keyid is the X-API-KEY")


def _value(field: str, label: str) -> bytes:
    for found in _members(_SIGNATURE, field, "signature"):
        if found["label"] == label:
            try:
                return base64.b64decode(found["value"], validate=True)
            except (binascii.Error, ValueError):
                break
    raise _unauthorised("the signature's value is missing or is not base64")


def _members(pattern: re.Pattern[str], field: str, name: str) -> list[re.Match[str]]:
    """The members of a dictionary field.

    Raises:
        GatewayError: it is missing, too long, names one twice, or is not of the form.
    """
    text = field.strip(_BLANKS)
    if not text:
        raise _unauthorised(f"no {name}: the client secret has to be set in the integration")
    if len(text) > LONGEST_FIELD:
        raise _unauthorised(f"{name} is longer than {LONGEST_FIELD} characters")
    found, at = [], 0
    while (one := pattern.match(text, at)) is not None:
        found.append(one)
        if one.end() == len(text):
            if len({member["label"] for member in found}) < len(found):
                break
            return found
        comma = _NEXT.match(text, one.end())
        if comma is None:
            break
        at = comma.end()
    raise _unauthorised(f"{name} is not of the form that is read here")


def _parameters(text: str) -> dict[str, str | int]:
    """Parameters of a signature, each known, at most once and of its type."""
    found: dict[str, str | int] = {}
    for one in _PARAMETER.finditer(text):
        name, raw = one["name"], one["value"]
        value: str | int = raw[1:-1] if raw.startswith('"') else int(raw)
        if name in found or not isinstance(value, _KNOWN.get(name, type(None))):
            raise _unauthorised("a parameter of the signature is unknown, double or of no use")
        found[name] = value
    return found


def _signature(found: re.Match[str], parameters: Mapping[str, str | int]) -> _Signature:
    created, expires = parameters.get("created"), parameters.get("expires")
    nonce, key_id = parameters.get("nonce"), parameters["keyid"]
    if parameters.get("alg", _ALGORITHM) != _ALGORITHM:
        raise _unauthorised(f"signatures are made by {_ALGORITHM}")
    if not isinstance(created, int) or not isinstance(nonce, str):
        raise _unauthorised("a signature says when it was created, and a nonce")
    if not SHORTEST_NONCE <= len(nonce) <= LONGEST_NONCE:
        raise _unauthorised(f"a nonce has {SHORTEST_NONCE} to {LONGEST_NONCE} characters")
    components = tuple(one[1:-1] for one in re.findall(_TEXT, found["components"]))
    if len(set(components)) < len(components):
        raise _unauthorised("a component is signed twice")
    return _Signature(
        found["signed"],
        components,
        created,
        expires if isinstance(expires, int) else None,
        str(key_id),
        nonce,
    )


def _base(signature: _Signature, target: str, authority: str, headers: Mapping[str, str]) -> bytes:
    """What was signed, line by line."""
    derived = {"@request-target": target, "@authority": authority}
    lines = []
    for name in signature.components:
        value = derived.get(name) if name.startswith("@") else headers.get(name)
        if not value or name in {"signature", "signature-input"} or "\n" in value:
            raise _unauthorised("a component that is signed is missing, or is not read here")
        lines.append(f'"{name}": {value.strip(_BLANKS)}')
    lines.append(f'"@signature-params": {signature.signed}')
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _unauthorised(message: str) -> GatewayError:
    return GatewayError(Reason.UNAUTHORISED, message, ours=True)


def _replayed(message: str) -> GatewayError:
    return GatewayError(Reason.REPLAYED, message, ours=True)
