"""A door that keeps what is sent to it, for tests of gateways without a broker."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from aiohttp import web

from agents.app.gateway.endpoints import Handler
from agents.app.gateway.entrance import keep_place
from agents.app.gateway.limits import Limits
from agents.kafka.call_sender import CallSender
from pipeline.errors import BrokerError, RecordError
from pipeline.gateways.door.model import CallHeader


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
