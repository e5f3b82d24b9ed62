"""Ids of the private halves' keys that calls come in by: a host with a pair of its own is noticed.

Outcomes: every method raises ``StoreError`` where the database is away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from agents.database.engine import Database
from agents.database.tables import DOOR_KEYS
from pipeline.errors import StoreError

_FIRST: Final = 0
"""No key has this id. Its row is written with the first keys: of two hosts that start at the same
time, one is second."""


class DoorKeys:
    """The table in a ledger's database.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> frozenset[int]:
        """All ids that were noted."""
        with self._database.reading() as connection:
            found = frozenset(connection.scalars(select(DOOR_KEYS.c.key_id)))
        return found - {_FIRST}

    def note(self, ids: Iterable[int]) -> None:
        """Note the ids of a private half that goes with what is known; a repeat changes nothing.

        Raises:
            StoreError: other ids are known, and none of these: calls were sent for another pair.
        """
        mine = frozenset(ids)
        if self._insert({_FIRST, *mine}):
            return
        known = self.known()
        if known and not known & mine:
            raise StoreError(
                "the private half of the door is another one than calls are sent for here: put the "
                "file in its place that the other workers with admit have, or where that is lost, "
                "run `hushwire keys transit new --lost`"
            )
        for one in mine - known:
            self._insert({one})

    def replace(self, ids: Iterable[int]) -> None:
        """Note these ids and no others: the private half that was noted is lost."""
        with self._database.writing() as connection:
            connection.execute(delete(DOOR_KEYS))
            connection.execute(insert(DOOR_KEYS), self._rows({_FIRST, *ids}))

    def _insert(self, ids: Iterable[int]) -> bool:
        """Whether none of them was there before; else none is added."""
        try:
            with self._database.writing() as connection:
                connection.execute(insert(DOOR_KEYS), self._rows(ids))
        except IntegrityError:
            return False
        return True

    def _rows(self, ids: Iterable[int]) -> list[dict[str, object]]:
        at = self._database.stamp()
        return [{"key_id": one, "created": at} for one in sorted(ids)]
