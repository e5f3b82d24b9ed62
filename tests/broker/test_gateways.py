"""Gateways on a broker: calls end in the vault as ingested ones do; none is holed in silence."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agents.app.gateway.server import Gateway
from agents.crypto.envelope import Seal
from agents.crypto.transit_hybrid import TransitPrivate
from agents.database.call_ledger import CallState
from agents.kafka.call_sender import CallSender
from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.topics import Topics, create_topics
from agents.settings.model import Settings
from agents.system.metrics import GatewayMetrics
from benchmarks.cost.reading import read_all
from benchmarks.gateways import audiohook_client, audiosocket_client, twilio_client
from pipeline.audio.files import read_recording
from pipeline.gateways import g711
from pipeline.gateways.door.model import DoorChunk, DoorEnd, DoorRecord
from pipeline.gateways.door.wire import Message, address, decode, read_key
from pipeline.gateways.events import Codec, Reason
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Pcm, Role
from tests.broker import fakes
from tests.broker.harness import WITH_DOOR, Installation, script
from tests.ports import free_port

pytestmark = [pytest.mark.broker]

HOST = "127.0.0.1"
TOKEN = "a-token-of-a-test"  # noqa: S105 - of nobody
KEY, SECRET = "an-api-key", b"a client secret of 32 bytes ....."
SPOKEN = (Role.CUSTOMER, Role.AGENT)


def _settings(folder: Path, **options: object) -> Settings:
    secrets = {
        "twilio": f"token {TOKEN}\n",
        "audiohook": f"{KEY} {base64.b64encode(SECRET).decode()}\n",
    }
    for name, text in secrets.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    told: dict[str, object] = {
        "gateway_port": 0,
        "gateway_health_port": 0,
        "gateway_twilio_secrets": folder / "twilio",
        "gateway_telnyx_secrets": folder / "twilio",
        "gateway_audiohook_secrets": folder / "audiohook",
        "gateway_audiosocket_port": free_port(),
        "gateway_chunk_seconds": 0.5,
    }
    return Settings(**(told | options))  # type: ignore[arg-type]


@asynccontextmanager
async def _gateway(
    bootstrap: str, topic: str, private: TransitPrivate, settings: Settings
) -> AsyncIterator[tuple[Gateway, GatewayMetrics]]:
    """A gateway that holds the public key alone."""
    metrics = GatewayMetrics()
    sender = CallSender(
        bootstrap, topic, private.public, delivery_s=settings.gateway_broker_seconds
    )
    try:
        async with Gateway(settings, sender, metrics, reach=lambda: None) as gateway:
            yield gateway, metrics
    finally:
        await asyncio.to_thread(sender.close)


def _twilio(gateway: Gateway, pcm: Pcm, *, pace: float, path: str = "/twilio") -> Awaitable[int]:
    return twilio_client.replay(
        f"ws://{HOST}:{gateway.port}{path}",
        pcm.T,
        pace=pace,
        parameters={"token": TOKEN},
        platform="telnyx" if path == "/telnyx" else "twilio",
    )


def _audiohook(gateway: Gateway, pcm: Pcm, *, pace: float) -> Awaitable[audiohook_client.Replayed]:
    return audiohook_client.replay(
        f"ws://{HOST}:{gateway.port}/audiohook", pcm, pace=pace, key=KEY, secret=SECRET
    )


def _audiosocket(gateway: Gateway, pcm: Pcm, *, pace: float, name: uuid.UUID) -> Awaitable[bytes]:
    return audiosocket_client.replay(
        HOST, gateway.audiosocket_port, pcm[:, 0], pace=pace, rate=fakes.RATE, name=name
    )


def _read(
    bootstrap: str, topic: str, private: TransitPrivate, *, partitions: int
) -> dict[str, list[DoorRecord]]:
    """All records of a topic, opened, by their calls in the order of the broker."""
    keys: dict[str, Seal] = {}
    found: dict[str, list[DoorRecord]] = defaultdict(list)
    for one in read_all(bootstrap, topic, partitions):
        message = Message(one.key(), dict(one.headers() or ()), one.value())
        call_id = address(message).call_id
        wrapped = read_key(message.headers)
        assert wrapped is not None, "never in clear"
        keys.setdefault(call_id, private.unwrap(wrapped, call_id))
        found[call_id].append(decode(message, topic, keys[call_id]))
    return found


def _ingested(installation: Installation, call_id: str, pcm: Pcm, roles: tuple[Role, ...]) -> None:
    """The same audio by way of the raw topic."""
    info = CallInfo(call_id, fakes.RATE, roles, "2026-03-01T10:00:00+00:00")
    step = fakes.RATE // 2
    chunks = [
        AudioChunk(info, number, start, pcm[start : start + step])
        for number, start in enumerate(range(0, len(pcm), step))
    ]
    installation.send(call_id, [*chunks, CallEnd(call_id, len(chunks), len(pcm))])


def test_a_call_by_any_gateway_is_silent_where_an_ingested_one_is(
    installation: Installation,
) -> None:
    private = TransitPrivate.load_or_create(installation.folder / "state" / "transit-private.json")
    installation.start(WITH_DOOR)
    spoken = script("spoken").pcm[:, ::-1].copy()
    coded = g711.decode(Codec.PCMU, g711.encode(Codec.PCMU, spoken), 2)
    mono = spoken[:, :1].copy()
    # The client's streams of Twilio and Telnyx begin a moment after their calls.
    moment = np.zeros((twilio_client.FIRST_MS * fakes.RATE // 1000, 2), np.int16)
    late = np.concatenate([moment, coded])
    _ingested(installation, "plain", coded, SPOKEN)
    _ingested(installation, "late", late, SPOKEN)
    _ingested(installation, "mono", mono, (Role.MIXED,))
    installation.producer.flush()
    name = uuid.uuid4()

    async def replay() -> None:
        settings = _settings(installation.folder)
        topic = installation.topics.audio_in
        async with _gateway(installation.bootstrap, topic, private, settings) as (gateway, metrics):
            ended = await asyncio.gather(
                _twilio(gateway, spoken, pace=2),
                _twilio(gateway, spoken, pace=2, path="/telnyx"),
                _audiohook(gateway, spoken, pace=2),
                _audiosocket(gateway, spoken, pace=1, name=name),  # its pace tells its rate
            )
            assert ended[:2] == [1000, 1000]
            assert ended[2].closed
            assert ended[3] == b""
            assert await gateway.calls.ended(10)
            refused = [one for one in metrics.refused.collect()[0].samples if one.value]
            assert not [one for one in refused if one.name.endswith("_total")]

    asyncio.run(replay())
    came = _read(
        installation.bootstrap,
        installation.topics.audio_in,
        private,
        partitions=installation.partitions,
    )
    assert len(came) == 4
    states = installation.until_closed(["plain", "late", "mono", *came])
    assert set(states.values()) == {CallState.STORED}, installation.log()
    for call_id, records in came.items():
        header = records[0].header
        like = {len(late): "late", len(coded): "plain"}[records[-1].end]
        like = "mono" if header.codec is Codec.L16 else like
        audio = _stored(installation, call_id)
        assert np.array_equal(audio, _stored(installation, like))
        assert not np.array_equal(audio, {"mono": mono, "plain": coded, "late": late}[like])
        assert not installation.vault.catalogue.get(call_id).marks
        assert installation.vault.recorder_ids.shown(call_id) == header.recorder_id
    assert str(name) in {records[0].header.recorder_id for records in came.values()}
    assert not installation.read(installation.topics.deadletter)


def _stored(installation: Installation, call_id: str) -> Pcm:
    """The audio of a stored call."""
    return read_recording(installation.kept(call_id, f"{call_id}.flac")).pcm


@contextmanager
def _stopped(broker: EmbeddedBroker) -> Iterator[None]:
    """The broker takes and answers nothing."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


@pytest.mark.parametrize(("away_s", "limit_s"), [(2.0, 20.0), (8.0, 3.0)])
def test_a_broker_that_is_away_never_leaves_a_hole(
    tmp_path: Path, away_s: float, limit_s: float
) -> None:
    """Away for less than the limit: all is there. For longer: the streams are closed, and told."""
    short = away_s < limit_s
    seconds = 6
    pcm = np.repeat(script("x", seconds=8).pcm, 2, axis=0)[: seconds * 8_000]
    topics = Topics.named()
    private = TransitPrivate.load_or_create(tmp_path / "private.json")
    settings = _settings(tmp_path, gateway_broker_seconds=limit_s)

    async def replay(
        broker: EmbeddedBroker,
    ) -> tuple[tuple[int, audiohook_client.Replayed, bytes], float]:
        async with _gateway(broker.bootstrap, topics.audio_in, private, settings) as (
            gateway,
            metrics,
        ):
            streams = asyncio.gather(
                _twilio(gateway, pcm, pace=1),
                _audiohook(gateway, pcm, pace=1),
                _audiosocket(gateway, pcm, pace=1, name=uuid.uuid4()),
            )
            await asyncio.sleep(1.5)
            with _stopped(broker):
                await asyncio.sleep(away_s)
            ended = await streams
            assert await gateway.calls.ended(2 * limit_s)
            refused = sum(
                one.value
                for one in metrics.refused.collect()[0].samples
                if one.labels.get("reason") == Reason.BROKER and one.name.endswith("_total")
            )
            return ended, refused

    with EmbeddedBroker() as broker:
        create_topics(broker.bootstrap, topics, partitions=4)
        (code, hook, heard), refused = asyncio.run(replay(broker))
        came = _read(broker.bootstrap, topics.audio_in, private, partitions=4)
    assert len(came) == 3
    for records in came.values():
        chunks = [one for one in records if isinstance(one, DoorChunk)]
        ends = [one for one in records if isinstance(one, DoorEnd)]
        assert [one.seq for one in chunks] == list(range(len(chunks)))
        assert all(a.end == b.start for a, b in pairwise(chunks))
        assert [one.complete for one in ends] == ([True] if short else [False] * len(ends))
        if short:
            assert ends[0].end == chunks[-1].end >= seconds * 8_000
    if short:
        assert (code, hook.closed, heard, refused) == (1000, True, b"", 0)
    else:
        assert code == 1013
        assert hook.disconnected.startswith("error")
        assert not hook.closed
        assert heard == b"\xff\x00\x01\x01"
        assert refused == 3
