"""The runtime's view of the broker, and what it looks like in Faust."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

NOTHING_WANTED_S = 0.1
"""How soon a consumer looks again when everything that it reads is held back."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record as it came from the broker."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Mapping[str, bytes | None] = field(repr=False)
    value: bytes | None = field(repr=False)

    @property
    def held(self) -> int:
        """A hash of the record, for this process alone."""
        return hash((self.key, self.headers.get("ce_id"), self.value))


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
        """Stop fetching these topics; what was fetched already still comes."""
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


class HoldingConsumer(driver.Consumer):
    """Faust's consumer, which leaves whole topics unfetched while they are held back.

    Faust's own ``pause_partitions`` takes a partition out of the set by which ``getmany`` tells
    the records that it hands on: those that were fetched before and not handed on yet are
    dropped, and the commit later moves past them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Faust has it
        super().__init__(*args, **kwargs)
        self.held_back: set[str] = set()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ANN401, ASYNC109 - as Faust has it
        wanted = {tp for tp in active_partitions or () if tp.topic not in self.held_back}
        if not wanted:
            await self.sleep(NOTHING_WANTED_S)
            return {}
        return await super()._getmany(wanted, timeout)


class FaustPort:
    """The port of one Faust app.

    Args:
        app: the app, started or not.
    """

    def __init__(self, app: faust.App) -> None:
        transport: Any = app.transport
        transport.Consumer = HoldingConsumer
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
        handled: Any = _Handled(topic, partition, offset)
        self._consumer.ack(handled)

    def pause(self, topics: tuple[str, ...]) -> None:
        """See ``Port.pause``."""
        self._consumer.held_back.update(topics)

    def resume(self, topics: tuple[str, ...]) -> None:
        """See ``Port.resume``."""
        self._consumer.held_back.difference_update(topics)

    @property
    def _consumer(self) -> HoldingConsumer:
        consumer: Any = self._app.consumer
        return cast("HoldingConsumer", consumer)


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
