"""What each worker process says of itself, in the ledger's database; counts and times alone.

Outcomes: every method raises ``StoreError`` where the database is away. A row whose figures can't
be read, since a newer version wrote it, counts as a worker without figures; one whose times can't
be read is left out, and logged.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.database.engine import Database
from agents.database.tables import WORKER_STATES
from agents.system.clock import stamp
from agents.system.logging import get_logger
from agents.system.metrics import DELAYS_S

BEAT_S: Final = 10.0
"""How often a worker renews its row."""
ALIVE_S: Final = 20.0
"""One that was not seen for longer counts as away: two beats did not come."""
KEPT: Final = timedelta(days=1)
"""Rows of workers that did not stop in order."""

State: TypeAlias = Literal["starting", "ready"]


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One worker process."""

    worker_id: str
    stages: tuple[str, ...]
    host: str
    version: str
    policy: str
    policy_version: str
    state: str
    """``starting``: it loads its models, or waits for its partitions."""
    started: datetime
    seen: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    """Since it was started: ``refused``, ``dead_letters``, ``audio_seconds``, and by stage
    ``finished.<stage>`` and ``in_flight.<stage>``."""
    delays: tuple[int, ...] = ()
    """Releases of the last minutes by ``DELAYS_S``, and those that took longer."""

    def alive(self, now: datetime) -> bool:
        """Whether it was seen just now."""
        return now - self.seen <= timedelta(seconds=ALIVE_S)


class WorkerStates:
    """The rows of all workers.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, worker: WorkerState) -> None:
        """Write a worker's row, or renew it; rows that nobody renews any more go."""
        row = {
            "stages": ",".join(worker.stages),
            "host": worker.host[:64],
            "version": worker.version[:40],
            "policy": worker.policy,
            "policy_version": worker.policy_version,
            "state": worker.state,
            "started": stamp(worker.started),
            "seen": stamp(worker.seen),
            "counts": json.dumps(dict(worker.counts), sort_keys=True),
            "delays": json.dumps(worker.delays),
        }
        mine = WORKER_STATES.c.worker_id == worker.worker_id
        old = WORKER_STATES.c.seen < stamp(worker.seen - KEPT)
        try:
            with self._database.writing() as connection:
                connection.execute(delete(WORKER_STATES).where(old))
                if not connection.execute(update(WORKER_STATES).where(mine).values(row)).rowcount:
                    connection.execute(
                        insert(WORKER_STATES).values(worker_id=worker.worker_id, **row)
                    )
        except IntegrityError:
            return  # it is there already; the next beat renews it

    def remove(self, worker_id: str) -> None:
        """Remove the row of a worker that stops in order."""
        with self._database.writing() as connection:
            connection.execute(delete(WORKER_STATES).where(WORKER_STATES.c.worker_id == worker_id))

    def known(self) -> list[WorkerState]:
        """Every worker, the one that was started last first."""
        query = select(WORKER_STATES).order_by(
            WORKER_STATES.c.started.desc(), WORKER_STATES.c.worker_id
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        found = [_state(dict(row)) for row in rows]
        return [one for one in found if one is not None]


def _state(row: dict[str, str]) -> WorkerState | None:
    try:
        started, seen = (datetime.fromisoformat(row[name]) for name in ("started", "seen"))
        started, seen = started.astimezone(UTC), seen.astimezone(UTC)
    except (ValueError, OverflowError):
        get_logger().warning("a worker's row can't be read")
        return None
    bare = WorkerState(
        worker_id=row["worker_id"],
        stages=tuple(row["stages"].split(",")),
        host=row["host"],
        version=row["version"],
        policy=row["policy"],
        policy_version=row["policy_version"],
        state=row["state"],
        started=started,
        seen=seen,
    )
    try:
        counts = {str(name): int(count) for name, count in json.loads(row["counts"]).items()}
        delays = tuple(int(count) for count in json.loads(row["delays"]))
    except (ValueError, OverflowError, TypeError, AttributeError):
        return bare
    return replace(bare, counts=counts, delays=delays)


@dataclass(frozen=True, slots=True)
class Delay:
    """How far release trails the live edge, over all calls of the last minutes."""

    releases: int
    """How many there were; 0: nothing is known of the times."""
    median_s: float = 0.0
    p95_s: float = 0.0
    over: bool = False
    """Whether ``p95_s`` is the longest time that is told apart, and it was longer."""


def delay_of(counted: Iterable[Sequence[int]]) -> Delay:
    """Median and 95th percentile of what several workers counted, by straight lines in between.

    Args:
        counted: per worker, releases by ``DELAYS_S`` and those that took longer; another number of
            limits, of another version, counts for nothing.
    """
    whole = [one for one in counted if len(one) == len(DELAYS_S) + 1]
    sums: list[int] = [sum(column) for column in zip(*whole, strict=True)] or [0]
    total = sum(sums)
    if not total:
        return Delay(0)
    upto = [sum(sums[: place + 1]) for place in range(len(sums))]

    def quantile(part: float) -> float:
        place = bisect_left(upto, part * total)
        if place >= len(DELAYS_S):
            return DELAYS_S[-1]
        below, above = list(pairwise((0.0, *DELAYS_S)))[place]
        inside: float = (part * total - (upto[place] - sums[place])) / sums[place]
        return below + (above - below) * inside

    over = bisect_left(upto, 0.95 * total) >= len(DELAYS_S)
    return Delay(total, round(quantile(0.5), 2), round(quantile(0.95), 2), over)
