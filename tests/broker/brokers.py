"""The brokers on which the same test bodies run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from agents.kafka.embedded_broker import EmbeddedBroker
from tests.kafka.broker import ApacheKafka, apache_kafka, available

BOTH = ("embedded", "apache")
Broker: TypeAlias = ApacheKafka | EmbeddedBroker


@contextmanager
def running(name: str, folder: Path) -> Iterator[Broker]:
    """A running broker; a test on Apache Kafka is skipped, and says so, where it can't be started.

    Args:
        name: one of ``BOTH``.
        folder: for the data of Apache Kafka.
    """
    if name == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded
        return
    problem = available()
    if problem is not None:
        pytest.skip(f"NOT TESTED ON APACHE KAFKA: {problem}")
    with apache_kafka(folder) as kafka:
        yield kafka
