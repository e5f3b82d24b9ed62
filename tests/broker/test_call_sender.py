"""Calls sent for a public key, on the brokers themselves, and as ``docs/producers.md`` says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient

from agents.crypto.transit_hybrid import TransitPrivate, TransitPublic, write_public
from agents.kafka.call_sender import CallSender, new_call_id
from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.topics import Topics, create_topics
from benchmarks.cost.reading import read_all
from pipeline.errors import BrokerError
from pipeline.gateways.door.model import MOST_AUDIO, CallHeader, DoorChunk, DoorEnd, DoorRecord
from pipeline.gateways.door.wire import Message, decode, read_key
from pipeline.gateways.events import Codec
from pipeline.records.model import Role
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "producers.md"
PARTITIONS = 3
A, B, C = (f"call-{letter * 32}" for letter in "abc")
HEADER = CallHeader(
    A, 16_000, (Role.CUSTOMER, Role.AGENT), Codec.L16, "PBX-17", numbers=("+1 202 555 0100",)
)


def topics_on(bootstrap: str) -> Topics:
    topics = Topics.named(f"t{uuid.uuid4().hex[:8]}")
    create_topics(bootstrap, topics, partitions=PARTITIONS)
    return topics


@pytest.fixture
def topics(bootstrap: str) -> Topics:
    return topics_on(bootstrap)


@pytest.fixture
def private(tmp_path: Path) -> TransitPrivate:
    return TransitPrivate.load_or_create(tmp_path / "redacting" / "transit-private.json")


def records(
    bootstrap: str, topic: str, private: TransitPrivate | None
) -> dict[str, list[DoorRecord]]:
    """What lies on the topic, by call; in order."""
    found: dict[str, list[DoorRecord]] = defaultdict(list)
    for one in read_all(bootstrap, topic, PARTITIONS):
        message = Message(one.key(), dict(one.headers() or ()), one.value())
        call_id = (one.key() or b"").decode()
        wrapped = read_key(message.headers)
        assert (wrapped is None) is (private is None)
        opening = private.unwrap(wrapped, call_id) if private and wrapped else None
        found[call_id].append(decode(message, topic, opening))
    return found


def example(language: str) -> str:
    (block,) = re.findall(rf"(?ms)^```{language}\n(.*?)^```", PAGE.read_text("utf-8"))
    return str(block)


def test_many_calls_come_out_in_order_and_whole(
    bootstrap: str, topics: Topics, private: TransitPrivate
) -> None:
    drawn = np.random.default_rng(1)
    sent: dict[str, list[DoorRecord]] = {}
    with CallSender(bootstrap, topics.audio_in, private.public) as sender:
        headers = [replace(HEADER, call_id=new_call_id()) for _ in range(20)]
        calls = [sender.open(header) for header in headers]
        sent = {header.call_id: [] for header in headers}
        for seq in range(30):
            for call in calls:
                audio = drawn.bytes(4 * 800)
                start = call.end_sample + (400 if seq == 10 else 0)
                call.send(audio, 800, start=start, paused=seq == 10)
                sent[call.header.call_id].append(
                    DoorChunk(call.header, seq, start, audio, seq == 10)
                )
        for call in calls:
            call.end()
            sent[call.header.call_id].append(DoorEnd(call.header, 30, 30 * 800 + 400))
            call.wait()
    assert sender.unacknowledged == 0
    assert records(bootstrap, topics.audio_in, private) == sent
    on_the_broker = b"".join(
        (one.value() or b"") + b"".join(value or b"" for _, value in one.headers() or ())
        for one in read_all(bootstrap, topics.audio_in, PARTITIONS)
    )
    for hidden in (b"PBX-17", b"555 0100", b"customer"):
        assert hidden not in on_the_broker


def test_the_largest_record_is_taken(
    bootstrap: str, topics: Topics, private: TransitPrivate
) -> None:
    full = replace(HEADER, recorder_id="\x01" * 512, numbers=("\x01" * 256,) * 16)
    full = replace(full, stated=b'{"a":"%s"}' % (b"x" * 16_000))
    with CallSender(bootstrap, topics.audio_in, private.public) as sender:
        call = sender.open(full)
        call.send(bytes(MOST_AUDIO), MOST_AUDIO // 4)
        call.end()
    call.wait()
    assert call.failed is None
    assert len(records(bootstrap, topics.audio_in, private)[A]) == 2


def test_a_topic_that_is_not_there_is_not_made_by_the_way(
    bootstrap: str, private: TransitPrivate
) -> None:
    topic = f"t{uuid.uuid4().hex[:8]}.audio.in"
    sender = CallSender(bootstrap, topic, private.public, delivery_s=2.0)
    call = sender.open(HEADER)
    call.send(bytes(4), 1)
    with pytest.raises(BrokerError, match="not acknowledged"):
        call.wait()
    sender.close()
    there = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=HANG_S).topics
    assert topic not in there


@pytest.fixture
def held(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A broker that may be stopped; it goes on when the test ends."""
    with EmbeddedBroker() as broker:
        yield broker
        if broker.pid:
            os.kill(broker.pid, signal.SIGCONT)


def test_a_broker_that_stands_still_costs_no_order_and_no_silence(
    held: EmbeddedBroker, private: TransitPrivate
) -> None:
    topics = topics_on(held.bootstrap)
    assert held.pid is not None
    with CallSender(held.bootstrap, topics.audio_in, private.public, delivery_s=4.0) as sender:
        short, long = sender.open(HEADER), sender.open(replace(HEADER, call_id=B))
        for call in (short, long):
            call.send(bytes(3_200), 800)
            call.wait()

        # Shorter than the delivery time: nothing is lost.
        os.kill(held.pid, signal.SIGSTOP)
        for _ in range(10):
            short.send(bytes(3_200), 800)
        assert short.unacknowledged > 32_000
        time.sleep(1.0)
        os.kill(held.pid, signal.SIGCONT)
        short.end()
        short.wait()

        # Longer: the call says so, takes no more, and ends as incomplete.
        os.kill(held.pid, signal.SIGSTOP)
        long.send(bytes(3_200), 800)
        until(lambda: long.failed is not None, every_s=0.05)
        with pytest.raises(BrokerError, match="incomplete"):
            long.send(bytes(3_200), 800)
        with pytest.raises(BrokerError, match="incomplete"):
            long.end()
        os.kill(held.pid, signal.SIGCONT)
        long.end(complete=False)

        later = sender.open(replace(HEADER, call_id=C))
        later.send(bytes(4), 1)
        later.end()
        later.wait()
    found = records(held.bootstrap, topics.audio_in, private)
    numbers = [one.seq for one in found[A] if isinstance(one, DoorChunk)]
    assert numbers == list(range(11))
    assert found[A][-1] == DoorEnd(HEADER, 11, 8_800)
    assert found[B][-1] == DoorEnd(long.header, 2, 1_600, complete=False)
    assert [type(one) for one in found[C]] == [DoorChunk, DoorEnd]


def recorder(folder: Path) -> bytes:
    """A host that has a recording, and nothing that opens anything."""
    folder.mkdir()
    audio = bytes(np.random.default_rng(2).integers(0, 256, 20_500, np.uint8))
    (folder / "call.ulaw").write_bytes(audio)
    return audio


def assert_sent(found: dict[str, list[DoorRecord]], audio: bytes) -> None:
    ((call_id, sent),) = found.items()
    chunks = [one for one in sent if isinstance(one, DoorChunk)]
    assert b"".join(one.audio for one in chunks) == audio
    assert [one.start for one in chunks] == [0, 8_000, 16_000]
    assert sent[-1] == DoorEnd(chunks[0].header, 3, len(audio))
    header = CallHeader(call_id, 8_000, (Role.MIXED,), Codec.PCMU, recorder_id="PBX-17/2026")
    assert {one.header for one in sent} == {header}


def test_the_example_in_python_runs_with_the_public_key_alone(
    bootstrap: str, topics: Topics, private: TransitPrivate, tmp_path: Path
) -> None:
    audio = recorder(tmp_path / "recorder")
    write_public(tmp_path / "recorder" / "transit-public.json", private.public)
    script = example("python")
    assert '"localhost:9092"' in script
    script = script.replace("localhost:9092", bootstrap).replace(
        "hushwire.audio.in", topics.audio_in
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "recorder",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    found = records(bootstrap, topics.audio_in, private)
    assert list(found) == [done.stdout.strip()]
    assert_sent(found, audio)
    assert sorted(one.name for one in (tmp_path / "recorder").iterdir()) == [
        "call.ulaw",
        "transit-public.json",
    ]


def test_the_example_with_kcat_runs(bootstrap: str, topics: Topics, tmp_path: Path) -> None:
    if shutil.which("kcat") is None:
        pytest.skip("THE EXAMPLE WITH KCAT IS NOT TRIED: there is no kcat here")
    asked = ["kcat", "-L", "-b", bootstrap, "-m", "5"]
    if subprocess.run(asked, check=False, capture_output=True, timeout=HANG_S).returncode:
        pytest.skip("Debian's kcat does not speak with the embedded broker")
    audio = recorder(tmp_path / "recorder")
    script = example("sh").replace("localhost:9092", bootstrap)
    done = subprocess.run(
        ["sh", "-eu", "-c", script.replace("-t hushwire.audio.in", f"-t {topics.audio_in}")],
        cwd=tmp_path / "recorder",
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    assert_sent(records(bootstrap, topics.audio_in, None), audio)


def test_another_installation_s_key_opens_nothing(
    bootstrap: str, topics: Topics, private: TransitPrivate, tmp_path: Path
) -> None:
    other = TransitPrivate.load_or_create(tmp_path / "other" / "transit-private.json")
    public = TransitPublic.parse(other.public.content())
    with CallSender(bootstrap, topics.audio_in, public) as sender:
        call = sender.open(HEADER)
        call.send(bytes(4), 1)
    assert records(bootstrap, topics.audio_in, other)
    with pytest.raises(Exception, match="does not open"):
        records(bootstrap, topics.audio_in, private)
