"""The wall clock: read here and nowhere else, and handed down.

Whatever is dated or destroyed by time asks the database for it (``Database.now``), which was opened
with a clock: ledger, audit log, catalogue, retention, quarantine. So one process has one time, and
a test can set it. A test forbids any other look at the wall clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""The time, with its zone."""


def system_clock() -> datetime:
    """This machine's time, in UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def epoch_seconds() -> float:
    """The same, in seconds since 1970: what signatures and tokens of others name."""
    return system_clock().timestamp()


def stamp(moment: datetime) -> str:
    """A time as it is stored: ISO 8601 in UTC with milliseconds, so that times compare as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
