"""Where connections come in: each has its place before TLS, and a time until its request is whole.

aiohttp takes every connection and waits for the head of its request as long as it takes. Here a
connection is asked for its address first; what may not come in is closed before any byte is read.

Outcomes: ``place_of`` a request once it is there; otherwise the connection is cut and counted.
Whatever ends a connection, in TLS or later, frees its place at once.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web

from agents.app.gateway.addresses import Networks, among
from agents.app.gateway.limits import Limits, Place
from pipeline.gateways.events import GatewayError, Reason

NAME: Final = "http"
"""In metrics: of connections that never said which gateway they want."""
_PLACE: Final = web.RequestKey("place", Place)
_STATUS: Final = {
    Reason.UNAUTHORISED: HTTPStatus.UNAUTHORIZED,
    Reason.REPLAYED: HTTPStatus.UNAUTHORIZED,
    Reason.TOO_MANY: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Of a request that is refused; other reasons: 400."""
_FULL_S: Final = 1.0
"""Rest while the machine has no room for a further connection."""


def place_of(request: web.Request) -> Place:
    """The place of a request's connection, for whoever finds out that its peer is proven."""
    return request[_PLACE]


def answer_to(error: GatewayError) -> web.Response:
    """The answer to a request that is refused; it says why by one word."""
    status = _STATUS.get(error.reason, HTTPStatus.BAD_REQUEST)
    return web.Response(status=status, text=error.reason.value)


def keep_place(request: web.Request, place: Place) -> None:
    """Note it for ``place_of``."""
    request[_PLACE] = place


class Entrance:
    """Takes the connections of one listening socket.

    Args:
        server: aiohttp's own maker of protocols.
        limits: gives places, and counts refusals.
        first_s: how long TLS may take, and then a request.
        context: of TLS; None: in clear.
        proxies: what brings connections of others. In clear they alone may connect, where there
            are any.
    """

    def __init__(
        self,
        server: web.Server,
        limits: Limits,
        *,
        first_s: float,
        context: ssl.SSLContext | None,
        proxies: Networks,
    ) -> None:
        self._server, self._limits, self._first_s = server, limits, first_s
        self._context, self._proxies = context, proxies
        self._lines: dict[asyncio.BaseProtocol, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, listening: socket.socket) -> None:
        """Take connections until cancelled; what is still in TLS then is closed."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)  # noqa: FBT003 - its only argument
        try:
            while True:
                try:
                    made, address = await loop.sock_accept(listening)
                except ConnectionError:
                    continue
                except OSError:
                    # No room for a further file: those that wait go on waiting.
                    self._refused(GatewayError(Reason.TOO_MANY, "no room for a connection"))
                    await asyncio.sleep(_FULL_S)
                    continue
                self._let_in(made, str(address[0]))
                await asyncio.sleep(0)  # a flood is not to keep calls from their turn
        finally:
            for task in list(self._tasks):
                task.cancel()
            listening.close()

    def heard(self, request: web.Request) -> Place:
        """A request is there, and may go on; its place, also for ``place_of``.

        Raises:
            GatewayError: its connection is one of those that were given up.
        """
        line = self._lines.get(request.protocol)
        if line is None:
            raise GatewayError(Reason.SILENT, "its connection is gone")
        line.heard()
        keep_place(request, line.place)
        return line.place

    def _let_in(self, made: socket.socket, address: str) -> None:
        try:
            proxy = among(address, self._proxies)
            if self._context is None and self._proxies and not proxy:
                raise GatewayError(  # noqa: TRY301 - told in one place
                    Reason.UNAUTHORISED, "in clear, and from none of gateway_proxies", ours=True
                )
            place = self._limits.arrive(None if proxy else address)
        except GatewayError as error:
            made.close()
            self._refused(error)
            return
        task = asyncio.get_running_loop().create_task(self._connect(made, place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, made: socket.socket, place: Place) -> None:
        first_s = None if self._context is None else self._first_s
        connected = False
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Line(self, self._server(), place, self._first_s),
                made,
                ssl=self._context,
                ssl_handshake_timeout=first_s,
                ssl_shutdown_timeout=first_s,
            )
            connected = True
        except OSError:  # TLS that fails or takes too long
            self._refused(GatewayError(Reason.SILENT, "no TLS came"))
        finally:
            if not connected:
                place.leave()

    def _refused(self, error: GatewayError) -> None:
        self._limits.refused(NAME, error)


class _Line(asyncio.Protocol):
    """aiohttp's protocol of a connection, and when it is there and gone."""

    def __init__(
        self, entrance: Entrance, handler: web.RequestHandler, place: Place, first_s: float
    ) -> None:
        self.place = place
        self._entrance, self._handler, self._first_s = entrance, handler, first_s
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def heard(self) -> None:
        """A request is there."""
        if self._timer is not None:
            self._timer.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        self._entrance._lines[self._handler] = self  # noqa: SLF001 - a part of it
        self._timer = asyncio.get_running_loop().call_later(self._first_s, self._too_slow)
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on that no more comes."""
        self._handler.eof_received()
        return None

    def connection_lost(self, error: BaseException | None) -> None:
        """Whatever happened, the place is free."""
        self.heard()
        self.place.leave()
        self._entrance._lines.pop(self._handler, None)  # noqa: SLF001 - a part of it
        self._handler.connection_lost(error)

    def pause_writing(self) -> None:
        """Pass on that the peer is slow."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that it is no longer."""
        self._handler.resume_writing()

    def _too_slow(self) -> None:
        self._entrance._refused(GatewayError(Reason.SILENT, "no request came"))  # noqa: SLF001
        if self._transport is not None:
            self._transport.abort()
