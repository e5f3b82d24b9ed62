"""An installation under test: topics, ledger, vault and worker processes of its own."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from agents.crypto.envelope import KeyEncryptionKey
from agents.database import migrate
from agents.database.call_ledger import CallState, Ledger
from agents.database.engine import Database
from agents.database.known_keys import known_token_key
from agents.kafka.producer import CallProducer
from agents.kafka.topics import Topics, create_topics
from agents.vault.file_store import PASSED, QUARANTINE
from agents.vault.vault import Vault
from benchmarks.cost.reading import read_all
from pipeline.evidence.layout import CERTIFICATE, SEALED
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Pcm, Role
from tests.broker import fakes
from tests.broker.forked import Started, Worker
from tests.waiting import HANG_S

PARTITIONS = 4
ALL = "transcribe,detect,mute,verify,vault"
WITH_DOOR = f"admit,{ALL}"


def unsigned(name: str, content: bytes) -> bytes:
    """A stored file; a certificate without signature and end of the audit log.

    Those two differ between installations, and with the order in which calls end.
    """
    if not name.endswith(CERTIFICATE):
        return content
    document = json.loads(content)
    assert document.pop("signature")
    assert document.pop("log")
    return json.dumps(document, indent=1).encode()


@dataclass(frozen=True)
class Script:
    """A call that is to be sent."""

    info: CallInfo
    pcm: Pcm
    chunks: tuple[AudioChunk, ...]
    end: CallEnd


def script(call_id: str, *, seconds: int = 8, first: int = 0) -> Script:
    """A call with words and digits on both channels, in chunks of half a second."""
    count = seconds * fakes.RATE // (fakes.BURST + fakes.GAP)
    agent: list[str | None] = [None] * count
    customer: list[str | None] = [None] * count
    for place in range(count):
        word = fakes.WORDS[(place + first) % len(fakes.WORDS)]
        (agent if place % 7 < 3 else customer)[place] = word
    pcm = np.stack([fakes.speak(agent), fakes.speak(customer)], axis=1)
    info = CallInfo(call_id, fakes.RATE, (Role.AGENT, Role.CUSTOMER), "2026-03-01T10:00:00+00:00")
    step = fakes.RATE // 2
    chunks = tuple(
        AudioChunk(info, number, start, pcm[start : start + step])
        for number, start in enumerate(range(0, len(pcm), step))
    )
    return Script(info, pcm, chunks, CallEnd(call_id, len(chunks), len(pcm)))


def content(messages: Iterable[Any]) -> bytes:
    """Keys, values and headers of records, as a client sees them."""
    parts: list[bytes] = []
    for message in messages:
        parts += [message.key() or b"", message.value() or b""]
        parts += [value or b"" for _, value in message.headers() or []]
    return b"\x00".join(parts)


class Installation:
    """Everything that belongs to one test on a broker.

    Args:
        bootstrap: the broker.
        folder: for state, vault and the workers' log.
        prefix: of topics and groups.
        partitions: of every topic.
        ledger_url: of the ledger's database; SQLite in the folder where none is given.
        vault: a folder, or a bucket; in the folder where none is given.
    """

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        prefix: str,
        *,
        partitions: int = PARTITIONS,
        ledger_url: str | None = None,
        vault: str | None = None,
    ) -> None:
        self.bootstrap, self.folder, self.prefix = bootstrap, folder, prefix
        self.partitions = partitions
        self.topics = Topics.named(prefix)
        create_topics(bootstrap, self.topics, partitions=partitions)
        self._places = {"LEDGER_OF_TEST": ledger_url, "VAULT_OF_TEST": vault}
        self._vault = vault or folder / "vault"
        if ledger_url is None:
            self.ledger = Ledger.embedded(folder / "state")
        else:
            database = Database(ledger_url)
            migrate.upgrade(database)
            database.dispose()
            kek = KeyEncryptionKey.load_or_create(folder / "state" / "kek.json")
            self.ledger = Ledger(ledger_url, kek)
        known_token_key(self.ledger.database).ensured(folder / "state" / "tokens.key")
        self.producer = CallProducer(bootstrap, self.topics.audio_raw)
        self.workers: list[Worker | Started] = []

    def start(
        self,
        stages: str = ALL,
        *,
        idle_s: float = HANG_S,
        told: Mapping[str, str] | None = None,
        kind: type[Worker | Started] = Worker,
    ) -> Worker | Started:
        """Start a worker and wait until it reads; ``told`` and ``kind`` as for ``spawn``."""
        worker = self.spawn(stages, idle_s=idle_s, told=told, kind=kind)
        assert worker.stdout is not None
        readable, _, _ = select.select([worker.stdout], [], [], HANG_S)
        line = worker.stdout.readline().strip() if readable else "(silent)"
        assert line == "ready", self.log()
        return worker

    def spawn(
        self,
        stages: str = ALL,
        *,
        idle_s: float = HANG_S,
        bootstrap: str = "",
        told: Mapping[str, str] | None = None,
        kind: type[Worker | Started] = Worker,
    ) -> Worker | Started:
        """Start a worker and don't wait for it.

        Args:
            stages: their names, joined by commas.
            idle_s: after which a call without an end is closed.
            bootstrap: of another broker, or of a proxy before it.
            told: further environment variables.
            kind: how it is started.
        """
        arguments = [bootstrap or self.bootstrap, str(self.folder), self.prefix, stages]
        places = {name: value for name, value in self._places.items() if value}
        with (self.folder / "worker.log").open("a", encoding="utf-8") as log:
            worker = kind(
                [*arguments, str(idle_s), str(self.partitions)],
                log,
                os.environ | places | dict(told or {}),
            )
        self.workers.append(worker)
        return worker

    def log(self) -> str:
        """What the workers wrote."""
        return (self.folder / "worker.log").read_text(encoding="utf-8")

    def close(self) -> None:
        """End what is still running."""
        for worker in self.workers:
            worker.close()
        self.ledger.dispose()

    def stop(self, worker: Worker | Started) -> None:
        """SIGTERM; the worker has to end in order."""
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(HANG_S) == 0, self.log()

    def send(self, call_id: str, records: Iterable[AudioChunk | CallEnd]) -> None:
        """Open a call and send records of it."""
        seal = self.ledger.open_call(call_id).seal
        for record in records:
            self.producer.send(record, seal)

    def renew_producer(self) -> None:
        """Begin anew after a record was given up."""
        self.producer = CallProducer(self.bootstrap, self.topics.audio_raw)

    def interleave(self, scripts: Sequence[Script]) -> None:
        """Send calls chunk by chunk in turn."""
        longest = max(len(one.chunks) for one in scripts)
        for number in range(longest + 1):
            for one in scripts:
                if number < len(one.chunks):
                    self.send(one.info.call_id, [one.chunks[number]])
                elif number == len(one.chunks):
                    self.send(one.info.call_id, [one.end])
        for one in scripts:
            if len(one.chunks) == longest:
                self.send(one.info.call_id, [one.end])
        self.producer.flush()

    def until_closed(
        self, calls: Iterable[str], *, within_s: float = HANG_S, started_again: bool = False
    ) -> dict[str, CallState]:
        """Wait until calls are closed; their states.

        Without any worker it is over, but where somebody starts them again.
        """
        wanted = list(calls)
        deadline = time.monotonic() + within_s
        going_on = True
        while time.monotonic() < deadline and going_on:
            alive = any(one.poll() is None for one in self.workers)
            going_on = alive or started_again or not self.workers
            states = {one: self.ledger.state(one) for one in wanted}
            if all(state not in {None, CallState.OPEN} for state in states.values()):
                return {one: state for one, state in states.items() if state is not None}
            time.sleep(0.1)
        still = [one for one, state in states.items() if state in {None, CallState.OPEN}]
        raise AssertionError(f"{len(still)} still open, such as {still[:5]}\n{self.log()}")

    @property
    def vault(self) -> Vault:
        """Where the calls are stored."""
        return Vault.opened(self._vault, self.ledger)

    def stored(self) -> dict[str, str]:
        """Every file of a call by path, decrypted: text as it is, anything else by its sha256.

        Certificates without what they say of their own installation.
        """
        vault = self.vault
        found: dict[str, str] = {}
        for path in sorted((self.folder / "vault").rglob("*")):
            if path.is_file() and path.parent.parent.name in {PASSED, QUARANTINE}:
                name, call_id = path.name.removesuffix(SEALED), path.parent.name
                passed = path.parent.parent.name == PASSED
                content = vault.read(call_id, name, passed=passed)
                content = unsigned(name, content)
                text = name.endswith((".json", ".vtt"))
                place = f"{path.parent.parent.name}/{call_id}/{name}"
                found[place] = content.decode() if text else hashlib.sha256(content).hexdigest()
        return found

    def kept(self, call_id: str, name: str) -> bytes:
        """A file of a stored call, decrypted."""
        return self.vault.read(call_id, name)

    def read(self, topic: str) -> list[Any]:
        """Every record of a topic."""
        return read_all(self.bootstrap, topic, self.partitions)

    def read_every(self, topics: Iterable[str] = ()) -> dict[str, list[Any]]:
        """Every record of topics, by topic, of all where none is named; read at the same time."""
        names = tuple(topics) or self.topics.all()
        with ThreadPoolExecutor(len(names)) as threads:
            return dict(zip(names, threads.map(self.read, names), strict=True))

    def committed(self, stage: str, topic: str) -> dict[int, int]:
        """Committed offset by partition, for partitions that have one."""
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": f"{self.prefix}-{stage}"}
        )
        places = [TopicPartition(topic, one) for one in range(self.partitions)]
        answer = consumer.committed(places, timeout=HANG_S)
        consumer.close()
        return {one.partition: one.offset for one in answer if one.offset >= 0}
