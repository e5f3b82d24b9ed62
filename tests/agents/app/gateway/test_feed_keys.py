"""Keys that say something of consent, and when they count."""

from __future__ import annotations

import json

import pytest

from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    GatewayError,
    KeyPressed,
    Started,
    Updated,
)
from tests.agents.app.gateway.doors import STARTED, Clock, Door, calls_of, speak, value

pytestmark = pytest.mark.unit


def _stated(door: Door) -> list[str]:
    """What keys said, at the end of the latest call."""
    said = json.loads(door.calls[-1].header.stated or b"{}")
    return [f"{one['party']} {one['answer']}" for one in said.get("evidence", [])]


async def test_a_withdrawal_counts_although_its_call_breaks(door: Door, clock: Clock) -> None:
    calls = calls_of(door)
    feed = calls.open(STARTED, source="a")
    speak(feed, clock, 1)
    feed.take(KeyPressed(0, 8_000, withdraws=True))
    with pytest.raises(GatewayError):
        feed.take(Audio(7, 0, b"\x00"))
    assert not await feed.end(Ended(complete=False))
    assert _stated(door) == ["customer withdrawn"]

    feed = calls.open(STARTED, source="a")
    with pytest.raises(GatewayError):
        feed.take(Audio(7, 0, b"\x00"))
    feed.take(KeyPressed(0, 0, withdraws=True))
    feed.take(Updated(language="es"))
    assert not await feed.end(Ended())
    assert _stated(door) == ["customer withdrawn"]
    assert (door.calls[-1].header.language, door.calls[-1].complete) == ("es", False)


@pytest.mark.parametrize("complete", [True, False])
async def test_who_agrees_in_a_call_that_breaks_may_have_gone_on(
    door: Door, clock: Clock, *, complete: bool
) -> None:
    feed = calls_of(door).open(STARTED, source="a")
    speak(feed, clock, 1)
    feed.take(KeyPressed(0, 8_000, agrees=True))
    await feed.end(Ended(complete))
    assert _stated(door) == ["customer yes"] * complete


async def test_a_key_among_others_says_nothing(door: Door, clock: Clock) -> None:
    calls = calls_of(door)
    feed = calls.open(STARTED, source="a")
    for _ in range(4):
        feed.take(KeyPressed(0, 8_000))
    feed.take(KeyPressed(0, 8_000, withdraws=True))
    await feed.end(Ended())
    assert _stated(door) == []
    assert value(calls, "keys_total", gateway="a") == 5


@pytest.mark.parametrize(("at", "track"), [(70, "inbound"), (10, "x")])
async def test_to_agree_it_has_to_be_asked_for(
    door: Door, clock: Clock, at: int, track: str
) -> None:
    feed = calls_of(door, agree_s=60.0).open(
        Started("x", Codec.PCMU, 8_000, (track,)), source="audiosocket"
    )
    feed.take(KeyPressed(0, at * 8_000, agrees=True))
    await feed.end(Ended())
    assert _stated(door) == []
