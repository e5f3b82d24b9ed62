"""Puts calls onto the raw topic: sealed, in order, acknowledged by the broker.

Outcomes: ``send`` queues; ``flush`` returns when the broker has acknowledged everything; both
raise ``BrokerError`` within the delivery time where it does not.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Producer

from agents.crypto.envelope import Seal
from agents.kafka import sending
from agents.kafka.reaching import Told, away, words
from agents.system.tracing.trace_context import HEADER
from agents.system.tracing.tracer import CallTrace, is_on, trace_sent_call
from pipeline.errors import BrokerError, RecordError
from pipeline.records import cloudevents
from pipeline.records.model import HIGHEST_RATE, AudioChunk, CallEnd, Record

DELIVERY_S = 30.0
"""How long the broker may take to acknowledge a record."""


class CallProducer:
    """Seals the records of calls and sends them to one topic.

    Args:
        bootstrap: ``host:port[,…]``.
        topic: where the records go, such as ``Topics.audio_raw``.
        source: ``ce_source`` of the events.
        delivery_s: after this time without the broker's acknowledgement, ``BrokerError``.
        client: further librdkafka settings, such as TLS ones.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        *,
        source: str = cloudevents.SOURCE,
        delivery_s: float = DELIVERY_S,
        client: dict[str, Any] | None = None,
    ) -> None:
        self._bootstrap, self._topic, self._source = bootstrap, topic, source
        self._delivery_s = delivery_s
        self._failed: str | None = None
        self._told = Told()
        self._trace: tuple[str, CallTrace] | None = None
        """Of the call that was sent last: recordings are sent one after another."""
        self._producer = Producer(
            {
                **sending.settings(bootstrap, client, delivery_s=delivery_s),
                "error_cb": self._told,
                "message.max.bytes": 2_000_000,
                "queue.buffering.max.kbytes": 16_384,
                "linger.ms": 5,
                # PCM does not shrink: lz4 gains 0 to 18 % for the time of several copies.
                "compression.type": "none",
            }
        )

    def __enter__(self) -> Self:
        """Nothing to do: the connection is made with the first record."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Wait for what is queued, unless an error is on its way already."""
        if kind is None:
            self.flush()
        else:
            self._producer.purge()
            self._producer.flush(1.0)

    def send(self, record: AudioChunk | CallEnd, seal: Seal) -> None:
        """Queue a record; waits while the queue is full.

        Raises:
            BrokerError: an earlier record was not acknowledged in time.
            RecordError: the call id is not allowed, or the call faster than what is listened to.
        """
        if isinstance(record, AudioChunk) and record.call.sample_rate > HIGHEST_RATE:
            raise RecordError(
                f"call {record.call.call_id}: {record.call.sample_rate} Hz; resample it to "
                f"{HIGHEST_RATE} Hz, nothing above half of that is listened to"
            )
        message = sealed(record, self._topic, seal, source=self._source)
        trace = self._trace
        if is_on() and (trace is None or trace[0] != message.call_id):
            trace = self._trace = message.call_id, trace_sent_call(message.call_id)
        if trace is not None:
            message.headers[HEADER] = trace[1].header
        self.send_message(message)
        if trace is not None and isinstance(record, CallEnd):
            trace[1].end({"hushwire.outcome": "sent", "hushwire.records": record.chunks + 1})
            self._trace = None

    def send_message(self, message: cloudevents.Clear) -> None:
        """Queue a message whose value is sealed already.

        Raises:
            BrokerError: an earlier record was not acknowledged in time.
        """
        deadline = time.monotonic() + self._delivery_s
        while True:
            self._raise_failed()
            try:
                self._producer.produce(
                    self._topic,
                    key=message.call_id.encode(),
                    value=message.value,
                    headers=list(message.headers.items()),
                    on_delivery=self._delivered,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    raise BrokerError(f"{self._bootstrap}: takes no records") from None
                self._producer.poll(0.1)
            except KafkaException as error:
                raise away(self._bootstrap, error, self._told.why) from error
            else:
                self._producer.poll(0)
                return

    def flush(self) -> None:
        """Wait until the broker has acknowledged everything.

        Raises:
            BrokerError: it did not within the delivery time.
        """
        left = self._producer.flush(self._delivery_s + sending.GRACE_S)
        self._raise_failed()
        if left:
            why = self._told.why or "in time"
            raise BrokerError(f"{self._bootstrap}: {left} records were not acknowledged: {why}")

    def _delivered(self, error: KafkaError | None, _message: Any) -> None:  # noqa: ANN401
        if error is not None and self._failed is None:
            self._failed = words(error)

    def _raise_failed(self) -> None:
        if self._failed is not None:
            why = ": ".join(one for one in (self._failed, self._told.why) if one)
            raise BrokerError(f"{self._bootstrap}: a record was not acknowledged ({why})")


def sealed(
    record: Record, topic: str, seal: Seal, *, source: str = cloudevents.SOURCE
) -> cloudevents.Clear:
    """The message of a record with its value sealed for a topic."""
    clear = cloudevents.encode(record, source=source)
    associated = cloudevents.associated_data(topic, clear.headers)
    return cloudevents.with_value(clear, seal.seal(clear.value, associated))
