"""Twilio Media Streams and Telnyx media streaming: WebSockets in, calls on the broker.

Outcomes: 401 and no WebSocket for a request that proves nothing; otherwise a stream to its end.
``stop`` makes a call complete; whatever else ends it leaves it incomplete. Neither platform has an
error of its own, so a stream that is refused is closed with a WebSocket code and one word.

The server gives each connection its place (``limits``) and calls ``Streams`` as its handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from agents.app.gateway.call_feed import CallFeed, Calls
from agents.app.gateway.entrance import answer_to, place_of
from agents.app.gateway.limits import Limits, Place
from agents.app.gateway.twilio_access import Proven, StreamAccess
from agents.system.sockets.serving import is_loopback
from pipeline.gateways.events import Ended, Event, GatewayError, Reason, Started
from pipeline.gateways.lone_keys import NO_KEYS, ConsentKeys
from pipeline.gateways.twilio.connection import MOST_FRAME, TwilioConnection
from pipeline.gateways.twilio.frames import Shape
from pipeline.records.model import Role

_CODES: Final = {
    Reason.TOO_LARGE: WSCloseCode.MESSAGE_TOO_BIG,
    Reason.BAD_FRAME: WSCloseCode.INVALID_TEXT,
    Reason.BAD_AUDIO: WSCloseCode.INVALID_TEXT,
    Reason.UNSUPPORTED: WSCloseCode.UNSUPPORTED_DATA,
    Reason.TOO_MANY: WSCloseCode.TRY_AGAIN_LATER,
    Reason.BROKER: WSCloseCode.TRY_AGAIN_LATER,
}
"""Of a stream that is ended; other reasons: a policy's."""
_GONE: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED})


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What holds for all streams of an endpoint; times in seconds."""

    roles: Mapping[str, Role]
    """Who speaks on a track, by its name; others are mixed."""
    first_s: float = 10.0
    """How long ``start`` may take."""
    close_s: float = 5.0
    """How long a platform may take to answer that its stream is closed."""
    keys: ConsentKeys = NO_KEYS
    """By which a caller agrees or withdraws consent."""
    big_endian: bool | None = None
    """Byte order of linear audio; None: the platform's own."""
    most: int = MOST_FRAME
    """Longest frame that is taken, in bytes."""


class Streams:
    """The handler of an endpoint.

    Args:
        calls: where calls begin.
        limits: where refusals are counted.
        access: decides on streams; None: every stream is taken that comes from this machine, and
            no other one.
        shape: the platform's: ``TWILIO`` or ``TELNYX``.
        rules: what holds for all streams.
    """

    def __init__(
        self,
        calls: Calls,
        limits: Limits,
        access: StreamAccess | None,
        shape: Shape,
        rules: StreamRules,
    ) -> None:
        self._calls, self._limits, self._access = calls, limits, access
        self._shape, self._rules = shape, rules

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Serve one stream, to its end."""
        socket = web.WebSocketResponse(
            max_msg_size=self._rules.most,
            compress=False,
            timeout=self._rules.close_s,
            decode_text=False,
        )
        if not socket.can_prepare(request):
            return web.Response(status=HTTPStatus.UPGRADE_REQUIRED, text="a WebSocket is asked for")
        try:
            place, proven = place_of(request), self._proven(request)
            if proven is None:
                place.prove()
        except GatewayError as error:
            self._limits.refused(self._shape.source, error)
            return answer_to(error)
        await socket.prepare(request)
        rules = self._rules
        connection = TwilioConnection(
            self._shape,
            roles=rules.roles,
            proven=proven,
            keys=rules.keys,
            big_endian=rules.big_endian,
            most=rules.most,
        )
        source = self._shape.source
        stream = _Stream(self._calls, self._limits, place, source, rules, connection, socket)
        try:
            await stream.serve()
        finally:
            await stream.leave()
        return socket

    def _proven(self, request: web.Request) -> Proven | None:
        if self._access is not None:
            return self._access.handshake(request.host, request.raw_path, request.headers)
        if not is_loopback(request.remote or ""):
            raise GatewayError(
                Reason.UNAUTHORISED,
                "without secrets, streams of this machine alone are taken",
                ours=True,
            )
        return None


class _Stream:
    """One WebSocket and the call that it brings."""

    def __init__(
        self,
        calls: Calls,
        limits: Limits,
        place: Place,
        source: str,
        rules: StreamRules,
        connection: TwilioConnection,
        socket: web.WebSocketResponse,
    ) -> None:
        self._calls, self._limits, self._source, self._rules = calls, limits, source, rules
        self._place = place
        self._connection, self._socket = connection, socket
        self._feed: CallFeed | None = None
        self._closing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Take frames until the stream is over."""
        try:
            try:
                async with asyncio.timeout(self._rules.first_s):
                    ended = await self._until(begun=True)
            except TimeoutError:
                raise GatewayError(
                    Reason.SILENT, f"no start within {self._rules.first_s:.0f} s"
                ) from None
            await self._end(ended or await self._until(begun=False))
        except GatewayError as error:
            self._refuse(error)

    async def leave(self) -> None:
        """Whatever happened, the call ends and the WebSocket closes."""
        if self._feed is not None:
            await self._feed.end(Ended(complete=False))
        if self._closing is not None:
            await self._closing
        await self._close(WSCloseCode.OK if self._connection.over else WSCloseCode.GOING_AWAY, "")

    async def _until(self, *, begun: bool) -> Ended | None:
        """Take frames until the call has begun (``begun``), or until it is over.

        Raises:
            GatewayError: the stream can't go on.
        """
        receive, feed_bytes = self._socket.receive, self._connection.feed
        while True:
            message = await receive()
            if message.type is WSMsgType.TEXT:
                data = message.data or b" "  # an empty text is no end
            else:
                data = self._no_text(message)
            events, _ = feed_bytes(data)
            for event in events:
                if isinstance(event, Ended):
                    return event
                await self._pass_on(event)
            if not data:
                return Ended(complete=False)
            if begun and self._feed is not None:
                return None

    async def _pass_on(self, event: Event) -> None:
        if self._feed is not None:
            self._feed.take(event)
        elif isinstance(event, Started):
            self._place.prove()
            self._feed = self._calls.open(event, source=self._source, on_fault=self._refuse)

    async def _end(self, ended: Ended | None) -> None:
        if self._feed is None or ended is None:
            return
        arrived = await self._feed.end(ended)
        if ended.complete and not arrived:
            raise GatewayError(Reason.BROKER, "not all of a call arrived")

    def _no_text(self, message: WSMessage) -> bytes:
        """Nothing, for a connection that is closed.

        Raises:
            GatewayError: a frame that is no text.
        """
        if message.type in _GONE:
            if self._socket.close_code == WSCloseCode.MESSAGE_TOO_BIG:
                raise _too_large()
            return b""
        if message.type is WSMsgType.ERROR:
            error = message.data
            if isinstance(error, WebSocketError) and error.code == WSCloseCode.MESSAGE_TOO_BIG:
                raise _too_large()
            if not isinstance(error, WebSocketError):
                return b""
        raise GatewayError(Reason.BAD_FRAME, "a frame that is no text; streams are JSON texts")

    def _refuse(self, error: GatewayError) -> None:
        """The stream can't go on; also told by the feed, while nothing comes."""
        if self._closing is not None:
            return
        self._limits.refused(self._source, error)
        code = _CODES.get(error.reason, WSCloseCode.POLICY_VIOLATION)
        self._closing = asyncio.get_running_loop().create_task(
            self._close(code, error.reason.value)
        )

    async def _close(self, code: WSCloseCode, word: str) -> None:
        if not self._socket.closed:
            with suppress(ConnectionError, TimeoutError, RuntimeError):
                await self._socket.close(code=code, message=word.encode())


def _too_large() -> GatewayError:
    return GatewayError(Reason.TOO_LARGE, "a frame that is longer than one may be")
