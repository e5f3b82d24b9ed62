"""Streams over real WebSockets of this machine, into calls that a fake sender takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from time import time

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agents.app.gateway.call_feed import Calls, FeedRules
from agents.app.gateway.limits import Limits
from agents.app.gateway.twilio import StreamRules, Streams
from agents.app.gateway.twilio_access import StreamAccess, call_token, read_secrets
from agents.system.metrics import GatewayMetrics
from benchmarks.gateways.twilio_client import FIRST_MS, Pcm, Platform, frames, replay, signature
from pipeline.errors import SettingsError
from pipeline.gateways.door.model import CallHeader
from pipeline.gateways.events import Codec, Reason
from pipeline.gateways.g711 import encode
from pipeline.gateways.lone_keys import ConsentKeys
from pipeline.gateways.twilio.frames import TELNYX, TWILIO
from pipeline.records.model import Role
from tests.agents.app.gateway.doors import Door, OneCall, application
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

ROLES = {"inbound": Role.CUSTOMER, "outbound": Role.AGENT}
AUTH = "5e1bd5c0ffee5e1bd5c0ffee5e1bd5c0"  # pragma: allowlist secret
TOKEN = "a-token-of-this-test"  # noqa: S105  # pragma: allowlist secret
FIRST = FIRST_MS * 8


class OpenDoor(Door):
    """A door of which one can wait for the first call."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = asyncio.Event()

    def open(self, header: CallHeader, *, most_bytes: int | None = None) -> OneCall:  # type: ignore[override]
        self.opened.set()
        return super().open(header, most_bytes=most_bytes)


def by_track(call: OneCall) -> list[bytes]:
    return [call.audio[one :: call.header.channels] for one in range(call.header.channels)]


def late(pcm: Pcm) -> list[bytes]:
    """What tracks become whose audio begins a moment after the stream: silent until then."""
    return [b"\xff" * FIRST + encode(Codec.PCMU, track) for track in pcm]


class Gateway:
    """Both endpoints, and what came of them."""

    def __init__(self, secrets: str, rules: StreamRules, feed: FeedRules) -> None:
        self.door, self.metrics = OpenDoor(), GatewayMetrics()
        self.feeds = Calls(self.door, feed, self.metrics)
        limits = Limits(100, 6_000, self.metrics)
        self.app = application(limits)
        for shape in (TWILIO, TELNYX):
            access = StreamAccess(read_secrets(secrets), url="", clock=time) if secrets else None
            handler = Streams(self.feeds, limits, access, shape, rules)
            self.app.router.add_get(f"/{shape.source}", handler.__call__)
        self.server = TestServer(self.app)

    @property
    def calls(self) -> list[OneCall]:
        return self.door.calls

    def url(self, name: str = "twilio") -> str:
        return f"ws://{self.server.host}:{self.server.port}/{name}"

    def refused(self, name: str = "twilio") -> dict[str, int]:
        return {
            sample.labels["reason"]: int(sample.value)
            for metric in self.metrics.refused.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["gateway"] == name
        }

    async def all_over(self) -> None:
        assert await self.feeds.ended(5.0)


@asynccontextmanager
async def running(
    secrets: str = "", feed: FeedRules | None = None, **rules: ConsentKeys | float
) -> AsyncIterator[Gateway]:
    gateway = Gateway(secrets, StreamRules(ROLES, **rules), feed or FeedRules())
    async with gateway.server:
        watching = asyncio.create_task(gateway.feeds.watch())
        yield gateway
        watching.cancel()


@asynccontextmanager
async def connected(
    gateway: Gateway, name: str = "twilio"
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session, session.ws_connect(gateway.url(name)) as socket:
        yield socket


async def code(socket: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    """With what the gateway closes a stream."""
    message = await socket.receive(timeout=HANG_S)
    assert message.type is aiohttp.WSMsgType.CLOSE
    return message.data, message.extra or ""


def speech(seconds: float, channels: int = 2) -> Pcm:
    rng = np.random.default_rng(7)
    return rng.integers(-9_000, 9_000, (channels, round(seconds * 8_000)), np.int16)


def texts(pcm: Pcm) -> list[str]:
    return [text for _, text in frames(pcm)]


@pytest.mark.parametrize("name", ["twilio", "telnyx"])
async def test_a_call_goes_through_whole(name: Platform) -> None:
    pcm = speech(2.5)
    async with running() as gateway:
        closed = await replay(
            gateway.url(name), pcm, pace=0, platform=name, call="CA1",
            parameters={"from": "+15551230001", "language": "de-DE"},
        )  # fmt: skip
        await gateway.all_over()
    (call,) = gateway.calls
    assert (closed, call.complete) == (1000, True)
    assert by_track(call) == late(pcm)
    assert [chunk.start for chunk in call.chunks][:2] == [0, 8_000]
    header = call.header
    assert header.recorder_id == ("CA1" if name == "twilio" else "v3:CA1")
    assert header.call_id.startswith("call-")
    assert "CA1" not in header.call_id
    assert header.roles == (Role.CUSTOMER, Role.AGENT)
    assert header.numbers[0] == "+15551230001"
    assert (header.language, header.codec) == ("de", Codec.PCMU)
    assert gateway.refused(name) == {}


async def test_frames_in_disorder_make_the_same_call() -> None:
    pcm = speech(2.0)
    said = texts(pcm)
    start, audio, stop = said[:2], said[2:-1], said[-1]
    rng = np.random.default_rng(3)
    for first in range(0, len(audio), 20):
        order = rng.permutation(len(audio[first : first + 20]))
        audio[first : first + 20] = [audio[first + int(one)] for one in order]
    async with running() as gateway, connected(gateway) as socket:
        for text in [*start, *audio, *audio[:5], stop]:
            await socket.send_str(text)
        assert await code(socket) == (1000, "")
    (call,) = gateway.calls
    assert call.complete
    assert by_track(call) == late(pcm)


async def test_a_gap_is_told_by_the_next_chunks_place() -> None:
    said = texts(speech(3.0, 1))
    async with running() as gateway, connected(gateway) as socket:
        for text in [*said[:52], *said[102:]]:
            await socket.send_str(text)
        await code(socket)
    (call,) = gateway.calls
    places = [(one.start, one.start + one.samples) for one in call.chunks]
    assert places[0][0] == 0
    between = [(before[1], after[0]) for before, after in pairwise(places)]
    assert (FIRST + 8_000, FIRST + 16_000) in between


async def test_a_signed_stream_is_taken() -> None:
    async with running(f"auth-token {AUTH}") as gateway:
        # The gateway hears `ws`; platforms know no other address than one with TLS.
        address = gateway.url().replace("ws:", "wss:")
        headers = {"X-Twilio-Signature": signature(address, AUTH)}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(gateway.url(), headers=headers) as socket,
        ):
            for text in texts(speech(0.1)):
                await socket.send_str(text)
            assert await code(socket) == (1000, "")
    assert [call.complete for call in gateway.calls] == [True]


@pytest.mark.parametrize("secret", ["", TOKEN])
async def test_a_stream_without_a_valid_signature_gets_no_websocket(secret: str) -> None:
    async with running(f"auth-token {AUTH}") as gateway:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await replay(gateway.url(), speech(0.1), secret=secret)
        assert caught.value.status == 401
        assert gateway.refused() == {Reason.UNAUTHORISED: 1}
        assert gateway.calls == []


async def test_a_token_of_the_stream_or_of_the_call() -> None:
    async with running(f"token {TOKEN}\ncall-token {AUTH}") as gateway:
        for token in (TOKEN, call_token("CA1", AUTH.encode())):
            closed = await replay(
                gateway.url(), speech(0.1), pace=0, call="CA1", parameters={"token": token}
            )
            assert closed == 1000
        closed = await replay(
            gateway.url(), speech(0.1), pace=0, call="CA2",
            parameters={"token": call_token("CA1", AUTH.encode())},
        )  # fmt: skip
        assert closed == aiohttp.WSCloseCode.POLICY_VIOLATION
        assert gateway.refused() == {Reason.UNAUTHORISED: 1}
        assert [call.complete for call in gateway.calls] == [True, True]


async def test_without_secrets_only_this_machine_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as gateway:
        assert await replay(gateway.url(), speech(0.1), pace=0) == 1000
        monkeypatch.setattr(web.BaseRequest, "remote", property(lambda _self: "192.0.2.1"))
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await replay(gateway.url(), speech(0.1), pace=0)
        assert caught.value.status == 401


async def test_a_request_that_asks_for_no_websocket() -> None:
    async with (
        running() as gateway,
        aiohttp.ClientSession() as session,
        session.get(gateway.url().replace("ws:", "http:")) as answer,
    ):
        assert answer.status == 426


START = texts(speech(0.1))[:2]


@pytest.mark.parametrize(
    ("bad", "closed", "reason"),
    [
        (b"\x00\x01", 1007, Reason.BAD_FRAME),
        ("{", 1007, Reason.BAD_FRAME),
        ("", 1007, Reason.BAD_FRAME),
        ("x" * 70_000, 1009, Reason.TOO_LARGE),
        (START[1], 1007, Reason.BAD_FRAME),
    ],
)
async def test_a_bad_frame_ends_its_call_and_no_other(
    bad: str | bytes, closed: int, reason: Reason
) -> None:
    pcm = speech(0.5)
    async with running() as gateway, connected(gateway) as good, connected(gateway) as socket:
        said = texts(pcm)
        for text in said[:20]:
            await good.send_str(text)
            await socket.send_str(text)
        if isinstance(bad, bytes):
            await socket.send_bytes(bad)
        else:
            await socket.send_str(bad)
        assert (await code(socket))[0] == closed
        for text in said[20:]:
            await good.send_str(text)
        assert await code(good) == (1000, "")
        await gateway.all_over()
        assert sorted(str(call.complete) for call in gateway.calls) == ["False", "True"]
        assert gateway.refused() == {reason: 1}


async def test_audio_before_the_start_begins_nothing() -> None:
    async with running() as gateway, connected(gateway) as socket:
        await socket.send_str(texts(speech(0.1))[2])
        assert await code(socket) == (1007, "bad_frame")
        assert gateway.calls == []


async def test_a_stream_that_never_starts_is_closed() -> None:
    async with running(first_s=0.05) as gateway, connected(gateway) as socket:
        await socket.send_str(START[0])
        assert await code(socket) == (1008, "silent")
        assert gateway.refused() == {Reason.SILENT: 1}


async def test_a_connection_that_breaks_leaves_an_incomplete_call() -> None:
    pcm = speech(0.5)
    async with running() as gateway:
        async with connected(gateway) as socket:
            for text in texts(pcm)[:-1]:
                await socket.send_str(text)
        await gateway.all_over()
    (call,) = gateway.calls
    assert call.complete is False
    assert by_track(call) == late(pcm)


async def test_a_broker_that_is_away_closes_the_stream_also_while_nothing_comes() -> None:
    async with running() as gateway, connected(gateway) as socket:
        for text in texts(speech(0.5))[:-1]:
            await socket.send_str(text)
        await gateway.door.opened.wait()
        gateway.calls[0].failed = "_TIMED_OUT"
        assert await code(socket) == (1013, "broker")
        await gateway.all_over()
        assert gateway.calls[0].complete is False
        assert gateway.refused() == {Reason.BROKER: 1}


async def test_more_audio_than_time_allows_is_refused() -> None:
    async with running(feed=FeedRules(ahead_s=1.0)) as gateway, connected(gateway) as socket:
        for text in texts(speech(4.0)):
            await socket.send_str(text)
        assert await code(socket) == (1007, "bad_audio")
        await gateway.all_over()
        assert gateway.calls[0].complete is False


async def test_when_the_server_ends_its_calls_are_incomplete() -> None:
    async with running() as gateway, connected(gateway) as socket:
        for text in texts(speech(0.5))[:-1]:
            await socket.send_str(text)
        await gateway.door.opened.wait()
        gateway.feeds.stop()
        assert await code(socket) == (1013, "too_many")
        await gateway.all_over()
    assert gateway.calls[0].complete is False


async def test_a_handler_that_is_cancelled_ends_its_call() -> None:
    async with running() as gateway, connected(gateway) as socket:
        for text in texts(speech(0.5))[:-1]:
            await socket.send_str(text)
        await gateway.door.opened.wait()
        handling = [task for task in asyncio.all_tasks() if "RequestHandler" in repr(task)]
        assert handling
        for task in handling:
            task.cancel()
        assert (await code(socket))[0] == 1001
        await gateway.all_over()
    assert gateway.calls[0].complete is False


async def test_a_key_is_evidence_and_its_digit_is_nowhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with running(keys=ConsentKeys(agrees="1", withdraws="9")) as gateway:
        closed = await replay(
            gateway.url(), speech(9.0), pace=0,
            keys={1_000: "1", 5_000: "4", 5_100: "9", 5_200: "7"},
        )  # fmt: skip
        assert closed == 1000
        pressed = gateway.metrics.keys.labels("twilio")._value.get()
    (call,) = gateway.calls
    evidence = json.loads(call.header.stated)["evidence"]
    assert [(one["kind"], one["party"], one["answer"]) for one in evidence] == [
        ("key", "customer", "yes")
    ]
    assert 1_000 <= evidence[0]["at_ms"] <= 1_200
    assert pressed == 4
    printed = capsys.readouterr()
    for secret in ('"digit"', "dtmf"):
        assert secret not in printed.out + printed.err


async def test_a_key_withdraws() -> None:
    async with running(keys=ConsentKeys(agrees="1", withdraws="9")) as gateway:
        await replay(gateway.url(), speech(6.0), pace=0, keys={1_000: "9"})
    (one,) = json.loads(gateway.calls[0].header.stated)["evidence"]
    assert (one["answer"], one["party"]) == ("withdrawn", "customer")


def test_rules_refuse_keys_that_are_none() -> None:
    with pytest.raises(SettingsError):
        StreamRules(ROLES, keys=ConsentKeys(agrees="1", withdraws="1"))


async def test_forty_streams_at_once_in_one_loop() -> None:
    pcm = speech(1.0)
    async with running() as gateway:
        done = await asyncio.gather(*(replay(gateway.url(), pcm, pace=4) for _ in range(40)))
        assert done == [1000] * 40
        await gateway.all_over()
    expected = late(pcm)
    assert [by_track(call) for call in gateway.calls] == [expected] * 40
