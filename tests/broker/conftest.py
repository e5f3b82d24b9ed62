"""A broker for the tests, and an installation on it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.broker.brokers import CARRIED, Broker
from tests.broker.harness import Installation


@pytest.fixture(scope="session", params=CARRIED)
def bootstrap(request: pytest.FixtureRequest, brokers: Callable[[str], Broker]) -> str:
    """Address of a running broker: the embedded one, and Apache Kafka where it can be started."""
    return brokers(request.param).bootstrap


@pytest.fixture
def installation(bootstrap: str, tmp_path: Path) -> Iterator[Installation]:
    """Topics, ledger and vault of its own, on the broker; workers are ended with the test."""
    made = Installation(bootstrap, tmp_path, f"t{uuid.uuid4().hex[:8]}")
    yield made
    made.close()
