"""Logging in at an organisation's issuer: OpenID Connect's authorization code flow with PKCE.

What binds a login to the browser that began it is one random seed in a cookie of its own; state,
nonce and PKCE's verifier are derived from it, so the server keeps nothing of a login that nobody
finishes. Authlib speaks the flow; the ID token is checked as every other token (``auth.oidc``).
Outcomes of ``finish``: a ``Person``; ``AccessError`` for whoever is not let in (``reason`` says
why); ``IssuerError`` where the issuer is away.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlencode

from agents.access.roles import AccessError, Role
from agents.settings.model import Settings
from agents.system.private_files import secret_text
from console.auth.oidc import (
    TIMEOUT_S,
    IssuerError,
    LoggedOut,
    Oidc,
    issuer_away,
    loopback,
    trustworthy,
)
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import OAuth2Client

BACK: Final = "/login/oidc/back"
"""Where the issuer sends the browser back to."""
SCOPE: Final = "openid profile"
NO_ROLE: Final = "no_role"
"""What reasons begin with where nothing that the issuer says of somebody gives a role."""
CLIENT_REFUSED: Final = "client_refused"
_OF_CLIENTS: Final = frozenset({"invalid_client", "unauthorized_client"})
"""What an issuer has against us, not against whoever logs in (RFC 6749, section 5.2)."""
_SECRET_MOST: Final = 1_024


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What the issuer knows us as."""

    client_id: str
    secret: str | None = field(repr=False)
    """None: a public client, which PKCE alone protects."""
    address: str
    """Of the console, as browsers reach it; no slash at its end."""

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """What the settings say; None: people log in by pasting a token.

        Raises:
            SettingsError: they do not fit together, or the file can't be used.
        """
        if settings.oidc_client_id is None:
            if settings.oidc_client_secret_file or settings.console_address:
                raise SettingsError(
                    "oidc_client_secret_file and console_address need oidc_client_id"
                )
            return None
        if settings.oidc_issuer is None or settings.console_address is None:
            raise SettingsError("oidc_client_id needs oidc_issuer and console_address")
        address = settings.console_address.rstrip("/")
        if not trustworthy(address):
            raise SettingsError("console_address: an https URL is needed")
        file = settings.oidc_client_secret_file
        return cls(settings.oidc_client_id, _secret(file) if file else None, address)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the issuer knows."""

    who: str
    name: str
    roles: tuple[Role, ...]
    session: str | None = None
    """Hash of the issuer's session; None: it names none."""


class CodeFlow:
    """Lets people in whom one issuer knows.

    Args:
        oidc: checks its tokens.
        client: what it knows us as.
    """

    def __init__(self, oidc: Oidc, client: ClientConfig) -> None:
        self._oidc, self._client = oidc, client

    def begin(self) -> tuple[str, str]:
        """Begin a login.

        Returns:
            The issuer's address to go to, and the seed that the browser keeps meanwhile.

        Raises:
            IssuerError: the issuer is away, or does not say where people log in.
        """
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415 - when somebody logs in
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415

        seed = secrets.token_hex(32)
        endpoint = self._oidc.endpoint("authorization_endpoint")
        address = prepare_grant_uri(
            endpoint,
            self._client.client_id,
            "code",
            redirect_uri=self._client.address + BACK,
            scope=SCOPE,
            state=_derived(seed, "state"),
            nonce=_derived(seed, "nonce"),
            code_challenge=create_s256_code_challenge(_derived(seed, "verifier")),
            code_challenge_method="S256",
        )
        return str(address), seed

    def belongs(self, answer: Mapping[str, str], seed: str) -> bool:
        """Whether an answer is to the login that this browser began."""
        state = answer.get("state", "").encode()
        return bool(seed) and hmac.compare_digest(state, _derived(seed, "state").encode())

    def finish(self, answer: Mapping[str, str], seed: str) -> Person:
        """Finish a login with what the issuer sent the browser back with.

        Args:
            answer: the address's parameters, once they are known to belong to the seed.
            seed: what the browser kept.

        Raises:
            AccessError: the issuer let nobody in, or what it sent is not for this login.
            IssuerError: the issuer is away.
        """
        from authlib.integrations.base_client.errors import OAuthError  # noqa: PLC0415

        self._same_issuer(answer)
        code = answer.get("code", "")
        if "error" in answer or not code:
            raise AccessError("issuer_refused")
        try:
            with self._speaking() as client:
                tokens = client.fetch_token(
                    self._oidc.endpoint("token_endpoint"),
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=_derived(seed, "verifier"),
                )
        except OAuthError as error:
            raise AccessError(CLIENT_REFUSED if error.error in _OF_CLIENTS else "code") from None
        except Exception:  # noqa: BLE001 - Authlib speaks by whichever HTTP client is there
            raise issuer_away() from None
        return self._person(tokens, _derived(seed, "nonce"))

    def over(self, text: str) -> LoggedOut:
        """Whose login the issuer says is over; raises as ``check_logout_token``."""
        return self._oidc.check_logout_token(text, self._client.client_id)

    def farewell(self) -> str:
        """The issuer's own address to log out at; empty where it has none or is away.

        Without ``id_token_hint``: that token says who somebody is, nothing of the issuer's is kept
        here, and an address ends in the issuer's logs. ``client_id`` lets the issuer check where
        to send the browser back to (RP-Initiated Logout 1.0, section 2); it asks the person once.
        """
        try:
            endpoint = self._oidc.endpoint("end_session_endpoint", needed=False)
        except IssuerError:
            return ""
        if not endpoint:
            return ""
        back = f"{self._client.address}/login"
        told = {"client_id": self._client.client_id, "post_logout_redirect_uri": back}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(told)}"

    def _person(self, tokens: Mapping[str, Any], nonce: str) -> Person:
        text = tokens.get("id_token")
        if not isinstance(text, str):
            raise AccessError("no_id_token")
        found = self._oidc.check_id_token(text, self._client.client_id, nonce)
        roles = found.roles
        access = tokens.get("access_token")
        if not roles and isinstance(access, str):
            # Keycloak names roles in the access token unless it is told otherwise.
            try:
                whose, roles = self._oidc.check(access)
            except AccessError as error:  # many issuers' are not for us to read
                told = NO_ROLE if error.reason == NO_ROLE else f"{NO_ROLE}_{error.reason}"
                raise AccessError(told) from None
            if whose != found.who:
                raise AccessError("subject")
        if not roles:
            raise AccessError(NO_ROLE)
        return Person(found.who, found.name, roles, found.session)

    def _same_issuer(self, answer: Mapping[str, str]) -> None:
        """Against mix-up of issuers (RFC 9207)."""
        named = answer.get("iss")
        if named is None:
            if self._oidc.says_who_answers():
                raise AccessError("issuer")
        elif named != self._oidc.issuer:
            raise AccessError("issuer")

    def _speaking(self) -> OAuth2Client:
        from authlib.deprecate import AuthlibDeprecationWarning  # noqa: PLC0415

        # It speaks by httpx, which it still takes; nobody who runs a server can do anything to it.
        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        from authlib.integrations.httpx_client import OAuth2Client  # noqa: PLC0415

        client = self._client
        return OAuth2Client(
            client.client_id,
            client.secret,
            token_endpoint_auth_method="client_secret_basic" if client.secret else "none",
            redirect_uri=client.address + BACK,
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=not loopback(self._oidc.issuer),
        )


def _derived(seed: str, purpose: str) -> str:
    """43 characters of base64url, as PKCE wants them at least."""
    made = hmac.digest(seed.encode(), purpose.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _secret(path: Path) -> str:
    lines = secret_text("oidc_client_secret_file", path, most=_SECRET_MOST).splitlines()
    if not lines or not lines[0].strip():
        raise SettingsError(f"oidc_client_secret_file: {path} holds no secret")
    return lines[0].strip()
