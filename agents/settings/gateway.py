"""The settings of ``hushwire gateway``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from agents.settings.values import SettingsPart, with_commas

TrackRole = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}=(agent|customer|mixed)$")]


class GatewaySettings(SettingsPart):
    """Where it listens, whom it knows, and how much it takes."""

    gateway_host: str = Field(
        default="127.0.0.1",
        description="Address on which `hushwire gateway` listens. Beyond the loopback it needs "
        "`gateway_certificate`, or `gateway_proxies`.",
    )
    gateway_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=8450, description="Port on which `hushwire gateway` listens; 0: a free one."
    )
    gateway_certificate: Path | None = Field(
        default=None,
        description="PEM file of the gateway's certificate chain; TLS is 1.2 at least.",
    )
    gateway_key: Path | None = Field(
        default=None, description="PEM file of the key of `gateway_certificate` (mode 0600)."
    )
    gateway_proxies: str | None = Field(
        default=None,
        description="Addresses of reverse proxies that bring TLS to the gateway, with commas: what "
        "they say of the caller's address is believed, nobody else's is. Without "
        "`gateway_certificate` nobody else may connect.",
    )
    gateway_url: str | None = Field(
        default=None,
        description="Address under which platforms reach the gateway, such as "
        "`https://gateway.example.com`, where it is another than it listens on: signatures of "
        "requests are made over it.",
    )
    gateway_twilio_secrets: Path | None = Field(
        default=None,
        description="File of the secrets by which Twilio's streams are known (mode 0600, see "
        "docs/connect/twilio.md). Empty: `/twilio` is off.",
    )
    gateway_telnyx_secrets: Path | None = Field(
        default=None,
        description="The same for Telnyx's streams. Empty: `/telnyx` is off.",
    )
    gateway_audiohook_secrets: Path | None = Field(
        default=None,
        description="File of the API keys and client secrets of Genesys AudioHook (mode 0600, see "
        "docs/connect/genesys.md). Empty: `/audiohook` is off.",
    )
    gateway_audiosocket_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=0,
        description="Port for Asterisk's AudioSocket, which knows no secrets and no TLS; 0: off.",
    )
    gateway_audiosocket_host: str = Field(
        default="127.0.0.1", description="Address on which AudioSocket listens."
    )
    gateway_audiosocket_from: str = Field(
        default="127.0.0.1",
        description="Addresses or networks (`10.1.2.0/24`) from which AudioSocket is taken, with "
        "commas; others are refused.",
    )
    gateway_health_host: str = Field(
        default="127.0.0.1",
        description="Address of `/live`, `/ready` and `/metrics` of the gateway.",
    )
    gateway_health_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=8451, description="Their port; 0: a free one."
    )
    gateway_roles: Annotated[tuple[TrackRole, ...], NoDecode, BeforeValidator(with_commas)] = Field(
        default=("inbound=customer", "outbound=agent"),
        description="Who speaks on which track, by the platform's name of it, with commas: "
        "`track=agent`, `customer` or `mixed`; what is named is added to the default, and a track "
        "that is named nowhere is `mixed`. "
        "AudioSocket's is called `audio`.",
    )
    gateway_linear_order: Literal["platform", "little", "big"] = Field(
        default="platform",
        description="Byte order of linear audio (L16) in streams of Twilio and Telnyx: big endian "
        "from Telnyx, little endian otherwise, or as is said here.",
    )
    gateway_agree_key: Annotated[str, Field(pattern=r"^[0-9A-D*#]?$")] = Field(
        default="",
        description="Key by which a caller agrees to be recorded; other keys leave no trace.",
    )
    gateway_agree_seconds: Annotated[float, Field(ge=1.0, le=3_600.0)] = Field(
        default=60.0,
        description="From the beginning of a call's audio: until then the agree key agrees, where "
        "the announcement asks for it. Later it is a key of some menu.",
    )
    gateway_withdraw_key: Annotated[str, Field(pattern=r"^[0-9A-D*#]?$")] = Field(
        default="", description="Key by which a caller withdraws consent."
    )
    gateway_chunk_seconds: Annotated[float, Field(ge=0.02, le=10.0)] = Field(
        default=1.0,
        description="Length of the chunks that the gateway sends to the broker, at least: below a "
        "second, one goes on to the end of the platform's frame that completes it.",
    )
    gateway_window_seconds: Annotated[float, Field(ge=0.0, le=10.0)] = Field(
        default=1.0, description="How long the gateway waits for a piece of a track that is late."
    )
    gateway_first_seconds: Annotated[float, Field(ge=1.0, le=60.0)] = Field(
        default=10.0,
        description="How long a peer of the gateway may take for its TLS, its request and its "
        "first message.",
    )
    gateway_idle_seconds: Annotated[float, Field(ge=1.0, le=3_600.0)] = Field(
        default=60.0,
        description="A call of which nothing comes to the gateway for this long is ended as "
        "incomplete, unless its recorder said that it paused.",
    )
    gateway_longest_seconds: Annotated[float, Field(ge=10.0, le=86_400.0)] = Field(
        default=14_400.0, description="Longest call that a gateway takes."
    )
    gateway_broker_seconds: Annotated[float, Field(ge=1.0, le=300.0)] = Field(
        default=20.0,
        description="How long the broker may be away; then the gateway closes its streams by their "
        "protocols' own error, and their calls are incomplete.",
    )
    gateway_buffer_megabytes: Annotated[int, Field(ge=1, le=65_536)] = Field(
        default=256,
        description="Memory for records of all calls that the broker has not acknowledged.",
    )
    gateway_connections: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1_000,
        description="Connections to the gateway at once whose peers have proven themselves.",
    )
    gateway_connections_per_minute: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=600,
        description="Connections to the gateway that one address may begin a minute; of IPv6, one "
        "network of 64 bits.",
    )
    gateway_unproven: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=1_000,
        description="Connections to the gateway at once that have proven nothing yet.",
    )
    gateway_unproven_per_address: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=200, description="Of these, connections of one address (IPv6: /64)."
    )
    gateway_frame_kilobytes: Annotated[int, Field(ge=1, le=1_024)] = Field(
        default=64, description="Longest message of a peer of the gateway."
    )
    gateway_grace_seconds: Annotated[float, Field(ge=0.0, le=300.0)] = Field(
        default=20.0,
        description="How long the gateway may take to end its calls when it is stopped.",
    )
