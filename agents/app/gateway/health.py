"""Whether the gateway lives, whether it can take calls, and its metrics; on a port of their own.

Outcomes, by the names that workers have: ``/live`` and ``/startup`` 200 while the process works;
``/ready`` 200, or 503 while the broker does not answer or the gateway is about to end; ``/metrics``
in Prometheus' text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from pipeline.errors import BrokerError

ASK_S: Final = 5.0
"""How long an answer about the broker holds."""


class Health:
    """Answers to whoever watches the process.

    Args:
        registry: the metrics.
        reach: asks the broker; blocks, and raises ``BrokerError`` where nobody answers.
        closing: whether the process is about to end.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        reach: Callable[[], object],
        closing: Callable[[], bool],
    ) -> None:
        self._registry, self._reach, self._closing = registry, reach, closing
        self._asking = asyncio.Lock()
        self._asked = -ASK_S
        self._there = False

    def app(self) -> web.Application:
        """The pages."""
        app = web.Application()
        for path in ("/live", "/startup"):
            app.router.add_get(path, self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _live(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        if self._closing():
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text="about to end\n")
        if not await self._broker():
            return web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE, text="the broker does not answer\n"
            )
        return web.Response(text="ready\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _broker(self) -> bool:
        """Ask the broker, one question at a time; an answer holds for some seconds."""
        async with self._asking:
            if monotonic() - self._asked >= ASK_S:
                try:
                    await asyncio.to_thread(self._reach)
                    self._there = True
                except BrokerError:
                    self._there = False
                self._asked = monotonic()
            return self._there
