"""Erased calls on their topic: told once the broker has them, and again where it had not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError

from agents.kafka import sending
from agents.runtime.events import ERASED
from agents.upkeep.news.erased_calls import ErasedCalls
from pipeline.errors import BrokerError
from tests.agents.upkeep.news.calls import Ended

pytestmark = pytest.mark.unit


class Broker:
    """Stands in for the client; takes what it is given, or nothing."""

    def __init__(self) -> None:
        self.away = False
        self.config: dict[str, Any] = {}
        self.taken: list[tuple[str, bytes, dict[str, bytes], dict[str, Any]]] = []

    def client(self, config: dict[str, Any]) -> Broker:
        self.config = config
        return self

    def produce(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes,
        headers: list[tuple[str, bytes]],
        on_delivery: Callable[[KafkaError | None, None], object],
    ) -> None:
        if self.away:
            on_delivery(KafkaError(KafkaError._MSG_TIMED_OUT), None)
            return
        self.taken.append((topic, key, dict(headers), json.loads(value)))
        on_delivery(None, None)

    def flush(self, _within_s: float) -> int:
        return 0


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(sending, "Producer", made.client)
    return made


def test_what_was_erased_is_told_and_told_again_while_the_broker_is_away(
    ended: Ended, broker: Broker
) -> None:
    erased = ErasedCalls(ended.ledger.database, "broker:9092", "calls", {"acks": "0", "x": "y"})
    assert erased.tell() == []
    ended.stored("one")
    ended.erased("one")
    broker.away = True
    with pytest.raises(BrokerError, match="did not take what was erased"):
        erased.tell()
    broker.away = False
    assert erased.tell() == ["one"]
    ((topic, key, headers, facts),) = broker.taken
    assert (topic, key, headers["ce_type"]) == ("calls", b"one", ERASED.encode())
    assert facts == {"call_id": "one", "why": "request"}
    assert erased.tell() == []


def test_the_client_loses_nothing_and_keeps_order(ended: Ended, broker: Broker) -> None:
    erased = ErasedCalls(ended.ledger.database, "broker:9092", "calls", {"acks": "0", "x": "y"})
    erased.tell()
    ended.stored("one")
    ended.erased("one")
    erased.tell()
    assert broker.config == {
        "x": "y",
        "bootstrap.servers": "broker:9092",
        "partitioner": "murmur2_random",
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": 10_000,
        "log_level": 0,
    }
