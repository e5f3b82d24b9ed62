"""A span for each request, where tracing is on: method, route and status.

Never the address itself: it names calls, and its query anything. What a caller says of a trace of
its own is a link: whether we trace is not theirs to decide. ``/healthz`` has none.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.system.tracing.trace_context import HEADER, read
from agents.system.tracing.tracer import Kind, is_on, traced
from console.http.envelope import ALIVE

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "_OTHER"
_BROKEN: Final = 500


class Traced:
    """ASGI middleware; see the module's text.

    Args:
        app: what it goes around.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or not is_on() or scope["path"] == ALIVE:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER
        told = [value for name, value in scope["headers"] if name == HEADER.encode()]
        link = read({HEADER: told[0]}) if len(told) == 1 else None
        with traced(method, Kind.SERVER, link=link) as work:
            work.attributes["http.request.method"] = method

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    work.attributes["http.response.status_code"] = status
                    work.failed = str(status) if status >= _BROKEN else ""
                await send(message)

            try:
                await self._app(scope, receive, sending)
            finally:
                route = getattr(scope.get("route"), "path", "")
                if route:
                    work.name = f"{method} {route}"
                    work.attributes["http.route"] = route
