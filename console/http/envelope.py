"""What every answer carries, and what no answer shows: headers, limits, faults.

The outermost layer: nothing that is raised within reaches the server's own log, which would print
its text. An answer that breaks off is cut, so that the caller sees that it is not whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.system.logging import get_logger, place_of
from console.http.errors import UNAVAILABLE, Refusal, refusal_of
from console.http.metrics import ApiMetrics
from pipeline.errors import HushwireError

REQUESTS_MOST: Final = 256
"""Requests that are answered at once."""
ALIVE: Final = "/healthz"
"""Whether the server lives is answered however busy it is, or it would be started anew for that."""
BODY_MOST: Final = 256 * 1024
"""Bytes of a request's body: a policy is the largest thing that anybody sends."""
HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}
"""Of every answer, unless it brings its own."""
STRICT: Final = "max-age=31536000"
"""``Strict-Transport-Security``, where we speak TLS ourselves."""
_BROKEN: Final = 500
_FAULT: Final = Refusal(500, "fault", "a fault of ours: please tell the operator when it was")


class Envelope:
    """ASGI middleware; see the module's text.

    Args:
        app: what it goes around.
        metrics: where answers are counted.
        tls: whether the server itself speaks TLS.
        answering: makes the answer of a refusal to a request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: ApiMetrics,
        tls: bool,
        answering: Callable[[Scope, Refusal], Awaitable[Response]],
    ) -> None:
        self._app, self._metrics, self._answering = app, metrics, answering
        self._running = 0
        self._headers = {**HEADERS, **({"Strict-Transport-Security": STRICT} if tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = False
        self._running += 1

        async def sending(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                self._metrics.answers.labels(_code_class(message["status"])).inc()
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if self._running > REQUESTS_MOST and scope["path"] != ALIVE:
                raise _busy()  # noqa: TRY301 - answered as any other refusal
            await self._app(scope, _limited(scope, receive), sending)
        except ClientDisconnect:
            pass  # nobody is there who could be answered
        except Exception as error:  # noqa: BLE001 - a message that is not ours may hold content
            refusal = self._refused(error)
            self._metrics.refusals.labels(refusal.code).inc()
            if not began:
                answer = await self._answering(scope, refusal)
                await answer(scope, receive, sending)
        finally:
            self._running -= 1

    def _refused(self, error: Exception) -> Refusal:
        if isinstance(error, Refusal):
            return error
        refusal = _FAULT if not isinstance(error, HushwireError) else refusal_of(error)
        if refusal.status >= _BROKEN:
            self._broken(error)
        return refusal

    def _broken(self, error: Exception) -> None:
        self._metrics.faults.inc()
        code = error.code if isinstance(error, HushwireError) else "fault"
        get_logger().error(
            "an answer failed",
            place=place_of(error.__traceback__),
            code=code,
            error_type=type(error).__name__,
        )


def _limited(scope: Scope, receive: Receive) -> Receive:
    """The body, up to ``BODY_MOST``."""
    declared = Headers(scope=scope).get("content-length", "0")
    if declared.isdecimal() and int(declared) > BODY_MOST:
        raise _too_large()
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_MOST:
            raise _too_large()
        return message

    return receiving


def _busy() -> Refusal:
    return Refusal(
        UNAVAILABLE, "busy", "too many requests at once: try again", {"Retry-After": "5"}
    )


def _too_large() -> Refusal:
    return Refusal(413, "too_large", f"send at most {BODY_MOST // 1024} KiB")


def _code_class(status: int) -> str:
    return f"{status // 100}xx"
