"""What a broker really keeps: reads the topics' shapes and sets their configuration.

Outcomes: ``BrokerError`` where the broker is away or refuses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from agents.kafka.lag import LagReader
from agents.kafka.reaching import BrokerAdmin
from agents.kafka.security import KafkaSecurity, named_broker
from agents.kafka.topics import Topics, create_topics, wanted_configs
from agents.settings.model import Settings
from pipeline.errors import BrokerError, SettingsError

ANSWER_S = 15.0
_RETENTION = "retention.ms"
_GRACE_S = 1.0
_TRIES, _AGAIN_S = 5, 1.0


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the broker has it."""

    partitions: int
    replicas: int
    """The fewest copies of any partition."""
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ClusterState:
    """A cluster as it is."""

    brokers: int
    topics: Mapping[str, TopicState]
    """By name; those that are missing are not there. An archive's are looked for, too."""


def cluster_state(
    bootstrap: str, topics: Topics, *, client: dict[str, str] | None = None
) -> ClusterState:
    """Ask a broker for the topics of an installation.

    Args:
        bootstrap: ``host:port[,…]``.
        topics: their names.
        client: further librdkafka settings, such as TLS ones.
    """
    admin = BrokerAdmin(bootstrap, client)
    try:
        known = admin.list_topics(timeout=ANSWER_S)
    except KafkaException as error:
        raise admin.away(error) from error
    there = [name for name in topics.among(known.topics).all() if name in known.topics]
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in there]
    configs: dict[str, Mapping[str, str]] = {}
    if resources:
        answers = _answers(admin, admin.describe_configs, resources)
        for resource, entries in answers.items():
            configs[resource.name] = {name: entry.value for name, entry in entries.items()}
    states = {}
    for name in there:
        partitions = known.topics[name].partitions.values()
        copies = min((len(one.replicas) for one in partitions), default=0)
        states[name] = TopicState(len(partitions), copies, configs.get(name, {}))
    return ClusterState(len(known.brokers), states)


def make_topics(settings: Settings, there: Collection[str]) -> Topics:
    """Create the topics of an installation that are missing; those that it has now.

    Args:
        settings: which broker, and how they are to be.
        there: names of all topics that the broker has. Those of an archive are made with the
            setting, or where some of them are there.

    Raises:
        BrokerError: the broker is away or refuses, or see ``create_topics``.
    """
    topics = Topics.named(settings.topic_prefix, backfilled=settings.backfill).among(there)
    create_topics(
        named_broker(settings),
        topics,
        partitions=settings.partitions,
        replication=settings.replication,
        retention_ms=settings.raw_retention_seconds * 1000,
        client=KafkaSecurity.of(settings).librdkafka(),
    )
    return topics


def unread(bootstrap: str, topic: str, group: str, *, client: dict[str, str] | None = None) -> bool:
    """Whether a topic holds records that a consumer group, with nobody in it, has not read.

    Args:
        bootstrap: ``host:port[,…]``.
        topic: which; one that is not there holds none.
        group: which.
        client: further librdkafka settings, such as TLS ones.
    """
    admin, lag = BrokerAdmin(bootstrap, client), LagReader(bootstrap, client, answer_s=ANSWER_S)
    for left in reversed(range(_TRIES)):
        try:
            if not lag.read({group: (topic,)}, ()).behind[group]:
                return False
            told = admin.describe_consumer_groups([group], request_timeout=ANSWER_S)
            return not told[group].result(ANSWER_S + _GRACE_S).members
        except BrokerError:
            if not left:
                raise
        except (KafkaException, TimeoutError) as error:
            if not left:
                raise admin.away(error) from error
        time.sleep(_AGAIN_S)  # one that was just started finds the group's coordinator first
    return False


def shortened(cluster: ClusterState, wanted: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Topics that keep records for longer than wanted: the broker would delete what is older."""
    for_ever = "-1"
    return [
        name
        for name, topic in cluster.topics.items()
        if (has := topic.config.get(_RETENTION) or "") == for_ever
        or (has.isdigit() and int(has) > int(wanted[name][_RETENTION]))
    ]


def update_topics(
    bootstrap: str,
    topics: Topics,
    retention_ms: int,
    *,
    replication: int = 1,
    shorten: bool = False,
    client: dict[str, str] | None = None,
) -> list[str]:
    """Configure the topics that are there as ``wanted_configs`` says; their names.

    Args:
        bootstrap: ``host:port[,…]``.
        topics: their names.
        retention_ms: how long sealed records of calls are kept.
        replication: copies of each partition.
        shorten: also where the broker then deletes records that it has.
        client: further librdkafka settings, such as TLS ones.

    Raises:
        SettingsError: a topic keeps its records for longer, and ``shorten`` is not set.
    """
    admin = BrokerAdmin(bootstrap, client)
    cluster = cluster_state(bootstrap, topics, client=client)
    there = cluster.topics
    topics = topics.among(there)
    shorter = shortened(cluster, wanted_configs(topics, retention_ms))
    if shorter and not shorten:
        raise SettingsError(
            f"{', '.join(shorter)}: kept for longer than the settings say; what is older, also of "
            "calls that are not finished, is deleted at once: say --shorten if that is wanted"
        )
    resources = [
        ConfigResource(
            ConfigResource.Type.TOPIC,
            name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                for key, value in config.items()
            ],
        )
        for name, config in wanted_configs(topics, retention_ms, replication).items()
        if name in there
    ]
    if resources:
        _answers(admin, admin.incremental_alter_configs, resources)
    return [resource.name for resource in resources]


def _answers(
    admin: BrokerAdmin,
    ask: Callable[..., dict[ConfigResource, Future[Any]]],
    resources: list[ConfigResource],
) -> dict[ConfigResource, Any]:
    try:
        futures = ask(resources, request_timeout=ANSWER_S)
        return {one: future.result(ANSWER_S + _GRACE_S) for one, future in futures.items()}
    except (KafkaException, TimeoutError) as error:
        raise admin.away(error) from error
