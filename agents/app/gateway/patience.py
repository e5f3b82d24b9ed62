"""Connections that never come to a request are not waited for.

aiohttp waits for the head of a request as long as it takes. Here each connection has a time until
its first request is whole; TLS is bounded by the listening socket's own.

Outcomes: ``heard`` when a request is there; otherwise the connection is cut and counted. More
connections without a request than may be open are cut at once.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from aiohttp import web

from agents.app.gateway.limits import Limits
from pipeline.gateways.events import GatewayError, Reason

NAME: Final = "http"
"""In metrics: of connections that never said which gateway they want."""


class Patience:
    """Makes the protocol of each connection, for ``loop.create_server``.

    Args:
        server: aiohttp's own maker of protocols.
        limits: where refusals are counted.
        first_s: how long a request may take.
        most: connections without a request.
    """

    def __init__(self, server: web.Server, limits: Limits, *, first_s: float, most: int) -> None:
        self._server, self._limits = server, limits
        self._first_s, self._most = first_s, most
        self._waiting: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}

    def __call__(self) -> asyncio.Protocol:
        """The protocol of one connection."""
        if len(self._waiting) >= self._most:
            self._limits.refused(NAME, GatewayError(Reason.TOO_MANY, "too many without a request"))
            return _Cut()
        handler = self._server()
        self._waiting[handler] = asyncio.get_running_loop().call_later(
            self._first_s, self._too_slow, handler
        )
        return handler

    def heard(self, protocol: asyncio.BaseProtocol) -> None:
        """A request of this connection is there."""
        timer = self._waiting.pop(protocol, None)
        if timer is not None:
            timer.cancel()

    def _too_slow(self, handler: web.RequestHandler) -> None:
        del self._waiting[handler]
        if handler.transport is not None:
            self._limits.refused(NAME, GatewayError(Reason.SILENT, "no request came"))
            handler.transport.abort()


class _Cut(asyncio.Protocol):
    """Takes nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close at once."""
        cast("asyncio.Transport", transport).abort()
