"""The bridges of the pages on FreeSWITCH and SIPREC, run as they stand there."""

from __future__ import annotations

import asyncio
import re
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from agents.app.gateway.server import Gateway
from agents.settings.model import Settings
from agents.system.metrics import GatewayMetrics
from pipeline.gateways.events import Codec
from tests.agents.app.gateway.doors import Door, until
from tests.ports import free_port

HOST = "127.0.0.1"
DOCS = Path(__file__).parents[4] / "docs" / "connect"
TOKEN = "a-token-of-a-test"  # noqa: S105 - of nobody
PCM = np.random.default_rng(3).integers(-9_000, 9_000, (8_000, 2), dtype=np.int16)


def _program(page: str) -> dict[str, Any]:
    """The names of a page's program, which is not started."""
    (code,) = re.findall(
        r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {"__name__": "bridge"}
    exec(compile(code.replace("\nasyncio.run(main())\n", "\n"), page, "exec"), names)  # noqa: S102
    return names


def _gateway(folder: Path, door: Door) -> Gateway:
    secrets = folder / "telnyx"
    secrets.write_text(f"token {TOKEN}\n")
    secrets.chmod(0o600)
    settings = Settings(
        gateway_port=0,
        gateway_health_port=0,
        gateway_telnyx_secrets=secrets,
        gateway_audiosocket_port=free_port(),
    )
    return Gateway(settings, door, GatewayMetrics(), reach=lambda: None)


async def test_the_bridge_of_freeswitch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", TOKEN)
    door, name = Door(), str(uuid.uuid4())
    async with _gateway(tmp_path, door) as gateway:
        program = _program("freeswitch.md")
        program["GATEWAY"] = f"ws://{HOST}:{gateway.port}/telnyx"
        runner = web.AppRunner(program["app"])
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        port = runner.addresses[0][1]
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"ws://{HOST}:{port}/{name}") as channel,
        ):
            for first in range(0, len(PCM), 160):
                await channel.send_bytes(PCM[first : first + 160].astype("<i2").tobytes())
            await channel.close()
        await until(lambda: bool(door.calls) and door.calls[0].complete is not None)
        await runner.cleanup()
    (call,) = door.calls
    assert call.complete is True
    assert name in call.header.recorder_id
    assert call.header.codec is Codec.L16
    assert call.audio == PCM.astype("<i2").tobytes()


async def test_the_bridge_of_rtpengine(tmp_path: Path) -> None:
    door = Door()
    async with _gateway(tmp_path, door) as gateway:
        program = _program("siprec.md")
        program["GATEWAY"] = (HOST, gateway.audiosocket_port)
        server = await asyncio.start_server(program["stream"], HOST, 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"call-17-caller\n" + PCM[:, 0].astype("<i2").tobytes())
        writer.write_eof()
        await until(lambda: bool(door.calls) and door.calls[0].complete is not None)
        writer.close()
        server.close()
    (call,) = door.calls
    assert call.complete is True
    assert call.header.recorder_id == str(uuid.uuid5(uuid.NAMESPACE_URL, "call-17-caller"))
    assert call.audio == PCM[:, 0].astype("<i2").tobytes()
