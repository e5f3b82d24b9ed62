"""Which words stand beside each other in a call, as a keyed Bloom filter: what is in quotes.

A filter answers whether a pair is in its call: never wrongly no, wrongly yes once in 2,000. Its
places come of a keyed hash of pair and call id, so the filters of two calls that share pairs have
nothing in common, and without the key only the number of pairs can be told from one. Nothing here
fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from pipeline.analytics.terms import WordQuery

BITS: Final = 16
"""Of a filter, per pair."""
PROBES: Final = 11
"""Bits that a pair sets: ``BITS`` times ln 2, the best number."""
_LEAST: Final = 8
"""Bytes of the smallest filter."""
_HALF: Final = 32

Sift = Callable[[str, bytes | None], bool]
"""Whether a call may have what is in quotes, by its id and filter; None is a call without one."""


def pair_filter(key: bytes, call_id: str, pairs: Iterable[str]) -> bytes:
    """The filter of a call.

    Args:
        key: 32 bytes.
        call_id: which.
        pairs: as ``pipeline.analytics.terms`` writes them.
    """
    each = {_hash(key, call_id.encode(), pair.encode()) for pair in pairs}
    made = bytearray(max(_LEAST, -(-len(each) * BITS // 8)))
    size = 8 * len(made)
    for at, step in each:
        for _ in range(PROBES):
            made[at % size >> 3] |= 1 << (at & 7)
            at = (at + step) % size  # noqa: PLW2901 - where the next bit is
    return bytes(made)


def sift_of(key: bytes, query: WordQuery) -> Sift | None:
    """Tells calls that can't have what is in quotes; None where nothing is.

    Args:
        key: as ``pair_filter`` had it.
        query: what is searched for.
    """
    pairs = [pair.encode() for pair in query.pairs]
    if not pairs:
        return None

    def sift(call_id: str, kept: bytes | None) -> bool:
        return kept is None or all(_has(kept, *_hash(key, call_id.encode(), p)) for p in pairs)

    return sift


def _has(kept: bytes, at: int, step: int) -> bool:
    size = 8 * len(kept)
    for _ in range(PROBES):
        if not kept[at % size >> 3] >> (at & 7) & 1:
            return False
        at = (at + step) % size
    return True


def _hash(key: bytes, call_id: bytes, pair: bytes) -> tuple[int, int]:
    """Where a pair's first bit is, and how far from one to the next (odd, so that bits differ)."""
    number = int.from_bytes(
        hashlib.blake2b(call_id + b"\0" + pair, key=key, digest_size=8).digest()
    )
    return number >> _HALF, number & ((1 << _HALF) - 1) | 1
