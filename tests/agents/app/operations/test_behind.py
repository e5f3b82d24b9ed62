"""The lag of a worker's groups as a metric."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from agents.app.operations.behind import tend
from agents.kafka.lag import BrokerLag
from agents.system.metrics import Metrics
from pipeline.errors import BrokerError

pytestmark = pytest.mark.unit


class Broker:
    """Answers what a test sets; away while that is nothing."""

    def __init__(self) -> None:
        self.behind: dict[str, int] | None = {"h-mute": 7, "h-detect": 0}
        self.asked: Mapping[str, tuple[str, ...]] = {}

    def read(self, groups: Mapping[str, tuple[str, ...]], topics: tuple[str, ...]) -> BrokerLag:
        assert topics == ()
        self.asked = groups
        if self.behind is None:
            raise BrokerError("away")
        return BrokerLag(self.behind, {})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a gauge has no event
            await asyncio.sleep(0.005)


async def test_it_follows_the_broker_and_is_absent_while_that_is_away() -> None:
    broker, metrics = Broker(), Metrics()

    def figure(stage: str) -> float | None:
        return metrics.registry.get_sample_value("hushwire_records_behind", {"stage": stage})

    groups = {"mute": ("h-mute", ("raw", "spans")), "detect": ("h-detect", ("words",))}
    task = asyncio.create_task(tend(broker, groups, metrics, look_s=0.01))
    await until(lambda: figure("mute") == 7)
    assert figure("detect") == 0
    assert broker.asked == {"h-mute": ("raw", "spans"), "h-detect": ("words",)}
    broker.behind = None
    await until(lambda: figure("mute") is None)
    assert not task.done(), "a broker that is away ends nothing"
    broker.behind = {"h-mute": 9, "h-detect": 1}
    await until(lambda: figure("mute") == 9)
    task.cancel()
