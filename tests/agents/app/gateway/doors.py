"""A door that keeps what is sent to it, for tests of gateways without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from agents.app.gateway import call_feed
from agents.app.gateway.call_feed import CallFeed, Calls, FeedRules
from agents.app.gateway.endpoints import Handler
from agents.app.gateway.entrance import keep_place
from agents.app.gateway.limits import Limits
from agents.kafka.call_sender import CallSender
from agents.system.metrics import GatewayMetrics
from pipeline.errors import BrokerError, RecordError
from pipeline.gateways.door.model import CallHeader
from pipeline.gateways.events import Audio, Codec, Started
from pipeline.records.model import Role
from tests.waiting import HANG_S


def application(limits: Limits) -> web.Application:
    """One whose requests have a place, as the server's have."""

    @web.middleware
    async def entered(request: web.Request, handler: Handler) -> web.StreamResponse:
        keep_place(request, limits.arrive(request.remote))
        return await handler(request)

    return web.Application(middlewares=[entered])


@dataclass(frozen=True)
class Sent:
    """A chunk."""

    header: CallHeader
    audio: bytes
    samples: int
    start: int
    paused: bool
    blank: bool


@dataclass
class OneCall:
    """What was sent of one call."""

    door: Door
    header: CallHeader
    chunks: list[Sent] = field(default_factory=list)
    complete: bool | None = None
    failed: str | None = None

    @property
    def audio(self) -> bytes:
        return b"".join(chunk.audio for chunk in self.chunks)

    def tell(self, header: CallHeader) -> None:
        if not header.continues(self.header):
            raise RecordError("another call")
        self.header = header

    def send(self, audio: bytes, samples: int, *, start: int, paused: bool, blank: bool) -> None:
        if self.door.away:
            raise BrokerError("no room")
        assert not self.chunks or start >= self.chunks[-1].start + self.chunks[-1].samples
        assert len(audio) == self.header.frame * samples
        self.chunks.append(Sent(self.header, audio, samples, start, paused, blank))

    def end(self, *, complete: bool) -> None:
        if self.door.away:
            raise BrokerError("no room")
        assert self.complete is None
        self.complete = complete

    def acknowledged(self) -> Future[None]:
        future: Future[None] = Future()
        if self.failed is None:
            future.set_result(None)
        else:
            future.set_exception(BrokerError(self.failed))
        return future


class Door(CallSender):
    """Takes calls as a sender does; ``away``: as one whose broker takes nothing."""

    def __init__(self) -> None:
        self.calls: list[OneCall] = []
        self.away = False

    def open(self, header: CallHeader, *, most_bytes: int | None = None) -> OneCall:  # type: ignore[override]
        self.calls.append(OneCall(self, header))
        return self.calls[-1]


STARTED = Started("CA-49 170 1234567", Codec.PCMU, 8_000, ("inbound", "outbound"))
ROLES = {"inbound": Role.CUSTOMER, "outbound": Role.AGENT}


class Clock:
    """Seconds that go on when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(call_feed, "monotonic", lambda: self.now)


def calls_of(door: Door, **rules: float) -> Calls:
    """Calls that go to a door."""
    return Calls(door, FeedRules(roles=ROLES, **rules), GatewayMetrics())  # type: ignore[arg-type]


def speak(feed: CallFeed, clock: Clock, seconds: int, *, first: int = 0) -> None:
    """Both tracks in frames of 20 ms, as time goes on."""
    for start in range(first * 8_000, (first + seconds) * 8_000, 160):
        clock.now = max(clock.now, 100.0 + start / 8_000)
        feed.take(Audio(0, start, b"\x01" * 160))
        feed.take(Audio(1, start, b"\x02" * 160))


def value(calls: Calls, name: str, **labels: str) -> float:
    """A counter's."""
    return calls.metrics.registry.get_sample_value(f"hushwire_gateway_{name}", labels) or 0.0


async def until(holds: Callable[[], object], within_s: float = HANG_S) -> None:
    """Wait for what a server does."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)
