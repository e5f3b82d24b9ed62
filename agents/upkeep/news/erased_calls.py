"""The end of a call on the topic of what became of calls: ``hushwire.call.erased.v1``.

Whoever read a transcript from a topic has a copy that no key of ours destroys: this tells them.
Erasures are done by several processes, some of which know no broker, so the audit log is followed.
At least once, with the same id; what was erased before this version is not told.

Outcomes: ``tell`` raises ``BrokerError`` or ``StoreError``; the place in the log moves only once
the broker has acknowledged.
"""

from __future__ import annotations

from typing import Any, Final

from agents.database.engine import Database
from agents.database.webhook_queue import Follower, LogEntry
from agents.kafka.sending import Message, send_now
from agents.runtime.events import ERASED, event
from agents.runtime.steps import EmitEvent
from agents.upkeep.news import notices
from agents.upkeep.sweep_guard import sweep_forever

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
        self._bootstrap, self._topic, self._client = bootstrap, topic, client

    async def tend(self, look_s: float = LOOK_S) -> None:
        """Tell until cancelled; what is away is told, and asked again."""
        await sweep_forever(self.tell, failed="erasures not told", look_s=look_s)

    def tell(self) -> list[str]:
        """Tell of what was erased since the last time; the ids of these calls."""
        entries, place = self._place.new([notices.ERASED])
        if entries:
            send_now(
                [self._message(entry) for entry in entries],
                self._bootstrap,
                self._client,
                delivery_s=DELIVERY_S,
                what="what was erased",
            )
        self._place.move(place)
        return [entry.call_id for entry in entries]

    def _message(self, entry: LogEntry) -> Message:
        facts = {"call_id": entry.call_id, "why": str(entry.facts.get("why", ""))}
        return event(EmitEvent(self._topic, entry.call_id, ERASED, facts))
