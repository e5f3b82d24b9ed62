"""The lag of a worker's stages as a metric."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.app.consumers import Serving
from agents.app.operations.behind import tend
from agents.system.metrics import Metrics
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not holds():  # noqa: ASYNC110 - a gauge has no event
            await asyncio.sleep(0.005)


async def test_it_follows_the_broker_and_is_absent_while_that_is_away() -> None:
    metrics, answer = Metrics(), {"mute": 7, "detect": 0}

    async def behind() -> dict[str, int]:
        if not answer:
            raise ConnectionError
        return dict(answer)

    def figure(stage: str) -> float | None:
        return metrics.registry.get_sample_value("hushwire_records_behind", {"stage": stage})

    task = asyncio.create_task(tend(behind, metrics, look_s=0.01))
    await until(lambda: figure("mute") == 7)
    assert figure("detect") == 0
    answer.clear()
    await until(lambda: figure("mute") is None)
    assert not task.done(), "a broker that is away ends nothing"
    answer["mute"] = 9
    await until(lambda: figure("mute") == 9)
    task.cancel()


async def test_an_archive_that_waits_does_not_count_among_live_records() -> None:
    def client(end: int) -> Any:  # noqa: ANN401 - Faust has no types
        async def ends(*places: str) -> dict[str, int]:
            return dict.fromkeys(places, end)

        async def begins(*places: str) -> dict[str, int]:
            return dict.fromkeys(places, 2)

        consumer = SimpleNamespace(
            assignment=lambda: {"a", "b"},
            highwaters=ends,
            earliest_offsets=begins,
            _committed_offset={"a": 3},
        )
        return SimpleNamespace(consumer=consumer)

    def reader(label: str) -> Any:  # noqa: ANN401 - no more of it is asked for
        return SimpleNamespace(label=label, stage=SimpleNamespace(name="mute"))

    serving = Serving()
    serving._apps = [client(3), client(900)]
    serving._runtimes = [reader("mute"), reader("backfill-mute")]
    assert await serving.behind() == {"mute": 1, "backfill-mute": 897 + 898}


async def test_clients_are_asked_at_once() -> None:
    """Each answer may take as long as the client's own poll, and a worker may have twelve."""
    asked, everybody = 0, asyncio.Event()

    async def ends(*places: str) -> dict[str, int]:
        nonlocal asked
        asked += 1
        if asked == 12:
            everybody.set()
        await everybody.wait()
        return dict.fromkeys(places, 1)

    consumer = SimpleNamespace(
        assignment=lambda: {"a"}, highwaters=ends, earliest_offsets=ends, _committed_offset={}
    )
    serving = Serving()
    serving._apps = [cast("Any", SimpleNamespace(consumer=consumer)) for _ in range(12)]
    serving._runtimes = [cast("Any", SimpleNamespace(label=str(one))) for one in range(12)]
    async with asyncio.timeout(HANG_S):
        assert len(await serving.behind()) == 12
