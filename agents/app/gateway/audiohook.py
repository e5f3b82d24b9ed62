"""Genesys AudioHook: signed WebSocket requests in, calls on the broker.

Outcomes: 401 and no WebSocket for a request that is not signed as the vendor documents; a session
from open to closed otherwise. ``closed`` is said when the broker has all of a call; whatever goes
wrong ends in the protocol's ``disconnect``, and the call is incomplete. A probe begins no call.

The server gives each connection its place (``limits``) and calls ``AudioHook`` as its handler.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web

from agents.app.gateway.call_feed import CallFeed, Calls
from agents.app.gateway.entrance import answer_to, place_of
from agents.app.gateway.limits import Limits
from agents.system.clock import epoch_seconds
from agents.system.logging import get_logger
from agents.system.private_files import read_secret_file
from pipeline.gateways.audiohook.connection import LARGEST_AUDIO, AudioHookConnection, State
from pipeline.gateways.events import Ended, Event, GatewayError, Reason, Started
from pipeline.gateways.http_signatures import Secrets, SignatureVerifier, read_secrets
from pipeline.gateways.lone_keys import NO_KEYS, ConsentKeys

NAME: Final = "audiohook"
"""Of this gateway, in metrics and logs."""
LONGEST_PROBE_S: Final = 60.0
"""A connection probe that takes longer is none."""
CLOSE_S: Final = 5.0
"""How long a client may take to close a session that we ended."""
SILENT_S: Final = 30.0
"""A client says something every five seconds; one that is silent for this long is gone."""
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GONE: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})

log = get_logger("gateway")


@dataclass(frozen=True, slots=True)
class AudioHookRules:
    """What holds for all sessions; times in seconds."""

    url: str = ""
    """Under which address the platform connects, where it is not the one that is asked for here."""
    first_s: float = 10.0
    """How long the first message may take."""
    silent_s: float = SILENT_S
    close_s: float = CLOSE_S
    keys: ConsentKeys = NO_KEYS
    """By which a caller agrees or withdraws consent."""
    languages: tuple[str, ...] = ()
    """That are named to a platform that asks, such as ``en-US``."""


def secrets_of(path: Path) -> Secrets:
    """Client secrets of a file that not everybody may read, by API key.

    Raises:
        SettingsError: it can't be read, everybody may read it, or it is not of the form that
            ``pipeline.gateways.http_signatures`` reads.
    """
    return read_secret_file("secrets of AudioHook", path, read_secrets)


class AudioHook:
    """The handler of the endpoint.

    Args:
        calls: where calls begin.
        limits: where refusals are counted.
        secrets: by API key; without one there is no endpoint.
        rules: what holds for all sessions.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        calls: Calls,
        limits: Limits,
        secrets: Secrets,
        rules: AudioHookRules,
        *,
        clock: Callable[[], float] = epoch_seconds,
    ) -> None:
        self._calls, self._limits, self._rules, self._clock = calls, limits, rules, clock
        self._verifier = SignatureVerifier(secrets)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Serve one session, to its end."""
        socket = web.WebSocketResponse(
            max_msg_size=2 * LARGEST_AUDIO, compress=False, timeout=self._rules.close_s
        )
        if not socket.can_prepare(request):
            return web.Response(status=HTTPStatus.UPGRADE_REQUIRED, text="a WebSocket is asked for")
        try:
            connection = self._connection(request)
            place_of(request).prove()
        except GatewayError as error:
            self._limits.refused(NAME, error)
            return answer_to(error)
        await socket.prepare(request)
        session = _Session(self._calls, self._limits, self._rules, connection, socket)
        try:
            await session.serve()
        finally:
            await session.leave()
        return socket

    def _connection(self, request: web.Request) -> AudioHookConnection:
        """The session that a signed request asks for.

        Raises:
            GatewayError: the request may not be answered.
        """
        headers = {
            name.lower(): ", ".join(value.strip() for value in request.headers.getall(name))
            for name in request.headers
        }
        target, authority = request.raw_path, request.host
        if self._rules.url:
            url = urlsplit(self._rules.url)
            target, authority = url.path.rstrip("/") + target, url.netloc
        self._verifier.verify(target, authority.lower(), headers, self._clock())
        session = headers["audiohook-session-id"]
        if not _UUID.fullmatch(session):
            raise GatewayError(Reason.BAD_FRAME, "audiohook-session-id is no UUID")
        return AudioHookConnection(
            session_id=session,
            organization_id=headers["audiohook-organization-id"],
            languages=self._rules.languages,
            keys=self._rules.keys,
        )


class _Session:
    """One WebSocket and the call that it brings."""

    def __init__(
        self,
        calls: Calls,
        limits: Limits,
        rules: AudioHookRules,
        connection: AudioHookConnection,
        socket: web.WebSocketResponse,
    ) -> None:
        self._calls, self._limits, self._rules = calls, limits, rules
        self._connection, self._socket = connection, socket
        self._feed: CallFeed | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._deadline = self._began + rules.first_s
        self._limit: asyncio.Timeout | None = None
        self._farewell: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Take frames until the session is over."""
        while True:
            deadline = self._deadline
            try:
                async with asyncio.timeout_at(deadline) as self._limit:
                    ended = await self._until_ended()
            except TimeoutError:
                if self._deadline > deadline:
                    continue  # something came meanwhile
                if self._connection.state in {State.REFUSED, State.CLOSED}:
                    return
                self.stop(GatewayError(Reason.SILENT, "nothing came for too long"))
                continue
            if ended is not None:
                await self._end(ended)
            return

    async def leave(self) -> None:
        """Whatever happened, the call ends and the WebSocket closes."""
        if self._feed is not None:
            await self._feed.end(Ended(complete=False))
        over = self._connection.state is State.CLOSED
        code = WSCloseCode.OK if over else WSCloseCode.INTERNAL_ERROR
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(self._rules.close_s):
                if self._farewell is not None:
                    await self._farewell
                await self._socket.close(code=code)

    def stop(self, error: GatewayError) -> None:
        """Tell the client that the call can't go on, while nothing comes from it."""
        replies = self._refuse(error)
        if replies and self._farewell is None:
            self._farewell = self._loop.create_task(self._say(replies))

    async def _until_ended(self) -> Ended | None:
        """Take frames; returns when the client closed its session or its connection."""
        while True:
            message = await self._socket.receive()
            if message.type in _GONE:
                self._gone(message)
                return None
            if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                try:
                    ended = await self._take(message.data)  # str, or bytes
                except GatewayError as error:
                    await self._say(self._refuse(error))
                    continue
                if ended is not None:
                    return ended
                self._heard()

    async def _take(self, data: str | bytes) -> Ended | None:
        connection = self._connection
        events, replies = connection.feed(data)
        for event in events:
            if isinstance(event, Ended):
                return event
            await self._pass_on(event)
        await self._say(replies)
        if connection.state is State.CLOSED:
            if connection.is_probe:
                self._calls.metrics.probes.labels(NAME).inc()
            self._hurry()
        return None

    async def _pass_on(self, event: Event) -> None:
        if isinstance(event, Started):
            self._feed = self._calls.open(event, source=NAME, on_fault=self.stop)
            await self._say(self._connection.accept())
        elif self._feed is not None:
            self._feed.take(event)

    async def _end(self, ended: Ended) -> None:
        """``closed`` is said when the broker has all; then the client closes the connection."""
        arrived = self._feed is not None and await self._feed.end(ended)
        if ended.complete and not arrived:
            self._limits.refused(NAME, GatewayError(Reason.BROKER, "not all of a call arrived"))
            self._connection.refuse(Reason.BROKER)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._rules.close_s):
                await self._say(self._connection.finish())
                while (await self._socket.receive()).type not in _GONE:
                    pass

    def _heard(self) -> None:
        """The client lives, so it may go on; not where it was refused or only tries."""
        now, connection = self._loop.time(), self._connection
        if connection.state in {State.ACTIVE, State.PAUSED}:
            self._deadline = now + self._rules.silent_s
            if connection.is_probe:
                self._deadline = min(self._deadline, self._began + LONGEST_PROBE_S)

    def _refuse(self, error: GatewayError) -> list[str]:
        if self._connection.state in {State.REFUSED, State.CLOSED}:
            return []
        self._limits.refused(NAME, error)
        self._hurry()
        return self._connection.refuse(error.reason)

    def _hurry(self) -> None:
        """All is said: the client gets some time to close, and no more."""
        self._deadline = self._loop.time() + self._rules.close_s
        if self._limit is not None:
            with suppress(RuntimeError):  # it is over, and the next one is not there yet
                self._limit.reschedule(self._deadline)

    def _gone(self, message: WSMessage) -> None:
        """The connection is closed; a frame that is none was the reason, perhaps."""
        if isinstance(message.data, WebSocketError):
            large = message.data.code == WSCloseCode.MESSAGE_TOO_BIG
            reason = Reason.TOO_LARGE if large else Reason.BAD_FRAME
            self._limits.refused(NAME, GatewayError(reason, "no frame of a WebSocket"))

    async def _say(self, replies: list[str]) -> None:
        with suppress(ConnectionError):
            for reply in replies:
                await self._socket.send_str(reply)
