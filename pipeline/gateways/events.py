"""What the parsers of all gateways make of bytes: one small vocabulary of events.

A protocol's connection takes bytes or frames and gives events and replies; it does no input or
output, knows no clock and never raises anything but ``GatewayError``. Audio stays encoded until a
whole chunk is there. A key that was pressed never becomes part of an event: only that it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, TypeAlias

from pipeline.errors import InputError
from pipeline.gateways.business import StatedBusiness
from pipeline.records.model import Role


class Codec(StrEnum):
    """How samples are encoded; the value is the media type's subtype."""

    L16 = "L16"
    """Linear, 16 bit, little endian."""
    PCMU = "PCMU"
    """G.711 mu-law."""
    PCMA = "PCMA"
    """G.711 A-law."""


class Reason(StrEnum):
    """Why a connection is refused or ended; the label of the counter, and content-free."""

    UNAUTHORISED = "unauthorised"
    REPLAYED = "replayed"
    """A nonce or a signature that was used before, or is too old."""
    TOO_LARGE = "too_large"
    BAD_FRAME = "bad_frame"
    """No JSON, no base64, a field that is missing or of another type, or an unknown order."""
    BAD_AUDIO = "bad_audio"
    """Audio in another codec or rate than was declared, or more of it than time allows."""
    TOO_LONG = "too_long"
    """The call is longer than a call may be."""
    TOO_MANY = "too_many"
    """As many connections as are allowed are open, or too many begin a minute."""
    SILENT = "silent"
    """Nothing came for too long."""
    BROKER = "broker"
    """The broker took nothing for too long: the call is incomplete."""
    UNSUPPORTED = "unsupported"
    """A version, codec or rate that is not spoken here."""


class GatewayError(InputError):
    """A peer broke its protocol: the connection ends, and no other one is touched."""

    code: ClassVar[str] = "gateway"

    def __init__(self, reason: Reason, message: str, *, ours: bool = False) -> None:
        """``ours``: the message holds nothing that a peer sent, so that a log may tell it."""
        super().__init__(f"{reason.value}: {message}")
        self.reason = reason
        self.why = message if ours else ""
        """For logs, or empty."""
        self.before: tuple[Event, ...] = ()
        """Of the same bytes, what came before the fault."""


@dataclass(frozen=True, slots=True)
class Started:
    """A call begins."""

    recorder_id: str = field(repr=False)
    """The platform's own id of the call, whatever it holds; it is sealed, never an id of ours."""
    codec: Codec
    sample_rate: int
    """Hz."""
    tracks: tuple[str, ...]
    """The platform's name of each channel, in channel order, such as ``inbound``."""
    roles: tuple[Role, ...] | None = None
    """By channel, where the protocol says it; None: the configuration says it."""
    numbers: tuple[str, ...] = field(default=(), repr=False)
    """Telephone numbers of the parties; they travel sealed and become pseudonyms."""
    started_at: str = ""
    """ISO 8601 with offset, or empty."""
    language: str = ""
    """Two letters, or empty."""
    stated: bytes = field(default=b"", repr=False)
    """JSON of what the platform states of consent, in the sidecar's form, or empty."""
    business: StatedBusiness = field(default=StatedBusiness(), repr=False)
    """What the platform states of how the call came about."""
    timed: bool = True
    """Whether the platform says when its audio was spoken; otherwise its pace has to say it."""


@dataclass(frozen=True, slots=True)
class Audio:
    """Encoded samples of one or of all channels."""

    channel: int
    """Index; -1: all channels, interleaved."""
    start: int
    """Of its first sample, counted from the call's first."""
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Paused:
    """The recorder stops sending on purpose, from this sample on."""

    at: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """It sends again; the next audio says where, or this sample."""

    at: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The platform says that it could not send these samples: they are a gap."""

    start: int
    samples: int


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key was pressed about here; which one is nobody's business.

    Whether it stood alone, and so says something, is not a protocol's to know: ``lone_keys``.
    """

    channel: int
    at: int
    withdraws: bool = False
    """Whether it is the key by which a caller withdraws consent, by configuration."""
    agrees: bool = False
    """Whether it is the key by which a caller agrees, by configuration."""


@dataclass(frozen=True, slots=True)
class Updated:
    """The platform says something anew in the middle of a call; what is empty stays as it was."""

    language: str = ""
    """Two letters."""
    stated: bytes = field(default=b"", repr=False)
    """JSON of all that it states of consent by now, in the sidecar's form."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over."""

    complete: bool = True
    """Whether the platform ended it and sent all of it; False: the connection broke or was refused
    half-way, or frames were lost."""
    at: int = 0
    """The sample where the platform's own count ends, where that is behind all audio: what is
    missing before it was paused or lost."""


Event: TypeAlias = Started | Audio | Paused | Resumed | Lost | KeyPressed | Updated | Ended
