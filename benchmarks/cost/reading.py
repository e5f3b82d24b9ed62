"""Reads back what lies on a topic; values stay sealed."""

from __future__ import annotations

import time
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

_WAIT_S: Final = 60.0


def read_all(bootstrap: str, topic: str, partitions: int) -> list[Message]:
    """Every record that a topic holds, in order within a partition.

    Args:
        bootstrap: the broker.
        topic: its name.
        partitions: how many it has.

    Raises:
        KafkaException: the broker does not answer.
        TimeoutError: it does not give its records back.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "look",  # required, though nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # all of it is there
            "log_level": 0,
        }
    )
    places = [TopicPartition(topic, one, OFFSET_BEGINNING) for one in range(partitions)]
    found: list[Message] = []
    ended: set[int | None] = set()
    deadline = time.monotonic() + _WAIT_S
    try:
        # librdkafka asks a leader that it knows at once, another one after half a second.
        consumer.list_topics(topic, _WAIT_S)
        consumer.assign(places)
        while len(ended) < partitions:
            if time.monotonic() > deadline:
                raise TimeoutError(topic)
            message = consumer.poll(0.5)
            if message is None:
                continue
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's only name
                ended.add(message.partition())
    finally:
        consumer.close()
    return found


def content_of(message: Message) -> bytes:
    """All that a record says: key, value and headers with their names, a zero byte between them."""
    headers: Any = message.headers() or []
    named = (part for name, value in headers for part in (name.encode(), value))
    return b"\x00".join(bytes(one) for one in (message.key(), message.value(), *named) if one)
