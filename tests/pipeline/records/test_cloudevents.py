from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordError
from pipeline.records import cloudevents
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, RedactedChunk, Verdict
from tests.pipeline.records.wire_samples import CALL, END, PCM, SAMPLES

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", SAMPLES)
def test_round_trip(name: str) -> None:
    record = SAMPLES[name]
    message = cloudevents.encode(record)
    where = cloudevents.address(message.headers, b"call-1")
    again = cloudevents.decode(where, message.headers, message.value)
    assert again == record
    if isinstance(record, AudioChunk | RedactedChunk):
        assert isinstance(again, AudioChunk | RedactedChunk)
        assert np.array_equal(again.pcm, PCM)
        assert message.value == PCM.astype("<i2").tobytes()


def test_headers_are_cloudevents_and_the_same_every_time() -> None:
    first, second = (
        cloudevents.encode(SAMPLES["AudioChunk"]),
        cloudevents.encode(SAMPLES["AudioChunk"]),
    )
    assert first == second
    meta = first.headers.pop("hw_meta")
    assert b"call-1" in meta
    assert first.headers == {
        "ce_specversion": b"1.0",
        "ce_id": b"call-1/AudioChunk/3",
        "ce_source": b"urn:hushwire",
        "ce_type": b"hushwire.audio.chunk.v1",
        "ce_subject": b"call-1",
        "ce_dataschema": b"urn:hushwire:schema:AudioChunk:5",
        "ce_dataclassification": b"restricted",
        "ce_dataregulation": b"PCI-DSS,HIPAA,GDPR",
        "content-type": b"audio/L16",
    }


def test_headers_hold_no_words() -> None:
    for record in SAMPLES.values():
        assert b"placeholder" not in b"".join(cloudevents.encode(record).headers.values())


def test_repr_holds_no_value() -> None:
    assert "placeholder" not in repr(cloudevents.encode(SAMPLES["Heard"]))


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_or_longer_bytes_are_refused(name: str) -> None:
    message = cloudevents.encode(SAMPLES[name])
    where = cloudevents.address(message.headers, b"call-1")
    for value in (message.value[:-1], message.value + b"\0"):
        with pytest.raises(RecordError) as caught:
            cloudevents.decode(where, message.headers, value)
        assert caught.value.__cause__ is None


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_raise_record_error(value: bytes) -> None:
    for record in SAMPLES.values():
        message = cloudevents.encode(record)
        where = cloudevents.address(message.headers, b"call-1")
        headers = {**message.headers, "hw_meta": value}
        with suppress(RecordError):
            cloudevents.decode(where, headers, value)


@given(
    st.dictionaries(
        st.sampled_from(["ce_id", "ce_type", "ce_subject", "ce_dataschema", "ce_specversion"]),
        st.one_of(st.none(), st.binary(max_size=20)),
    )
)
def test_any_headers_are_an_address_or_raise_record_error(
    changed: dict[str, bytes | None],
) -> None:
    headers: dict[str, bytes | None] = {**cloudevents.encode(END).headers, **changed}
    try:
        where = cloudevents.address(headers, b"call-1")
    except RecordError:
        return
    assert where.call_id == "call-1"


def test_a_key_of_another_call_is_refused() -> None:
    headers = cloudevents.encode(END).headers
    for key in (b"call-2", None, b""):
        with pytest.raises(RecordError):
            cloudevents.address(headers, key)


def test_a_record_with_another_number_or_call_than_its_headers_is_refused() -> None:
    message = cloudevents.encode(SAMPLES["AudioChunk"])
    where = cloudevents.address(message.headers, b"call-1")
    for wrong in (
        replace(where, event_id="call-1/AudioChunk/4"),
        replace(where, call_id="call-2", event_id="call-2/AudioChunk/3"),
    ):
        with pytest.raises(RecordError):
            cloudevents.decode(wrong, message.headers, message.value)


def test_a_newer_schema_is_refused() -> None:
    message = cloudevents.encode(END)
    headers = {**message.headers, "ce_dataschema": b"urn:hushwire:schema:CallEnd:3"}
    with pytest.raises(RecordError, match="upgrade"):
        cloudevents.decode(cloudevents.address(headers, b"call-1"), headers, message.value)


@pytest.mark.parametrize(
    ("call_id", "good"),
    [
        ("a", True),
        ("2026-03-01_call.7", True),
        ("A" * 128, True),
        ("A" * 129, False),
        ("", False),
        ("..", False),
        ("a..b", False),
        (".hidden", False),
        ("a/b", False),
        ("a b", False),
        ("a\n", False),
        ("é", False),
    ],
)
def test_call_ids(call_id: str, *, good: bool) -> None:
    assert cloudevents.valid_call_id(call_id) is good
    if not good:
        with pytest.raises(RecordError):
            cloudevents.encode(CallEnd(call_id, 0, 0))


@pytest.mark.parametrize("rate", [0, 3_999, 192_001])
def test_a_rate_out_of_range_is_refused(rate: int) -> None:
    message = cloudevents.encode(AudioChunk(replace(CALL, sample_rate=rate), 0, 0, PCM))
    with pytest.raises(RecordError):
        cloudevents.decode(
            cloudevents.address(message.headers, b"call-1"), message.headers, message.value
        )


def test_the_verdict_of_a_call_without_chunks_round_trips() -> None:
    verdict = Verdict(CallInfo("call-1", 0, ()), passed=False, checks=(), end=END)
    message = cloudevents.encode(verdict)
    where = cloudevents.address(message.headers, b"call-1")
    assert cloudevents.decode(where, message.headers, message.value) == verdict
