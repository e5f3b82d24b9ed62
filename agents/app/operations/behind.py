"""How far the consumer groups of a worker's stages are behind, as a metric.

Asked of the broker, so that what nobody reads counts, too. Where it is away, there is no figure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from agents.kafka.lag import BrokerLag
from agents.system.metrics import Metrics
from pipeline.errors import BrokerError

LOOK_S: Final = 10.0


class Lags(Protocol):
    """Asks the broker, such as ``agents.kafka.lag.LagReader``."""

    def read(self, groups: Mapping[str, tuple[str, ...]], topics: tuple[str, ...]) -> BrokerLag:
        """See ``LagReader.read``."""
        ...


async def tend(
    lags: Lags,
    groups: Mapping[str, tuple[str, tuple[str, ...]]],
    metrics: Metrics,
    *,
    look_s: float = LOOK_S,
) -> None:
    """Ask until cancelled.

    Args:
        lags: asks the broker.
        groups: by stage, its consumer group and the topics that it reads.
        metrics: gets the figures.
        look_s: how often.
    """
    while True:
        try:
            found = await asyncio.to_thread(lags.read, dict(groups.values()), ())
        except BrokerError:
            metrics.behind.clear()
        else:
            for stage, (group, _) in groups.items():
                metrics.behind.labels(stage).set(found.behind[group])
        await asyncio.sleep(look_s)
