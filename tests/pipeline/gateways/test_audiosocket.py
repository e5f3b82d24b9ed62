"""AudioSocket by its bytes."""

from __future__ import annotations

import uuid
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gateways.audiosocket import AudioSocketConnection
from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    Event,
    GatewayError,
    KeyPressed,
    Reason,
    Started,
)
from pipeline.gateways.lone_keys import ConsentKeys

pytestmark = pytest.mark.unit

NAME = "a0a0a0a0-1111-2222-3333-444444444444"
NAMED = b"\x01\x00\x10" + uuid.UUID(NAME).bytes
AUDIO = b"\x10\x00\x04\x01\x00\x02\x00"
HANG_UP = b"\x00\x00\x00"


def _events(*data: bytes, withdraws: str = "", agrees: str = "") -> list[Event]:
    connection = AudioSocketConnection(keys=ConsentKeys(agrees, withdraws))
    events = []
    for one in data:
        came, replies = connection.feed(one)
        assert not replies
        events += came
    return events


def test_a_call_from_its_name_to_its_end() -> None:
    assert _events(NAMED + AUDIO + AUDIO + HANG_UP) == [
        Started(NAME, Codec.L16, 8_000, ("audio",), timed=False),
        Audio(0, 0, b"\x01\x00\x02\x00"),
        Audio(0, 2, b"\x01\x00\x02\x00"),
        Ended(complete=True),
    ]


def test_bytes_may_come_one_by_one() -> None:
    data = NAMED + AUDIO + AUDIO + HANG_UP
    assert _events(*(bytes([one]) for one in data)) == _events(data)


@pytest.mark.parametrize(
    ("kind", "rate"),
    [(0x10, 8_000), (0x11, 12_000), (0x12, 16_000), (0x13, 24_000), (0x14, 32_000),
     (0x15, 44_100), (0x16, 48_000)],
)  # fmt: skip
def test_the_kind_tells_the_rate(kind: int, rate: int) -> None:
    started, _ = _events(NAMED + bytes([kind]) + AUDIO[1:])
    assert isinstance(started, Started)
    assert started.sample_rate == rate


def test_a_connection_that_breaks_or_tells_an_error_ends_incomplete() -> None:
    assert _events(NAMED + AUDIO, b"")[-1] == Ended(complete=False)
    assert _events(NAMED + AUDIO + b"\xff\x00\x01\x04")[-1] == Ended(complete=False)
    assert _events(NAMED + HANG_UP, b"") == [], "no audio, no call"


def _key(key: str) -> bytes:
    return b"\x03\x00\x01" + key.encode()


def _keys(events: list[Event]) -> list[KeyPressed]:
    return [event for event in events if isinstance(event, KeyPressed)]


SECOND = b"\x10\x3e\x80" + bytes(16_000)


def test_a_key_is_compared_and_dropped() -> None:
    call = NAMED + SECOND + _key("9") + _key("1") + HANG_UP
    keys = _keys(_events(call, withdraws="9", agrees="1"))
    assert keys == [KeyPressed(0, 8_000, withdraws=True), KeyPressed(0, 8_000, agrees=True)]
    assert _keys(_events(call)) == [KeyPressed(0, 8_000)] * 2


def test_what_came_before_a_fault_is_not_lost_with_it() -> None:
    for fault in (b"\x42\x00\x00", b"\x10\xff\xff"):
        with pytest.raises(GatewayError) as caught:
            AudioSocketConnection(keys=ConsentKeys(withdraws="9"), most=20_000).feed(
                NAMED + SECOND + _key("9") + fault
            )
        assert caught.value.before[-1] == KeyPressed(0, 8_000, withdraws=True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (AUDIO, Reason.BAD_FRAME),
        (HANG_UP, Reason.BAD_FRAME),
        (b"GET", Reason.BAD_FRAME),
        (b"\x01\x00\x10" + bytes(16), Reason.BAD_FRAME),
        (b"\x01\x00\x03abc", Reason.BAD_FRAME),
        (NAMED + NAMED, Reason.BAD_FRAME),
        (NAMED + b"\x42\x00\x00", Reason.BAD_FRAME),
        (NAMED + b"\x03\x00\x0212", Reason.BAD_FRAME),
        (NAMED + HANG_UP + AUDIO, Reason.BAD_FRAME),
        (NAMED + b"\x10\x00\x03abc", Reason.BAD_AUDIO),
        (NAMED + AUDIO + b"\x12" + AUDIO[1:], Reason.BAD_AUDIO),
        (NAMED + b"\x17" + AUDIO[1:], Reason.UNSUPPORTED),
        (NAMED + b"\x18" + AUDIO[1:], Reason.UNSUPPORTED),
    ],
)
def test_what_breaks_the_protocol_is_named(data: bytes, reason: Reason) -> None:
    with pytest.raises(GatewayError) as caught:
        # "GET" is kind 0x47 and a length of 17748 bytes, which come.
        AudioSocketConnection().feed(data + bytes(17_748) * (data == b"GET"))
    assert caught.value.reason is reason


def test_a_length_beyond_the_limit_is_refused_before_it_comes() -> None:
    with pytest.raises(GatewayError) as caught:
        AudioSocketConnection(most=1_000).feed(NAMED + b"\x10\xff\xff")
    assert caught.value.reason is Reason.TOO_LARGE


@given(st.lists(st.binary(max_size=40), max_size=20), st.booleans())
def test_any_bytes_give_events_or_a_typed_error(data: list[bytes], named: bool) -> None:  # noqa: FBT001
    connection = AudioSocketConnection(most=1_000)
    with suppress(GatewayError):
        if named:
            connection.feed(NAMED)
        for one in data:
            connection.feed(one)
            assert len(connection._buffer) < 1_003
