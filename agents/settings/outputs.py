"""The settings of what goes out by itself: redacted transcripts on a topic, traces, webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from agents.settings.values import SettingsPart, with_commas

Included = Literal["transcript", "recorder_id"]


class OutputSettings(SettingsPart):
    """What is told of calls, and to whom."""

    publish_transcripts: bool = Field(
        default=False,
        description="Whether the vault stage puts each stored call's redacted transcript, in "
        "clear, on the topic `PREFIX.transcripts.redacted` (docs/outputs.md). What left on it "
        "can't be erased with the call.",
    )
    tracing: Literal["off", "otlp"] = Field(
        default="off",
        description="Whether spans of calls go to an OpenTelemetry collector (docs/tracing.md), by "
        "OTLP over HTTP as `OTEL_EXPORTER_OTLP_*` say. Needs the extra `tracing`.",
    )
    webhook_url: str | None = Field(
        default=None,
        description="Where each call that is stored, refused, quarantined or erased is told "
        "(docs/outputs.md): an https URL, or http on the loopback. Empty: nowhere.",
    )
    webhook_secrets: Path | None = Field(
        default=None,
        description="File of the secrets that sign webhooks (mode 0600), a line each: `whsec_` and "
        "24 to 64 bytes in base64. All of them sign, so that they can be replaced one by one. "
        "Needed with `webhook_url`.",
    )
    webhook_body: Annotated[tuple[Included, ...], NoDecode, BeforeValidator(with_commas)] = Field(
        default=(),
        description="What a webhook tells beside facts without content, with commas: `transcript`, "
        "the redacted one, and `recorder_id`, what the recorder calls the call.",
    )
    webhook_networks: str = Field(
        default="",
        description="Private networks in which the webhook's host may lie (`10.1.2.0/24`), with "
        "commas; an address that is not public and not named here is never spoken to.",
    )
    webhook_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities that sign the certificate of the webhook's host. "
        "Empty: the system's.",
    )
    webhook_timeout_seconds: Annotated[float, Field(ge=1.0, le=60.0)] = Field(
        default=15.0, description="How long the webhook's host may take to answer."
    )
