"""AudioHook over WebSockets on the loopback: a client that knows it, calls that are watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from agents.app.gateway.audiohook import AudioHook, AudioHookRules, secrets_of
from agents.app.gateway.limits import Limits
from agents.system.metrics import GatewayMetrics
from benchmarks.gateways.audiohook_client import Client, encoded, replay, signature
from pipeline.errors import SettingsError
from pipeline.gateways.events import (
    Audio,
    Codec,
    Ended,
    Event,
    GatewayError,
    KeyPressed,
    Lost,
    Paused,
    Reason,
    Resumed,
    Started,
    Updated,
)
from pipeline.gateways.lone_keys import ConsentKeys
from tests.agents.app.gateway import doors
from tests.agents.app.gateway.doors import application
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit

KEY, SECRET = "an-api-key", b"a client secret of 32 bytes ....."
RULES = AudioHookRules(first_s=2.0, silent_s=2.0, close_s=0.3)
NOBODY = "00000000-0000-0000-0000-000000000000"
MEDIA = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8_000}
PCM = (np.sin(np.arange(16_000) / 9)[:, None] * [9_000, -4_000]).astype(np.int16)
"""Two seconds."""
until = partial(doors.until, within_s=5.0)


@dataclass
class WatchedFeed:
    """A call that is remembered instead of sent."""

    started: Started
    on_fault: Callable[[GatewayError], None]
    fails: GatewayError | None = None
    arrives: bool = True
    events: list[Event] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if self.fails is not None:
            raise self.fails
        self.events.append(event)

    async def end(self, ended: Ended) -> bool:
        self.ended.append(ended)
        await asyncio.sleep(0)
        return len(self.ended) == 1 and ended.complete and self.arrives

    @property
    def audio(self) -> bytes:
        return b"".join(event.payload for event in self.events if isinstance(event, Audio))

    @property
    def complete(self) -> bool:
        return self.ended[0].complete and self.arrives


@dataclass
class WatchedCalls:
    """Calls that are remembered."""

    metrics: GatewayMetrics = field(default_factory=GatewayMetrics)
    feeds: list[WatchedFeed] = field(default_factory=list)
    refuses: GatewayError | None = None
    fails: GatewayError | None = None
    arrives: bool = True

    def open(
        self, started: Started, *, source: str, on_fault: Callable[[GatewayError], None]
    ) -> WatchedFeed:
        assert source == "audiohook"
        if self.refuses is not None:
            raise self.refuses
        self.feeds.append(WatchedFeed(started, on_fault, self.fails, self.arrives))
        return self.feeds[-1]

    def refused(self, reason: Reason) -> int:
        return int(self.metrics.refused.labels("audiohook", reason.value)._value.get())


@asynccontextmanager
async def _served(calls: WatchedCalls, rules: AudioHookRules = RULES) -> AsyncIterator[str]:
    """The address of an endpoint."""
    limits = Limits(100, 1_000, calls.metrics)
    handler = AudioHook(calls, limits, {KEY: (SECRET,)}, rules)
    app = application(limits)
    app.router.add_get("/audiohook", handler.__call__)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/audiohook"
    finally:
        await runner.cleanup()


def _client(url: str, **options: str) -> Client:
    return Client(url, key=KEY, secret=SECRET, **options)


@pytest.mark.parametrize("codec", ["PCMU", "L16"])
async def test_a_call_arrives_whole_and_in_order(codec: str) -> None:
    calls = WatchedCalls()
    async with _served(calls) as url:
        replayed = await replay(
            url, PCM, pace=0, key=KEY, secret=SECRET, codec=codec, language="es-US"
        )
    assert replayed.closed
    [feed] = calls.feeds
    assert feed.audio == encoded(PCM, codec)
    assert [event.start for event in feed.events] == list(range(0, 16_000, 1_600))
    assert feed.complete
    assert feed.started == replace(
        feed.started,
        recorder_id=replayed.conversation,
        codec=Codec(codec),
        tracks=("external", "internal"),
        language="es",
        numbers=("tel:+15555550100", "tel:+18005550199"),
    )


async def test_a_pause_is_kept() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url:
        pauses = [(4_800, 9_600)]
        replayed = await replay(url, PCM, pace=0, key=KEY, secret=SECRET, pauses=pauses)
    assert replayed.closed
    events = calls.feeds[0].events
    assert [event for event in events if not isinstance(event, Audio)] == [
        Paused(4_800),
        Resumed(9_600),
    ]
    assert calls.feeds[0].audio == encoded(np.concatenate([PCM[:4_800], PCM[9_600:]]), "PCMU")


async def test_all_that_a_platform_says_is_passed_on() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, _client(url) as client:
        assert await client.open(MEDIA)
        await client.say("dtmf", {"digit": "4"})
        await client.say("update", {"language": "de-DE"})
        await client.say("discarded", {"start": "PT0S", "discarded": "PT1S"})
        await client.say("error", {"code": 400, "message": "tough stuff"})
        await client.say("ping", {"rtt": "PT0.01S"})
        assert (await client.close()).closed
        assert [one["type"] for one in client.messages] == ["opened", "updated", "pong", "closed"]
    assert calls.feeds[0].events == [KeyPressed(0, 0), Updated("de"), Lost(0, 8_000)]


async def test_a_probe_begins_no_call() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, _client(url, conversation=NOBODY) as client:
        assert await client.open(MEDIA, participant={"id": NOBODY})
        await client.send(bytes(3_200), 1_600)
        assert (await client.close()).closed
    assert calls.feeds == []
    assert calls.metrics.probes.labels("audiohook")._value.get() == 1


async def test_who_signs_wrongly_gets_no_websocket() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url:
        for key, secret in ((KEY, b"w" * 32), ("other", SECRET)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await replay(url, PCM, key=key, secret=secret)
            assert refused.value.status == 401
    assert calls.refused(Reason.UNAUTHORISED) == 2
    assert calls.feeds == []


async def test_a_request_counts_once() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, aiohttp.ClientSession() as http:
        headers = _client(url, http=http).headers()
        async with http.ws_connect(url, headers=headers):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(url, headers=headers)
        assert refused.value.status == 401
    assert calls.refused(Reason.REPLAYED) == 1


async def test_a_field_that_comes_twice_is_not_what_was_signed() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, aiohttp.ClientSession() as http:
        headers = [*_client(url).headers().items(), ("audiohook-session-id", NOBODY)]
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url, headers=headers)


async def test_a_request_without_a_websocket_uses_up_no_nonce() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, aiohttp.ClientSession() as http:
        headers = _client(url).headers()
        async with http.get(url.replace("ws:", "http:"), headers=headers) as response:
            assert response.status == 426
        async with http.ws_connect(url, headers=headers):
            pass


async def test_a_session_is_named_by_a_uuid() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url:
        client = _client(url)
        client.session = "no-uuid"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.__aenter__()
        assert refused.value.status == 400


async def test_signatures_are_made_over_the_public_address() -> None:
    calls = WatchedCalls()
    public = "https://gateway.example.com/hushwire"
    async with _served(calls, replace(RULES, url=public)) as url, aiohttp.ClientSession() as http:
        fields = {name: NOBODY for name in _client(url).headers() if name.startswith("audiohook")}
        fields["x-api-key"] = KEY
        signed = signature(f"{public}/audiohook", fields, key=KEY, secret=SECRET)
        async with http.ws_connect(url, headers=fields | signed):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url, headers=_client(url).headers())


async def test_a_call_that_cannot_begin_is_disconnected() -> None:
    calls = WatchedCalls(refuses=GatewayError(Reason.TOO_MANY, "no more"))
    async with _served(calls) as url:
        replayed = await replay(url, PCM, pace=0, key=KEY, secret=SECRET)
    assert replayed.disconnected == "error: too_many"
    assert [one["type"] for one in replayed.messages] == ["disconnect", "closed"]
    assert calls.refused(Reason.TOO_MANY) == 1


async def test_formats_that_are_not_spoken_are_disconnected() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, _client(url) as client:
        assert not await client.open(MEDIA | {"format": "OPUS"})
        assert (await client.close()).disconnected == "error: unsupported"
    assert calls.feeds == []


async def test_a_broker_that_is_away_ends_the_session_and_the_call_is_incomplete() -> None:
    calls = WatchedCalls(fails=GatewayError(Reason.BROKER, "away"))
    async with _served(calls) as url:
        replayed = await replay(url, PCM, pace=20, key=KEY, secret=SECRET)
    assert replayed.disconnected == "error: broker"
    assert not replayed.closed
    assert calls.feeds[0].ended[0] == Ended(complete=False)
    assert calls.refused(Reason.BROKER) == 1


async def test_a_fault_is_told_while_nothing_comes() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, _client(url) as client:
        assert await client.open(MEDIA)
        calls.feeds[0].on_fault(GatewayError(Reason.BROKER, "away"))
        await until(lambda: client.said("disconnect"))
        assert (await client.close()).disconnected == "error: broker"
    assert calls.feeds[0].ended[0] == Ended(complete=False)


async def test_closed_is_said_only_when_all_has_arrived() -> None:
    calls = WatchedCalls(arrives=False)
    async with _served(calls) as url, _client(url) as client:
        assert await client.open(MEDIA)
        await client.send(bytes(3_200), 1_600)
        assert not (await client.close()).closed
    assert client.said("closed") is None
    assert calls.feeds[0].ended[0] == Ended(complete=True)
    assert calls.refused(Reason.BROKER) == 1


async def test_a_call_that_fails_in_its_last_moment_is_not_closed() -> None:
    calls = WatchedCalls(fails=GatewayError(Reason.BROKER, "away"))
    async with (
        _served(calls, replace(RULES, keys=ConsentKeys(withdraws="9"))) as url,
        _client(url) as client,
    ):
        assert await client.open(MEDIA)
        await client.say("dtmf", {"digit": "9"})
        assert not (await client.close()).closed
    assert calls.feeds[0].ended[0] == Ended(complete=False)
    assert calls.refused(Reason.BROKER) == 1


async def test_a_connection_that_breaks_leaves_an_incomplete_call() -> None:
    calls = WatchedCalls()
    rules = replace(RULES, keys=ConsentKeys(withdraws="9"))
    async with _served(calls, rules) as url:
        async with _client(url) as client:
            assert await client.open(MEDIA)
            await client.send(bytes(3_200), 1_600)
            await client.say("dtmf", {"digit": "9"})
            await client.say("ping")
            await until(lambda: client.said("pong"))
        await until(lambda: calls.feeds[0].ended)
    assert calls.feeds[0].events[1:] == [KeyPressed(0, 1_600, withdraws=True)]
    assert calls.feeds[0].ended == [Ended(complete=False)]


async def test_a_client_that_says_nothing_is_disconnected() -> None:
    calls = WatchedCalls()
    async with _served(calls, replace(RULES, first_s=0.05)) as url, _client(url) as client:
        await until(lambda: client.over)
        await until(client._listening.done)  # and cut, since it does not close
    assert client.said("disconnect")["parameters"] == {"reason": "error", "info": "silent"}
    assert calls.refused(Reason.SILENT) == 1
    assert calls.feeds == []


async def test_a_client_that_falls_silent_is_disconnected_even_in_a_pause() -> None:
    calls = WatchedCalls()
    async with (
        _served(calls, replace(RULES, first_s=0.1, silent_s=0.1)) as url,
        _client(url) as client,
    ):
        assert await client.open(MEDIA)
        await client.say("paused")
        for _ in range(4):
            await asyncio.sleep(0.05)
            await client.say("ping")
        assert not client.over
        await until(client._listening.done)
    assert client.said("disconnect")["parameters"]["info"] == "silent"
    assert calls.feeds[0].ended == [Ended(complete=False)]


async def test_who_goes_on_after_a_disconnect_is_cut() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, _client(url) as client:
        assert await client.open(MEDIA)
        await client.say("unheard_of")

        async def chatter() -> None:
            while not client._listening.done():
                await client.say("ping")
                await asyncio.sleep(0.02)

        async with asyncio.timeout(HANG_S):
            await chatter()
    assert calls.feeds[0].ended == [Ended(complete=False)]
    assert calls.refused(Reason.BAD_FRAME) == 1


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"odd", Reason.BAD_AUDIO),
        (bytes(70_000), Reason.TOO_LARGE),
        (bytes(1_000_000), Reason.TOO_LARGE),
        ("no json", Reason.BAD_FRAME),
        (" " * 70_000, Reason.TOO_LARGE),
    ],
)
async def test_bad_frames_end_one_session_and_no_other(frame: str | bytes, reason: Reason) -> None:
    calls = WatchedCalls()
    async with _served(calls) as url, _client(url) as good, _client(url) as bad:
        assert await good.open(MEDIA)
        assert await bad.open(MEDIA)
        await bad._write(frame)
        await until(lambda: bad.over)
        await good.send(bytes(3_200), 1_600)
        assert (await good.close()).closed
        await until(lambda: calls.feeds[1].ended)
    assert calls.feeds[0].complete
    assert not calls.feeds[1].complete
    assert calls.refused(reason) == 1


async def test_many_sessions_at_once_keep_their_audio_apart() -> None:
    calls = WatchedCalls()
    async with _served(calls) as url:
        each = [PCM + number for number in range(20)]
        await asyncio.gather(
            *(replay(url, pcm, pace=0, key=KEY, secret=SECRET, codec="L16") for pcm in each)
        )
    assert {feed.audio for feed in calls.feeds} == {encoded(pcm, "L16") for pcm in each}
    assert all(feed.complete for feed in calls.feeds)


async def test_one_key_cannot_say_two_things() -> None:
    with pytest.raises(SettingsError):
        AudioHookRules(keys=ConsentKeys(agrees="1", withdraws="1"))


def test_secrets_are_read_from_a_file_of_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{KEY} YSBjbGllbnQgc2VjcmV0IG9mIDMyIGJ5dGVzIC4uLi4u\n")
    file.chmod(0o600)
    assert secrets_of(file) == {KEY: (SECRET,)}
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="0600"):
        secrets_of(file)
    file.chmod(0o600)
    file.write_bytes(b"\xff\xff")
    with pytest.raises(SettingsError, match="UTF-8"):
        secrets_of(file)
    file.write_text("one line\n")
    with pytest.raises(SettingsError, match="line 1"):
        secrets_of(file)
    with pytest.raises(SettingsError, match="can't be read"):
        secrets_of(tmp_path / "none")
