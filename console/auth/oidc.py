"""OpenID Connect: people show a JWT that their organisation's issuer signed.

RS256 and ES256 only, with keys that the issuer publishes; issuer, audience and times are checked,
and a configured claim says which roles somebody has. It has to be an access token (RFC 9068): an
ID token says to a client who somebody is, and lets nobody in but through the login that it is the
end of (``auth.code_flow``). Outcomes of ``Oidc.check``: subject and roles, ``AccessError`` for a
token that lets nobody in, ``IssuerError`` where the keys can't be had.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Self
from urllib.parse import urlsplit

import httpx
import jwt

from agents.access.roles import AccessError, Role
from agents.settings.model import Settings
from pipeline.errors import HushwireError, SettingsError

ALGORITHMS: Final = ("RS256", "ES256")
LEEWAY_S: Final = 30
"""How far the issuer's clock may be from ours."""
CACHE_S: Final = 3_600.0
"""Keys are fetched again after this."""
REFRESH_S: Final = 60.0
"""An unknown key makes us look again, but not sooner than this after the last time."""
TIMEOUT_S: Final = 5.0
ANSWER_MOST: Final = 1 << 20
TOKEN_MOST: Final = 8_192
"""Longest token in characters."""
_ACCESS_TYPE: Final = "at+jwt"
"""``typ`` of an access token's header (RFC 9068, section 2.1)."""
_PLAIN_TYPES: Final = frozenset({"jwt", ""})
"""``typ`` of issuers that say nothing by it; other tokens of theirs have one of their own."""
_OF_ID_TOKENS: Final = ("nonce", "at_hash", "c_hash", "s_hash", "events")
"""Claims of ID and logout tokens (OpenID Connect Core 2 and 3.3.2.11, Back-Channel Logout 2.4)."""
_LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
"""The event that makes a token one of logging out (OpenID Connect Back-Channel Logout 1.0, 2.4)."""
_LOGOUT_TYPES: Final = frozenset({"logout+jwt", "jwt", ""})
_NEEDED: Final = ("exp", "iat", "iss", "aud")
_SCOPES: Final = ("scope", "scp")
_CLIENTS: Final = ("azp", "client_id", "appid", "cid")
"""Whom a token was issued to, as issuers call it."""
_SUBJECT_MOST: Final = 255
_NO_KEYS: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    jwt.PyJWTError,
    ValueError,
    TypeError,
    KeyError,
    RecursionError,
)


class IssuerError(HushwireError):
    """The issuer's keys can't be had; trying again later may help."""

    code: ClassVar[str] = "issuer"
    retryable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """What is trusted."""

    issuer: str
    audience: str
    claim: str
    roles: Mapping[str, Role]
    """By value of the claim."""

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """What the settings say; None: OpenID Connect is off.

        Raises:
            SettingsError: they do not fit together, or the issuer is spoken to in clear.
        """
        if settings.oidc_issuer is None:
            if settings.oidc_audience or settings.oidc_roles:
                raise SettingsError("oidc_audience and oidc_roles need oidc_issuer")
            return None
        if not settings.oidc_audience or not settings.oidc_roles:
            raise SettingsError(
                "oidc_issuer needs oidc_audience and oidc_roles: otherwise a token for another "
                "service would do, and nobody would have a role"
            )
        if not trustworthy(settings.oidc_issuer):
            raise SettingsError("oidc_issuer: an https URL is needed")
        roles = {value: Role(role) for value, role in settings.oidc_roles.items()}
        return cls(settings.oidc_issuer, settings.oidc_audience, settings.oidc_claim, roles)


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who logged in at the issuer."""

    who: str
    """Pseudonym."""
    name: str
    """What they are called; empty where nothing says it."""
    roles: tuple[Role, ...]
    session: str | None
    """Hash of the issuer's session; None: it names none."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """What the issuer says is over."""

    who: str
    """Pseudonym; empty: it names the session alone."""
    session: str
    """Hash of its session; empty: all sessions of that person."""
    at: datetime


class Oidc:
    """Checks the tokens of one issuer.

    Args:
        config: what is trusted.
        clock: monotonic seconds, for the age of the keys.
    """

    def __init__(self, config: OidcConfig, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._keys = _IssuerKeys(config.issuer, clock)

    @property
    def issuer(self) -> str:
        """As its tokens name it."""
        return self._config.issuer

    def close(self) -> None:
        """Close the connections."""
        self._keys.close()

    def endpoint(self, name: str, *, needed: bool = True) -> str:
        """An address that the issuer publishes; empty where it has none and none is needed.

        Raises:
            IssuerError: the issuer is away, or publishes none that may be trusted.
        """
        found = self._keys.configuration().get(name)
        if trustworthy(found):
            return str(found)
        if needed:
            raise issuer_away()
        return ""

    def says_who_answers(self) -> bool:
        """Whether the issuer names itself when it sends a browser back (RFC 9207)."""
        found = self._keys.configuration().get("authorization_response_iss_parameter_supported")
        return found is True

    def check(self, text: str) -> tuple[str, tuple[Role, ...]]:
        """The pseudonym of whoever the token is of, and their roles.

        Raises:
            AccessError: the token is not valid here, or gives no role.
            IssuerError: the issuer is away.
        """
        kind, claims = self._verified(text, self._config.audience)
        if not _is_access_token(kind, claims):
            raise AccessError("token_type")
        roles = self._roles(claims)
        if not roles:
            raise AccessError("no_role")
        return self._subject(claims), roles

    def check_id_token(self, text: str, client_id: str, nonce: str) -> Identity:
        """Who logged in at the issuer.

        Args:
            text: the ID token, from the issuer itself.
            client_id: whom it has to be for.
            nonce: what it has to repeat.

        Raises:
            AccessError: it is not valid, or not for this login.
            IssuerError: the issuer is away.
        """
        kind, claims = self._verified(text, client_id)
        if not isinstance(kind, str) or kind.lower() not in _PLAIN_TYPES:
            raise AccessError("token_type")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else client_id) != client_id:
            raise AccessError("client")
        said = claims.get("nonce")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
            raise AccessError("nonce")
        name = claims.get("preferred_username") or claims.get("name")
        shown = name if isinstance(name, str) and name.isprintable() else ""
        session = self._session(claims) if "sid" in claims else None
        return Identity(self._subject(claims), shown, self._roles(claims), session)

    def check_logout_token(self, text: str, client_id: str) -> LoggedOut:
        """Whose login the issuer says is over (OpenID Connect Back-Channel Logout 1.0, 2.6).

        Args:
            text: the logout token.
            client_id: whom it has to be for.

        Raises:
            AccessError: it is not valid, or no logout token.
            IssuerError: the issuer is away.
        """
        kind, claims = self._verified(text, client_id, _NEEDED)
        plain = kind.lower().removeprefix("application/") if isinstance(kind, str) else None
        if plain not in _LOGOUT_TYPES:
            raise AccessError("token_type")
        events, named = claims.get("events"), claims.get("jti")
        if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT), dict):
            raise AccessError("no_logout_event")
        # What an ID token is never without: neither serves as the other.
        if "nonce" in claims or not isinstance(named, str) or not named:
            raise AccessError("token_type")
        who = self._subject(claims) if "sub" in claims else ""
        session = self._session(claims) if "sid" in claims else ""
        if not who and not session:
            raise AccessError("subject")
        return LoggedOut(who, session, datetime.fromtimestamp(claims["iat"], UTC))

    def _verified(
        self, text: str, audience: str, needed: Sequence[str] = (*_NEEDED, "sub")
    ) -> tuple[object, dict[str, Any]]:
        """Type and claims of a token that the issuer signed for an audience; it is not over."""
        if len(text) > TOKEN_MOST:
            raise AccessError("malformed")
        try:
            header = jwt.get_unverified_header(text)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise AccessError("malformed") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise AccessError("algorithm")
        if not isinstance(kid, str) or not kid:
            raise AccessError("key")
        key = self._keys.key(kid)
        # A public RSA key must never serve as the secret of another algorithm.
        if (
            key is None
            or key.algorithm_name != algorithm
            or key.public_key_use not in {None, "sig"}
        ):
            raise AccessError("key")
        return header.get("typ", ""), self._claims(text, key, algorithm, audience, needed)

    def _claims(
        self, text: str, key: jwt.PyJWK, algorithm: str, audience: str, needed: Sequence[str]
    ) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                audience=audience,
                issuer=self._config.issuer,
                leeway=LEEWAY_S,
                options={
                    "require": list(needed),
                    "enforce_minimum_key_length": True,
                },
            )
        except jwt.ExpiredSignatureError:
            raise AccessError("expired") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise AccessError(type(error).__name__) from None
        return claims

    def _subject(self, claims: Mapping[str, Any]) -> str:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_MOST:
            raise AccessError("subject")
        return pseudonym(self._config.issuer, subject)

    def _session(self, claims: Mapping[str, Any]) -> str:
        session = claims["sid"]
        if not isinstance(session, str) or not 0 < len(session) <= _SUBJECT_MOST:
            raise AccessError("session")
        return hashlib.sha256(f"{self._config.issuer}\0{session}".encode()).hexdigest()

    def _roles(self, claims: Mapping[str, Any]) -> tuple[Role, ...]:
        found = _claim(claims, self._config.claim)
        values = [found] if isinstance(found, str) else found
        if not isinstance(values, list):
            return ()
        named = {self._config.roles.get(one) for one in values if isinstance(one, str)}
        return tuple(role for role in Role if role in named)


def pseudonym(issuer: str, subject: str) -> str:
    """How a person stands in the audit log: found again by whoever knows the subject."""
    return "oidc:" + hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()[:32]


class _IssuerKeys:
    """The keys that an issuer publishes, by id; fetched when they are needed."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self._issuer, self._clock = issuer, clock
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._found: dict[str, Any] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._client = httpx.Client(
            timeout=TIMEOUT_S, follow_redirects=False, trust_env=not loopback(issuer)
        )

    def close(self) -> None:
        self._client.close()

    def configuration(self) -> dict[str, Any]:
        """What the issuer publishes of itself."""
        with self._lock:
            if self._old():
                if not self._may_try():
                    raise issuer_away()
                try:
                    self._fetch()
                except _NO_KEYS:
                    raise issuer_away() from None
            return self._found

    def key(self, kid: str) -> jwt.PyJWK | None:
        with self._lock:
            old = self._old()
            if (old or kid not in self._keys) and self._may_try():
                try:
                    self._fetch()
                except _NO_KEYS:
                    if old:
                        raise issuer_away() from None
            elif old:
                raise issuer_away()
            return self._keys.get(kid)

    def _old(self) -> bool:
        return self._fetched is None or self._clock() - self._fetched > CACHE_S

    def _may_try(self) -> bool:
        return self._tried is None or self._clock() - self._tried >= REFRESH_S

    def _fetch(self) -> None:
        self._tried = self._clock()
        base = self._issuer.rstrip("/")
        found = self._json(f"{base}/.well-known/openid-configuration")
        address = found["jwks_uri"]
        if found.get("issuer") != self._issuer or not trustworthy(address):
            raise ValueError("not the configuration of this issuer")
        keys = jwt.PyJWKSet.from_dict(self._json(address)).keys
        self._keys = {key.key_id: key for key in keys if key.key_id}
        self._found = found
        self._fetched = self._clock()

    def _json(self, address: str) -> dict[str, Any]:
        body = bytearray()
        with self._client.stream("GET", address) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError("not an answer")
            for part in response.iter_bytes():
                body += part
                if len(body) > ANSWER_MOST:
                    raise ValueError("too long an answer")
        read = json.loads(bytes(body))
        if not isinstance(read, dict):
            raise TypeError("not an object")
        return read


def _is_access_token(kind: object, claims: Mapping[str, Any]) -> bool:
    """Whether a token is for asking a service: its issuer has to say so in one way or another.

    Args:
        kind: ``typ`` of its header.
        claims: once they are known to be the issuer's.
    """
    plain = kind.lower().removeprefix("application/") if isinstance(kind, str) else None
    if plain == _ACCESS_TYPE:
        return True
    if plain not in _PLAIN_TYPES or any(name in claims for name in _OF_ID_TOKENS):
        return False
    # Keycloak and Cognito say it in a claim.
    said = claims.get("typ"), claims.get("token_use")
    if said != (None, None):
        return said in [("Bearer", None), (None, "access")]  # a claim may be a list, too
    if any(isinstance(claims.get(name), str | list) for name in _SCOPES):
        return True
    # An ID token's audience is the client itself.
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    clients = [claims[name] for name in _CLIENTS if name in claims]
    return bool(clients) and not any(client in audience for client in clients)


def issuer_away() -> IssuerError:
    """The issuer can't be reached."""
    return IssuerError("the OpenID Connect issuer can't be reached, or publishes no keys")


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its whole name, or by a way through objects."""
    if name in claims:
        return claims[name]
    at: object = claims
    for part in name.split("."):
        if not isinstance(at, dict):
            return None
        at = at.get(part)
    return at


def trustworthy(address: object) -> bool:
    """Whether an address is spoken to over TLS, or is this machine's own."""
    if not isinstance(address, str):
        return False
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        return False
    return scheme == "https" or (scheme == "http" and loopback(address))


def loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(urlsplit(address).hostname or "").is_loopback
    except ValueError:
        return False
