"""How far a worker's stages are behind in their own partitions, as a metric.

Asked of the broker by the client that reads: librdkafka's questions about groups ended whole
processes while Apache Kafka still made its own topic of offsets. Without an answer there is no
figure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from agents.system.metrics import Metrics

LOOK_S: Final = 10.0
ANSWER_S: Final = 10.0


async def tend(
    behind: Callable[[], Awaitable[Mapping[str, int]]], metrics: Metrics, *, look_s: float = LOOK_S
) -> None:
    """Ask until cancelled.

    Args:
        behind: records by stage that are not acknowledged yet, those that were not read included;
            an archive's are a stage of their own.
        metrics: gets the figures.
        look_s: how often.
    """
    while True:
        await asyncio.sleep(look_s)
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await behind()
        except Exception:  # noqa: BLE001 - whatever the client raises while a broker is away
            metrics.behind.clear()
        else:
            for stage, records in found.items():
                metrics.behind.labels(stage).set(records)
