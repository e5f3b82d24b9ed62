"""Words that comparisons of policies and of rules of places share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


class Direction(StrEnum):
    """Where a change leads, the strictest first."""

    STRICTER = "stricter"
    """Never more is kept, shown or left audible."""
    CHANGED = "changed"
    """Stricter for some calls, laxer for others, or neither."""
    LAXER = "laxer"
    WORDING = "wording"
    """Decides nothing: names, sources, days of review."""


_ORDER: Final = tuple(Direction)
_NOTHING: Final = "none"


def in_order(changes: Iterable[T], direction: Callable[[T], Direction]) -> list[T]:
    """Changes with the strictest first, otherwise in the order in which they come."""
    return sorted(changes, key=lambda change: _ORDER.index(direction(change)))


def shown(value: object) -> str:
    """A value of a policy or rule, in one line."""
    if isinstance(value, Mapping):
        parts = [f"{name}: {shown(one)}" for name, one in value.items()]
    elif isinstance(value, frozenset):
        parts = sorted(map(shown, value))
    elif isinstance(value, tuple | list):
        parts = list(map(shown, value))
    elif isinstance(value, BaseModel):
        parts = ["; ".join(shown(one) for one in value.model_dump().values())]
    elif isinstance(value, bool):
        parts = ["yes" if value else "no"]
    else:
        parts = [str(value)] if value not in {None, ""} else []
    return ", ".join(parts) or _NOTHING
