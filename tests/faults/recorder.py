"""A recorder that sends calls while faults come, and begins anew after a record was given up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence

from pipeline.errors import BrokerError, StoreError, UnknownCallError
from pipeline.records.model import AudioChunk, CallEnd
from tests.broker.harness import Installation, Script

AT_ONCE = 6
TWICE = SWAPPED = 0.1
"""Shares of the records that are sent twice, and before their turn."""


class Recorder:
    """Sends all calls, six at a time, some records twice or out of order.

    Args:
        made: where they go.
        calls: what is sent.
        closed: calls that are stored already.
        progress: share of the calls that may have begun, 0 to 1.
    """

    def __init__(
        self,
        made: Installation,
        calls: Sequence[Script],
        closed: Collection[str],
        progress: Callable[[], float],
    ) -> None:
        self._made, self._closed, self._progress = made, closed, progress
        self._calls = {one.info.call_id: one for one in calls}
        self._waiting = list(self._calls)
        self._live: dict[str, list[AudioChunk | CallEnd]] = {}
        self._dice = random.Random(len(calls))

    @property
    def begun(self) -> int:
        """How many calls were begun."""
        return len(self._calls) - len(self._waiting)

    @property
    def open(self) -> set[str]:
        """Calls that were begun and are not stored yet."""
        return set(self._calls).difference(self._waiting, self._closed)

    def run(self) -> None:
        """Send until the broker has everything."""
        while True:
            try:
                while self._waiting or self._live:
                    self._begin()
                    self._next()
                    time.sleep(0.02)
                self._made.producer.flush()
            except BrokerError:
                # Which records arrived is not known: those of every open call go out again.
                self._made.renew_producer()
                begun = [one for one in self._calls if one not in self._waiting]
                self._live = {one: self._all(one) for one in begun if one not in self._closed}
            else:
                return

    def _begin(self) -> None:
        most = len(self._calls) * self._progress()
        while self._waiting and len(self._live) < AT_ONCE and self.begun < most:
            name = self._waiting.pop(0)
            self._live[name] = self._all(name)

    def _all(self, name: str) -> list[AudioChunk | CallEnd]:
        return [*self._calls[name].chunks, self._calls[name].end]

    def _next(self) -> None:
        if not self._live:
            return
        name = self._dice.choice(list(self._live))
        queue = self._live[name]
        if len(queue) > 2 and self._dice.random() < SWAPPED:
            queue[0], queue[1] = queue[1], queue[0]
        record = queue.pop(0)
        try:
            self._made.send(name, [record] * (2 if self._dice.random() < TWICE else 1))
        except UnknownCallError:  # it was stored while it was sent again
            queue.clear()
        except StoreError:  # the ledger is away: again, when it is back
            queue.insert(0, record)
            time.sleep(0.3)
        if not queue:
            del self._live[name]
