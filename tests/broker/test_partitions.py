"""Partitions that are added under running workers end them; nothing leaks, nothing hangs."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    NewPartitions,
    NewTopic,
)

from agents.database.call_ledger import CallState
from agents.kafka.topics import create_topics
from agents.system import fatal_exit
from pipeline.errors import BrokerError
from pipeline.evidence.layout import CERTIFICATE
from tests.broker.brokers import on_both
from tests.broker.harness import PARTITIONS, Installation, script
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker]


def made_anew(admin: AdminClient, count: int, *names: str) -> None:
    """Delete topics and make them again, empty."""
    for future in admin.delete_topics(list(names)).values():
        future.result(HANG_S)
    deadline = time.monotonic() + HANG_S
    while time.monotonic() < deadline:  # Apache Kafka deletes in its own time
        try:
            for future in admin.create_topics([NewTopic(one, count, 1) for one in names]).values():
                future.result(HANG_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the topics do not go away")


def grown(admin: AdminClient, count: int, *names: str) -> None:
    """Give topics more partitions; the embedded broker makes them anew for that."""
    wanted = [NewPartitions(name, count) for name in names]
    try:
        for future in admin.create_partitions(wanted).values():
            future.result(HANG_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError._UNSUPPORTED_FEATURE:
            raise
        made_anew(admin, count, *names)


def admin_of(installation: Installation) -> AdminClient:
    return AdminClient({"bootstrap.servers": installation.bootstrap, "log_level": "0"})


@on_both
@pytest.mark.parametrize("all_topics", [True, False], ids=["every topic", "raw audio alone"])
def test_added_partitions_end_a_worker_and_none_starts(
    installation: Installation, *, all_topics: bool
) -> None:
    worker = installation.start()
    call = script("slow-0")
    installation.send("slow-0", call.chunks[:6])
    installation.producer.flush()
    topics = installation.topics
    names = topics.all() if all_topics else (topics.audio_raw,)
    grown(admin_of(installation), 3 * PARTITIONS, *names)
    installation.renew_producer()
    installation.send("slow-0", [*call.chunks[6:], call.end])
    installation.interleave([script(f"slow-{number}", first=number) for number in range(1, 5)])
    assert worker.wait(HANG_S) == fatal_exit.ExitCode.BROKER, installation.log()
    with pytest.raises(BrokerError, match="partitions"):
        create_topics(installation.bootstrap, topics, partitions=PARTITIONS)
    again = installation.spawn()
    try:
        assert again.wait(HANG_S) != 0
    except subprocess.TimeoutExpired:
        pytest.fail("a worker runs on topics that were changed")
    # What was on its way stays open, its audio sealed. A worker that was given the new partitions
    # before it looked may have had the cut call whole; less than all of it is never stored.
    states = {number: installation.ledger.state(f"slow-{number}") for number in range(5)}
    assert {*states.values()} <= {CallState.OPEN, CallState.STORED, CallState.QUARANTINED}
    for number in (number for number, state in states.items() if state is CallState.STORED):
        name = f"slow-{number}"
        certificate = json.loads(installation.kept(name, f"{name}{CERTIFICATE}"))
        assert certificate["samples"] == len(script(name, first=number).pcm)
