"""Records of the door on the wire: CloudEvents binary mode, the audio as the plain value.

A message is a key (the call id), headers and a value. Headers: the CloudEvents attributes
(``ce_*``), ``content-type``, the record's number and place (``hw_seq``, ``hw_start``), whether the
recording was paused before it (``hw_paused``), what is known of the call (``hw_info``, JSON) and
the call's key, wrapped (``hw_key``). Where ``hw_key`` is there, ``hw_info`` and the value are
sealed by that key, each bound to its place; where it is not, all of it is in clear.

Outcomes: ``CallEncoder.message`` and ``encode`` return a ``Message``; ``address``, ``read_key``
and ``decode`` raise ``RecordError`` that says which header is wrong and quotes none, or
``SealError`` for what does not open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import to_json

from pipeline.errors import RecordError
from pipeline.gateways.business import StatedBusiness
from pipeline.gateways.door.model import (
    MOST_AUDIO,
    CallHeader,
    DoorChunk,
    DoorEnd,
    DoorRecord,
    canonical,
)
from pipeline.gateways.events import Codec
from pipeline.records.cloudevents import SOURCE, valid_call_id
from pipeline.records.model import Role

CHUNK: Final = "hushwire.audio.in.v1"
END: Final = "hushwire.audio.in.end.v1"
CE_TYPES: Final = (CHUNK, END)
KEY, INFO, SEQ, START = "hw_key", "hw_info", "hw_seq", "hw_start"
PAUSED, BLANK = "hw_paused", "hw_blank"
MOST_KEY: Final = 1_024
"""Bytes of a wrapped key; one has 180."""
MOST_INFO: Final = 65_536
"""Bytes of what is known of a call, sealed."""
MOST_HEADER: Final = 256
"""Bytes of every other header that is read."""
SEAL: Final = 64
"""Most bytes by which a seal makes a value longer."""
_JSON: Final = "application/json"
_AUDIO: Final = {f"audio/{codec.value}": codec for codec in Codec}
_NUMBER: Final = re.compile(rb"0|[1-9][0-9]{0,14}")
_BOUND: Final = (
    "ce_type", "ce_source", "ce_id", "ce_subject", "content-type", SEQ, START, PAUSED, BLANK,
)  # fmt: skip
_FLAG: Final = {None: False, b"true": True, b"false": False}


class Sealing(Protocol):
    """Seals values with a call's key: ``agents.crypto.envelope.Seal``."""

    def seal(self, value: bytes, associated: bytes) -> bytes:
        """Encrypt ``value``, bound to ``associated``."""


class Opening(Protocol):
    """Opens what ``Sealing`` sealed: ``agents.crypto.envelope.Seal``."""

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Decrypt ``sealed``, or raise ``SealError``."""


@dataclass(frozen=True, slots=True)
class CallKey:
    """A call's key for whoever sends."""

    wrapped: bytes = field(repr=False)
    """As ``hw_key`` carries it."""
    seal: Sealing = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the broker has it; of one in clear the headers hold numbers as well."""

    key: bytes | None
    headers: Mapping[str, bytes | None] = field(repr=False)
    value: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class DoorAddress:
    """What the headers say of a record before anything of it is opened."""

    call_id: str
    ends: bool
    """Whether it ends its call."""
    seq: int
    """Number of the chunk; of an end, how many chunks there are."""
    start: int
    """First sample of the chunk; of an end, the call's length."""
    sealed: bool


_Model = TypeVar("_Model", bound=BaseModel)


class _Info(BaseModel):
    """``hw_info``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    sample_rate: Annotated[int, Field(strict=True)]
    roles: tuple[Role, ...]
    codec: Codec
    recorder_id: str = ""
    started_at: str = ""
    language: str = ""
    purpose: str = ""
    numbers: tuple[str, ...] = ()
    consent: dict[str, JsonValue] | None = None
    recording: str = ""
    direction: str = ""
    campaign: str = ""
    tracking_number: str = ""
    agent: str = ""
    outcome: str = ""
    caller: str = ""


class _End(BaseModel):
    """The value of an end."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    complete: Annotated[bool, Field(strict=True)] = True


class CallEncoder:
    """Makes the messages of one call; what its records share is made and sealed once.

    Args:
        topic: where to; a sealed record opens on no other.
        key: the call's; None: in clear, which the other side refuses unless its policy allows it.
        source: ``ce_source`` of the events, at most 256 bytes.
        more: further headers of each message.
    """

    def __init__(
        self,
        topic: str,
        key: CallKey | None,
        *,
        source: str = SOURCE,
        more: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self._topic, self._key, self._source, self._more = topic, key, source.encode(), more
        self._header: CallHeader | None = None
        self._shared: dict[str, bytes | None] = {}
        self._call = self._id = b""

    def message(self, record: DoorRecord) -> Message:
        """The message of a record.

        Raises:
            SealError: it can't be sealed.
        """
        if record.header is not self._header:
            self._share(record.header)
        headers = self._shared.copy()
        if isinstance(record, DoorChunk):
            headers["ce_id"] = b"%b%d" % (self._id, record.seq)
            headers[SEQ], headers[START] = b"%d" % record.seq, b"%d" % record.start
            if record.paused:
                headers[PAUSED] = b"true"
            if record.blank:
                headers[BLANK] = b"true"
            value = record.audio
        else:
            headers["ce_id"], headers["ce_type"] = self._id + b"end", END.encode()
            headers["content-type"] = _JSON.encode()
            headers[SEQ], headers[START] = b"%d" % record.chunks, b"%d" % record.end
            value = to_json({"complete": record.complete})
        if self._key is not None:
            value = self._key.seal.seal(value, value_bound(self._topic, headers))
        return Message(self._call, headers, value)

    def _share(self, header: CallHeader) -> None:
        """What all chunks of a call have in common, as long as nothing else is said of it."""
        info, key = _info(header), self._key
        if key is not None:
            info = key.seal.seal(info, info_bound(self._topic, header.call_id))
        self._call = header.call_id.encode()
        self._id = self._call + b"/in/"
        self._shared = {
            **self._more,
            "ce_specversion": b"1.0",
            "ce_source": self._source,
            "ce_type": CHUNK.encode(),
            "ce_subject": self._call,
            "content-type": f"audio/{header.codec.value}".encode(),
            INFO: info,
        }
        if key is not None:
            self._shared[KEY] = key.wrapped
        self._header = header


def encode(record: DoorRecord, topic: str, key: CallKey | None, *, source: str = SOURCE) -> Message:
    """The message of one record, see ``CallEncoder``.

    Raises:
        SealError: it can't be sealed.
    """
    return CallEncoder(topic, key, source=source).message(record)


def address(message: Message) -> DoorAddress:
    """Whose record it is and which one, without opening it.

    Raises:
        RecordError: no CloudEvent of the door, or a header that is missing or out of range.
    """
    headers = message.headers
    if _short(headers, "ce_specversion") != b"1.0":
        raise RecordError("ce_specversion: 1.0 is spoken here")
    kind = _short(headers, "ce_type").decode("ascii", "replace")
    if kind not in CE_TYPES:
        raise RecordError(f"ce_type: {CHUNK} or {END}")
    _short(headers, "ce_id")
    _short(headers, "ce_source")
    subject = _short(headers, "ce_subject")
    call_id = subject.decode("ascii", "replace")
    if not valid_call_id(call_id) or message.key != subject:
        raise RecordError("ce_subject: the call id, which is the message's key too")
    content = _short(headers, "content-type").decode("ascii", "replace")
    if content not in ((_JSON,) if kind == END else _AUDIO):
        raise RecordError(f"content-type: {_JSON} for an end, or one of {', '.join(_AUDIO)}")
    for flag in (PAUSED, BLANK):
        if headers.get(flag) not in _FLAG:
            raise RecordError(f"{flag}: true or false")
    seq, start = _number(headers, SEQ), _number(headers, START)
    return DoorAddress(call_id, kind == END, seq, start, read_key(headers) is not None)


def read_key(headers: Mapping[str, bytes | None]) -> bytes | None:
    """The wrapped key of a record; None for one in clear.

    Raises:
        RecordError: it is empty or too long.
    """
    if KEY not in headers:
        return None
    key = headers[KEY]
    if not key or len(key) > MOST_KEY:
        raise RecordError(f"{KEY}: a wrapped key of 1 to {MOST_KEY} bytes")
    return key


def decode(message: Message, topic: str, opening: Opening | None) -> DoorRecord:
    """The record of a message.

    Args:
        message: as the broker has it.
        topic: where it lay.
        opening: what opens it, of the key that ``read_key`` gave; None for one in clear.

    Raises:
        RecordError: see the module; also a sealed record without its key, and a record in clear
            with one.
        SealError: altered, moved, or sealed with another key.
    """
    where = address(message)
    headers, value = message.headers, message.value or b""
    info = headers.get(INFO)
    if not info or len(info) > MOST_INFO:
        raise RecordError(f"{INFO}: JSON of 1 to {MOST_INFO} bytes")
    if len(value) > MOST_AUDIO + SEAL:
        raise RecordError(f"audio: 1 to {MOST_AUDIO} bytes a record")
    if where.sealed and opening is None:
        raise RecordError(f"{KEY}: the record is sealed, and its key was not opened")
    if opening is not None and not where.sealed:
        raise RecordError(f"{KEY}: missing, though the call's records are sealed")
    if opening is not None:
        info = opening.open(info, info_bound(topic, where.call_id))
        value = opening.open(value, value_bound(topic, headers))
    header = _header(where.call_id, info)
    if where.ends:
        return DoorEnd(header, where.seq, where.start, _parsed(_End, value or b"{}").complete)
    content = (headers.get("content-type") or b"").decode("ascii", "replace")
    if _AUDIO[content] is not header.codec:
        raise RecordError(f"content-type: another codec than {INFO} names")
    paused, blank = (_FLAG[headers.get(flag)] for flag in (PAUSED, BLANK))
    return DoorChunk(header, where.seq, where.start, value, paused, blank)


def info_bound(topic: str, call_id: str) -> bytes:
    """What the seal of ``hw_info`` is bound to: topic and call."""
    return _joined(b"hushwire/in/info/1", topic.encode(), call_id.encode())


def value_bound(topic: str, headers: Mapping[str, bytes | None]) -> bytes:
    """What a value's seal is bound to: topic, headers in this order, ``hw_info`` as it is sent.

    The headers: ``ce_type``, ``ce_source``, ``ce_id``, ``ce_subject``, ``content-type``,
    ``hw_seq``, ``hw_start``, ``hw_paused``, ``hw_blank``; one that is missing counts as empty.
    """
    named = [headers.get(name) or b"" for name in _BOUND]
    return _joined(b"hushwire/in/value/1", topic.encode(), *named, headers.get(INFO) or b"")


def _joined(*parts: bytes) -> bytes:
    """Parts, each behind its length (four bytes, big endian): no two lists give the same bytes."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


def _info(header: CallHeader) -> bytes:
    told: dict[str, object] = {
        "sample_rate": header.sample_rate,
        "roles": [role.value for role in header.roles],
        "codec": header.codec.value,
    }
    for name in ("recorder_id", "started_at", "language", "purpose", "numbers", "recording"):
        if value := getattr(header, name):
            told[name] = value
    told |= header.business.told
    text: bytes = to_json(told)
    # It is JSON as it stands: parsing it for every record would only be slower.
    return text[:-1] + b',"consent":' + header.stated + b"}" if header.stated else text


def _header(call_id: str, info: bytes) -> CallHeader:
    parsed = _parsed(_Info, info, f"{INFO}: ")
    return CallHeader(
        call_id,
        parsed.sample_rate,
        parsed.roles,
        parsed.codec,
        parsed.recorder_id,
        parsed.started_at,
        parsed.language,
        parsed.purpose,
        parsed.numbers,
        b""
        if parsed.consent is None
        else canonical(to_json(parsed.consent, inf_nan_mode="constants")),
        parsed.recording,
        StatedBusiness.of(parsed),
    )


def _parsed(model: type[_Model], text: bytes, where: str = "end: ") -> _Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # Only names of ours are told: a key that is not may be anything, a number as well.
        name = next((str(part) for part in first["loc"][:1] if part in model.model_fields), "")
        told = "missing" if first["type"] == "missing" else "not what it has to be"
        message = f"{where}{name}: {told}" if name else f"{where}no JSON object of its fields"
        raise RecordError(f"{message}; see docs/producers.md") from None


def _short(headers: Mapping[str, bytes | None], name: str) -> bytes:
    value = headers.get(name)
    if not value or len(value) > MOST_HEADER:
        raise RecordError(f"{name}: 1 to {MOST_HEADER} bytes")
    return value


def _number(headers: Mapping[str, bytes | None], name: str) -> int:
    text = _short(headers, name)
    if not _NUMBER.fullmatch(text):
        raise RecordError(f"{name}: a whole number in decimal digits")
    return int(text)
