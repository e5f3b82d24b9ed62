"""The service that is measured, in a process of its own: the gateway, or a bare echo.

    python -m benchmarks.gateways.served gateway|echo FOLDER LOOP

Settings are the environment's. The port goes to ``FOLDER/ports.json``; when each record was
acknowledged, to ``FOLDER/acknowledged.json`` once it is stopped.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from agents.app.gateway.process import serve
from agents.app.gateway.server import Gateway
from agents.kafka.call_sender import Acknowledged
from agents.settings.model import load_settings

Loop = Callable[[], asyncio.AbstractEventLoop]


def gateway(folder: Path, loop: Loop | None) -> None:
    """The gateway as ``hushwire gateway`` runs it, but that acknowledgements are written down."""
    acknowledged: list[tuple[str, int, float, float]] = []

    def ready(running: Gateway) -> None:
        _tell(folder, running.port)

    def on_ack(one: Acknowledged) -> None:
        acknowledged.append((one.call_id, one.seq, one.sent, one.at))

    serve(load_settings(), ready=ready, on_ack=on_ack, loop=loop)
    (folder / "acknowledged.json").write_text(json.dumps(acknowledged))


def echo(folder: Path, loop: Loop | None) -> None:
    """A WebSocket server that sends back what comes, by the same library."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse(compress=False)
        await answer.prepare(request)
        async for message in answer:
            if isinstance(message.data, str):
                await answer.send_str(message.data)
            elif isinstance(message.data, bytes):
                await answer.send_bytes(message.data)
        return answer

    async def listen() -> None:
        app = web.Application()
        app.router.add_get("/echo", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        _tell(folder, runner.addresses[0][1])
        await stop.wait()
        await runner.cleanup()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(listen())


def _tell(folder: Path, port: int) -> None:
    new = folder / "ports.new"
    new.write_text(json.dumps({"port": port}))
    new.rename(folder / "ports.json")


if __name__ == "__main__":
    _what, _folder, _loop = sys.argv[1:]
    _made = importlib.import_module(_loop).new_event_loop if _loop != "asyncio" else None
    (gateway if _what == "gateway" else echo)(Path(_folder), _made)
