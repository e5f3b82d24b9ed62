from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordError
from pipeline.gateways.door.model import (
    MOST_AUDIO,
    MOST_CHUNKS,
    CallHeader,
    DoorChunk,
    DoorEnd,
    canonical,
)
from pipeline.gateways.events import Codec
from pipeline.records.model import Role
from tests.pipeline.gateways.door.door_samples import FULL, NUMBER, PLAIN, PLATFORM, RECORDS

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("call_id", ""),
        ("call_id", "a/b"),
        ("call_id", "call-4915112345678"),
        ("call_id", "anna.meier-hiv-beratung"),
        ("call_id", "iban-DE-frau-schulz"),
        ("call_id", "call-annameier"),
        ("call_id", f"call-{'z' * 32}"),
        ("sample_rate", 7_999),
        ("sample_rate", 16_001),
        ("roles", ()),
        ("roles", (Role.MIXED,) * 17),
        ("recorder_id", "x" * 513),
        ("recorder_id", "half \ud800 a pair"),
        ("started_at", "yesterday"),
        ("started_at", "2026-03-01T10:00:00"),
        ("started_at", "0001-01-01T00:00:00+01:00"),
        ("started_at", "9999-12-31T23:59:59-01:00"),
        ("started_at", "1990-01-01T00:00:00+01:00"),
        ("started_at", "1970-01-01T00:00:00+00:00"),
        ("started_at", "2026-03-01T10:00:00+01:00" + " " * 40),
        ("language", "deu"),
        ("language", "DE"),
        ("purpose", "Quality"),
        ("purpose", "for-4915112345678"),
        ("numbers", ("1",) * 17),
        ("numbers", ("",)),
        ("numbers", ("1" * 257,)),
        ("stated", b"[]"),
        ("stated", b"{ }"),
        ("stated", b"no JSON"),
        ("recording", "ab"),
        ("recording", "A" * 64),
    ],
)
def test_a_header_out_of_its_limits_is_refused_by_name_and_without_its_value(
    field: str, value: object
) -> None:
    with pytest.raises(RecordError) as caught:
        replace(FULL, **{field: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(field)
    assert "4915112345678" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seq": -1}, "seq"),
        ({"seq": MOST_CHUNKS}, "seq"),
        ({"start": -1}, "start"),
        ({"start": FULL.longest - 1}, "start"),
        ({"audio": b""}, "audio"),
        ({"audio": bytes(MOST_AUDIO + 4)}, "audio"),
        ({"audio": b"abc"}, "audio"),
    ],
)
def test_a_chunk_out_of_its_limits_is_refused(changes: dict[str, object], told: str) -> None:
    chunk = DoorChunk(FULL, 0, 0, bytes(8))
    with pytest.raises(RecordError, match=f"^{told}"):
        replace(chunk, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chunks", "end"), [(-1, 0), (MOST_CHUNKS + 1, 0), (0, -1), (0, PLAIN.longest + 1)]
)
def test_an_end_out_of_its_limits_is_refused(chunks: int, end: int) -> None:
    with pytest.raises(RecordError):
        DoorEnd(PLAIN, chunks, end)


def test_a_chunk_counts_samples_of_one_channel() -> None:
    chunk = DoorChunk(FULL, 0, 100, bytes(4 * 1_600))
    assert (chunk.samples, chunk.end) == (1_600, 1_700)
    assert DoorChunk(PLAIN, 0, 100, bytes(800)).end == 900


def test_the_largest_record_fits_what_brokers_take() -> None:
    assert MOST_AUDIO % 64 == 0
    assert MOST_AUDIO == 15 * 16_000 * 2 * 2
    assert DoorChunk(FULL, 0, 0, bytes(MOST_AUDIO)).samples == 15 * 16_000
    companded = replace(FULL, codec=Codec.PCMA)
    assert DoorChunk(companded, 0, 0, bytes(MOST_AUDIO // 2)).samples == 15 * 16_000
    with pytest.raises(RecordError, match="PCMA"):
        DoorChunk(companded, 0, 0, bytes(MOST_AUDIO // 2 + 2))


def test_nothing_that_names_a_person_or_was_spoken_shows() -> None:
    for record in RECORDS.values():
        shown = repr(record)
        for hidden in (NUMBER, PLATFORM, "anna", "spoken", "places"):
            assert hidden not in shown
    assert "call-" in repr(RECORDS["full"])


def test_what_audio_is_made_of_may_not_change() -> None:
    assert FULL.continues(replace(FULL, recorder_id="", numbers=(), stated=b"{}", language="en"))
    for change in (
        {"call_id": f"call-{'b' * 32}"},
        {"sample_rate": 8_000},
        {"roles": (Role.AGENT, Role.CUSTOMER)},
        {"codec": Codec.PCMA},
    ):
        assert not FULL.continues(replace(FULL, **change))  # type: ignore[arg-type]


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=8), inner, max_size=3)
            ),
        ),
        max_size=4,
    )
)
def test_what_is_stated_keeps_its_meaning_whoever_wrote_it(value: dict[str, object]) -> None:
    try:
        text = canonical(json.dumps(value, indent=2))
    except RecordError:
        assert "\\ud" in json.dumps(value)  # half a pair, which UTF-8 can't write
        return
    assert json.loads(text) == value
    assert canonical(text) == text
    assert canonical(json.dumps(dict(reversed(value.items())))) == text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"7",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"a": "' + b"x" * 16_384 + b'"}',
        b'{"a": "' + b"\\u00e9" * 2_000 + b'"}' + b" " * 16_384,
    ],
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(RecordError, match=r"^stated"):
        canonical(text)


def test_a_header_is_frozen() -> None:
    with pytest.raises(AttributeError):
        FULL.call_id = "other"  # type: ignore[misc]
    assert isinstance(FULL, CallHeader)
