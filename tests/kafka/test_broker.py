"""The broker under the tests: data survives a stop and a crash, topics are never made by chance."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.kafka.broker import ApacheKafka, apache_kafka, available
from tests.waiting import HANG_S, until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.skipif(available() is not None, reason=f"APACHE KAFKA NOT TESTED: {available()}"),
]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    with apache_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


def test_data_survives_a_stop_and_a_crash(kafka: ApacheKafka) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic("kept", 2, 1)])["kept"].result(10)
    _produce(kafka, [b"one"])
    kafka.stop()
    kafka.start()
    _produce(kafka, [b"two"])
    kafka.kill()
    kafka.start()
    assert _consume(kafka, 2) == [b"one", b"two"]


def test_a_topic_that_nobody_created_is_not_there(kafka: ApacheKafka) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "message.timeout.ms": 2_000})
    producer.produce("nobody-created-me", b"x")
    producer.flush(5)
    assert "nobody-created-me" not in admin.list_topics(timeout=HANG_S).topics


def test_the_broker_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys, time, pathlib
        from tests.kafka.broker import ApacheKafka
        broker = ApacheKafka(pathlib.Path(sys.argv[1]))
        broker.start()
        print(broker.pid, flush=True)
        time.sleep(60)
        """
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    until(lambda: not _alive(pid), every_s=0.05)


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has reaped yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _produce(kafka: ApacheKafka, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "acks": "all"})
    for value in values:
        producer.produce("kept", value, key=b"call")
    assert producer.flush(HANG_S) == 0


def _consume(kafka: ApacheKafka, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": "reader",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe(["kept"])
    values: list[bytes] = []
    deadline = time.monotonic() + HANG_S
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            values.append(bytes(message.value() or b""))
    consumer.close()
    return values
