"""The fields of Twilio's and Telnyx's frames, and what a ``start`` says of its call.

Both platforms send the same frames; a table of names is all that differs. What neither says of a
call may stand in the stream's parameters, see ``PARAMETERS``.

Outcomes: ``Begun``, or ``GatewayError`` that names the field and quotes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec

from pipeline.errors import RecordError
from pipeline.gateways.business import MOST_NUMBER, StatedBusiness
from pipeline.gateways.door.model import MOST_RECORDER_ID
from pipeline.gateways.events import Codec, GatewayError, Reason, Started
from pipeline.records.model import Role

ENCODINGS: Final = MappingProxyType(
    {
        "audio/x-mulaw": Codec.PCMU,
        "pcmu": Codec.PCMU,
        "audio/x-alaw": Codec.PCMA,
        "pcma": Codec.PCMA,
        "audio/x-l16": Codec.L16,
        "audio/l16": Codec.L16,
        "l16": Codec.L16,
    }
)
LINEAR_RATES: Final = frozenset({8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
"""Hz; of both G.711 codecs 8,000 only."""
NARROW: Final = 8_000
BUSINESS: Final = ("direction", "campaign", "tracking_number", "agent", "outcome")
PARAMETERS: Final = (
    *("token", "from", "to", "language", "consent", "inbound", "outbound"),
    *BUSINESS,
)
"""Parameters of a stream that are read; others are never looked at."""
TRACKS: Final = ("inbound", "outbound")
"""Of a call whose start names none, as Telnyx's doesn't."""
MOST_TRACKS: Final = 2
_LANGUAGE: Final = re.compile(r"([a-z]{2})(?:[-_].{1,16})?", re.IGNORECASE)

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Media(msgspec.Struct, gc=False):
    payload: bytes
    timestamp: Count
    track: str = "inbound"


class _Key(msgspec.Struct, gc=False):
    digit: str
    track: str = "inbound"


class _Parameter(msgspec.Struct):
    name: str
    value: Any = ""


def _decoder(names: Mapping[str, str]) -> msgspec.json.Decoder[Any]:
    """Reads a frame whose fields have these names on the wire; others have their own."""

    def record(name: str, fields: list[Any]) -> Any:  # noqa: ANN401
        return msgspec.defstruct(name, fields, rename=names)

    form = record("Format", [("encoding", str), ("sample_rate", Count), ("channels", Count, 1)])
    start = record(
        "Start",
        [
            ("call", str),
            ("format", form),
            ("tracks", tuple[str, ...], ()),
            ("parameters", dict[str, Any] | list[_Parameter] | None, None),
            ("calling", str, ""),
            ("called", str, ""),
        ],
    )
    frame = record(
        "Frame",
        [
            ("event", str),
            ("sequence", Count | None, None),
            ("stream", str, ""),
            ("media", _Media | None, None),
            ("dtmf", _Key | None, None),
            ("start", start | None, None),
            ("version", str, ""),
        ],
    )
    return msgspec.json.Decoder(frame, strict=False)  # not strict: numbers come as texts


@dataclass(frozen=True, slots=True)
class Shape:
    """How one platform writes its frames."""

    source: str
    """The platform's name, a label of metrics."""
    names: Mapping[str, str]
    """On the wire, by our field."""
    big_endian: bool
    """Byte order of linear audio, where nothing is configured."""
    decoder: msgspec.json.Decoder[Any] = field(init=False, repr=False)
    """Gives frames; their class is made from the names, so types know nothing of it."""

    def __post_init__(self) -> None:
        """Make the decoder."""
        object.__setattr__(self, "decoder", _decoder(self.names))

    @property
    def sequence(self) -> str:
        """What the number of a frame is called."""
        return self.names["sequence"]


TWILIO: Final = Shape(
    "twilio",
    MappingProxyType(
        {
            "sequence": "sequenceNumber",
            "stream": "streamSid",
            "call": "callSid",
            "format": "mediaFormat",
            "sample_rate": "sampleRate",
            "parameters": "customParameters",
            "calling": "from",
            "called": "to",
        }
    ),
    big_endian=False,
)
TELNYX: Final = Shape(
    "telnyx",
    MappingProxyType(
        {
            "sequence": "sequence_number",
            "stream": "stream_id",
            "call": "call_control_id",
            "format": "media_format",
            "sample_rate": "sample_rate",
            "parameters": "custom_parameters",
            "calling": "from",
            "called": "to",
        }
    ),
    big_endian=True,  # RTP payloads, RFC 3551
)


@dataclass(frozen=True, slots=True)
class Begun:
    """What a start says."""

    started: Started
    stream: str = field(repr=False)
    """The stream's id, which later frames repeat."""
    token: str = field(repr=False)
    """The parameter by which the stream proves itself, or empty."""


def begun(frame: Any, shape: Shape, roles: Mapping[str, Role]) -> Begun:  # noqa: ANN401
    """Read a start.

    Args:
        frame: of ``shape.decoder``.
        shape: the platform's.
        roles: who speaks on a track, by its name; nobody says it: all do.

    Raises:
        GatewayError: see the module's text.
    """
    start = frame.start
    if start is None:
        raise _bad("a start frame without `start`")
    if not start.call or len(start.call) > MOST_RECORDER_ID:
        raise _bad(f"`{shape.names['call']}` has 1 to {MOST_RECORDER_ID} characters")
    codec = _codec(start.format)
    said = _parameters(start.parameters)
    tracks = tuple(track.removesuffix("_track") for track in start.tracks) or TRACKS
    if len(tracks) > MOST_TRACKS or len(set(tracks)) < len(tracks):
        raise _bad("`tracks` names one or two tracks, each once")
    numbers = (said["from"] or start.calling, said["to"] or start.called)
    if any(len(number) > MOST_NUMBER for number in numbers):
        raise _bad(f"`from` and `to` have {MOST_NUMBER} characters at most")
    return Begun(
        Started(
            recorder_id=start.call,
            codec=codec,
            sample_rate=start.format.sample_rate,
            tracks=tracks,
            roles=tuple(_role(track, said.get(track, ""), roles) for track in tracks),
            numbers=tuple(number for number in numbers if number),
            language=_language(said["language"]),
            stated=_stated(said["consent"]),
            business=_business(said, *numbers),
        ),
        stream=frame.stream,
        token=said["token"],
    )


def _codec(said: Any) -> Codec:  # noqa: ANN401
    codec = ENCODINGS.get(said.encoding.lower())
    if codec is None:
        raise GatewayError(
            Reason.UNSUPPORTED, "an encoding that is not spoken here; stream PCMU, PCMA or L16"
        )
    if said.channels != 1:
        raise GatewayError(Reason.UNSUPPORTED, "a track of several channels; each has one")
    if said.sample_rate not in (LINEAR_RATES if codec is Codec.L16 else {NARROW}):
        raise GatewayError(
            Reason.UNSUPPORTED,
            "a sample rate that is not spoken here; PCMU and PCMA have 8,000 Hz, L16 8,000 to "
            "48,000",
        )
    return codec


def _parameters(said: dict[str, Any] | list[_Parameter] | None) -> dict[str, str]:
    """Those that are read; empty where one is missing."""
    if isinstance(said, list):
        said = {one.name: one.value for one in said}
    values = {name: (said or {}).get(name, "") for name in PARAMETERS}
    for name, value in values.items():
        if not isinstance(value, str):
            raise _bad(f"the stream's parameter `{name}` is a text")
    return values


def _role(track: str, said: str, roles: Mapping[str, Role]) -> Role:
    if said:
        try:
            return Role(said)
        except ValueError:
            raise _bad(f"the stream's parameter `{track}` is agent, customer or mixed") from None
    return roles.get(track, Role.MIXED)


def _language(said: str) -> str:
    found = _LANGUAGE.fullmatch(said)
    if said and found is None:
        raise _bad("the stream's parameter `language` has two letters, such as en")
    return found[1].lower() if found else ""


def _stated(said: str) -> bytes:
    if not said:
        return b""
    try:
        msgspec.json.decode(said, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _bad("the stream's parameter `consent` is a JSON object") from None
    return said.encode()


def _business(said: Mapping[str, str], calling: str, called: str) -> StatedBusiness:
    try:
        stated = StatedBusiness(**{name: said[name] for name in BUSINESS})
    except RecordError as error:
        raise _bad(f"the stream's parameter `{error}`") from None
    return stated.between(calling, called)


def _bad(message: str) -> GatewayError:
    return GatewayError(Reason.BAD_FRAME, message)
