"""The gateway's own sockets: who gets in, who is cut, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from agents.app.gateway import process
from agents.app.gateway.addresses import caller_of
from agents.app.gateway.limits import MOST_CALLERS, Limits
from agents.app.gateway.server import Gateway, tls, track_roles
from agents.crypto.transit_hybrid import TransitPrivate
from agents.kafka import topics
from agents.settings.gateway import GatewaySettings
from agents.settings.model import Settings
from agents.system.logging import configure_logging
from agents.system.metrics import GatewayMetrics
from benchmarks.gateways import audiohook_client, audiosocket_client, twilio_client
from pipeline.errors import BrokerError, SettingsError
from pipeline.gateways.events import GatewayError, Reason
from pipeline.records.model import Role
from tests.agents.app.gateway.doors import Door, until
from tests.certificates import Authority
from tests.ports import free_port
from tests.waiting import HANG_S

HOST = "127.0.0.1"
PCM = (np.sin(np.arange(16_000) / 9)[:, None] * [9_000, -4_000]).astype(np.int16)
"""Two seconds of two channels."""
TOKEN = "an auth token of twilio".replace(" ", "-")
PROVEN = {"token": f"{TOKEN}-2"}
KEY, SECRET = "an-api-key", b"a client secret of 32 bytes ....."


class Running:
    """A gateway that listens, and the door behind it."""

    def __init__(self, gateway: Gateway, door: Door, metrics: GatewayMetrics) -> None:
        self.gateway, self.door, self.metrics = gateway, door, metrics

    def url(self, path: str, scheme: str = "ws") -> str:
        return f"{scheme}://{HOST}:{self.gateway.port}{path}"

    def health(self, path: str) -> str:
        return f"http://{HOST}:{self.gateway.health_port}{path}"

    def refused(self, gateway: str, reason: Reason) -> float:
        labels = {"gateway": gateway, "reason": reason.value}
        name = "hushwire_gateway_refused_total"
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def _settings(folder: Path, **options: object) -> Settings:
    twilio, audiohook = folder / "twilio", folder / "audiohook"
    for path, text in (
        (twilio, f"auth-token {TOKEN}\ntoken {TOKEN}-2\n"),
        (audiohook, f"{KEY} {base64.b64encode(SECRET).decode()}\n"),
    ):
        path.write_text(text)
        path.chmod(0o600)
    told: dict[str, object] = {
        "gateway_port": (port := free_port()),
        "gateway_url": f"ws://{HOST}:{port}",
        "gateway_health_port": 0,
        "gateway_twilio_secrets": twilio,
        "gateway_audiohook_secrets": audiohook,
        "gateway_audiosocket_port": free_port(),
        "gateway_grace_seconds": 5.0,
    }
    return Settings(**(told | options))  # type: ignore[arg-type]


@asynccontextmanager
async def _running(
    folder: Path, reach: Callable[[], object] = lambda: None, **options: object
) -> AsyncIterator[Running]:
    door, metrics = Door(), GatewayMetrics()
    settings = _settings(folder, **options)
    async with Gateway(settings, door, metrics, reach=reach) as gateway:
        yield Running(gateway, door, metrics)


async def test_every_gateway_takes_a_call(tmp_path: Path) -> None:
    async with _running(tmp_path) as running:
        url = running.url("/twilio")
        await asyncio.gather(
            twilio_client.replay(url, PCM.T, pace=0, parameters=PROVEN),
            audiohook_client.replay(running.url("/audiohook"), PCM, pace=0, key=KEY, secret=SECRET),
            audiosocket_client.replay(HOST, running.gateway.audiosocket_port, PCM[:, 0], pace=0),
        )
        await until(lambda: len(running.gateway.calls) == 0)
        calls = running.door.calls
        assert [call.complete for call in calls] == [True, True, True]
        by_codec = sorted((call.header.codec.value, len(call.audio)) for call in calls)
        assert by_codec[0] == ("L16", 32_000)
        # The client's audio of Twilio begins a moment after the stream: silence of both tracks.
        moment = 2 * twilio_client.FIRST_MS * 8
        assert [size for _, size in by_codec[1:]] == [32_000, 32_000 + moment]
        assert {call.header.roles for call in calls} == {
            (Role.MIXED,), (Role.CUSTOMER, Role.AGENT),
        }  # fmt: skip


async def test_audiosocket_keeps_every_sample(tmp_path: Path) -> None:
    async with _running(tmp_path) as running:
        name = uuid.uuid4()
        heard = await audiosocket_client.replay(
            HOST, running.gateway.audiosocket_port, PCM[:, 0], pace=0, name=name
        )
        assert heard == b""
        await until(lambda: running.door.calls[0].complete is not None)
        (call,) = running.door.calls
        assert call.audio == PCM[:, 0].tobytes()
        assert call.header.recorder_id == str(name)
        assert str(name) not in call.header.call_id


async def test_audiosocket_ends_what_breaks_by_its_own_error(tmp_path: Path) -> None:
    async with _running(tmp_path) as running:
        port = running.gateway.audiosocket_port
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(audiosocket_client.named(uuid.uuid4()))
        writer.write(audiosocket_client.message(0x42))
        assert await reader.read() == b"\xff\x00\x01\x01"
        writer.close()
        # A connection that just closes leaves its call incomplete.
        await audiosocket_client.replay(HOST, port, PCM[:, 0], pace=0, hang_up=False)
        await until(lambda: len(running.door.calls) == 1)
        await until(lambda: running.door.calls[0].complete is not None)
        assert running.door.calls[0].complete is False


async def test_audiosocket_takes_known_addresses_alone(tmp_path: Path) -> None:
    async with _running(tmp_path, gateway_audiosocket_from="10.1.0.0/16") as running:
        assert not await audiosocket_client.replay(
            HOST, running.gateway.audiosocket_port, PCM[:, 0], pace=0
        )
        assert running.refused("audiosocket", Reason.UNAUTHORISED) == 1
        assert not running.door.calls


async def test_the_log_says_why_and_nothing_of_the_peer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    async with _running(tmp_path) as running:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await twilio_client.replay(
                running.url("/twilio?a=peers"), PCM.T, pace=0, secret=f"{TOKEN}-of-another"
            )
        reader, writer = await asyncio.open_connection(HOST, running.gateway.audiosocket_port)
        writer.write(audiosocket_client.named(uuid.UUID(int=0)))
        assert await reader.read() == b"\xff\x00\x01\x01"
        writer.close()
        writer = (await asyncio.open_connection(HOST, running.gateway.audiosocket_port))[1]
        writer.write(audiosocket_client.named(uuid.uuid4()) + audiosocket_client.message(0x42))
        await until(lambda: running.refused("audiosocket", Reason.BAD_FRAME) == 2)
        writer.close()
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        refused = [line for line in lines if line["event"] == "refused"]
        signature, nil, other = refused
        assert f"ws://{HOST}:{running.gateway.port}" in signature["why"]
        assert "nil UUID" in nil["why"]
        assert "why" not in other  # its message holds what came
        assert "peers" not in str(refused)


def test_roles_are_added_to_the_usual_ones(tmp_path: Path) -> None:
    roles = track_roles(_settings(tmp_path, gateway_roles="audio=customer,inbound=agent"))
    assert roles == {"audio": Role.CUSTOMER, "inbound": Role.AGENT, "outbound": Role.AGENT}


async def test_who_says_nothing_is_cut(tmp_path: Path) -> None:
    async with _running(tmp_path, gateway_first_seconds=1.0) as running:
        slow = []
        for port, told in (
            (running.gateway.port, b"GET /twilio HTTP/1.1\r\nHost: a\r\nX-A: "),
            (running.gateway.port, b""),
            (running.gateway.audiosocket_port, audiosocket_client.named(uuid.uuid4())),
            (running.gateway.audiosocket_port, b""),
        ):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(told)
            slow.append((reader, writer))
        async with asyncio.timeout(HANG_S):
            for reader, writer in slow:
                with suppress(ConnectionError):
                    await reader.read()
                writer.close()
        assert running.refused("http", Reason.SILENT) == 2
        assert running.refused("audiosocket", Reason.SILENT) == 2


async def test_a_thousand_connections_harm_no_call(tmp_path: Path) -> None:
    async with _running(tmp_path, gateway_connections_per_minute=20) as running:
        url, tried = running.url("/twilio"), 0

        async def storm() -> None:
            nonlocal tried
            async with aiohttp.ClientSession() as http:
                for _ in range(1_000):
                    tried += 1
                    with suppress(aiohttp.ClientError):
                        async with http.get(running.url("/twilio", "http")) as answer:
                            assert answer.status in {426, 401}

        replay = asyncio.create_task(
            audiosocket_client.replay(HOST, running.gateway.audiosocket_port, PCM[:, 0], pace=2)
        )
        await asyncio.sleep(0.1)
        await storm()
        await replay
        await until(lambda: len(running.gateway.calls) == 0)
        assert running.door.calls[0].complete is True
        assert running.door.calls[0].audio == PCM[:, 0].tobytes()
        assert running.refused("http", Reason.TOO_MANY) >= tried - 21
        assert running.gateway.limits.open == 0
        with pytest.raises(aiohttp.ClientError):
            await twilio_client.replay(url, PCM.T, pace=0, parameters=PROVEN)


async def test_only_so_many_connections_are_open(tmp_path: Path) -> None:
    async with _running(tmp_path, gateway_connections=1) as running:
        port = running.gateway.audiosocket_port
        _, first = await asyncio.open_connection(HOST, port)
        await until(lambda: running.gateway.limits.open == 1)
        assert not await audiosocket_client.replay(HOST, port, PCM[:, 0], pace=0)
        assert running.refused("audiosocket", Reason.TOO_MANY) == 1
        first.close()
        await until(lambda: running.gateway.limits.open == 0)
        await audiosocket_client.replay(HOST, port, PCM[:, 0], pace=0)
        await until(lambda: len(running.door.calls) == 1)


async def test_the_end_of_the_process_ends_calls_as_incomplete(tmp_path: Path) -> None:
    async with _running(tmp_path) as running:
        replays = [
            asyncio.create_task(one)
            for one in (
                audiosocket_client.replay(HOST, running.gateway.audiosocket_port, PCM[:, 0]),
                twilio_client.replay(running.url("/twilio"), PCM.T, parameters=PROVEN),
                audiohook_client.replay(running.url("/audiohook"), PCM, key=KEY, secret=SECRET),
            )
        ]
        await until(lambda: len(running.gateway.calls) == 3)
        await asyncio.sleep(0.3)
    heard, code, hook = await asyncio.gather(*replays)
    assert heard == b"\xff\x00\x01\x01"
    assert code == 1013
    assert hook.disconnected.startswith("error")
    assert [call.complete for call in running.door.calls] == [False] * 3
    assert all(call.chunks for call in running.door.calls), "what had come is kept"


async def test_health_tells_of_the_broker(tmp_path: Path) -> None:
    there = True

    def reach() -> None:
        if not there:
            raise BrokerError("away")

    async with _running(tmp_path, reach) as running, aiohttp.ClientSession() as http:
        for path, text in (
            ("/live", "ok\n"),
            ("/startup", "ok\n"),
            ("/ready", "ready\n"),
        ):
            async with http.get(running.health(path)) as answer:
                assert (answer.status, await answer.text()) == (200, text)
        async with http.get(running.health("/metrics")) as answer:
            assert "hushwire_gateway_acknowledged_seconds" in await answer.text()
        async with http.get(running.url("/metrics", "http")) as answer:
            assert answer.status == 404, "metrics have a port of their own"
    there = False
    async with _running(tmp_path, reach) as running, aiohttp.ClientSession() as http:
        async with http.get(running.health("/ready")) as answer:
            assert answer.status == 503
        async with http.get(running.health("/live")) as answer:
            assert answer.status == 200


async def test_calls_come_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    pair = authority.issue("gateway")
    pair.key.chmod(0o600)
    port = free_port()
    async with _running(
        tmp_path,
        gateway_certificate=pair.certificate,
        gateway_key=pair.key,
        gateway_port=port,
        gateway_url=f"https://{HOST}:{port}",
    ) as running:
        context = ssl.create_default_context(cafile=authority.ca)
        url = running.url("/twilio", "wss")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
            code = await twilio_client.replay(url, PCM.T, pace=0, secret=TOKEN, session=http)
        assert code == 1000
        await until(lambda: len(running.gateway.calls) == 0)
        assert running.door.calls[0].complete is True


def test_calls_never_come_in_clear_over_a_network(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="gateway_certificate"):
        tls(GatewaySettings(gateway_host="192.0.2.1"))
    assert tls(GatewaySettings(gateway_host="192.0.2.1", gateway_proxies="10.0.0.1")) is None
    with pytest.raises(SettingsError, match="belong together"):
        tls(GatewaySettings(gateway_key=tmp_path / "key.pem"))


async def test_without_secrets_there_is_no_gateway() -> None:
    with pytest.raises(SettingsError, match="no gateway is configured"):
        Gateway(GatewaySettings(), Door(), GatewayMetrics(), reach=lambda: None)


@pytest.mark.unit
def test_rates_are_of_one_address_and_fill_evenly() -> None:
    now = 0.0
    limits = Limits(1_000, 60, GatewayMetrics(), clock=lambda: now)

    def begin(address: str) -> bool:
        with suppress(GatewayError):
            limits.arrive(address).leave()
            return True
        return False

    assert [begin("a") for _ in range(61)].count(True) == 60
    assert begin("b")
    now += 1.0
    assert [begin("a") for _ in range(3)] == [True, False, False]
    for number in range(MOST_CALLERS + 10):
        begin(str(number))
    assert len(limits._buckets) == MOST_CALLERS


@pytest.mark.unit
def test_what_proves_nothing_holds_no_place_of_a_call() -> None:
    limits = Limits(2, 1_000, GatewayMetrics(), unproven=5, unproven_each=3)
    places = [limits.arrive("2001:db8::1"), limits.arrive("2001:db8::2")]
    places.append(limits.arrive("2001:db8::3:1"))
    with pytest.raises(GatewayError):
        limits.arrive("2001:db8::4")
    places[0].prove()
    places[0].prove()
    places.append(limits.arrive("2001:db8::4"))
    places += [limits.arrive("192.0.2.1"), limits.arrive(None)]
    with pytest.raises(GatewayError):
        limits.arrive("192.0.2.2")
    places[-1].name("2001:db8:0:1::")
    places[-1].prove()
    with pytest.raises(GatewayError):
        places[-2].prove()
    assert (limits.open, limits.unproven) == (2, 4)
    for place in (*places, *places):
        place.leave()
    assert (limits.open, limits.unproven, len(limits._callers)) == (0, 0, 0)
    limits.close()
    with pytest.raises(GatewayError):
        limits.arrive("192.0.2.1")


@pytest.mark.unit
def test_a_caller_is_an_address_or_a_network_of_64_bits() -> None:
    assert caller_of("2001:db8::1") == caller_of("2001:0db8:0:0:ffff::2") == "20010db800000000/64"
    assert caller_of("2001:db8:0:1::") != caller_of("2001:db8::")
    assert caller_of("::ffff:192.0.2.1") == caller_of("192.0.2.1") == "192.0.2.1"
    assert caller_of("fe80::1%eth0") == caller_of("fe80::2%eth1")
    assert caller_of("unix") == "unix"


async def test_a_thousand_connects_shut_nobody_out(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    pair = authority.issue("gateway")
    pair.key.chmod(0o600)
    secured: dict[str, Any] = {"gateway_certificate": pair.certificate, "gateway_key": pair.key}
    for options in ({}, secured):
        async with _running(
            tmp_path, gateway_connections_per_minute=10_000, gateway_unproven=50, **options
        ) as running:
            port, gateway = running.gateway.port, running.gateway
            for _ in range(20):
                opened = await asyncio.gather(
                    *(asyncio.open_connection(HOST, port) for _ in range(50))
                )
                for _, writer in opened:
                    writer.close()
            await until(lambda gateway=gateway: gateway.limits.unproven == 0)  # type: ignore[misc]
            assert not gateway.limits._callers


async def test_one_caller_holds_a_few_places_until_it_proves_itself(tmp_path: Path) -> None:
    async with _running(tmp_path, gateway_unproven_per_address=3, gateway_connections=1) as running:
        held = [await asyncio.open_connection(HOST, running.gateway.port) for _ in range(3)]
        await until(lambda: running.gateway.limits.unproven == 3)
        reader, _ = await asyncio.open_connection(HOST, running.gateway.port)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        assert running.refused("http", Reason.TOO_MANY) == 1
        for _, writer in held[1:]:
            writer.close()
        await until(lambda: running.gateway.limits.unproven == 1)
        # A stream without its token is none of the calls.
        async with aiohttp.ClientSession() as http, http.ws_connect(running.url("/twilio")):
            await until(lambda: running.gateway.limits.unproven == 2)
            code = await twilio_client.replay(
                running.url("/twilio"), PCM.T, pace=0, parameters=PROVEN
            )
            assert code == 1000


async def test_in_clear_the_named_proxies_alone_may_connect(tmp_path: Path) -> None:
    async with _running(tmp_path, gateway_proxies="192.0.2.9") as running:
        with pytest.raises(aiohttp.ClientError):
            await twilio_client.replay(running.url("/twilio"), PCM.T, pace=0, parameters=PROVEN)
        assert running.refused("http", Reason.UNAUTHORISED) >= 1
        assert not running.door.calls


async def test_a_proxys_last_word_counts(tmp_path: Path) -> None:
    async with (
        _running(
            tmp_path, gateway_proxies="127.0.0.1", gateway_connections_per_minute=3
        ) as running,
        aiohttp.ClientSession() as http,
    ):
        statuses = []
        for number in range(5):
            headers = [("X-Forwarded-For", f"192.0.2.{number}"), ("X-Forwarded-For", "192.0.2.77")]
            async with http.get(running.url("/x", "http"), headers=headers) as answer:
                statuses.append(answer.status)
                assert answer.headers["Connection"] == "close"
        assert statuses == [404] * 3 + [503] * 2
        headers = [("X-Forwarded-For", "192.0.2.77, 192.0.2.78, 127.0.0.1")]
        async with http.get(running.url("/x", "http"), headers=headers) as answer:
            assert answer.status == 404


async def test_what_is_set_to_nothing_is_not_set(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="gateway_certificate"):
        tls(GatewaySettings(gateway_host="192.0.2.1", gateway_proxies=""))
    with pytest.raises(SettingsError, match="no gateway is configured"):
        Gateway(
            _settings(
                tmp_path,
                gateway_twilio_secrets="",
                gateway_audiohook_secrets=" ",
                gateway_audiosocket_port=0,
            ),
            Door(),
            GatewayMetrics(),
            reach=lambda: None,
        )


def test_the_gateway_makes_no_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "transit-public.json"
    key.write_bytes(TransitPrivate.load_or_create(tmp_path / "private.json").public.content())
    monkeypatch.setattr(topics, "reach_broker", lambda *_, **__: frozenset({"other"}))
    monkeypatch.setattr(process, "configure_logging", lambda _: None)
    with pytest.raises(BrokerError, match=r"hushwire\.audio\.in is not there"):
        process.serve(_settings(tmp_path, bootstrap="192.0.2.1:1", transit_public_key=key))
