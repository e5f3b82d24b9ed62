"""Which policy a call is worked on by: the one of the worker that had it first, to its end.

The first stage that takes up a call writes its own policy's digest to the call's row in the ledger,
and the content beside it; whoever was first, that stands. Every stage works by what is written
there, so that a change of policy touches new calls only, and two workers never work on one call
by different ones.

Outcomes of ``Pins.policy``: the policy; ``StoreError`` where the ledger is away; ``PolicyError``
where a newer version of Hushwire pinned it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.database import Database
from agents.metrics import Metrics
from agents.tables import CALLS, POLICIES
from pipeline.errors import StoreError
from pipeline.policy import Policy

_RESTORED = 16
"""Policies of other workers that are kept in memory."""


class Pins:
    """Pins calls to a worker's policy.

    Args:
        database: the ledger's.
        own: the worker's policy.
        metrics: what is counted.
    """

    def __init__(self, database: Database, own: Policy, metrics: Metrics) -> None:
        self._database, self._own, self._metrics = database, own, metrics
        self._digest = own.digest
        self._written = False
        self._restored = lru_cache(maxsize=_RESTORED)(self._read)

    def policy(self, call_id: str) -> Policy:
        """The policy of a call that is in the ledger; see the module's text."""
        digest = self._pinned(call_id)
        if digest is None:
            self._pin(call_id)
            digest = self._pinned(call_id)
        if digest is None or digest == self._digest:
            return self._own
        self._metrics.pinned.inc()
        return self._restored(digest)

    def _pinned(self, call_id: str) -> str | None:
        query = select(CALLS.c.policy).where(CALLS.c.call_id == call_id)
        with self._database.reading() as connection:
            return connection.scalar(query)

    def _pin(self, call_id: str) -> None:
        if not self._written:
            self._write()
        nobody = (CALLS.c.call_id == call_id) & CALLS.c.policy.is_(None)
        with self._database.writing() as connection:
            connection.execute(update(CALLS).where(nobody).values(policy=self._digest))

    def _write(self) -> None:
        content = insert(POLICIES).values(digest=self._digest, content=self._own.content)
        with suppress(IntegrityError), self._database.writing() as connection:  # known already
            connection.execute(content)
        self._written = True

    def _read(self, digest: str) -> Policy:
        query = select(POLICIES.c.content).where(POLICIES.c.digest == digest)
        with self._database.reading() as connection:
            content = connection.scalar(query)
        if content is None:
            raise StoreError("ledger: a call's policy is missing; restore the table policies")
        policy = Policy.restored(content)
        if policy.digest != digest:
            raise StoreError("ledger: a call's policy was changed; restore the table policies")
        return policy
