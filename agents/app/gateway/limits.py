"""How many connections are taken, and where those that are refused are counted.

A connection has a place from its first byte to its last. Until it has proven itself that is one of
a smaller pool, of which one caller has a few at most; so whoever can't prove anything never holds
the places of calls.

Outcomes: ``arrive`` gives a place, ``Place.prove`` makes it a call's, or they raise
``GatewayError`` (``TOO_MANY``). ``refused`` counts and logs, without content; it never raises.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

from agents.app.gateway.addresses import caller_of
from agents.system.logging import get_logger
from agents.system.metrics import GatewayMetrics
from pipeline.gateways.events import GatewayError, Reason

MOST_CALLERS: Final = 10_000
"""Callers that are remembered; the one that was longest away is forgotten first."""
_MINUTE: Final = 60.0

log = get_logger("gateway")


class Place:
    """Of one connection: unproven, then a call's, then left."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._caller: str | None = None
        self._proven = self._left = False

    def name(self, address: str) -> None:
        """Say whose the connection is; where a proxy brings it, once its request is there.

        Raises:
            GatewayError: the caller has too many, or began too many.
        """
        caller = caller_of(address)
        self._limits._count(caller)  # noqa: SLF001 - a part of it
        self._caller = caller

    def prove(self) -> None:
        """The peer has proven itself: the connection is a call's from now on.

        Raises:
            GatewayError: no call may begin now; the place stays unproven.
        """
        if not self._proven and not self._left:
            self._limits._prove()  # noqa: SLF001 - a part of it
            self._limits._forget(self._caller)  # noqa: SLF001 - a part of it
            self._proven = True

    def leave(self) -> None:
        """The connection is gone; again changes nothing."""
        if self._left:
            return
        self._left = True
        if self._proven:
            self._limits._open -= 1  # noqa: SLF001 - a part of it
        else:
            self._limits._forget(self._caller)  # noqa: SLF001 - a part of it


class Limits:
    """Of one process, for all gateways together.

    Args:
        most: connections at once whose peers have proven themselves.
        per_minute: connections that one caller may begin in a minute, evenly spread or at once.
        metrics: where refusals are counted.
        unproven: other connections at once.
        unproven_each: of these, of one caller.
        clock: seconds that only go up.
    """

    def __init__(
        self,
        most: int,
        per_minute: int,
        metrics: GatewayMetrics,
        *,
        unproven: int = 1_000,
        unproven_each: int = 200,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._most, self._per_minute = most, per_minute
        self._most_unproven, self._each = unproven, unproven_each
        self._metrics, self._clock = metrics, clock
        self._open = self._unproven = 0
        self._callers: Counter[str] = Counter()
        """Unproven connections of each."""
        self._closing = False
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def open(self) -> int:
        """Connections of calls now."""
        return self._open

    @property
    def unproven(self) -> int:
        """Connections that have proven nothing yet."""
        return self._unproven

    def close(self) -> None:
        """Take no further connection: the process is about to end."""
        self._closing = True

    def arrive(self, address: str | None) -> Place:
        """A place for a connection that has proven nothing yet.

        Args:
            address: whose it is, never logged; None: a proxy's, see ``Place.name``.

        Raises:
            GatewayError: there is none.
        """
        self._go_on()
        if self._unproven >= self._most_unproven:
            raise GatewayError(
                Reason.TOO_MANY, f"{self._most_unproven} connections have proven nothing yet"
            )
        place = Place(self)
        if address is not None:
            place.name(address)
        self._unproven += 1
        return place

    def refused(self, gateway: str, error: GatewayError) -> None:
        """Count and log that a connection was refused or ended by us."""
        self._metrics.refused.labels(gateway, error.reason.value).inc()
        if error.why:
            log.info("refused", place=gateway, code=error.reason.value, why=error.why)
        else:
            log.info("refused", place=gateway, code=error.reason.value)

    def _go_on(self) -> None:
        if self._closing:
            raise GatewayError(Reason.TOO_MANY, "this gateway is about to end; connect again")

    def _prove(self) -> None:
        self._go_on()
        if self._open >= self._most:
            raise GatewayError(Reason.TOO_MANY, f"{self._most} connections are open: no more now")
        self._open += 1

    def _count(self, caller: str) -> None:
        if not self._may_begin(caller):
            raise GatewayError(
                Reason.TOO_MANY, f"more than {self._per_minute} connections a minute: wait"
            )
        if self._callers[caller] >= self._each:
            raise GatewayError(
                Reason.TOO_MANY, f"{self._each} connections of this caller have proven nothing yet"
            )
        self._callers[caller] += 1

    def _forget(self, caller: str | None) -> None:
        """An unproven connection is none any more."""
        self._unproven -= 1
        if caller is not None:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]

    def _may_begin(self, caller: str) -> bool:
        """A bucket that fills evenly, by caller."""
        now, full = self._clock(), float(self._per_minute)
        left, last = self._buckets.pop(caller, (full, now))
        left = min(full, left + (now - last) * full / _MINUTE)
        may = left >= 1.0
        self._buckets[caller] = (left - 1.0 if may else left, now)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return may
