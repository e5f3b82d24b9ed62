"""How many connections are taken, and where those that are refused are counted.

Outcomes: ``enter`` gives a place, which is free again when its context is left, or raises
``GatewayError`` (``TOO_MANY``). ``refused`` counts and logs, without content; it never raises.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from agents.system.logging import get_logger
from agents.system.metrics import GatewayMetrics
from pipeline.gateways.events import GatewayError, Reason

MOST_ADDRESSES: Final = 10_000
"""Addresses that are remembered; the one that was longest away is forgotten first."""
_MINUTE: Final = 60.0

log = get_logger("gateway")


class Limits:
    """Of one process, for all gateways together.

    Args:
        most: connections at once.
        per_minute: connections that one address may begin in a minute, evenly spread or at once.
        metrics: where refusals are counted.
        clock: seconds that only go up.
    """

    def __init__(
        self,
        most: int,
        per_minute: int,
        metrics: GatewayMetrics,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._most, self._per_minute = most, per_minute
        self._metrics, self._clock = metrics, clock
        self._open = 0
        self._closing = False
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def open(self) -> int:
        """Connections that have a place now."""
        return self._open

    def close(self) -> None:
        """Take no further connection: the process is about to end."""
        self._closing = True

    @contextmanager
    def enter(self, address: str) -> Iterator[None]:
        """A place for one connection.

        Args:
            address: whose it is; never logged.

        Raises:
            GatewayError: there is none.
        """
        if self._closing:
            raise GatewayError(Reason.TOO_MANY, "this gateway is about to end; connect again")
        if not self._may_begin(address):
            raise GatewayError(
                Reason.TOO_MANY, f"more than {self._per_minute} connections a minute: wait"
            )
        if self._open >= self._most:
            raise GatewayError(Reason.TOO_MANY, f"{self._most} connections are open: no more now")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def refused(self, gateway: str, error: GatewayError) -> None:
        """Count and log that a connection was refused or ended by us."""
        self._metrics.refused.labels(gateway, error.reason.value).inc()
        log.info("refused", place=gateway, code=error.reason.value)

    def _may_begin(self, address: str) -> bool:
        """A bucket that fills evenly, by address."""
        now, full = self._clock(), float(self._per_minute)
        left, last = self._buckets.pop(address, (full, now))
        left = min(full, left + (now - last) * full / _MINUTE)
        may = left >= 1.0
        self._buckets[address] = (left - 1.0 if may else left, now)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        return may
