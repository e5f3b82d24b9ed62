"""The runtime's view of the broker."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agents.runtime.pulse import Pulse
from agents.runtime.steps import Reads


@dataclass(frozen=True, slots=True)
class Delivery:
    """A record as it came from the broker."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Mapping[str, bytes | None] = field(repr=False)
    value: bytes | None = field(repr=False)
    at: float = 0.0
    """When it was written, in seconds since 1970 by its writer's clock; 0: not known."""

    @property
    def held(self) -> int:
        """A hash of the record, for this process alone."""
        return hash((self.key, self.headers.get("ce_id"), self.value))


class Reader(Protocol):
    """What the broker's client hands records to, such as ``StageRuntime``."""

    @property
    def stage(self) -> Reads:
        """What it reads."""
        ...

    @property
    def label(self) -> str:
        """The stage's name in metrics, where an archive's begins with ``backfill-``."""
        ...

    @property
    def pulse(self) -> Pulse:
        """Whether it moves."""
        ...

    async def arrive(self, delivery: Delivery) -> None:
        """Take a record from the broker; waits while too much is waiting already."""
        ...

    async def keep_only(self, places: set[tuple[str, int]]) -> None:
        """Forget everything of partitions that now belong to another process."""
        ...

    async def watch(self) -> None:
        """Do what time brings, until cancelled."""
        ...

    async def stop(self) -> None:
        """Drop everything in memory; what is unfinished is read again by whoever comes next."""
        ...


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
