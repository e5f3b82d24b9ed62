"""What the broker keeps is set and read on the brokers themselves."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from agents.app.checks.surroundings import broker_findings
from agents.app.operations.findings import Grade
from agents.kafka.admin import cluster_state, unread
from agents.kafka.topics import Topics, create_topics, wanted_configs
from agents.settings.model import Settings
from tests.broker.brokers import on_both
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.broker

SAMPLES = Path(__file__).parents[2] / "benchmarks" / "samples"


def hushwire(*arguments: str, fails: int = 0, err: bool = False) -> str:
    """What a command writes, which has to end with an exit code."""
    command = [sys.executable, "-m", "agents", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == fails, done.stderr
    return done.stderr if fails or err else done.stdout


@on_both
def test_topics_are_made_weakened_and_set_right(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = f"t{uuid.uuid4().hex[:8]}"
    topics = Topics.named(prefix)
    monkeypatch.setenv("HUSHWIRE_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("HUSHWIRE_PARTITIONS", "2")
    monkeypatch.setenv("HUSHWIRE_BOOTSTRAP", bootstrap)
    settings = Settings(topic_prefix=prefix, partitions=2)

    # One topic was made by hand, with a broker's own defaults: records stay for a week.
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": "0"})
    admin.create_topics([NewTopic(topics.words, 2, 1)])[topics.words].result(15)
    weak = broker_findings(cluster_state(bootstrap, topics), topics, settings)
    assert {one.advice for one in weak} >= {
        "hushwire topics create",
        "hushwire topics update --shorten",
    }

    assert f"{len(topics.all())} topics of 2 partitions" in hushwire("topics", "create")
    weak = broker_findings(cluster_state(bootstrap, topics), topics, settings)
    assert {one.what for one in weak} == {topics.words}

    shorter = ("topics", "update", "--raw-retention-seconds", "36000")
    assert topics.audio_raw in hushwire(*shorter, fails=2)
    kept = cluster_state(bootstrap, topics).topics[topics.audio_raw].config["retention.ms"]
    assert kept == "86400000"
    assert f"{len(topics.all())} topics updated" in hushwire(*shorter, "--shorten")
    state = cluster_state(bootstrap, topics)
    for name, wanted in wanted_configs(topics, 36_000_000).items():
        assert {key: state.topics[name].config[key] for key in wanted} == wanted
    ten = settings.model_copy(update={"raw_retention_seconds": 36_000})
    assert [one.grade for one in broker_findings(state, topics, ten)] == [Grade.OK]
    an_hour = hushwire("topics", "update", "--raw-retention-seconds", "3600", "--shorten", err=True)
    assert "3600 s are too short for a call of eight hours" in an_hour
    assert "--raw-retention-seconds 29710 or more" in an_hour
    lonely = replace(state, brokers=3)
    assert [one.what for one in broker_findings(lonely, topics, ten)] == ["replication"]


def test_an_archives_topics_are_counted_where_they_are_there(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is set where the command runs."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    both = Topics.named(prefix, backfilled=True)
    monkeypatch.setenv("HUSHWIRE_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("HUSHWIRE_PARTITIONS", "2")
    monkeypatch.setenv("HUSHWIRE_BOOTSTRAP", bootstrap)
    assert "10 topics of 2 partitions" in hushwire("topics", "create")
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": "0"})
    name = both.backfill().audio_raw
    week = {"retention.ms": "604800000"}
    admin.create_topics([NewTopic(name, 2, 1, config=week)])[name].result(15)
    until(lambda: name in admin.list_topics(timeout=HANG_S).topics)  # Kafka shows it later
    assert name in hushwire("topics", "update", fails=2)
    assert "11 topics updated" in hushwire("topics", "update", "--shorten")
    assert f"{len(both.all())} topics of 2 partitions" in hushwire("topics", "create")
    live = Topics.named(prefix)
    there = cluster_state(bootstrap, live).topics
    assert there[name].config["retention.ms"] == "86400000"
    assert set(there) == set(both.all())


@on_both
def test_recordings_that_are_sent_before_any_worker_make_all_topics_alike(
    bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker would make the one for raw audio with a number of its own."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("HUSHWIRE_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("HUSHWIRE_PARTITIONS", "2")
    monkeypatch.setenv("HUSHWIRE_BOOTSTRAP", bootstrap)
    monkeypatch.setenv("HUSHWIRE_STATE_DIR", str(tmp_path))
    assert "1 sent" in hushwire("ingest", str(SAMPLES / "bill.flac"))
    topics = Topics.named(prefix)
    there = cluster_state(bootstrap, topics).topics
    assert {name: there[name].partitions for name in topics.all()} == dict.fromkeys(topics.all(), 2)


def test_a_door_that_nobody_reads_is_told(bootstrap: str) -> None:
    """Until a group is in it, or has read what is there."""
    topics, group = Topics.named(f"t{uuid.uuid4().hex[:8]}"), "nobody-admit"
    assert not unread(bootstrap, topics.audio_in, group)
    create_topics(bootstrap, topics, partitions=2)
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topics.audio_in, b"value", b"key", partition=1)
    assert producer.flush(HANG_S) == 0
    assert unread(bootstrap, topics.audio_in, group)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topics.audio_in, 1, 1)], asynchronous=False)
    consumer.close()
    assert not unread(bootstrap, topics.audio_in, group)
