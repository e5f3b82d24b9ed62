"""Names and shapes of the topics, and how they are created."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, fields, replace

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from agents.kafka.reaching import BrokerAdmin, words
from agents.system.logging import get_logger
from pipeline.errors import BrokerError

PARTITIONS = 8
"""Default for all topics; fixed up front, since growing breaks the order of a call."""
RAW_RETENTION_MS = 86_400_000
"""Longest call plus the longest outage that is to be survived; after that raw audio is gone. A call
is read again from its first record after a crash, so this can't be minutes (ADR 2)."""
SEGMENT_BYTES = 64 * 1024 * 1024
"""Retention works on closed segments only: a busy partition closes one within minutes."""
SEGMENTS = 12
"""A quiet partition closes a segment this many times within the retention."""
REACH_S = 10.0
"""How long a broker may take to answer when a command starts."""
PARTITIONS_LOOK_S = 30.0
"""How often a worker looks whether somebody added partitions."""
COPIES = 2
"""Copies of a record that have to be there before it counts as written, where there are three."""
KEPT_RETENTION_MS = 604_800_000
_LOOK_AGAIN_S = 0.1
_GRACE_S = 1.0
"""The client's own time-out, which says more, is given this much time to come first."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one installation; see ``named``."""

    audio_in: str
    """Calls as they come in, sealed by keys of whoever sends them; the door's (``admit``)."""
    audio_raw: str
    words: str
    spans: str
    audio_redacted: str
    audio_verified: str
    calls_redacted: str
    transcripts_redacted: str
    """Redacted transcripts in clear, where the settings say that they are told."""
    deadletter: str
    audit: str
    backfilled: bool = False
    """Whether ``backfill``'s topics are counted among these."""

    @classmethod
    def named(cls, prefix: str = "hushwire", *, backfilled: bool = False) -> Topics:
        """The topics under a prefix."""
        return cls(
            audio_in=f"{prefix}.audio.in",
            audio_raw=f"{prefix}.audio.raw",
            words=f"{prefix}.words",
            spans=f"{prefix}.spans",
            audio_redacted=f"{prefix}.audio.redacted",
            audio_verified=f"{prefix}.audio.verified",
            calls_redacted=f"{prefix}.calls.redacted",
            transcripts_redacted=f"{prefix}.transcripts.redacted",
            deadletter=f"{prefix}.deadletter",
            audit=f"{prefix}.audit",
            backfilled=backfilled,
        )

    def backfill(self) -> Topics:
        """The same, but calls go over topics of their own, where they hold up no live ones.

        Nothing of them comes in by the door.
        """
        prefix = self.audio_raw.removesuffix(".audio.raw")
        return replace(
            self,
            audio_raw=f"{prefix}.backfill.audio.raw",
            words=f"{prefix}.backfill.words",
            spans=f"{prefix}.backfill.spans",
            audio_redacted=f"{prefix}.backfill.audio.redacted",
            audio_verified=f"{prefix}.backfill.audio.verified",
            backfilled=False,
        )

    def among(self, there: Collection[str]) -> Topics:
        """The same, with an archive's topics where one of them is there, whatever is set here.

        Commands look at what a broker has: workers elsewhere may take archives' calls.
        """
        counted = self.backfilled or not set(there).isdisjoint(self.archive())
        return replace(self, backfilled=counted)

    def archive(self) -> tuple[str, ...]:
        """The topics that carry calls of an archive, and no others."""
        return tuple(one for one in self.backfill().transit() if one != self.audio_in)

    def all(self) -> tuple[str, ...]:
        """Every topic's name."""
        own = (getattr(self, one.name) for one in fields(self) if one.name != "backfilled")
        return (*own, *self._behind())

    def transit(self) -> tuple[str, ...]:
        """The topics that carry calls between stages, sealed."""
        return (
            self.audio_in,
            self.audio_raw,
            self.words,
            self.spans,
            self.audio_redacted,
            self.audio_verified,
            *self._behind(),
        )

    def _behind(self) -> tuple[str, ...]:
        return self.archive() if self.backfilled else ()


def wanted_configs(
    topics: Topics, retention_ms: int, replication: int = 1
) -> dict[str, dict[str, str]]:
    """How every topic has to be configured, by its name.

    Args:
        topics: their names.
        retention_ms: how long sealed records of calls are kept, and redacted transcripts.
        replication: copies of each partition.
    """
    # What is said of a call in clear goes as soon as the call's own records.
    short = {*topics.transit(), topics.transcripts_redacted}
    kept = {name: retention_ms if name in short else KEPT_RETENTION_MS for name in topics.all()}
    return {
        name: {
            "cleanup.policy": "delete",  # compaction would keep the last record of every call
            "retention.ms": str(retention),
            "segment.ms": str(retention // SEGMENTS),
            "segment.bytes": str(SEGMENT_BYTES),
            # What was acknowledged is never lost with one broker, nor taken back: a worker would
            # find other records at offsets that it knows.
            "min.insync.replicas": str(COPIES if replication > COPIES else 1),
            "unclean.leader.election.enable": "false",
        }
        for name, retention in kept.items()
    }


def create_topics(
    bootstrap: str,
    topics: Topics,
    *,
    partitions: int = PARTITIONS,
    replication: int = 1,
    retention_ms: int = RAW_RETENTION_MS,
    timeout_s: float = 30.0,
    client: dict[str, str] | None = None,
) -> None:
    """Create the topics that are missing; ones that exist stay as they are.

    Where all are there, the right to create any is not needed.

    Args:
        bootstrap: ``host:port[,…]``.
        topics: their names.
        partitions: the same for all, so that a call's records are in partitions of one number.
        replication: copies of each partition.
        retention_ms: how long the broker keeps the sealed records of calls.
        timeout_s: how long to wait for the broker.
        client: further librdkafka settings, such as TLS ones.

    Raises:
        BrokerError: the broker is away or refuses, or a topic that exists has another number of
            partitions than the others or than is wanted.
    """
    there = reach_broker(bootstrap, timeout_s=timeout_s, client=client)
    admin = BrokerAdmin(bootstrap, client)
    wanted = [
        NewTopic(name, num_partitions=partitions, replication_factor=replication, config=config)
        for name, config in wanted_configs(topics, retention_ms, replication).items()
        if name not in there
    ]
    made = admin.create_topics(wanted, request_timeout=timeout_s) if wanted else {}
    for name, future in made.items():
        try:
            future.result(timeout_s + _GRACE_S)
        except TimeoutError as error:
            raise admin.away(error) from None
        except KafkaException as error:
            inner = error.args[0]
            if inner.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                told = f"Kafka at {bootstrap} did not create the topic {name}: {words(inner)}"
                raise BrokerError(told) from error
    _check_partitions(admin, bootstrap, topics, partitions, timeout_s)


def reach_broker(
    bootstrap: str, *, timeout_s: float = REACH_S, client: dict[str, str] | None = None
) -> frozenset[str]:
    """Ask the broker for its topics, so that a wrong address is told soon and clearly.

    Args:
        bootstrap: ``host:port[,…]``.
        timeout_s: how long it may take.
        client: further librdkafka settings, such as TLS ones.

    Returns:
        The names of all topics that it shows.

    Raises:
        BrokerError: nobody answers there.
    """
    admin = BrokerAdmin(bootstrap, client)
    try:
        return frozenset(admin.list_topics(timeout=timeout_s).topics)
    except KafkaException as error:
        raise admin.away(error) from error


def require_door(bootstrap: str, topics: Topics, *, client: dict[str, str] | None = None) -> None:
    """Ask for the topic of whoever sends calls: they make none, as they don't know its shape.

    Args:
        bootstrap: ``host:port[,…]``.
        topics: their names.
        client: further librdkafka settings, such as TLS ones.

    Raises:
        BrokerError: it is not there, or nobody answers.
    """
    if topics.audio_in not in reach_broker(bootstrap, client=client):
        raise BrokerError(
            f"the topic {topics.audio_in} is not there, or may not be seen: start the workers first"
        )


def _check_partitions(
    admin: BrokerAdmin, bootstrap: str, topics: Topics, partitions: int, timeout_s: float
) -> None:
    """Wait until the broker shows all topics, and compare their partitions."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            known = admin.list_topics(timeout=timeout_s).topics
        except KafkaException as error:
            raise admin.away(error) from error
        if all(name in known and known[name].partitions for name in topics.all()):
            break
        if time.monotonic() > deadline:
            raise BrokerError(f"{bootstrap}: the topics were created but do not appear")
        time.sleep(_LOOK_AGAIN_S)
    counts = sorted({len(known[name].partitions) for name in topics.transit()})
    if len(counts) > 1:
        raise BrokerError(
            f"{bootstrap}: the topics have different numbers of partitions ({counts}); "
            "create them anew with one number"
        )
    if counts != [partitions]:
        raise BrokerError(
            f"{bootstrap}: the topics have {counts[0]} partitions, the settings say {partitions}: "
            "set HUSHWIRE_PARTITIONS to what they were made with; where some were added, no call "
            "may be in flight any more (docs/deploy/kafka.md)"
        )


async def keep_partitions(
    bootstrap: str,
    topics: Topics,
    partitions: int,
    *,
    client: dict[str, str] | None = None,
    look_s: float = PARTITIONS_LOOK_S,
) -> None:
    """Look, until cancelled, whether the topics have as many partitions as they were made with.

    Where some are added, the records of a call go to two partitions: their order is lost.

    Raises:
        BrokerError: a topic has another number. A broker that is away, or does not show a topic
            just now, is asked again; it is logged when it goes away, and when it is back.
    """
    admin = BrokerAdmin(bootstrap, client)
    answered, away = time.monotonic(), False
    log = get_logger()
    while True:
        await asyncio.sleep(min(look_s, REACH_S) if away else look_s)
        try:
            known = (await asyncio.to_thread(admin.list_topics, timeout=REACH_S)).topics
        except KafkaException:
            if not away:
                away, seconds = True, round(time.monotonic() - answered)
                log.warning(
                    "broker away since its last answer", seconds=seconds, bootstrap=bootstrap
                )
            continue
        if away:
            away, seconds = False, round(time.monotonic() - answered)
            log.warning("broker is back", seconds=seconds, bootstrap=bootstrap)
        answered = time.monotonic()
        counts = {name: len(known[name].partitions) for name in topics.transit() if name in known}
        for name, count in counts.items():
            if count not in {0, partitions}:
                raise BrokerError(f"topic {name} has {count} partitions, not {partitions}")
