"""Under work, crashes and errors nothing that was said is in any byte that anything wrote.

The recogniser says canary words: every word of every call is one, and so is the audio. Workers and
the broker are killed, records are poisoned, the recogniser dies and raises, calls are refused and
quarantined. Then everything on the disk is searched: key store, catalogue, vault, logs, working and
temporary folders, Apache Kafka's log directory, and every record and metric as clients see them.
"""

from __future__ import annotations

import os
import time
import urllib.request
import uuid
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from confluent_kafka import Producer

from agents.app.checks.canaries import needles
from agents.app.checks.leak_scan import Searcher, forms, scan, told
from agents.app.checks.leak_scan_selftest import self_test
from agents.database.call_ledger import CallState
from agents.kafka.producer import sealed
from agents.vault.reader import VaultReader
from agents.vault.vault import Vault
from pipeline.records.model import AudioChunk
from tests.broker.brokers import BOTH, Broker, running
from tests.broker.canaries import WORDS, canaries
from tests.broker.fakes import BROKEN, KILLER, SLOW
from tests.broker.harness import Installation, content, script
from tests.kafka.broker import ApacheKafka
from tests.ports import free_port
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.slow]

CRASHED = (f"{SLOW}-1", f"{SLOW}-2")
FAILED = (f"{KILLER}-1", f"{BROKEN}-1", "poisoned-1")


@pytest.fixture(params=BOTH)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A broker of its own, since it is killed and its folder is searched."""
    with running(request.param, tmp_path / "kafka") as made:
        yield made


@pytest.fixture
def installation(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """Workers of it speak canaries, and write wherever they like below the test's folder."""
    for name in ("tmp", "working", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("SCRIPTED_WORDS", " ".join(WORDS))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "working")
    monkeypatch.setenv("METRICS_OF_TEST", str(free_port()))
    made = Installation(broker.bootstrap, tmp_path / "work", f"l{uuid.uuid4().hex[:8]}")
    yield made
    made.close()


def poison(installation: Installation, chunk: AudioChunk, call_id: str) -> None:
    """Records that are cut, moved to another topic, and sealed with another call's key."""
    seal = installation.ledger.open_call(call_id).seal
    other = installation.ledger.open_call("other").seal
    raw = installation.topics.audio_raw
    good = sealed(chunk, raw, seal)
    moved = sealed(chunk, installation.topics.words, seal)
    foreign = sealed(chunk, raw, other)
    producer = Producer({"bootstrap.servers": installation.bootstrap})
    for message, value in ((good, good.value[:-1]), (moved, moved.value), (foreign, foreign.value)):
        headers = list(message.headers.items())
        producer.produce(raw, key=call_id.encode(), value=value, headers=headers)
    assert producer.flush(HANG_S) == 0


def test_planted_canaries_are_found() -> None:
    sound = script("plant").pcm
    assert [one for one in self_test(canaries([sound])) if not one.found] == []


def test_nothing_that_was_said_is_in_any_written_byte(
    broker: Broker,
    installation: Installation,
    tmp_path: Path,
) -> None:
    calls = {
        name: script(name, seconds=2 if BROKEN in name else 4, first=place)
        for place, name in enumerate(("plain-1", *CRASHED, *FAILED))
    }
    search = Searcher(*needles(canaries([one.pcm for one in calls.values()])))

    worker = installation.start()
    installation.interleave([calls["plain-1"], *(calls[name] for name in CRASHED)])
    time.sleep(1.0)
    worker.kill()
    worker.wait()
    if isinstance(broker, ApacheKafka):
        broker.kill()
        broker.start()
    worker = installation.start()
    states = installation.until_closed(["plain-1", *CRASHED])
    assert set(states.values()) == {CallState.STORED}

    poison(installation, calls["poisoned-1"].chunks[0], "poisoned-1")
    installation.interleave([calls[name] for name in FAILED])
    states = installation.until_closed(FAILED)
    assert states[f"{KILLER}-1"] is CallState.QUARANTINED
    assert states[f"{BROKEN}-1"] in {CallState.QUARANTINED, CallState.REFUSED}
    assert states["poisoned-1"] is CallState.STORED
    page = f"http://127.0.0.1:{os.environ['METRICS_OF_TEST']}/metrics"
    with urllib.request.urlopen(page, timeout=HANG_S) as answer:
        metrics = answer.read()
    assert b"hushwire_dead_letters" in metrics
    installation.stop(worker)

    # The canaries did go through: what may stay is in the transcript, for whoever has the key.
    vault = Vault.opened(installation.folder / "vault", installation.ledger)
    transcript = VaultReader(vault).transcript("plain-1").decode()
    assert any(word in transcript for word in WORDS[5:])
    assert not any(word in transcript for word in WORDS[:5])

    assert search.search(BytesIO(metrics)) == []
    records = installation.read_every()
    assert records[installation.topics.deadletter]
    for topic, kept in records.items():
        assert search.search(BytesIO(content(kept))) == [], topic
    done = scan([tmp_path], search)
    assert told(done) == []
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"ledger.db", "kek.json", "worker.log", "plain-1.flac.sealed"} <= names
    if isinstance(broker, ApacheKafka):
        _assert_the_log_directory_is_searched(broker, installation, search)


def _assert_the_log_directory_is_searched(
    kafka: ApacheKafka, installation: Installation, search: Searcher
) -> None:
    """A canary in clear, text and audio, is found where the broker wrote it."""
    raw = [path for path in kafka.data.rglob("*.log") if "audio.raw" in path.parent.name]
    assert sum(path.stat().st_size for path in raw) > 500_000
    producer = Producer({"bootstrap.servers": installation.bootstrap})
    for value in (WORDS[5].encode(), script("plain-1", seconds=4).pcm.tobytes()):
        producer.produce(installation.topics.words, key=b"planted", value=value)
    assert producer.flush(HANG_S) == 0
    found = forms(hit for _, hit in scan(kafka.data.rglob("*.log"), search).hits)
    assert ("word 5", "text") in found
    assert any(name == "audio" and "PCM16" in form for name, form in found)
