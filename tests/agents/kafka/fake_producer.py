"""A client of librdkafka that holds records until a test says what became of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from pipeline.gateways.door.wire import Message

TOPIC = "hushwire.audio.in"
Delivery = Callable[[KafkaError | None, object], None]


class FakeProducer:
    """librdkafka's client: it holds records until the test says what became of them."""

    made: list[FakeProducer]

    def __init__(self, config: dict[str, Any]) -> None:
        if config.get("wrong"):
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "No such property"))
        self.config = config
        self.records: list[Message] = []
        self._held: deque[Delivery] = deque()
        self._told: deque[tuple[Delivery, KafkaError | None]] = deque()
        self._news = threading.Condition()
        self.full = False
        self.made.append(self)

    def produce(
        self, topic: str, *, key: bytes, value: bytes, headers: list[Any], on_delivery: Delivery
    ) -> None:
        assert topic == TOPIC
        if self.full:
            raise BufferError
        self.records.append(Message(key, dict(headers), value))
        self._held.append(on_delivery)

    def settle(self, count: int = 1, error: KafkaError | None = None) -> None:
        """Let the sender's thread hear of the oldest records."""
        with self._news:
            self._told.extend((self._held.popleft(), error) for _ in range(count))
            self._news.notify_all()

    def poll(self, wait_s: float) -> int:
        with self._news:
            if not self._told:
                self._news.wait(wait_s)
            told, self._told = self._told, deque()
        for heard, error in told:
            heard(error, None)
        return len(told)

    def flush(self, wait_s: float) -> int:
        deadline = time.monotonic() + min(wait_s, 0.05)
        while self._held and time.monotonic() < deadline:
            self.poll(0.01)
        self.poll(0.0)
        return len(self._held)

    def purge(self) -> None:
        self.settle(len(self._held), KafkaError(KafkaError._PURGE_QUEUE))
