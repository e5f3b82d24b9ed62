"""The runtime's view of the broker, and what it looks like in Faust."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import faust
from faust.types import TP


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record as it came from the broker."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Mapping[str, bytes | None] = field(repr=False)
    value: bytes | None = field(repr=False)


class Port(Protocol):
    """What the runtime needs of a broker client."""

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> Awaitable[object]:
        """Queue a record; what is returned is done when the broker has acknowledged it."""
        ...

    def acknowledge(self, topic: str, partition: int, offset: int) -> None:
        """Let the commit move past a record; called in the order of the offsets."""
        ...

    def pause(self, topics: tuple[str, ...]) -> None:
        """Stop fetching these topics."""
        ...

    def resume(self, topics: tuple[str, ...]) -> None:
        """Go on fetching these topics."""
        ...


class _Handled:
    """What Faust's consumer needs of a message to acknowledge it, without its content.

    Faust's own message holds the value; a call's messages are acknowledged together at its end,
    so keeping them would keep all of its audio in memory.
    """

    __slots__ = ("__weakref__", "acked", "offset", "topic", "tp")

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        self.tp = TP(topic, partition)
        self.topic, self.offset, self.acked = topic, offset, False


class FaustPort:
    """The port of one Faust app.

    Args:
        app: the app, started or not.
    """

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._topics: dict[str, Any] = {}

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> Awaitable[object]:
        """See ``Port.send``."""
        channel = self._topics.get(topic)
        if channel is None:
            channel = self._topics[topic] = raw_topic(self._app, topic)
        sent: Awaitable[object] = await channel.send(key=key, value=value, headers=dict(headers))
        return sent

    def acknowledge(self, topic: str, partition: int, offset: int) -> None:
        """See ``Port.acknowledge``."""
        consumer: Any = self._app.consumer
        consumer.ack(_Handled(topic, partition, offset))

    def pause(self, topics: tuple[str, ...]) -> None:
        """See ``Port.pause``."""
        self._app.consumer.pause_partitions(self._assigned(topics))

    def resume(self, topics: tuple[str, ...]) -> None:
        """See ``Port.resume``; during a rebalance Faust resumes everything itself."""
        if not self._app.rebalancing:
            self._app.consumer.resume_partitions(self._assigned(topics))

    def _assigned(self, topics: tuple[str, ...]) -> set[TP]:
        return {tp for tp in self._app.consumer.assignment() if tp.topic in topics}


def raw_topic(app: faust.App, *names: str) -> Any:  # noqa: ANN401 - Faust has no types
    """Topics whose keys and values stay bytes: Faust acknowledges what it can't decode itself."""
    return app.topic(
        *names,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )
