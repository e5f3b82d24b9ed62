"""One bounded queue of records for a topic, and the clients and the thread behind it.

An idempotent client keeps records in order. After it lost one, though, it may have no number left
that the broker takes, and some brokers then refuse all that comes, for ever: a new client takes
over, and gets no record while an earlier one of the same call is with the old one.

Outcomes of ``put``: queued, ``BufferError`` where there is no room, ``BrokerError`` where the
client refuses. What became of a record is told from the queue's own thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from agents.kafka import sending
from agents.kafka.sending import GRACE_S
from pipeline.errors import BrokerError
from pipeline.gateways.door.wire import Message

LARGEST_RECORD: Final = 1_040_000
"""Bytes of value and headers: a broker takes 1 MiB unless it is told otherwise."""
MOST_RECORDS: Final = 1_000_000
_POLL_S: Final = 0.1
"""A queue that is closed is noticed within this time."""
_WAIT_S: Final = 0.05
"""How often somebody who waits for room looks again, at least."""


@dataclass(slots=True)
class Line:
    """A client, and how many records it has that are not acknowledged."""

    producer: Producer
    waiting: int = 0
    lost: bool = False
    """Whether it lost a record: it gets none that does not follow one of its own."""


class BoundedQueue:
    """Records on their way to one topic; used from any thread.

    Args:
        bootstrap: ``host:port[,…]``.
        topic: where they go.
        client: further librdkafka settings.
        delivery_s: after this time without the broker's acknowledgement a record is lost.
        most_bytes: of records that are not acknowledged.

    Raises:
        BrokerError: the client's settings are refused.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        *,
        client: dict[str, Any],
        delivery_s: float,
        most_bytes: int,
    ) -> None:
        self.bootstrap, self._topic = bootstrap, topic
        self._most_bytes = most_bytes
        self._config: dict[str, Any] = {
            **sending.settings(bootstrap, client, delivery_s=delivery_s),
            # A topic that a broker makes by itself has a number of partitions of its own.
            "allow.auto.create.topics": False,
            "message.max.bytes": 2 * LARGEST_RECORD,
            # Counted here too: the client's own limit is only the last resort.
            "queue.buffering.max.kbytes": 2 * most_bytes // 1024 + 1024,
            "queue.buffering.max.messages": MOST_RECORDS,
            "linger.ms": 5,
            "compression.type": "none",
        }
        self._room = threading.Condition()
        self._unacknowledged = 0
        self._open = True
        self._lines = [self._new_line()]
        self._thread = threading.Thread(target=self._listen, name="call-sender", daemon=True)
        self._thread.start()

    @property
    def unacknowledged(self) -> int:
        """Bytes of records that the broker has not acknowledged."""
        return self._unacknowledged

    def put(
        self,
        message: Message,
        size: int,
        behind: Line | None,
        settled: Callable[[KafkaError | None], None],
    ) -> Line:
        """Queue a message; never waits.

        Args:
            message: what is sent.
            size: its bytes, as they are counted.
            behind: the client that may still have records which it must not overtake.
            settled: is told once what became of it, from the queue's thread; quick, raises nothing.

        Returns:
            The client that has it.

        Raises:
            BufferError: there is no room.
            BrokerError: the client refuses, or the queue is closed.
        """
        with self._room:
            if not self._open:
                raise BrokerError(f"{self.bootstrap}: this sender is closed")
            if self._unacknowledged + size > self._most_bytes and self._unacknowledged:
                raise BufferError
            # A client without records may be gone by now, and nothing is to be overtaken there.
            line = behind if behind and behind.waiting else self._usable()
            self._unacknowledged += size
            line.waiting += 1

        def delivered(error: KafkaError | None, _: object) -> None:
            self._left(line, size, lost=error is not None)
            settled(error)

        try:
            line.producer.produce(
                self._topic,
                key=message.key,
                value=message.value or b"",
                headers=list(message.headers.items()),
                on_delivery=delivered,
            )
        except KafkaException as error:
            self._left(line, size, lost=True)
            raise BrokerError(f"{self.bootstrap}: {error.args[0].name()}") from None
        except BaseException:
            self._left(line, size, lost=False)
            raise
        return line

    def wait_for_room(self) -> None:
        """Wait until a record is acknowledged, or a moment."""
        with self._room:
            self._room.wait(_WAIT_S)

    def drained(self, within_s: float) -> bool:
        """Wait until nothing is left to be acknowledged; whether that is so."""
        deadline = time.monotonic() + within_s
        with self._room:
            while self._unacknowledged and self._room.wait(deadline - time.monotonic()):
                pass
            return not self._unacknowledged

    def close(self) -> None:
        """Let go of the broker; what is not acknowledged by now is lost."""
        with self._room:
            if not self._open:
                return
            self._open = False
        self._thread.join()
        for line in self._lines:
            line.producer.purge()
            line.producer.flush(GRACE_S)  # tells those who were waiting

    def _listen(self) -> None:
        while self._open:
            with self._room:
                *old, current = self._lines
            for line in old:
                line.producer.poll(0)
            current.producer.poll(_POLL_S)
            with self._room:
                self._lines = [one for one in self._lines if one.waiting or one is self._lines[-1]]

    def _left(self, line: Line, size: int, *, lost: bool) -> None:
        with self._room:
            self._unacknowledged -= size
            line.waiting -= 1
            line.lost = line.lost or lost
            self._room.notify_all()

    def _usable(self) -> Line:
        if self._lines[-1].lost:
            self._lines = [*self._lines, self._new_line()]
        return self._lines[-1]

    def _new_line(self) -> Line:
        try:
            return Line(Producer(self._config))
        except KafkaException as error:
            raise BrokerError(f"{self.bootstrap}: {error.args[0].str()}") from None
