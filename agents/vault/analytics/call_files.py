"""Facts of stored calls as a file that others open: a row per call, no word.

CSV goes out while it is read; Parquet is made whole, in memory, since its end says what stands
where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from agents.system.clock import stamp
from agents.vault.analytics.call_listing import ListedCall
from agents.vault.analytics.warehouse.files import csv_of, parquet_of

_FROM_FACTS: Final = (
    *("started", "direction", "campaign", "line", "agent", "outcome", "jurisdiction", "caller"),
    *("talk_agent_ms", "talk_customer_ms", "talk_mixed_ms", "silence_ms", "interruptions"),
    *(
        "sides",
        "hold_ms",
        "turns",
        "words",
        "muted_ms",
        "muted_share",
        "precaution_ms",
        "caught_ms",
    ),
    "disclosed",
)


def _fact(name: str) -> Callable[[ListedCall], object]:
    return lambda one: getattr(one.facts, name, None)


_COLUMNS: Final[dict[str, Callable[[ListedCall], object]]] = {
    "call_id": lambda one: one.stored.call_id,
    "stored": lambda one: stamp(one.stored.stored),
    "duration_ms": lambda one: one.stored.duration_ms,
    "policy": lambda one: one.stored.policy,
    "policy_version": lambda one: one.stored.policy_version,
    "purpose": lambda one: one.stored.purpose,
    "retain_until": lambda one: stamp(one.stored.retain_until),
    "held": lambda one: stamp(one.stored.held) if one.stored.held else None,
    "marks": lambda one: ",".join(one.stored.marks),
    **{name: _fact(name) for name in _FROM_FACTS},
    "types": lambda one: ",".join(one.facts.entities) if one.facts else None,
}
COLUMNS: Final = tuple(_COLUMNS)
"""Names of the columns; what only facts know is empty for calls without."""
_MOMENTS: Final = frozenset({"stored", "started", "retain_until", "held"})
_NUMBERS: Final = frozenset({"turns", "words", "interruptions", "sides"})


def csv_of_calls(calls: Iterable[ListedCall]) -> Iterator[bytes]:
    """CSV in pieces, its head first."""
    return csv_of(COLUMNS, _rows(calls))


def parquet_of_calls(calls: Iterable[ListedCall]) -> bytes:
    """A Parquet file; times are such, what nobody knows is null."""
    return parquet_of(COLUMNS, [_type(name) for name in COLUMNS], _rows(calls))


def _rows(calls: Iterable[ListedCall]) -> Iterator[list[object]]:
    return ([read(one) for read in _COLUMNS.values()] for one in calls)


def _type(name: str) -> str:
    if name in _MOMENTS:
        return "TIMESTAMPTZ"
    if name == "muted_share":
        return "DOUBLE"
    return "BIGINT" if name in _NUMBERS or name.endswith("_ms") else "VARCHAR"
