"""The brokers on which the same test bodies run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.embedded import EmbeddedBroker
from tests.broker.harness import Installation
from tests.kafka.broker import apache_kafka, available


@pytest.fixture(scope="session", params=["embedded", "apache"])
def bootstrap(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a running broker: the embedded one, and Apache Kafka where it can be started."""
    if request.param == "embedded":
        with EmbeddedBroker() as broker:
            yield broker.bootstrap
        return
    problem = available()
    if problem is not None:
        pytest.skip(f"NOT TESTED ON APACHE KAFKA: {problem}")
    with apache_kafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka.bootstrap


@pytest.fixture
def installation(bootstrap: str, tmp_path: Path) -> Iterator[Installation]:
    """Topics, ledger and vault of its own, on the broker; workers are ended with the test."""
    made = Installation(bootstrap, tmp_path, f"t{uuid.uuid4().hex[:8]}")
    yield made
    made.close()
