"""What the client of an AudioHook session says, checked, and how the server's words are written.

Outcome of ``read``: a ``Message`` with parameters of its type, or ``GatewayError``: ``TOO_LARGE``,
or ``BAD_FRAME`` that names the field and never its value. Unknown fields are ignored; an order that
is unknown is refused, for it may mean that something is not to be kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.consent.metadata import Stated
from pipeline.errors import RecordError
from pipeline.gateways.business import StatedBusiness
from pipeline.gateways.events import GatewayError, Reason

LARGEST_TEXT: Final = 65_535
"""Characters of a message, by the protocol."""
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""The conversation of a connection probe."""
LONGEST_S: Final = 86_400
"""No position lies behind it, in seconds."""
_DURATION: Final = re.compile(r"PT([0-9]{0,9})(?:\.([0-9]{1,40}))?S")
_NANO: Final = 10**9


def _nanoseconds(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if found is None or not (found[1] or found[2]):
        raise ValueError("not a duration such as PT1.5S")
    value = int(found[1] or 0) * _NANO + int((found[2] or "")[:9].ljust(9, "0"))
    if value > LONGEST_S * _NANO:
        raise ValueError("longer than a day")
    return value


Nanoseconds = Annotated[str, AfterValidator(_nanoseconds)]
Uuid = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"),
]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Number = Annotated[str, Field(max_length=256, repr=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)


class Offer(_Model):
    """A format that the client can send; one that is not spoken here is no mistake."""

    type: str
    format: str
    channels: Annotated[list[str], Field(max_length=8)]
    rate: int


class Participant(_Model):
    """The external party; the name that the protocol has, too, is never read."""

    id: Uuid
    ani: Number = ""
    dnis: Number = ""


class Open(_Model):
    """A session begins."""

    organization_id: Annotated[Uuid, Field(alias="organizationId")]
    conversation_id: Annotated[Uuid, Field(alias="conversationId", repr=False)]
    participant: Participant
    media: Annotated[list[Offer], Field(max_length=32)]
    language: Annotated[str, Field(max_length=35)] | None = None
    wants_languages: Annotated[bool | None, Field(alias="supportedLanguages")] = None
    custom_config: Annotated[dict[str, Any] | None, Field(alias="customConfig", repr=False)] = None

    @property
    def is_probe(self) -> bool:
        """Whether somebody only tries the connection."""
        return self.conversation_id == NOBODY

    @property
    def numbers(self) -> tuple[str, ...]:
        """Of caller and called."""
        return tuple(one for one in (self.participant.ani, self.participant.dnis) if one.strip())

    @property
    def stated(self) -> bytes:
        """``customConfig.consent`` as JSON, or nothing.

        Raises:
            GatewayError: it is not what ``pipeline.consent.metadata`` reads.
        """
        given = (self.custom_config or {}).get("consent")
        if given is None:
            return b""
        text = json.dumps(given)
        try:
            Stated.model_validate_json(text)
        except ValidationError as error:
            raise _bad(f"customConfig.consent.{_place(error)}") from None
        return text.encode()

    @property
    def business(self) -> StatedBusiness:
        """Of ``customConfig.call``; the protocol itself says no more than both numbers.

        Raises:
            GatewayError: a field is none of its kind.
        """
        given = (self.custom_config or {}).get("call") or {}
        try:
            stated = StatedBusiness.of(Call.model_validate(given))
        except ValidationError as error:
            raise _bad(f"customConfig.call.{_place(error)}") from None
        except RecordError as error:
            raise _bad(f"customConfig.call.{error}") from None
        return stated.between(self.participant.ani, self.participant.dnis)


class Call(_Model):
    """How the call came about, as the integration's configuration states it."""

    direction: str = ""
    campaign: str = ""
    tracking_number: Number = ""
    agent: str = ""
    outcome: str = ""
    caller: Number = ""


class Close(_Model):
    """The session ends."""

    reason: Literal["end", "error", "disconnect", "reconnect"]


class Stretch(_Model):
    """Audio that is not sent: parameters of ``discarded`` and ``resumed``."""

    start: Nanoseconds
    discarded: Nanoseconds

    @property
    def end(self) -> int:
        """Its end, in nanoseconds."""
        return int(self.start) + int(self.discarded)


class Update(_Model):
    """Another language is spoken."""

    language: Annotated[str, Field(max_length=35)]


class Failure(_Model):
    """The client tells of a mistake; its words may hold anything and are not read."""

    code: int


class Key(_Model):
    """A key was pressed."""

    digit: Annotated[str, Field(max_length=16, repr=False)] = ""


class Nothing(_Model):
    """Parameters that don't matter here."""


_ORDERS: Final[Mapping[str, type[_Model]]] = {
    "open": Open,
    "close": Close,
    "discarded": Stretch,
    "dtmf": Key,
    "error": Failure,
    "paused": Nothing,
    "ping": Nothing,
    "playback_completed": Nothing,
    "playback_started": Nothing,
    "resumed": Stretch,
    "update": Update,
}


class _Envelope(_Model):
    version: Literal["2"]
    id: Uuid
    type: Annotated[str, Field(max_length=64)]
    seq: Count
    serverseq: Count
    position: Nanoseconds
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """What the client said."""

    session: str
    order: str
    seq: int
    serverseq: int
    position: int
    """Nanoseconds."""
    parameters: _Model


def read(text: str) -> Message:
    """A message of the client.

    Raises:
        GatewayError: see the module.
    """
    if len(text) > LARGEST_TEXT:
        raise GatewayError(Reason.TOO_LARGE, f"a message has at most {LARGEST_TEXT} characters")
    try:
        envelope = _Envelope.model_validate_json(text)
    except ValidationError as error:
        raise _bad(_place(error)) from None
    except (ValueError, RecursionError):
        raise _bad("the whole") from None
    model = _ORDERS.get(envelope.type)
    if model is None:
        raise GatewayError(Reason.BAD_FRAME, "a message of a type that is not known here")
    try:
        parameters = model.model_validate(envelope.parameters)
    except ValidationError as error:
        raise _bad(f"{envelope.type}: parameters.{_place(error)}") from None
    return Message(
        envelope.id,
        envelope.type,
        envelope.seq,
        envelope.serverseq,
        int(envelope.position),
        parameters,
    )


def write(
    order: str, *, session: str, seq: int, clientseq: int, parameters: Mapping[str, object]
) -> str:
    """A message of the server, as text."""
    return json.dumps(
        {
            "version": "2",
            "type": order,
            "seq": seq,
            "clientseq": clientseq,
            "id": session,
            "parameters": parameters,
        },
        separators=(",", ":"),
    )


def _place(error: ValidationError) -> str:
    """Which field is wrong; keys that the client chose are not repeated."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    known = [str(one) for one in first["loc"] if isinstance(one, int) or one in _NAMES]
    return f"{'.'.join(known) or 'the whole'} ({first['type']})"


def _bad(where: str) -> GatewayError:
    return GatewayError(Reason.BAD_FRAME, f"no message of AudioHook 2: {where}")


def _names(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


_MODELS: Final[tuple[type[BaseModel], ...]] = (
    _Envelope,
    Offer,
    Participant,
    Call,
    Stated,
    *_ORDERS.values(),
)
_NAMES: Final = frozenset(name for model in _MODELS for name in _names(model))
