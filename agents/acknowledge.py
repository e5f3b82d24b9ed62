"""The contiguous prefix: which records of a partition may be acknowledged.

Faust commits past a gap in the acknowledged offsets (its ``_new_offset`` is off by one across
gaps), so it must never see one. ``Prefix`` hands out a partition's records for acknowledgement in
the order in which they came, and none before all that came before it are done.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefix(Generic[T]):
    """The records of one partition that are not acknowledged yet, by offset.

    ``T`` is whatever is handed back for acknowledgement, such as Faust's event.
    """

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._waiting: dict[int, T] = {}
        self._done: set[int] = set()
        self._last = -1

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._order)

    @property
    def oldest(self) -> int | None:
        """The first offset that is not acknowledged, or ``None`` when nothing waits."""
        return self._order[0] if self._order else None

    def take(self, offset: int, item: T) -> bool:
        """Note a record that came; ``False`` for one that was seen before.

        After a rebalance a kept partition is read again from its commit. A record that still
        waits then keeps its place, with the newer item; one that was acknowledged is handed to
        the caller to be acknowledged again, which ``False`` with ``offset not in self`` says.
        """
        if offset in self._waiting:
            self._waiting[offset] = item
            return False
        if offset <= self._last:
            return False
        self._last = offset
        self._order.append(offset)
        self._waiting[offset] = item
        return True

    def __contains__(self, offset: int) -> bool:
        """Whether the record waits for its acknowledgement."""
        return offset in self._waiting

    def done(self, offset: int) -> list[T]:
        """Note that a record is done; return what may now be acknowledged, in order."""
        if offset in self._waiting:
            self._done.add(offset)
        ready: list[T] = []
        while self._order and self._order[0] in self._done:
            first = self._order.popleft()
            self._done.discard(first)
            ready.append(self._waiting.pop(first))
        return ready
