"""The Merkle tree of RFC 6962 over the audit log's entries, also where the first ones are gone.

A leaf is the 32 bytes of an entry's own hash. Of entries that were pruned, the roots of the whole
subtrees over them are enough (at most one for each bit of their number): ``frontier`` gives them
before the entries go. From then on trees of that size and larger ones can be told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

HASH_BYTES: Final = 32


class Tree:
    """The tree of a log.

    Args:
        leaves: hashes of the entries that are there, each 32 bytes, in order.
        pruned: how many entries were before them.
        frontier: of the entries that were pruned: roots by level.

    Raises:
        ValueError: the frontier is not one of so many entries.
    """

    def __init__(
        self, leaves: Iterable[bytes], pruned: int = 0, frontier: Mapping[int, bytes] | None = None
    ) -> None:
        self.pruned = pruned
        """How many of the first entries are gone."""
        self._leaves = b"".join(hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves)
        given = dict(frontier or {})
        self._known: dict[tuple[int, int], bytes] = {}
        for first, level in _whole(pruned):
            if level not in given:
                raise ValueError("the frontier does not belong to so many entries")
            self._known[first, first + (1 << level)] = given.pop(level)
        if given:
            raise ValueError("the frontier does not belong to so many entries")
        self.size = pruned + len(self._leaves) // HASH_BYTES
        """How many entries the log had in all."""

    def root(self, size: int) -> bytes:
        """The root over the first entries; no fewer than were pruned.

        Raises:
            ValueError: so few, or so many, can't be told.
        """
        self._refuse(size)
        return self._root(0, size) if size else hashlib.sha256(b"").digest()

    def frontier(self, size: int) -> dict[int, bytes]:
        """What to keep of the first entries once they are pruned: roots by level.

        Raises:
            ValueError: see ``root``.
        """
        self._refuse(size)
        return {level: self._root(first, first + (1 << level)) for first, level in _whole(size)}

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that a larger tree has a smaller one at its beginning (RFC 6962, 2.1.2).

        Raises:
            ValueError: see ``root``; or the smaller one is larger.
        """
        if not old:
            return []
        self._refuse(old)
        self._refuse(new)
        if old > new:
            raise ValueError("a larger tree can't be at the beginning of a smaller one")
        return self._proof(old, 0, new, whole=True)

    def _proof(self, old: int, first: int, end: int, *, whole: bool) -> list[bytes]:
        if old == end:
            return [] if whole else [self._root(first, end)]
        middle = first + _left(end - first)
        if old <= middle:
            return [*self._proof(old, first, middle, whole=whole), self._root(middle, end)]
        return [*self._proof(old, middle, end, whole=False), self._root(first, middle)]

    def _root(self, first: int, end: int) -> bytes:
        if (first, end) in self._known:
            return self._known[first, end]
        if end - first == 1:
            at = (first - self.pruned) * HASH_BYTES
            return self._leaves[at : at + HASH_BYTES]
        middle = first + _left(end - first)
        pair = self._root(first, middle) + self._root(middle, end)
        return hashlib.sha256(b"\x01" + pair).digest()

    def _refuse(self, size: int) -> None:
        if not self.pruned <= size <= self.size:
            raise ValueError(f"the tree is known from {self.pruned} to {self.size} entries")


def _left(count: int) -> int:
    """How many leaves are on the left: the largest power of two below their number."""
    return 1 << (count - 1).bit_length() - 1


def _whole(count: int) -> Iterable[tuple[int, int]]:
    """The whole subtrees over the first leaves: first leaf and level."""
    first = 0
    for level in reversed(range(count.bit_length())):
        if count >> level & 1:
            yield first, level
            first += 1 << level
