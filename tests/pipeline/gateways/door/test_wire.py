from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordError, SealError
from pipeline.gateways.door import wire
from pipeline.gateways.door.model import CallHeader, DoorChunk, DoorEnd, DoorRecord, canonical
from pipeline.gateways.door.wire import (
    CallEncoder,
    CallKey,
    Message,
    address,
    decode,
    encode,
    read_key,
)
from pipeline.gateways.events import Codec
from pipeline.records.cloudevents import _OPAQUE
from pipeline.records.model import Role
from tests.pipeline.gateways.door.door_samples import (
    CALL,
    FULL,
    KEY,
    NUMBER,
    PLATFORM,
    RECORDS,
    SEAL,
    TOPIC,
    BoundSeal,
)

pytestmark = pytest.mark.unit

UUID = "a1b2c3d4-e5f6-47a8-b9c0-d1e2f3a4b5c6"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
headers = st.builds(
    CallHeader,
    call_id=st.sampled_from([CALL, f"call-{'a' * 32}", UUID]),
    sample_rate=st.integers(8_000, 16_000),
    roles=st.lists(st.sampled_from(Role), min_size=1, max_size=4).map(tuple),
    codec=st.sampled_from(Codec),
    recorder_id=texts,
    started_at=st.sampled_from(["", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.5+05:30"]),
    language=st.sampled_from(["", "en", "de"]),
    purpose=st.sampled_from(["", "quality", "a-b_c"]),
    numbers=st.lists(texts.filter(bool), max_size=4).map(tuple),
    stated=st.one_of(
        st.just(b""), st.dictionaries(texts, texts, max_size=3).map(json.dumps).map(canonical)
    ),
    recording=st.sampled_from(["", "0123456789abcdef" * 4]),
)


@st.composite
def records(draw: st.DrawFn) -> DoorRecord:
    header = draw(headers)
    seq, start = draw(st.integers(0, 10**6)), draw(st.integers(0, header.longest - 9))
    if draw(st.booleans()):
        return DoorEnd(header, seq, start, draw(st.booleans()))
    audio = draw(st.binary(min_size=header.frame, max_size=header.frame)) * draw(st.integers(1, 9))
    return DoorChunk(header, seq, start, audio, draw(st.booleans()))


def changed(message: Message, name: str, value: bytes | None) -> Message:
    """The message with another header; None takes it away."""
    others = {one: held for one, held in message.headers.items() if one != name}
    return replace(message, headers=others if value is None else {**others, name: value})


@given(record=records(), sealed=st.booleans())
def test_a_record_comes_back_as_it_was(record: DoorRecord, *, sealed: bool) -> None:
    message = encode(record, TOPIC, KEY if sealed else None)
    assert message == encode(record, TOPIC, KEY if sealed else None)
    where = address(message)
    assert (where.call_id, where.sealed) == (record.header.call_id, sealed)
    assert where.ends is isinstance(record, DoorEnd)
    assert read_key(message.headers) == (b"wrapped" if sealed else None)
    assert decode(message, TOPIC, SEAL if sealed else None) == record


@pytest.mark.parametrize("name", RECORDS)
def test_a_message_is_a_cloudevent_to_others(name: str) -> None:
    message = encode(RECORDS[name], TOPIC, KEY, source="urn:example:recorder")
    known = {
        one: value
        for one, value in message.headers.items()
        if value and (one.startswith("ce_") or one == "content-type")
    }
    event = from_binary(KafkaMessage(known, message.key, message.value or b""), _OPAQUE, CloudEvent)
    assert event.get_subject() == CALL
    assert event.get_source() == "urn:example:recorder"
    assert event.get_type() in wire.CE_TYPES


def test_records_of_a_call_have_ids_of_their_own() -> None:
    ids = {encode(one, TOPIC, None).headers["ce_id"] for one in RECORDS.values()}
    assert len(ids) == 5  # both ends are the end of the same call


def test_what_is_known_of_a_call_is_sealed_once_until_it_changes() -> None:
    class Counting(BoundSeal):
        sealed: list[bytes] = []  # noqa: RUF012 - of this test

        def seal(self, value: bytes, associated: bytes) -> bytes:
            self.sealed.append(value)
            return super().seal(value, associated)

    told = replace(FULL, language="de")
    encoder = CallEncoder(TOPIC, CallKey(b"wrapped", Counting()), more={"traceparent": b"00-1"})
    audio = bytes(FULL.frame)
    records: list[DoorRecord] = [
        DoorChunk(FULL, 0, 0, audio), DoorChunk(FULL, 1, 1, audio, paused=True),
        DoorChunk(told, 2, 9, audio, blank=True), DoorEnd(told, 3, 10),
    ]  # fmt: skip
    messages = [encoder.message(record) for record in records]
    assert [decode(message, TOPIC, SEAL) for message in messages] == records
    assert [one for one in Counting.sealed if one != audio] == [
        wire._info(FULL), wire._info(told), b'{"complete":true}'
    ]  # fmt: skip
    assert {message.headers["traceparent"] for message in messages} == {b"00-1"}


@pytest.mark.parametrize("name", RECORDS)
def test_nothing_of_a_sealed_record_is_in_clear(name: str) -> None:
    class Hides(BoundSeal):
        def seal(self, value: bytes, associated: bytes) -> bytes:
            return super().seal(value, associated)[:32]

    message = encode(RECORDS[name], TOPIC, CallKey(b"wrapped", Hides()))
    shown = b"".join(value or b"" for value in message.headers.values()) + (message.value or b"")
    for hidden in (NUMBER, PLATFORM, "anna", "spoken", "places", "customer", "quality"):
        assert hidden.encode() not in shown
    assert NUMBER not in repr(encode(RECORDS[name], TOPIC, None))


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize(
    "header",
    [
        "ce_type",
        "ce_source",
        "ce_id",
        "content-type",
        "hw_seq",
        "hw_start",
        "hw_paused",
        "hw_blank",
    ],
)
def test_a_changed_header_does_not_open(name: str, header: str) -> None:
    message = encode(RECORDS[name], TOPIC, KEY)
    told = {
        "hw_paused": b"false", "hw_blank": b"false", "content-type": b"audio/PCMA",
        "ce_type": wire.END.encode(),
    }  # fmt: skip
    value = told.get(header, b"1" + (message.headers.get(header) or b""))
    if message.headers.get(header) == value:
        value = wire.CHUNK.encode()
    with pytest.raises((SealError, RecordError)):
        decode(changed(message, header, value), TOPIC, SEAL)
    if header not in {"ce_type", "content-type"}:  # which also have to fit each other
        with pytest.raises(SealError):
            decode(changed(message, header, value), TOPIC, SEAL)


@pytest.mark.parametrize("name", RECORDS)
def test_a_moved_record_does_not_open(name: str) -> None:
    message = encode(RECORDS[name], TOPIC, KEY)
    with pytest.raises(SealError):
        decode(message, "hushwire.audio.raw", SEAL)
    other = replace(changed(message, "ce_subject", b"call-b"), key=b"call-b")
    with pytest.raises(SealError):
        decode(other, TOPIC, SEAL)
    with pytest.raises(SealError):
        decode(message, TOPIC, BoundSeal(b"another"))


def test_what_is_known_of_a_call_can_t_be_put_under_other_audio() -> None:
    first, second = RECORDS["full"], replace(RECORDS["full"], header=replace(FULL, language="en"))
    mixed = changed(
        encode(first, TOPIC, KEY), "hw_info", encode(second, TOPIC, KEY).headers["hw_info"]
    )
    with pytest.raises(SealError):
        decode(mixed, TOPIC, SEAL)


def test_a_record_in_clear_is_not_taken_for_a_sealed_one_nor_the_other_way() -> None:
    with pytest.raises(RecordError, match="hw_key: missing"):
        decode(encode(RECORDS["full"], TOPIC, None), TOPIC, SEAL)
    with pytest.raises(RecordError, match="hw_key: the record is sealed"):
        decode(encode(RECORDS["full"], TOPIC, KEY), TOPIC, None)
    stripped = changed(encode(RECORDS["full"], TOPIC, KEY), "hw_key", None)
    with pytest.raises(RecordError):
        decode(stripped, TOPIC, None)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce_specversion", None),
        ("ce_specversion", b"0.3"),
        ("ce_type", b"hushwire.audio.in.v2"),
        ("ce_type", None),
        ("ce_id", None),
        ("ce_id", b"x" * 257),
        ("ce_source", b""),
        ("ce_subject", b"another"),
        ("content-type", b"audio/opus"),
        ("content-type", b"application/json"),
        ("hw_seq", b"-1"),
        ("hw_seq", b"01"),
        ("hw_seq", b"1" * 40),
        ("hw_seq", "٣".encode()),
        ("hw_start", b"1.5"),
        ("hw_start", None),
        ("hw_paused", b"yes"),
        ("hw_blank", b"yes"),
        ("hw_info", None),
        ("hw_info", b"x" * 65_537),
        ("hw_key", b""),
        ("hw_key", b"x" * 1_025),
    ],
)
def test_the_header_that_is_wrong_is_named(header: str, value: bytes | None) -> None:
    message = changed(encode(RECORDS["full"], TOPIC, None), header, value)
    with pytest.raises(RecordError, match=f"^{header}: "):
        decode(message, TOPIC, None)


@pytest.mark.parametrize(
    ("info", "told"),
    [
        (b"[]", "hw_info: no JSON object"),
        (b"{", "hw_info: no JSON object"),
        (b'{"roles": ["agent"], "codec": "PCMU"}', "hw_info: sample_rate: missing"),
        (b'{"sample_rate": "8000", "roles": ["agent"], "codec": "PCMU"}', "hw_info: sample_rate:"),
        (b'{"sample_rate": 8000, "roles": ["boss"], "codec": "PCMU"}', "hw_info: roles:"),
        (b'{"sample_rate": 8000, "roles": ["agent"], "codec": "G729"}', "hw_info: codec:"),
        (
            b'{"sample_rate": 8000, "roles": ["agent"], "codec": "PCMU", "4915112345678": 1}',
            "hw_info: no JSON object of its fields",
        ),
        (
            (b'{"sample_rate":8000,"roles":["agent"],"codec":"PCMU","consent":[4915112345678]}'),
            "hw_info: consent:",
        ),
        (
            b'{"sample_rate": 8000, "roles": ["agent"], "codec": "PCMU", "consent": {"a": 1e999}}',
            "stated: no JSON object",
        ),
        (b'{"sample_rate": 44100, "roles": ["agent"], "codec": "PCMU"}', "sample_rate:"),
        (b'{"sample_rate": 8000, "roles": ["agent"], "codec": "L16"}', "content-type:"),
    ],
)
def test_what_is_wrong_with_the_info_is_named_and_not_quoted(info: bytes, told: str) -> None:
    chunk = DoorChunk(replace(FULL, codec=Codec.PCMU), 0, 0, bytes(2))
    message = changed(encode(chunk, TOPIC, None), "hw_info", info)
    with pytest.raises(RecordError) as caught:
        decode(message, TOPIC, None)
    assert str(caught.value).startswith(told)
    assert "4915112345678" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_key_is_the_call() -> None:
    for key in (None, b"", b"another", CALL.upper().encode()):
        with pytest.raises(RecordError, match=r"^ce_subject"):
            address(replace(encode(RECORDS["full"], TOPIC, None), key=key))


@pytest.mark.parametrize(
    ("value", "complete"),
    [
        (None, True), (b"", True), (b"{}", True), (b'{"complete":true}', True),
        (b'{"complete": false}', False),
    ],
)  # fmt: skip
def test_an_end_in_clear_may_be_empty(value: bytes | None, *, complete: bool) -> None:
    message = replace(encode(RECORDS["end"], TOPIC, None), value=value)
    assert decode(message, TOPIC, None) == DoorEnd(FULL, 9, 48_000, complete)


@pytest.mark.parametrize("value", [b"[]", b"no", b'{"complete": 1}', b'{"other": true}'])
def test_an_end_that_says_something_else_is_refused(value: bytes) -> None:
    with pytest.raises(RecordError, match=r"^end"):
        decode(replace(encode(RECORDS["end"], TOPIC, None), value=value), TOPIC, None)


def test_headers_of_others_are_let_be() -> None:
    message = encode(RECORDS["full"], TOPIC, KEY)
    traced = changed(changed(message, "traceparent", b"00-ab-cd-01"), "ce_time", b"now")
    assert decode(traced, TOPIC, SEAL) == RECORDS["full"]


NAMES = [*encode(RECORDS["paused"], TOPIC, KEY).headers, "other"]


@given(
    name=st.sampled_from(list(RECORDS)),
    sealed=st.booleans(),
    changes=st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(
            st.none(),
            st.binary(max_size=40),
            st.from_regex(rb"[0-9]{1,18}", fullmatch=True),
            st.sampled_from([b"true", b"audio/L16", b"application/json", b"audio/PCMU"]),
        ),
        max_size=4,
    ),
    key=st.one_of(st.just(CALL.encode()), st.none(), st.binary(max_size=20)),
    value=st.one_of(st.none(), st.binary(max_size=80), st.just(b"{}")),
    opens=st.booleans(),
)
def test_any_bytes_give_a_record_or_a_typed_error(
    *,
    name: str,
    sealed: bool,
    changes: dict[str, bytes | None],
    key: bytes | None,
    value: bytes | None,
    opens: bool,
) -> None:
    headers = {**encode(RECORDS[name], TOPIC, KEY if sealed else None).headers, **changes}

    class Any(BoundSeal):
        def open(self, sealed: bytes, associated: bytes) -> bytes:
            return sealed[32:]

    try:
        record = decode(Message(key, headers, value), TOPIC, Any() if opens else None)
    except RecordError:  # SealError is one
        return
    assert isinstance(record, DoorChunk | DoorEnd)
    assert record.header.call_id.encode() == key


@given(info=st.binary(max_size=80), value=st.binary(max_size=40))
def test_any_info_gives_a_record_or_a_typed_error(info: bytes, value: bytes) -> None:
    message = replace(encode(RECORDS["plain"], TOPIC, None), value=value)
    try:
        record = decode(changed(message, "hw_info", info), TOPIC, None)
    except RecordError:
        return
    assert record.header.call_id == CALL
