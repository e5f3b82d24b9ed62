"""A receiver of webhooks on the loopback: notes what comes, answers as it is told."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Any]


@dataclass
class Receiver:
    """What came: headers and body of each request."""

    url: str = ""
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Status of the next answers; 200 once there is none."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: bool = False
    """Whether an answer's body never ends."""
    sent: int = 0


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that runs."""
    told = Receiver()

    async def handle(request: web.Request) -> web.StreamResponse:
        told.paths.append(request.path)
        told.came.append((dict(request.headers), await request.read()))
        status = told.answers.pop(0) if told.answers else 200
        if told.stream:
            response = web.StreamResponse(status=status, headers=told.headers)
            await response.prepare(request)
            while True:
                await response.write(bytes(65_536))
                told.sent += 65_536
        return web.Response(status=status, headers=told.headers, body=told.body)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    told.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/calls"
    try:
        yield told
    finally:
        await runner.cleanup()
