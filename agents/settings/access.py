"""The settings of the console and its API: where they listen, and who is let in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from agents.settings.values import SettingsPart


class AccessSettings(SettingsPart):
    """Addresses, TLS, the OpenID Connect issuer, sessions."""

    api_host: str = Field(
        default="127.0.0.1",
        description="Address on which `hushwire serve` listens. Beyond the loopback it needs "
        "`api_certificate`, or `api_proxies`.",
    )
    api_port: Annotated[int, Field(ge=1, le=65_535)] = Field(
        default=8440, description="Port on which `hushwire serve` listens."
    )
    api_certificate: Path | None = Field(
        default=None, description="PEM file of the API's certificate chain; TLS is 1.2 at least."
    )
    api_key: Path | None = Field(
        default=None, description="PEM file of the key of `api_certificate` (mode 0600)."
    )
    api_proxies: str | None = Field(
        default=None,
        description="Addresses of reverse proxies that bring TLS, with commas: what they say of "
        "the caller's address is believed, nobody else's is.",
    )
    api_rate_per_minute: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=600, description="Requests of one token or person to the API in a minute."
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="URL of the OpenID Connect issuer whose tokens the API takes, as its tokens "
        "name it. Empty: API tokens only.",
    )
    oidc_audience: str | None = Field(
        default=None, description="The audience that its tokens must be for; needed with an issuer."
    )
    oidc_claim: str = Field(
        default="roles",
        description="Claim that says what somebody may do: a text or a list; dots lead into "
        "objects (`realm_access.roles`).",
    )
    oidc_roles: dict[str, Literal["analyst", "security", "operator", "auditor"]] = Field(
        default={},
        description="Role for each value of that claim, as a JSON object or a TOML table; a value "
        "that is not named gives none. Needed with an issuer.",
    )
    oidc_client_id: str | None = Field(
        default=None,
        description="What the issuer knows the console as: people then log in there with a browser "
        "(authorization code flow with PKCE). Needs `oidc_issuer` and `console_address`.",
    )
    oidc_client_secret_file: Path | None = Field(
        default=None,
        description="File whose first line is that client's secret; not readable by everybody. "
        "Empty: a public client.",
    )
    console_address: str | None = Field(
        default=None,
        description="The console as browsers reach it, such as `https://calls.example.com`: where "
        "the issuer sends them back to (`/login/oidc/back` there).",
    )
    session_idle_minutes: Annotated[int, Field(ge=1, le=1_440)] = Field(
        default=30, description="Who asks for nothing for this long is not logged in any more."
    )
    session_hours: Annotated[int, Field(ge=1, le=168)] = Field(
        default=10, description="Who logged in this long ago has to do so again."
    )
