"""Whether a Twilio or Telnyx stream is the account's own: signatures and tokens.

A stream proves itself while it connects, by a signature over the address or by a token in its
``Authorization`` header, or in its first frame, by the stream's parameter ``token``. Twilio's
signature is the same for all calls to one address; ``call-token`` gives one to each call, which
holds once.

Outcomes: ``handshake`` and what it returns say yes, or raise ``GatewayError`` (``UNAUTHORISED``,
``REPLAYED``). ``SettingsError`` for a file that is not of the form; no secret is ever quoted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agents.system.private_files import read_secret_file
from pipeline.errors import SettingsError
from pipeline.gateways.events import GatewayError, Reason

SHORTEST: Final = 16
"""Characters of a secret."""
AGE_S: Final = 300
"""How old Telnyx's signature may be, and how far ahead its clock."""
MOST_REMEMBERED: Final = 10_000
"""Signatures that were used within that time."""
MOST_CALLS: Final = 100_000
"""Tokens of calls that were used; the oldest is forgotten first."""
MOST_TOKEN: Final = 4_096
_TIME_DIGITS: Final = 12
"""Of seconds since the epoch: enough for 30,000 years."""
TWILIO_HEADER: Final = "X-Twilio-Signature"
TELNYX_HEADER: Final = "telnyx-signature-ed25519"
TELNYX_TIME: Final = "telnyx-timestamp"
_BEARER: Final = "bearer "
_SEALED: Final = ("wss", "https")
_CLEAR: Final = ("ws", "http")
"""Schemes of addresses that platforms sign."""
_KINDS: Final = ("auth-token", "public-key", "token", "call-token", "require")
_FORM: Final = "a line is auth-token, public-key, token or call-token, a blank and the secret"

Proven = Callable[[str, str], bool]
"""Told the stream's parameter ``token`` and the platform's id of the call: whether it may begin."""


@dataclass(frozen=True, slots=True)
class StreamSecrets:
    """Several of a kind are all valid, so that one can be replaced while calls come in."""

    auth_tokens: tuple[bytes, ...] = field(default=(), repr=False)
    """Auth tokens of Twilio accounts."""
    public_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Public keys of Telnyx accounts, 32 bytes."""
    tokens: tuple[bytes, ...] = field(default=(), repr=False)
    """That a stream may bring."""
    call_tokens: tuple[bytes, ...] = field(default=(), repr=False)
    """Secrets of which a call's token is made, see ``call_token``."""
    every: bool = False
    """Whether a stream needs a signature and a token, not one of both."""

    @property
    def signed(self) -> bool:
        """Whether there is a secret for signatures."""
        return bool(self.auth_tokens or self.public_keys)

    @property
    def named(self) -> bool:
        """Whether there is a secret for tokens."""
        return bool(self.tokens or self.call_tokens)


def secrets_of(path: Path) -> StreamSecrets:
    """Secrets of a file that not everybody may read.

    Raises:
        SettingsError: it can't be read, everybody may read it, or it is not of the form.
    """
    return read_secret_file("secrets of streams", path, read_secrets)


def read_secrets(text: str) -> StreamSecrets:
    """Secrets, a line each: ``<kind> <secret>``; ``#`` comments; ``require all``, or any.

    Raises:
        SettingsError: a line that is none, named by its number.
    """
    found: dict[str, list[bytes]] = {kind: [] for kind in _KINDS}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or words[0] not in found:  # noqa: PLR2004 - a kind and its secret
            raise SettingsError(f"line {number}: {_FORM}")
        found[words[0]].append(_secret(number, *words))
    secrets = StreamSecrets(
        auth_tokens=tuple(found["auth-token"]),
        public_keys=tuple(found["public-key"]),
        tokens=tuple(found["token"]),
        call_tokens=tuple(found["call-token"]),
        every=found["require"] == [b"all"],
    )
    if not (secrets.signed or secrets.named):
        raise SettingsError(f"it holds no secret; {_FORM}")
    if secrets.every and not (secrets.signed and secrets.named):
        raise SettingsError("`require all` needs a secret for signatures and one for tokens")
    return secrets


def _secret(number: int, kind: str, text: str) -> bytes:
    if kind == "require":
        if text not in {"all", "any"}:
            raise SettingsError(f"line {number}: require is all or any")
        return text.encode()
    if kind == "public-key":
        try:
            key = base64.b64decode(text, validate=True)
            Ed25519PublicKey.from_public_bytes(key)
        except (binascii.Error, ValueError):
            raise SettingsError(
                f"line {number}: a public key is 32 bytes in base64, as Telnyx shows it"
            ) from None
        return key
    if len(text) < SHORTEST:
        raise SettingsError(f"line {number}: a secret has at least {SHORTEST} characters")
    return text.encode()


def twilio_signature(address: str, auth_token: bytes) -> str:
    """Twilio's signature of a request without a body: HMAC-SHA1 of its address, in base64.

    Source: twilio.com/docs/usage/webhooks/webhooks-security.
    """
    return base64.b64encode(hmac.digest(auth_token, address.encode(), "sha1")).decode()


def call_token(call: str, secret: bytes) -> str:
    """The token of one call: HMAC-SHA256 of the platform's id of it, in hex.

    What answers the platform's webhook makes it and hands it to the stream as ``token``.
    """
    return hmac.digest(secret, call.encode(), hashlib.sha256).hex()


class StreamAccess:
    """Decides on streams; it remembers what was used, so one instance serves an endpoint.

    Args:
        secrets: at least one.
        url: under which the platform connects, such as ``wss://calls.example.com``, where it is
            not the one that is asked for here.
        clock: seconds since the epoch.
        clear: whether it listens in clear, on the loopback; ``ws`` and ``http`` are signed, too.
    """

    def __init__(
        self,
        secrets: StreamSecrets,
        *,
        url: str,
        clock: Callable[[], float],
        clear: bool = False,
    ) -> None:
        self._secrets, self._url, self._clock, self._clear = secrets, url, clock, clear
        self._used: OrderedDict[bytes, float] = OrderedDict()
        self._begun: OrderedDict[bytes, None] = OrderedDict()

    def handshake(self, host: str, target: str, headers: Mapping[str, str]) -> Proven | None:
        """What a request that opens a stream proves.

        Args:
            host: that is asked for.
            target: path and query, as they were sent.
            headers: their names may be in any case.

        Returns:
            None where that is enough; otherwise what the stream's first frame has to satisfy.

        Raises:
            GatewayError: a signature that is wrong, old or used, or nothing that could be enough.
        """
        secrets = self._secrets
        signed = self._signed(host, target, headers)
        named = self._bearer(headers.get("Authorization", ""))
        if not signed and secrets.signed and (secrets.every or not (named or secrets.named)):
            raise GatewayError(
                Reason.UNAUTHORISED, "no signature; this endpoint asks for one", ours=True
            )
        if named or (signed and not secrets.every):
            return None
        return self._proves

    def _signed(self, host: str, target: str, headers: Mapping[str, str]) -> bool:
        secrets, twilios = self._secrets, headers.get(TWILIO_HEADER)
        if secrets.auth_tokens and twilios is not None:
            addresses = signed_addresses(self._url, host, target, clear=self._clear)
            made = (
                twilio_signature(address, token).encode()
                for address in addresses
                for token in secrets.auth_tokens
            )
            if not _is_one_of(twilios.encode("utf-8", "replace"), made):
                raise GatewayError(
                    Reason.UNAUTHORISED,
                    "the signature does not match; another auth token, or the platform signed "
                    f"another address than {self._expected()}",
                    ours=True,
                )
            return True
        telnyxs = headers.get(TELNYX_HEADER)
        if secrets.public_keys and telnyxs is not None:
            self._verify(telnyxs, headers.get(TELNYX_TIME, ""))
            return True
        return False

    def _expected(self) -> str:
        """The address that has to be signed, without what a peer says of it."""
        named = "://" in self._url
        place = _place(self._url) if named else ""
        schemes = _schemes(self._url, clear=self._clear)
        addresses = " or ".join(f"{one}://{place}" for one in schemes)
        if named:
            return f"{addresses} (gateway_url) with the endpoint's path"
        return f"{addresses} with the host that it asks for here; gateway_url names another"

    def _verify(self, signature: str, time: str) -> None:
        """Telnyx's signature of a request without a body: of its time and a bar."""
        now = self._clock()
        try:
            raw = base64.b64decode(signature, validate=True)
            if len(time) > _TIME_DIGITS:
                raise ValueError  # noqa: TRY301 - told in one place
            age = now - int(time)
        except (ValueError, binascii.Error):
            raise GatewayError(
                Reason.UNAUTHORISED, "a signature or its time that is none", ours=True
            ) from None
        if not any(_fits(raw, f"{time}|".encode(), key) for key in self._secrets.public_keys):
            raise GatewayError(
                Reason.UNAUTHORISED, "a signature of another key than the public-key", ours=True
            )
        while self._used and next(iter(self._used.values())) < now - 2 * AGE_S:
            self._used.popitem(last=False)
        if abs(age) > AGE_S or raw in self._used:
            raise GatewayError(
                Reason.REPLAYED, "a signature that is old or was used before", ours=True
            )
        if len(self._used) >= MOST_REMEMBERED:
            raise GatewayError(Reason.TOO_MANY, "too many signed connections at once: wait")
        self._used[raw] = now

    def _bearer(self, header: str) -> bool:
        if not self._secrets.tokens or not header.lower().startswith(_BEARER):
            return False
        return _is_one_of(_token(header[len(_BEARER) :].strip()), self._secrets.tokens)

    def _proves(self, token: str, call: str) -> bool:
        """Whether a token is one of the configured ones, or this call's and not used before."""
        secrets, given = self._secrets, _token(token)
        of_call = tuple(call_token(call, one).encode() for one in secrets.call_tokens)
        if not _is_one_of(given, of_call):
            return _is_one_of(given, secrets.tokens)
        if given in self._begun:
            raise GatewayError(
                Reason.REPLAYED, "the token of a call that has begun before", ours=True
            )
        self._begun[given] = None
        if len(self._begun) > MOST_CALLS:
            self._begun.popitem(last=False)
        return True


def signed_addresses(url: str, host: str, target: str, *, clear: bool = False) -> Sequence[str]:
    """The addresses that a platform may have signed for one connection.

    Some sign ``wss``, some ``https``, some with a slash at the end, whatever was configured; in
    clear ``ws`` or ``http``, where ``url`` says so, or nothing does and ``clear`` is true.
    """
    base = _place(url) if "://" in url else host.removesuffix(":443")
    place, slash, below = base.partition("/")
    path = f"{slash}{below}{target}"
    paths = {path, path.rstrip("/"), f"{path.rstrip('/')}/"}
    schemes = _schemes(url, clear=clear)
    return [f"{scheme}://{place}{one}" for scheme in schemes for one in sorted(paths)]


def _schemes(url: str, *, clear: bool) -> tuple[str, ...]:
    known = urlsplit(url).scheme if "://" in url else "ws" if clear else "wss"
    return (*_SEALED, *_CLEAR) if known in _CLEAR else _SEALED


def _place(url: str) -> str:
    """Host, port where it is not the usual one, and path of an address."""
    base = urlsplit(url)
    usual = ":80" if base.scheme in _CLEAR else ":443"
    return base.netloc.removesuffix(usual) + base.path.rstrip("/")


def _token(text: str) -> bytes:
    """As bytes; what is too long to be one is none."""
    return text.encode("utf-8", "replace") if len(text) <= MOST_TOKEN else b""


def _is_one_of(given: bytes, known: Iterable[bytes]) -> bool:
    """In the same time whichever it is."""
    found = False
    for one in known:
        found |= hmac.compare_digest(given, one)
    return found and bool(given)


def _fits(signature: bytes, text: bytes, key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except InvalidSignature:
        return False
    return True
