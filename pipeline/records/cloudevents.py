"""Records on the wire: CloudEvents binary mode, Avro, audio as the plain value.

A message is a key (the call id), headers and a value. Headers are the CloudEvents attributes
(``ce_*``) and, for audio, the Avro metadata (``hw_meta``); none of them holds content. The value
is the audio, or the whole record as Avro; it is sealed before it leaves the process
(``agents/crypto/envelope.py``) with ``associated_data`` bound to it, so that a record that was
moved to another topic, call or number, or whose metadata was changed, does not open.

Outcomes: ``encode`` returns a ``Clear``; ``address`` and ``decode`` raise ``RecordError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from pipeline.errors import RecordError
from pipeline.records import schemas
from pipeline.records.avro_codec import from_form, to_form
from pipeline.records.call_names import valid_call_id as valid_call_id  # noqa: PLC0414 - here too
from pipeline.records.model import AudioChunk, Record, RedactedChunk, Verdict

SOURCE = "urn:hushwire"
"""``ce_source`` where the caller names none."""
META = "hw_meta"
"""Header with the Avro metadata of an audio record."""
SCHEMA = "urn:hushwire:schema:"
CE_TYPES = {
    "AudioChunk": "hushwire.audio.chunk.v1",
    "CallEnd": "hushwire.call.end.v1",
    "Heard": "hushwire.words.heard.v1",
    "Findings": "hushwire.spans.findings.v1",
    "RedactedChunk": "hushwire.audio.redacted.v1",
    "Verdict": "hushwire.audio.verdict.v1",
}
_DIGITS = 19
"""A record's number has fewer digits than that: it fits into 64 bits."""
_NAMES = {ce_type: name for name, ce_type in CE_TYPES.items()}
_RAW = frozenset({"AudioChunk", "Heard"})
"""Types that hold what was spoken before anything was silenced."""


@dataclass(frozen=True, slots=True)
class Clear:
    """A message whose value is not sealed yet (or not any more); it never leaves the process."""

    call_id: str
    headers: dict[str, bytes]
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Address:
    """What the headers say of a record, before its value is opened."""

    call_id: str
    name: str
    """Record type such as ``AudioChunk``."""
    version: int
    """Version of the writer's schema."""
    event_id: str

    @property
    def seq(self) -> int:
        """The record's number within its call and type; -1 where the event has none."""
        number = self.event_id.rpartition("/")[2]
        return int(number) if number.isdecimal() and len(number) < _DIGITS else -1


class _Opaque(JSONFormat):
    """The binding's payload format for values that are bytes already."""

    def write_data(self, data: dict[str, Any] | str | bytes | None, _: str | None) -> bytes:
        """Hand the bytes on."""
        return data if isinstance(data, bytes) else b""

    def read_data(self, body: bytes, _: str | None) -> bytes:
        """Hand the bytes on."""
        return body


_OPAQUE = _Opaque()


def call_of(record: Record) -> str:
    """The call that a record belongs to."""
    if isinstance(record, AudioChunk | RedactedChunk | Verdict):
        return record.call.call_id
    return record.call_id


def encode(record: Record, *, source: str = SOURCE) -> Clear:
    """The message of a record; equal records give equal messages.

    Raises:
        RecordError: the call id is not allowed.
    """
    call_id = call_of(record)
    if not valid_call_id(call_id):
        raise RecordError("a call id has 1 to 128 of the characters A-Z a-z 0-9 . _ -")
    name, form, audio = to_form(record)
    avro = schemas.write(name, form)
    has_audio = isinstance(record, AudioChunk | RedactedChunk)
    event = CloudEvent(
        {
            "id": f"{call_id}/{name}/{getattr(record, 'seq', 0)}",
            "source": source,
            "type": CE_TYPES[name],
            "subject": call_id,
            "dataschema": f"{SCHEMA}{name}:{schemas.NEWEST[name]}",
            "datacontenttype": "audio/L16" if has_audio else "application/avro",
            "dataclassification": "restricted" if name in _RAW else "confidential",
            "dataregulation": "PCI-DSS,HIPAA,GDPR",
        },
        audio if has_audio else avro,
    )
    message = to_binary(event, _OPAQUE)
    # The library stamps the time of day on every event; a repeat has to give the same headers.
    headers = {key: value for key, value in message.headers.items() if key != "ce_time"}
    if has_audio:
        headers[META] = avro
    return Clear(call_id, headers, message.value)


def address(headers: Mapping[str, bytes | None], key: bytes | None) -> Address:
    """Read whose record it is and how to decode it, from its headers and key.

    Raises:
        RecordError: no CloudEvent of ours, or the key and the subject name different calls.
    """
    known = {
        name: value
        for name, value in headers.items()
        if value is not None and (name.startswith("ce_") or name == "content-type")
    }
    try:
        event = from_binary(KafkaMessage(known, key, b""), _OPAQUE, CloudEvent)
    except (CloudEventValidationError, ValueError):
        # The cause is cut off: its message quotes header values.
        raise RecordError("no valid CloudEvent headers") from None
    call_id, name = event.get_subject() or "", _NAMES.get(event.get_type(), "")
    prefix, _, version = (event.get_dataschema() or "").rpartition(":")
    if not valid_call_id(call_id) or (key or b"").decode("ascii", "replace") != call_id:
        raise RecordError("the key and the subject are not the same allowed call id")
    if not name or prefix != SCHEMA + name or not version.isdecimal():
        raise RecordError("unknown record type or schema")
    return Address(call_id, name, int(version), str(event.get_id()))


def associated_data(topic: str, headers: Mapping[str, bytes | None]) -> bytes:
    """What a seal binds to the value: topic, type, schema, call, record number and metadata.

    Every part is preceded by its length, so that no two different records give the same bytes.
    """
    names = ("ce_type", "ce_dataschema", "ce_subject", "ce_id", "content-type", META)
    parts = [b"hushwire/1", topic.encode()]
    parts += [headers.get(name) or b"" for name in names]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def decode(where: Address, headers: Mapping[str, bytes | None], value: bytes) -> Record:
    """The record of an opened message.

    Raises:
        RecordError: bytes that are no such record, a value out of range, or a record whose call
            is not the one that its headers name.
    """
    if where.name in {"AudioChunk", "RedactedChunk"}:
        meta, audio = headers.get(META), value
        if meta is None:
            raise RecordError("an audio record without its metadata")
    else:
        meta, audio = value, b""
    record = from_form(where.name, schemas.read(where.name, where.version, meta), audio)
    if call_of(record) != where.call_id:
        raise RecordError("the record belongs to another call than its headers say")
    if where.event_id != f"{where.call_id}/{where.name}/{getattr(record, 'seq', 0)}":
        raise RecordError("the record has another number than its headers say")
    return record


def with_value(message: Clear, value: bytes) -> Clear:
    """The same message with another value, such as the sealed one."""
    return replace(message, value=value)
