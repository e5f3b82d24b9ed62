"""Events become chunks; what can't go on is told once, and the call is incomplete."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from agents.app.gateway import call_feed
from agents.app.gateway.call_feed import CallFeed
from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    GatewayError,
    KeyPressed,
    Lost,
    Paused,
    Reason,
    Resumed,
    Started,
    Updated,
)
from pipeline.records.model import Role
from tests.agents.app.gateway.doors import STARTED, Clock, Door, calls_of, speak, value

pytestmark = pytest.mark.unit


async def test_a_call_becomes_chunks_under_a_drawn_id(door: Door, clock: Clock) -> None:
    calls = calls_of(door)
    feed = calls.open(STARTED, source="twilio")
    speak(feed, clock, 3)
    feed.take(Audio(0, 24_000, b"\x01" * 80))
    assert await feed.end(Ended())
    (call,) = door.calls
    assert re.fullmatch(r"call-[0-9a-z]{26}", call.header.call_id)
    assert call.header.roles == (Role.CUSTOMER, Role.AGENT)
    assert call.header.recorder_id == STARTED.recorder_id
    assert call.header.started_at.endswith("+00:00")
    assert [(one.start, one.samples) for one in call.chunks] == [
        (0, 8_000), (8_000, 8_000), (16_000, 8_000), (24_000, 80),
    ]  # fmt: skip
    assert call.audio == b"\x01\x02" * 24_000 + b"\x01\xff" * 80
    assert call.complete is True
    assert len(calls) == 0
    assert value(calls, "calls_total", gateway="twilio", outcome="complete") == 1
    assert value(calls, "audio_seconds_total", gateway="twilio") == pytest.approx(3.01)
    assert STARTED.recorder_id not in repr(call.header)
    assert await feed.end(Ended()) is False, "a second end does nothing"
    assert call.complete is True


async def test_who_is_not_named_is_mixed_and_the_protocol_knows_better(door: Door) -> None:
    calls = calls_of(door)
    calls.open(Started("x", Codec.L16, 16_000, ("audio",)), source="a")
    roles = (Role.AGENT, Role.CUSTOMER)
    calls.open(Started("x", Codec.PCMA, 8_000, ("inbound", "outbound"), roles=roles), source="a")
    assert [call.header.roles for call in door.calls] == [(Role.MIXED,), roles]


async def test_faster_audio_is_resampled(door: Door, clock: Clock) -> None:
    feed = calls_of(door).open(Started("x", Codec.L16, 48_000, ("audio",)), source="a")
    clock.now += 2
    for start in range(0, 96_000, 960):
        feed.take(Audio(0, start, bytes(1_920)))
    assert await feed.end(Ended())
    (call,) = door.calls
    assert call.header.sample_rate == 16_000
    assert sum(one.samples for one in call.chunks) == 32_000


@pytest.mark.parametrize(
    "started",
    [
        Started("x", Codec.L16, 96_000, ("a",)),
        Started("x", Codec.PCMU, 44_100, ("a",)),
        Started("x", Codec.PCMU, 4_000, ("a",)),
        Started("x", Codec.PCMU, 8_000, ()),
        Started("x", Codec.PCMU, 8_000, ("a", "b", "c")),
    ],
)
async def test_what_is_not_spoken_here_begins_no_call(door: Door, started: Started) -> None:
    with pytest.raises(GatewayError) as caught:
        calls_of(door).open(started, source="a")
    assert caught.value.reason is Reason.UNSUPPORTED
    assert not door.calls


async def test_a_header_that_breaks_the_rules_begins_no_call(door: Door) -> None:
    with pytest.raises(GatewayError) as caught:
        calls_of(door).open(Started("x", Codec.PCMU, 8_000, ("a",), stated=b"no json"), source="a")
    assert caught.value.reason is Reason.BAD_FRAME


async def test_audio_ahead_of_time_is_refused(door: Door, clock: Clock) -> None:
    feed = calls_of(door, ahead_s=10.0).open(STARTED, source="a")
    for start in range(0, 80_000, 8_000):
        feed.take(Audio(-1, start, bytes(16_000)))
    with pytest.raises(GatewayError) as caught:
        feed.take(Audio(-1, 80_000, bytes(16_000)))
    assert caught.value.reason is Reason.BAD_AUDIO
    assert sum(one.samples for one in door.calls[0].chunks) == 80_000
    with pytest.raises(GatewayError):
        feed.take(Audio(-1, 0, b""))
    assert not await feed.end(Ended())
    assert door.calls[0].complete is False


async def test_a_jump_beyond_time_is_refused(door: Door, clock: Clock) -> None:
    feed = calls_of(door).open(STARTED, source="a")
    feed.take(Audio(0, 0, bytes(160)))
    with pytest.raises(GatewayError) as caught:
        feed.take(Audio(0, 2**50, bytes(16_000)))
    assert caught.value.reason in {Reason.TOO_LONG, Reason.BAD_AUDIO}
    with pytest.raises(GatewayError):
        feed.take(Lost(0, 8_000))


async def test_a_loss_beyond_time_is_refused(door: Door, clock: Clock) -> None:
    feed = calls_of(door).open(STARTED, source="a")
    with pytest.raises(GatewayError) as caught:
        feed.take(Lost(0, 8_000 * 3_600))
    assert caught.value.reason is Reason.BAD_AUDIO


async def test_a_call_that_is_too_long_ends(door: Door, clock: Clock) -> None:
    faults: list[GatewayError] = []
    calls = calls_of(door, longest_s=5.0, idle_s=1_000.0)
    feed = calls.open(STARTED, source="a", on_fault=faults.append)
    feed.look(clock.now + 4)
    assert not faults
    feed.look(clock.now + 6)
    feed.look(clock.now + 7)
    assert [fault.reason for fault in faults] == [Reason.TOO_LONG]


async def test_silence_ends_a_call_but_not_while_it_is_paused(door: Door, clock: Clock) -> None:
    faults: list[GatewayError] = []
    calls = calls_of(door, idle_s=10.0)
    feed = calls.open(STARTED, source="a", on_fault=faults.append)
    speak(feed, clock, 1)
    feed.take(Paused(8_000))
    feed.look(clock.now + 11)
    assert not faults
    clock.now += 60
    feed.take(Resumed(8_000))
    feed.look(clock.now + 9)
    assert not faults
    feed.look(clock.now + 11)
    assert [fault.reason for fault in faults] == [Reason.SILENT]
    assert not await feed.end(Ended(complete=False))
    assert door.calls[0].complete is False


@pytest.mark.parametrize("counts_on", [False, True])
async def test_a_pause_lasts_as_long_as_it_was(
    door: Door, clock: Clock, *, counts_on: bool
) -> None:
    feed = calls_of(door).open(STARTED, source="a")
    speak(feed, clock, 2)
    feed.take(Paused(16_000))
    clock.now += 30
    feed.take(Resumed(16_000))
    first = 16_000 + (240_000 if counts_on else 0)
    for start in range(first, first + 16_000, 160):
        clock.now += 0.02
        feed.take(Audio(0, start, bytes(160)))
        feed.take(Audio(1, start, bytes(160)))
    assert await feed.end(Ended())
    chunks = door.calls[0].chunks
    after = [one for one in chunks if one.paused]
    assert len(after) == 1
    pause = after[0].start - 16_000
    assert abs(pause - 240_000) <= 320, "30 s, whatever the platform counts"
    assert chunks[-1].start + chunks[-1].samples == after[0].start + 16_000


async def test_a_loss_is_a_gap(door: Door, clock: Clock) -> None:
    feed = calls_of(door).open(STARTED, source="a")
    speak(feed, clock, 1)
    feed.take(Lost(8_000, 4_000))
    clock.now += 2
    feed.take(Audio(0, 12_000, bytes(8_000)))
    feed.take(Audio(1, 12_000, bytes(8_000)))
    assert await feed.end(Ended())
    assert [(one.start, one.paused) for one in door.calls[0].chunks] == [
        (0, False), (12_000, False),
    ]  # fmt: skip


async def test_what_changes_rides_on_later_chunks(door: Door, clock: Clock) -> None:
    calls = calls_of(door)
    feed = calls.open(STARTED, source="twilio")
    speak(feed, clock, 1)
    feed.take(KeyPressed(0, 8_000, withdraws=True))
    feed.take(KeyPressed(0, 8_000, withdraws=True))
    feed.take(Updated(language="es"))
    speak(feed, clock, 5, first=1)
    await feed.end(Ended())
    first, second, *_, last = door.calls[0].chunks
    assert (first.header.stated, first.header.language) == (b"", "")
    assert (second.header.stated, second.header.language) == (b"", "es"), "it may not stand alone"
    assert json.loads(last.header.stated) == {
        "evidence": [{"kind": "key", "party": "customer", "answer": "withdrawn", "at_ms": 1_000}]
    }
    assert value(calls, "keys_total", gateway="twilio") == 2


async def test_a_statement_that_is_none_is_refused(door: Door) -> None:
    feed = calls_of(door).open(STARTED, source="a")
    with pytest.raises(GatewayError) as caught:
        feed.take(Updated(stated=b"[1]"))
    assert caught.value.reason is Reason.BAD_FRAME


async def test_a_broker_without_room_ends_the_call(
    door: Door, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def later(_seconds: float) -> None:
        clock.now += 1

    monkeypatch.setattr(call_feed.asyncio, "sleep", later)
    calls = calls_of(door, broker_s=20.0)
    feed = calls.open(STARTED, source="a")
    door.away = True
    with pytest.raises(GatewayError) as caught:
        speak(feed, clock, 1)
    assert caught.value.reason is Reason.BROKER
    assert not await feed.end(Ended(complete=False))
    assert len(calls) == 0
    assert value(calls, "calls_total", gateway="a", outcome="incomplete") == 1


async def test_a_lost_record_is_told_although_nothing_comes(door: Door, clock: Clock) -> None:
    faults: list[GatewayError] = []
    feed = calls_of(door).open(STARTED, source="a", on_fault=faults.append)
    speak(feed, clock, 1)
    door.calls[0].failed = "_MSG_TIMED_OUT"
    feed.look(clock.now)
    feed.look(clock.now)
    assert [fault.reason for fault in faults] == [Reason.BROKER]
    assert not await feed.end(Ended())
    assert door.calls[0].complete is False


async def test_a_broken_call_leaves_the_others_alone(door: Door, clock: Clock) -> None:
    calls = calls_of(door)
    good = calls.open(STARTED, source="a")
    bad = calls.open(STARTED, source="a")
    with pytest.raises(GatewayError):
        bad.take(Audio(7, 0, b"\x00"))
    speak(good, clock, 2)
    assert not await bad.end(Ended())
    assert await good.end(Ended())
    assert [call.complete for call in door.calls] == [True, False]


async def test_all_calls_are_told_that_the_process_ends(door: Door) -> None:
    faults: list[GatewayError] = []
    calls = calls_of(door)
    feeds = [calls.open(STARTED, source="a", on_fault=faults.append) for _ in range(3)]
    calls.stop()
    assert [fault.reason for fault in faults] == [Reason.TOO_MANY] * 3
    assert not await calls.ended(0.01)
    for feed in feeds:
        await feed.end(Ended(complete=False))
    assert await calls.ended(0.01)
    with pytest.raises(GatewayError, match="about to end") as caught:
        calls.open(STARTED, source="a")
    assert caught.value.reason is Reason.TOO_MANY
    assert len(door.calls) == 3


async def test_any_samples_come_out_as_they_went_in(door: Door, clock: Clock) -> None:
    pcm = np.random.default_rng(1).integers(-(2**15), 2**15, (24_000, 2), dtype=np.int16)
    feed = calls_of(door).open(Started("x", Codec.L16, 8_000, ("inbound", "outbound")), source="a")
    clock.now += 3
    data = pcm.astype("<i2").tobytes()
    for start in range(0, 24_000, 997):
        feed.take(Audio(-1, start, data[start * 4 : (start + 997) * 4]))
    assert await feed.end(Ended())
    assert door.calls[0].audio == data


def _second(feed: CallFeed, start: int) -> None:
    """A second of both tracks at once."""
    for channel in (0, 1):
        feed.take(Audio(channel, start, b"\x01" * 8_000))


def _told(door: Door) -> list[tuple[float, float, bool, bool]]:
    """Chunks of the latest call: begin and end in seconds, paused, blank."""
    return [
        (one.start / 8_000, (one.start + one.samples) / 8_000, one.paused, one.blank)
        for one in door.calls[-1].chunks
    ]


async def test_a_pause_is_told_while_it_lasts(door: Door, clock: Clock) -> None:
    feed = calls_of(door).open(STARTED, source="audiohook")
    speak(feed, clock, 1)
    feed.take(Paused(8_000))
    for _ in range(2 * 4_000):
        clock.now += 0.5
        feed.look(clock.now)
    told = [end for _, end, paused, blank in _told(door) if paused and blank]
    assert len(told) == 66, "one a minute, of more than an hour"
    assert told[0] == pytest.approx(61.5, abs=0.6)
    feed.take(Resumed(8_000))
    _second(feed, 8_000)
    assert await feed.end(Ended())
    start, end, paused, blank = _told(door)[-1]
    assert (paused, blank, end - start) == (True, False, 1.0)
    assert start == pytest.approx(4_001, abs=0.01)


@pytest.mark.parametrize("complete", [True, False])
async def test_a_pause_at_the_end_is_told(door: Door, clock: Clock, *, complete: bool) -> None:
    feed = calls_of(door).open(STARTED, source="audiohook")
    speak(feed, clock, 1)
    feed.take(Paused(8_000))
    clock.now = 131.0
    assert await feed.end(Ended(complete)) is complete
    start, end, paused, blank = _told(door)[-1]
    assert (start, end) == pytest.approx((31.01, 31.02))
    assert (paused, blank) == (True, True)


async def test_a_loss_at_the_end_is_told(door: Door, clock: Clock) -> None:
    for lost, ended in ((Lost(8_000, 80_000), Ended()), (None, Ended(at=88_000))):
        clock.now = 100.0
        feed = calls_of(door).open(STARTED, source="audiohook")
        speak(feed, clock, 1)
        clock.now = 111.0
        if lost is not None:
            feed.take(lost)
        assert await feed.end(ended)
        assert _told(door) == [(0, 1, False, False), (10.99, 11.0, False, True)]


async def test_pauses_without_audio_between_them_add_up(door: Door, clock: Clock) -> None:
    feed = calls_of(door).open(STARTED, source="audiohook")
    speak(feed, clock, 1)
    for _ in range(2):
        feed.take(Paused(8_000))
        clock.now += 10
        feed.take(Resumed(8_000))
    _second(feed, 8_000)
    assert await feed.end(Ended())
    assert _told(door)[-1][0] == pytest.approx(21.0, abs=0.05)


@pytest.mark.parametrize("speed", [0.5, 2.0])
async def test_audio_of_another_rate_is_refused(door: Door, clock: Clock, speed: float) -> None:
    feed = calls_of(door).open(
        Started("x", Codec.L16, 16_000, ("audio",), timed=False), source="audiosocket"
    )
    size = round(320 * speed)

    def speak() -> None:
        for frame in range(50 * 10):
            clock.now += 0.02
            feed.take(Audio(0, frame * size, bytes(2 * size)))

    with pytest.raises(GatewayError, match="another rate") as caught:
        speak()
    assert caught.value.reason is Reason.BAD_AUDIO
    assert clock.now - 100 < 5
    assert not await feed.end(Ended())


async def test_a_call_of_minutes_that_says_no_time_is_complete(door: Door, clock: Clock) -> None:
    feed = calls_of(door).open(
        Started("x", Codec.L16, 8_000, ("audio",), timed=False), source="audiosocket"
    )
    for frame in range(50 * 120):
        clock.now += 0.02
        feed.take(Audio(0, frame * 160, bytes(320)))
    assert await feed.end(Ended())


async def test_a_call_that_lasts_longer_than_its_audio_is_incomplete(
    door: Door, clock: Clock
) -> None:
    feed = calls_of(door).open(
        Started("x", Codec.L16, 8_000, ("audio",), timed=False), source="audiosocket"
    )
    for frame in range(50 * 20):
        clock.now += 0.02
        feed.take(Audio(0, frame * 160, bytes(320)))
    clock.now += 30
    assert not await feed.end(Ended())
    assert door.calls[0].complete is False


async def test_a_call_is_forgotten_whatever_happens(
    door: Door, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = calls_of(door)
    feed = calls.open(STARTED, source="a")

    def fails(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(door.calls[0], "end", fails)
    with pytest.raises(ZeroDivisionError):
        await feed.end(Ended())
    assert len(calls) == 0
    assert await calls.ended(0.01)
