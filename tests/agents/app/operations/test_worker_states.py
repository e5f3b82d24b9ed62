"""Rows of workers: renewed, away, forgotten; and how delays of several are put together."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

import console
from agents.app.operations.heartbeat import Heartbeat
from agents.app.operations.overview import Operations
from agents.app.operations.worker_states import (
    ALIVE_S,
    BEAT_S,
    KEPT,
    Delay,
    WorkerState,
    WorkerStates,
    delay_of,
)
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import WORKER_STATES
from agents.settings.model import Settings
from agents.system import fatal_exit
from agents.system.metrics import DELAYS_S, Metrics
from pipeline.errors import KeyFileError, StoreError
from pipeline.policy.loading import load_policy
from tests.waiting import until

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = len(DELAYS_S) + 1


def worker(worker_id: str, seen: datetime = NOW) -> WorkerState:
    return WorkerState(
        worker_id,
        ("detect", "mute"),
        host="worker-1",
        version="1.2.3",
        policy="default",
        policy_version="7",
        state="ready",
        started=NOW - timedelta(hours=1),
        seen=seen,
        counts={"refused": 2, "in_flight.mute": 3},
        delays=(0,) * LIMITS,
    )


def test_a_row_is_renewed_and_read_back_as_it_was(database: Database) -> None:
    states = WorkerStates(database)
    states.note(worker("a"))
    later = worker("a", NOW + timedelta(seconds=BEAT_S))
    states.note(later)
    assert states.known() == [later]
    states.remove("a")
    assert states.known() == []


def test_who_is_not_seen_is_away_and_a_day_later_forgotten(database: Database) -> None:
    states = WorkerStates(database)
    states.note(worker("gone"))
    [gone] = states.known()
    assert gone.alive(NOW + timedelta(seconds=ALIVE_S))
    assert not gone.alive(NOW + timedelta(seconds=ALIVE_S + 0.1))
    states.note(worker("here", NOW + KEPT))
    assert [one.worker_id for one in states.known()] == ["gone", "here"]
    states.note(worker("here", NOW + KEPT + timedelta(milliseconds=1)))
    assert [one.worker_id for one in states.known()] == ["here"]


def test_a_worker_that_died_shows_within_thirty_seconds(tmp_path: Path) -> None:
    """Whenever the page looks: it renews itself every so often (docs/operations.md)."""
    page = Path(console.__file__).parent / "templates" / "operations" / "overview.html"
    (every_s,) = re.findall(r'data-live="/operations/live" data-every="(\d+)"', page.read_text())
    now = [NOW]
    ledger = Ledger.embedded(tmp_path / "state", lambda: now[0])
    operations = Operations(Settings(state_dir=tmp_path / "state"), ledger)
    shown = []
    WorkerStates(ledger.database).note(worker("died"))
    for seconds in (0.0, BEAT_S, 30.0 - float(every_s) + 0.001):
        now[0] = NOW + timedelta(seconds=seconds)
        shown.append(operations.look().workers[0].state)
    ledger.dispose()
    assert shown == ["ready", "ready", "away"]


def test_a_row_of_a_newer_version_counts_as_a_worker_without_figures(database: Database) -> None:
    states = WorkerStates(database)
    states.note(worker("new"))
    with database.writing() as connection:
        connection.execute(update(WORKER_STATES).values(counts='["other"]', delays="{}"))
    [one] = states.known()
    assert (one.worker_id, one.counts, one.delays) == ("new", {}, ())


@pytest.mark.parametrize(
    "changed",
    [
        {"started": "x"},
        {"seen": ""},
        {"seen": "2026-03-01T12:00:00"},
        {"seen": "0001-01-01T00:00:00+14:00"},
        {"counts": '{"a":1e400}'},
        {"delays": "[1e400]"},
    ],
)
def test_a_row_that_can_t_be_read_takes_no_page_away(
    database: Database, changed: dict[str, str]
) -> None:
    states = WorkerStates(database)
    states.note(worker("a"))
    with database.writing() as connection:
        connection.execute(update(WORKER_STATES).values(changed))
    states.note(worker("b"))
    found = {one.worker_id: one for one in states.known()}
    assert "b" in found
    assert [one.alive(NOW) for one in found.values()]  # none is without a zone
    assert ("a" in found) == ("counts" in changed or "delays" in changed or "T12" in str(changed))


def test_a_worker_tells_counts_and_the_delays_of_the_last_minutes(database: Database) -> None:
    metrics, policy = Metrics(), load_policy("default")
    metrics.release_delay.observe(500)  # before it began to tell
    beat = Heartbeat(database, ["mute"], lambda: policy, metrics)
    metrics.refused.labels("mute", "record").inc()
    metrics.in_flight.labels("mute").set(4)
    metrics.calls.labels("mute").inc(2)
    for seconds in (0.2, 0.2, 9.0):
        metrics.release_delay.observe(seconds)
    beat.beat()
    beat.state = "ready"
    beat.beat()
    [told] = WorkerStates(database).known()
    assert (told.stages, told.state, told.policy) == (("mute",), "ready", policy.name)
    assert told.counts == {
        "refused": 1,
        "dead_letters": 0,
        "audio_seconds": 0,
        "finished.mute": 2,
        "in_flight.mute": 4,
    }
    assert sum(told.delays) == 3
    assert told.delays[DELAYS_S.index(0.25)] == 2


def test_the_row_goes_with_the_worker_and_no_database_ends_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = Heartbeat(database, ["mute"], lambda: load_policy("default"), Metrics())
    states, seen = WorkerStates(database), Event()

    async def run(holds: Callable[[], bool]) -> None:
        async with beat.kept():
            await asyncio.to_thread(until, holds)

    asyncio.run(run(lambda: bool(states.known())))
    assert states.known() == []

    def away(*_: object) -> None:
        seen.set()
        raise StoreError("away")

    monkeypatch.setattr(WorkerStates, "note", away)
    asyncio.run(run(seen.is_set))


def counted(*seconds: float) -> list[int]:
    metrics = Metrics()
    for one in seconds:
        metrics.release_delay.observe(one)
    return list(metrics.delays())


def test_delays_of_several_workers_are_one() -> None:
    assert delay_of([]) == delay_of([counted()]) == Delay(0)
    one = delay_of([counted(*[2.5] * 10), counted(*[2.5] * 10)])
    assert (one.releases, one.over) == (20, False)
    assert 2.0 <= one.median_s <= one.p95_s <= 3.0
    many = delay_of([counted(*[0.4] * 90), counted(*[50.0] * 10)])
    assert 0.25 <= many.median_s <= 0.5
    assert 45 <= many.p95_s <= 60
    long = delay_of([counted(0.3, *[5_000.0] * 9)])
    assert (long.p95_s, long.over) == (DELAYS_S[-1], True)
    # One of another version, with other limits, counts for nothing.
    assert delay_of([[1, 2, 3], counted(0.3)]).releases == 1


@given(st.lists(st.floats(0.001, 1_700.0), min_size=1, max_size=60))
def test_no_quantile_leaves_the_limits_that_hold_it(seconds: list[float]) -> None:
    found = delay_of([counted(*seconds)])
    ordered = sorted(seconds)
    for part, told in ((0.5, found.median_s), (0.95, found.p95_s)):
        true = ordered[max(0, -(-int(part * 1_000) * len(ordered) // 1_000) - 1)]
        above = next(limit for limit in DELAYS_S if limit >= true)
        below = max((limit for limit in DELAYS_S if limit < true), default=0.0)
        assert below - 0.01 <= told <= above + 0.01


async def test_a_worker_whose_key_was_replaced_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, str]] = []

    def fatal(code: int, message: str) -> None:
        told.append((code, message))
        raise fatal_exit.FatalError(code, message)

    def replaced() -> None:
        raise KeyFileError("token key: is another one")

    monkeypatch.setattr(fatal_exit, "_hook", [fatal])
    beat = Heartbeat(database, ["admit"], lambda: load_policy("default"), Metrics(), replaced)
    with pytest.raises(fatal_exit.FatalError):
        await beat._tend()
    assert told == [(fatal_exit.ExitCode.KEY, "token key: is another one")]
