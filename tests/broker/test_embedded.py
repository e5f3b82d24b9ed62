"""The embedded broker ends with us and listens on the loopback only; both clients agree on it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner

from agents.kafka.embedded_broker import EmbeddedBroker
from agents.kafka.topics import Topics, create_topics
from pipeline.errors import BrokerError
from pipeline.records.model import CallEnd
from tests.broker.brokers import on_both
from tests.broker.harness import PARTITIONS, Installation
from tests.waiting import until

pytestmark = pytest.mark.broker


def _listening(port: int) -> set[str]:
    """Local addresses (as the kernel writes them) that listen on a port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, _, number = address.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(host)
    return found


def test_it_listens_on_the_loopback_only_and_stops() -> None:
    broker = EmbeddedBroker()
    with broker:
        host, port = broker.bootstrap.split(":")
        assert host == "127.0.0.1"
        assert _listening(int(port)) == {"0100007F"}
    assert not _listening(int(port))
    broker.stop()


def test_it_ends_with_a_killed_parent() -> None:
    code = (
        "import time\n"
        "from agents.kafka.embedded_broker import EmbeddedBroker\n"
        "broker = EmbeddedBroker()\n"
        "broker.start()\n"
        "print(broker.pid, broker.bootstrap, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, bootstrap = parent.stdout.readline().split()
    port = int(bootstrap.split(":")[1])
    assert _listening(port)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not _listening(port), every_s=0.05)
    program = Path(f"/proc/{pid}/exe")
    assert not program.exists() or "tansu" not in program.readlink().name


@on_both
def test_topics_of_different_width_are_refused(bootstrap: str) -> None:
    topics = Topics.named(f"w{time.monotonic_ns()}")
    create_topics(bootstrap, topics, partitions=2)
    create_topics(bootstrap, topics, partitions=2)
    mixed = replace(topics, words=f"{topics.words}.wide")
    with pytest.raises(BrokerError, match="different numbers"):
        create_topics(bootstrap, mixed, partitions=3)


def test_both_clients_put_a_call_on_the_same_partition(installation: Installation) -> None:
    calls = [f"call-{number}" for number in range(40)]
    for call_id in calls:
        installation.send(call_id, [CallEnd(call_id, 0, 0)])
    installation.producer.flush()
    partitioner, every = DefaultPartitioner(), list(range(PARTITIONS))
    records = installation.read(installation.topics.audio_raw)
    placed = {record.key().decode(): record.partition() for record in records}
    assert placed == {one: partitioner(one.encode(), every, every) for one in calls}
