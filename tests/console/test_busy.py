"""More requests at once than are answered: they are told so, and the server is still alive."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
from starlette.requests import ClientDisconnect

from console.app import _answer
from console.auth.door import Door
from console.http import envelope
from console.http.envelope import ALIVE, Envelope
from console.http.metrics import ApiMetrics

pytestmark = pytest.mark.unit
NOBODY = Mock(spec=Door)


def scope(path: str) -> dict[str, Any]:
    return {"type": "http", "path": path, "method": "GET", "headers": [], "query_string": b""}


async def asked(app: Envelope, path: str) -> int | None:
    """The status of the answer; None: there was none."""
    sent: list[int] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's own
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    await app(scope(path), receive, send)
    return sent[0] if sent else None


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def test_whether_it_lives_is_answered_however_busy_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "REQUESTS_MOST", 3)

    async def play() -> None:
        done = asyncio.Event()

        async def slow(scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
            if scope["path"] != ALIVE:
                await done.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        app = Envelope(slow, metrics=ApiMetrics(), tls=False, answering=partial(_answer, NOBODY))
        running = [asyncio.create_task(asked(app, "/api/calls")) for _ in range(3)]
        await asyncio.sleep(0)
        assert await asked(app, "/api/calls") == 503
        assert await asked(app, "/") == 503
        NOBODY.recognised.assert_not_called()  # to be turned away for that costs nothing more
        assert await asked(app, ALIVE) == 200
        done.set()
        assert await asyncio.gather(*running) == [200, 200, 200]
        assert await asked(app, "/api/calls") == 200

    asyncio.run(play())


def test_a_caller_who_went_away_is_no_fault_of_ours() -> None:
    async def away(*_: Any) -> None:  # noqa: ANN401
        raise ClientDisconnect

    metrics = ApiMetrics()
    app = Envelope(away, metrics=metrics, tls=False, answering=partial(_answer, NOBODY))
    assert asyncio.run(asked(app, "/api/calls")) is None
    assert metrics.faults._value.get() == 0
