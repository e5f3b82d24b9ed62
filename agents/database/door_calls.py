"""What is known of a call beside its id: what its audio is made of, and the recorder's own id.

That id is sealed by a key of the call, so that it ends with it; to find a call by it there is
a keyed hash. Nothing here opens or makes either: ``agents.vault.recorder_ids`` does.

Outcomes: every method raises ``StoreError`` where the database is away; a repeat changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.database.engine import Database
from agents.database.tables import CALLS, DOOR_CALLS

MOST_FOUND: Final = 1_000
"""Calls that one recorder id may find: every leg of a transfer has the same."""


@dataclass(frozen=True, slots=True)
class DoorCall:
    """A row; see the table."""

    header: str | None
    recorder: str | None
    sealed: bytes | None = field(repr=False)
    kept: bool


class DoorCalls:
    """The table in a ledger's database.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, call_id: str, recorder: str | None, sealed: bytes | None) -> None:
        """Note a call that the ledger knows; whoever is first stays."""
        row = {
            "call_id": call_id,
            "header": None,
            "recorder": recorder,
            "sealed": sealed,
            "kept": False,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(insert(DOOR_CALLS).values(row))
        except IntegrityError:
            return  # noted before, or by another process

    def let_in(self, call_id: str, header: str) -> str:
        """Note that a noted call was let in, and by which header; the one that stands then."""
        mine = DOOR_CALLS.c.call_id == call_id
        with self._database.writing() as connection:
            first = update(DOOR_CALLS).where(mine, DOOR_CALLS.c.header.is_(None))
            connection.execute(first.values(header=header))
            return connection.scalar(select(DOOR_CALLS.c.header).where(mine)) or ""

    def get(self, call_id: str) -> DoorCall | None:
        """What is noted of a call."""
        with self._database.reading() as connection:
            query = select(DOOR_CALLS).where(DOOR_CALLS.c.call_id == call_id)
            row = connection.execute(query).one_or_none()
        return None if row is None else DoorCall(row.header, row.recorder, row.sealed, row.kept)

    def keep(self, call_id: str, sealed: bytes) -> None:
        """Put the recorder's id under the call's vault key."""
        mine = (DOOR_CALLS.c.call_id == call_id) & DOOR_CALLS.c.kept.is_(False)
        with self._database.writing() as connection:
            connection.execute(update(DOOR_CALLS).where(mine).values(sealed=sealed, kept=True))

    def find(self, recorder: str) -> list[str]:
        """Calls of a recorder's id, by its keyed hash, the newest first."""
        query = (
            select(DOOR_CALLS.c.call_id)
            .join(CALLS)
            .where(DOOR_CALLS.c.recorder == recorder)
            .order_by(CALLS.c.created.desc(), CALLS.c.call_id)
            .limit(MOST_FOUND)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def erase(self, call_id: str) -> None:
        """Remove all of a call."""
        with self._database.writing() as connection:
            connection.execute(delete(DOOR_CALLS).where(DOOR_CALLS.c.call_id == call_id))
        self._database.scrub(DOOR_CALLS)
