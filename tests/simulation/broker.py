"""Kafka as the stages see it: partitions, offsets, groups, and what may happen to them.

What holds of Kafka holds here. A partition keeps the order in which its leader wrote; partitions
and topics overtake each other. A producer has one batch of a partition under way, so its own
records keep their order; a batch whose answer got lost may be there all the same, or twice. A
group's member reads on from what was committed after every rebalance. Commits come later than
acknowledgements and are refused once the group has given the partition to another member, while
whoever lost it may still work, and write, until it notices.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from agents.runtime.broker_port import Delivery

if TYPE_CHECKING:
    from agents.runtime.stage_runtime import StageRuntime
    from tests.simulation.world import Worker, World

PARTITIONS = 2
COMMIT_S = 0.5
SESSION_S = 6.0
"""A member that died is missed after this."""
LATENCY_S = 0.02
"""The longest that a record is on its way, unless a fault holds it up."""
FETCH = 8
"""Records that come at once at most."""

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


@dataclass
class Log:
    """A partition."""

    records: list[Delivery] = field(default_factory=list)
    readers: dict[asyncio.Event, None] = field(default_factory=dict)
    """Who waits for more, in the order of their coming."""


class Broker:
    """All partitions and groups.

    Args:
        topics: their names.
        dice: how long things take.
    """

    def __init__(self, topics: tuple[str, ...], dice: random.Random) -> None:
        self.dice = dice
        self.logs = {(topic, number): Log() for topic in topics for number in range(PARTITIONS)}
        self.groups: dict[str, Group] = {}
        self.held_up: dict[tuple[str, str], float] = {}
        """Until when a group gets nothing of a topic."""
        self.problems: list[str] = []

    def place(self, topic: str, key: bytes | None) -> Place:
        """Where a record goes."""
        return topic, zlib.crc32(key or b"") % PARTITIONS

    def append(
        self, place: Place, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> None:
        """Write a record."""
        log = self.logs[place]
        log.records.append(Delivery(*place, len(log.records), key, dict(headers), value))
        for reader in list(log.readers):
            reader.set()

    def group(self, name: str, inputs: tuple[str, ...]) -> Group:
        """The group of a stage."""
        if name not in self.groups:
            self.groups[name] = Group(self, name, inputs)
        return self.groups[name]

    def latency(self) -> float:
        """How long something is on its way."""
        return self.dice.random() * LATENCY_S

    @property
    def lag(self) -> list[str]:
        """What groups have not committed yet."""
        return [
            f"{group.name} {place[0]}/{place[1]}: {group.committed.get(place, 0)} of {len(log)}"
            for group in self.groups.values()
            for place in group.places
            if group.committed.get(place, 0) < len(log := self.logs[place].records)
        ]


class Group:
    """A consumer group: who reads which partition, and what was committed."""

    def __init__(self, broker: Broker, name: str, inputs: tuple[str, ...]) -> None:
        self.broker, self.name = broker, name
        self.places = [one for one in broker.logs if one[0] in inputs]
        self.committed: dict[Place, int] = {}
        self.members: list[Member] = []
        self._turn = asyncio.Lock()

    async def join(self, member: Member) -> None:
        """Add a member, or take one back."""
        if member not in self.members:
            self.members.append(member)
        await self.rebalance()

    async def leave(self, member: Member) -> None:
        """A member goes, or is missed."""
        if member in self.members:
            self.members.remove(member)
            await self.rebalance()

    async def rebalance(self) -> None:
        """Stop all members, let them commit, and give the partitions anew."""
        async with self._turn:
            self.members = [one for one in self.members if one.worker.alive]
            for member in self.members:
                await member.pause_reading()
                member.commit()
            count = len(self.members)
            for number, member in enumerate(self.members):
                member.assign([one for one in self.places if one[1] % count == number])


class Member:
    """One stage of one worker: a consumer and a producer; what the runtime knows as its port."""

    def __init__(self, world: World, worker: Worker, group: str, inputs: tuple[str, ...]) -> None:
        self.world, self.worker, self.broker = world, worker, world.broker
        self.group = self.broker.group(group, inputs)
        self.runtime: StageRuntime | None = None
        self.assigned = asyncio.Event()
        self._acknowledged: dict[Place, int] = {}
        self._feeders: list[asyncio.Task[None]] = []
        self._held: set[str] = set()
        self._resumed = asyncio.Event()
        self._outgoing: dict[Place, deque[_Outgoing]] = {}

    # Reading

    async def pause_reading(self) -> None:
        """A rebalance begins: nothing is handed on until it ends."""
        for task in self._feeders:
            task.cancel()
        await asyncio.gather(*self._feeders, return_exceptions=True)
        self._feeders = []

    def assign(self, places: list[Place]) -> None:
        """The rebalance ends: read on from what was committed."""
        self._acknowledged = {place: self.group.committed.get(place, 0) for place in places}
        self.worker.spawn(self._begin(places))

    async def _begin(self, places: list[Place]) -> None:
        assert self.runtime is not None
        await self.runtime.keep_only(set(places))
        if set(places) == set(self._acknowledged):
            await self.pause_reading()
            self._feeders = [self.worker.spawn(self._feed(place)) for place in places]
            self.assigned.set()

    async def _feed(self, place: Place) -> None:
        assert self.runtime is not None
        log, position = self.broker.logs[place], self._acknowledged[place]
        grown = asyncio.Event()
        log.readers[grown] = None
        try:
            while True:
                grown.clear()
                fetched = log.records[position : position + FETCH]
                if not fetched:
                    await grown.wait()
                    continue
                if place[0] in self._held:
                    self._resumed.clear()
                    await self._resumed.wait()
                    continue
                wait = self.broker.held_up.get((self.group.name, place[0]), 0.0) - self.world.now
                await asyncio.sleep(max(wait, self.broker.latency()))
                for record in fetched:
                    position += 1
                    await self.runtime.arrive(record)
        finally:
            del log.readers[grown]

    def acknowledge(self, topic: str, partition: int, offset: int) -> None:
        """See ``agents.runtime.broker_port.Port``."""
        place = topic, partition
        self.worker.effect("acknowledge")
        if place not in self._acknowledged:
            return  # it belongs to another member now
        if offset > self._acknowledged[place]:
            self.broker.problems.append(
                f"acknowledged: {self.group.name} {topic}/{partition} {offset} "
                f"when {self._acknowledged[place]} was next"
            )
        self._acknowledged[place] = max(self._acknowledged[place], offset + 1)

    def pause(self, topics: tuple[str, ...]) -> None:
        """See ``agents.runtime.broker_port.Port``."""
        self._held.update(topics)

    def resume(self, topics: tuple[str, ...]) -> None:
        """See ``agents.runtime.broker_port.Port``."""
        self._held.difference_update(topics)
        self._resumed.set()

    def commit(self) -> None:
        """Tell the group how far all is done; refused of whoever is no member."""
        if self in self.group.members and self.worker.alive:
            for place, offset in self._acknowledged.items():
                known = self.group.committed.get(place, 0)
                self.group.committed[place] = max(known, offset)

    async def keep_committing(self) -> None:
        """Commit from time to time."""
        while True:
            await asyncio.sleep(COMMIT_S)
            self.commit()

    # Writing

    async def send(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]
    ) -> Awaitable[object]:
        """See ``agents.runtime.broker_port.Port``."""
        self.worker.effect("send")
        place = self.broker.place(topic, key)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        queue = self._outgoing.setdefault(place, deque())
        queue.append(_Outgoing(key, value, headers, answer, self.world.sent(topic)))
        if len(queue) == 1:
            self._later(partial(self._flush, place))
        return answer

    def _later(self, work: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(self.broker.latency(), work)

    def _flush(self, place: Place) -> None:
        """The batch of a partition reaches its leader."""
        if not self.worker.alive:
            return
        batch = list(self._outgoing[place])
        fates = {one.fate for one in batch} - {""}
        if "unwritten" not in fates:
            for _ in range(2 if "twice" in fates else 1):
                for one in batch:
                    value = _flipped(one.value) if one.fate == "damaged" else one.value
                    self.broker.append(place, one.key, value, one.headers)
        failed = bool(fates & {"unwritten", "unanswered"})
        self._later(partial(self._answered, place, batch, failed=failed))

    def _answered(self, place: Place, batch: list[_Outgoing], *, failed: bool) -> None:
        queue = self._outgoing[place]
        for one in batch:
            queue.popleft()
            if one.answer.done():
                continue
            if failed:
                one.answer.set_exception(ConnectionError("the broker is away"))
                one.answer.exception()  # an answer that nobody waits for any more is no fault
            else:
                one.answer.set_result(None)
        if queue:
            self._later(partial(self._flush, place))


@dataclass(frozen=True)
class _Outgoing:
    key: bytes | None
    value: bytes = field(repr=False)
    headers: Mapping[str, bytes] = field(repr=False)
    answer: asyncio.Future[object]
    fate: str


def _flipped(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1]) if value else value
