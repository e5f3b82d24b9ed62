"""The contiguous prefix: which records of a partition may be acknowledged.

Faust commits past a gap in the acknowledged offsets (its ``_new_offset`` is off by one across
gaps), so it must never see one. ``Prefix`` hands out a partition's offsets for acknowledgement in
the order in which they came, and none before all that came before it are done.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from pipeline.errors import BrokerError

REMEMBERED = 2_048
"""Acknowledged records of a partition that are known by what they held: more than what comes again
after a rebalance, since commits follow acknowledgements within a second. Their memory is bounded
(150 bytes each), and a process that can't tell ends and reads again from its commit."""


class Prefix:
    """The offsets of one partition that are not acknowledged yet. Holds numbers, no records."""

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._waiting: dict[int, int] = {}
        self._done: set[int] = set()
        self._over: OrderedDict[int, int] = OrderedDict()
        self._last = -1

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._order)

    def __contains__(self, offset: int) -> bool:
        """Whether the record waits for its acknowledgement."""
        return offset in self._waiting

    @property
    def oldest(self) -> int | None:
        """The first offset that is not acknowledged, or ``None`` when nothing waits."""
        return self._order[0] if self._order else None

    def take(self, offset: int, held: int) -> bool:
        """Note a record that came; ``False`` for one that came before.

        After a rebalance a partition that we kept is read again from its commit: such a record
        either still waits, or was acknowledged already and may be acknowledged at once.

        Args:
            offset: its place.
            held: a hash of what it holds.

        Raises:
            BrokerError: another record, or one that can't be told from another, came at this
                offset before: the partition's log was cut, or its topic made anew.
        """
        if offset > self._last:
            self._last = offset
            self._order.append(offset)
            self._waiting[offset] = held
            return True
        if self._waiting.get(offset, self._over.get(offset)) != held:
            raise BrokerError(f"offset {offset} came back with another record")
        return False

    def done(self, offset: int) -> list[int]:
        """Note that a record is done; return what may now be acknowledged, in order."""
        if offset in self._waiting:
            self._done.add(offset)
        ready: list[int] = []
        while self._order and self._order[0] in self._done:
            first = self._order.popleft()
            self._done.discard(first)
            self._over[first] = self._waiting.pop(first)
            ready.append(first)
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
        return ready
