"""Which policy a call is worked on by: the one of the worker that had it first, to its end.

The first stage that takes up a call writes its own policy beside the call's key in the ledger,
sealed with that key, so that nobody changes it who only writes to the database. Whoever was first,
that stands. Every stage works by what is written there: a change of policy touches new calls only,
and two workers never work on one call by different ones. It goes when the key is destroyed.

Outcomes of ``Pins.policy``: the policy; ``SealError`` for a pin that was changed or is another
call's; ``StoreError`` where the ledger is away; ``PolicyError`` where a newer version pinned it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from sqlalchemy import select, update

from agents.crypto.envelope import Seal
from agents.database.engine import Database
from agents.database.tables import TRANSIT_KEYS
from agents.system.metrics import Metrics
from pipeline.policy.model import Policy

_RESTORED: Final = 16
"""Policies of other workers that are kept in memory."""
_BOUND: Final = b"hushwire/policy"
"""Associated data: no record of a topic opens as a policy, nor the other way round."""


class Pins:
    """Pins calls to a worker's policy.

    Args:
        database: the ledger's.
        own: the worker's policy for new calls, asked when one is pinned
            (``agents.database.policies.published.InForce.policy``).
        metrics: what is counted.
    """

    def __init__(self, database: Database, own: Callable[[], Policy], metrics: Metrics) -> None:
        self._database, self._new, self._metrics = database, own, metrics
        self._own: tuple[Policy, bytes] | None = None
        self._restored = lru_cache(maxsize=_RESTORED)(Policy.restored)

    def policy(self, call_id: str, seal: Seal) -> Policy:
        """The policy of an open call, pinned now if it is not yet; see the module's text."""
        pinned = self._pinned(call_id)
        own, content = self._taken_up()
        if pinned is None:
            self._pin(call_id, seal.seal(content, _BOUND))
            pinned = self._pinned(call_id)
        found = content if pinned is None else seal.open(pinned, _BOUND)
        if found == content:
            return own
        self._metrics.pinned.inc()
        return self._restored(found.decode())

    def _taken_up(self) -> tuple[Policy, bytes]:
        """The worker's policy of this moment and its content: one value, for all threads."""
        now, known = self._new(), self._own
        if known is None or known[0] is not now:
            self._own = known = now, now.content.encode()
        return known

    def _pinned(self, call_id: str) -> bytes | None:
        query = select(TRANSIT_KEYS.c.policy).where(TRANSIT_KEYS.c.call_id == call_id)
        with self._database.reading() as connection:
            return connection.scalar(query)

    def _pin(self, call_id: str, pinned: bytes) -> None:
        nobody = (TRANSIT_KEYS.c.call_id == call_id) & TRANSIT_KEYS.c.policy.is_(None)
        with self._database.writing() as connection:
            connection.execute(update(TRANSIT_KEYS).where(nobody).values(policy=pinned))
