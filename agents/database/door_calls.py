"""What is known of a call beside its id: what its audio is made of, and the recorder's own id.

That id is sealed by a key of the call, so that it ends with it; to find a call by it there is
a keyed hash. Nothing here opens or makes either: ``agents.vault.recorder_ids`` does.

Outcomes: every method raises ``StoreError`` where the database is away; a repeat changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.database.call_ledger import CallState
from agents.database.engine import Database
from agents.database.tables import BACKFILLED, CALLS, DOOR_CALLS
from agents.system.clock import stamp

MOST_FOUND: Final = 1_000
"""Calls that one recorder id may find: every leg of a transfer has the same."""


@dataclass(frozen=True, slots=True)
class DoorCall:
    """A row; see the table."""

    header: str | None
    key: str | None
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
        """Note a call that the ledger knows; a recorder's id that is noted stays."""
        row = {
            "call_id": call_id,
            "header": None,
            "key": None,
            "recorder": recorder,
            "sealed": sealed,
            "kept": False,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(insert(DOOR_CALLS).values(row))
        except IntegrityError:  # noted before, or by another process
            if recorder is None:
                return
            mine = (DOOR_CALLS.c.call_id == call_id) & DOOR_CALLS.c.recorder.is_(None)
            with self._database.writing() as connection:
                later = update(DOOR_CALLS).where(mine)
                connection.execute(later.values(recorder=recorder, sealed=sealed, kept=False))

    def let_in(self, call_id: str, header: str, key: str | None) -> DoorCall | None:
        """Note that a noted call was let in, by which header and key; the row that stands then."""
        mine = DOOR_CALLS.c.call_id == call_id
        with self._database.writing() as connection:
            first = update(DOOR_CALLS).where(mine, DOOR_CALLS.c.header.is_(None))
            connection.execute(first.values(header=header, key=key))
        return self.get(call_id)

    def get(self, call_id: str) -> DoorCall | None:
        """What is noted of a call."""
        with self._database.reading() as connection:
            query = select(DOOR_CALLS).where(DOOR_CALLS.c.call_id == call_id)
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return DoorCall(row.header, row.key, row.recorder, row.sealed, row.kept)

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

    def forget_refused(self, before: datetime) -> int:
        """Remove all of calls that were refused before some time; of how many."""
        refused = select(CALLS.c.call_id).where(
            CALLS.c.state == CallState.REFUSED.value, CALLS.c.closed < stamp(before)
        )
        with self._database.writing() as connection:
            gone = connection.execute(
                delete(DOOR_CALLS).where(DOOR_CALLS.c.call_id.in_(refused))
            ).rowcount
        if gone:
            self._database.scrub(DOOR_CALLS)
        return int(gone)

    def erase(self, call_id: str) -> None:
        """Remove all of a call, and which recording of an archive it is of.

        What an archive notes of a recording without a call may be of this one; it is found anew.
        """
        archived = (BACKFILLED.c.call_id == call_id) | BACKFILLED.c.call_id.is_(None)
        with self._database.writing() as connection:
            connection.execute(delete(DOOR_CALLS).where(DOOR_CALLS.c.call_id == call_id))
            connection.execute(delete(BACKFILLED).where(archived))
        for table in (DOOR_CALLS, BACKFILLED):
            self._database.scrub(table)
