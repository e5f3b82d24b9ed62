"""What all clients that send have in common: no record twice, out of order, or lost in silence.

Outcomes: ``send_now`` returns when the broker has acknowledged everything, and raises
``BrokerError`` otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaException, Producer

from pipeline.errors import BrokerError

GRACE_S: Final = 1.0
"""A client's own time-out, which says more, is given this much time to come first."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it goes to the broker."""

    topic: str
    key: bytes | None
    headers: Mapping[str, bytes] = field(repr=False)
    value: bytes = field(repr=False)


def settings(
    bootstrap: str, client: Mapping[str, Any] | None = None, *, delivery_s: float
) -> dict[str, Any]:
    """The librdkafka settings of an idempotent client.

    Args:
        bootstrap: ``host:port[,…]``.
        client: further settings, such as TLS ones; those named here win.
        delivery_s: after this time without the broker's acknowledgement a record is lost.
    """
    return {
        **(client or {}),
        "bootstrap.servers": bootstrap,
        # The same partition as aiokafka's and Java's default, or one call lies on two.
        "partitioner": "murmur2_random",
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": int(delivery_s * 1000),
        "log_level": 0,
    }


def send_now(
    messages: Sequence[Message],
    bootstrap: str,
    client: Mapping[str, Any] | None = None,
    *,
    delivery_s: float,
    what: str,
) -> None:
    """Send a few messages: rare enough for a connection of their own.

    Args:
        messages: in their order.
        bootstrap: see ``settings``.
        client: see ``settings``.
        delivery_s: see ``settings``.
        what: the error says that it was not taken.

    Raises:
        BrokerError: not everything was acknowledged in time.
    """
    failed: list[object] = []
    try:
        producer = Producer(settings(bootstrap, client, delivery_s=delivery_s))
        for one in messages:
            producer.produce(
                one.topic,
                one.value,
                key=one.key,
                headers=list(one.headers.items()),
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        if producer.flush(delivery_s + GRACE_S) or failed:
            raise BrokerError(f"the broker did not take {what}")
    except (KafkaException, BufferError) as error:
        raise BrokerError(f"the broker did not take {what}") from error
