"""The end of a call on the topic of what became of calls: ``hushwire.call.erased.v1``.

Whoever read a transcript from a topic has a copy that no key of ours destroys: this tells them.
Erasures are done by several processes, some of which know no broker, so the audit log is followed.
At least once, with the same id; what was erased before this version is not told.

Outcomes: ``tell`` raises ``BrokerError`` or ``StoreError``; the place in the log moves only once
the broker has acknowledged.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from confluent_kafka import KafkaException, Producer

from agents.database.engine import Database
from agents.database.webhook_queue import Follower, LogEntry
from agents.runtime.events import ERASED, Message, event
from agents.runtime.steps import Tell
from agents.system.logging import get_logger
from agents.upkeep.news import notices
from pipeline.errors import BrokerError, HushwireError

FOLLOWER: Final = "erased-topic"
LOOK_S: Final = 10.0
DELIVERY_S: Final = 10.0
"""How long the broker may take to acknowledge them."""


class ErasedCalls:
    """Tells of erased calls.

    Args:
        database: the ledger's.
        bootstrap: ``host:port[,…]``.
        topic: ``Topics.calls_redacted``.
        client: further librdkafka settings, such as TLS ones.
    """

    def __init__(
        self,
        database: Database,
        bootstrap: str,
        topic: str,
        client: dict[str, Any] | None = None,
    ) -> None:
        self._place = Follower(database, FOLLOWER)
        self._topic = topic
        self._settings = {
            **(client or {}),
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": int(DELIVERY_S * 1000),
            "log_level": 0,
        }

    async def tend(self, look_s: float = LOOK_S) -> None:
        """Tell until cancelled; what is away is told, and asked again."""
        while True:
            try:
                await asyncio.to_thread(self.tell)
            except HushwireError as error:
                get_logger("vault").error("erasures not told", code=error.code)
            await asyncio.sleep(look_s)

    def tell(self) -> int:
        """Tell of what was erased since the last time; how many calls."""
        entries, place = self._place.new([notices.ERASED])
        if entries:
            self._send([self._message(entry) for entry in entries])
        self._place.move(place)
        return len(entries)

    def _message(self, entry: LogEntry) -> Message:
        facts = {"call_id": entry.call_id, "why": str(entry.facts.get("why", ""))}
        return event(Tell(self._topic, entry.call_id, ERASED, facts))

    def _send(self, messages: list[Message]) -> None:
        failed: list[object] = []
        try:
            producer = Producer(self._settings)  # rare enough for a connection of its own
            for one in messages:
                producer.produce(
                    one.topic,
                    one.value,
                    key=one.key,
                    headers=list(one.headers.items()),
                    on_delivery=lambda error, _: failed.append(error) if error else None,
                )
            if producer.flush(DELIVERY_S + 1.0) or failed:
                raise BrokerError("the broker did not take what was erased")
        except (KafkaException, BufferError) as error:
            raise BrokerError("the broker did not take what was erased") from error
