"""Which call each recording of an archive became: what lets a backfill go on where it ended.

Outcomes: every method raises ``StoreError`` where the database is away; a repeat changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from agents.database.engine import Database
from agents.database.tables import BACKFILLED


@dataclass(frozen=True, slots=True)
class Noted:
    """What is noted of a recording."""

    mark: str
    began: str
    call_id: str
    """Noted before any of it is sent; empty where nobody knows it."""
    seconds: float
    code: str = ""
    """Why it could not be taken, in a word; empty: ask the call."""


class Backfilled:
    """The rows of one archive.

    Args:
        database: the ledger's, with its schema up to date.
        archive: keyed hash of where it is.
    """

    def __init__(self, database: Database, archive: str) -> None:
        self._database, self._archive = database, archive

    def known(self) -> dict[str, Noted]:
        """What is noted, by the keyed hash of the recording's name."""
        query = select(BACKFILLED).where(BACKFILLED.c.archive == self._archive)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {
            row.recording: Noted(row.mark, row.began, row.call_id or "", row.ms / 1_000, row.reason)
            for row in rows
        }

    def note(self, recording: str, noted: Noted) -> None:
        """Note a recording, in the place of what was noted of it before."""
        mine = (BACKFILLED.c.archive == self._archive) & (BACKFILLED.c.recording == recording)
        row = {
            "archive": self._archive,
            "recording": recording,
            "mark": noted.mark,
            "began": noted.began,
            "call_id": noted.call_id or None,
            "ms": round(noted.seconds * 1_000),
            "reason": noted.code,
        }
        with self._database.writing() as connection:
            connection.execute(delete(BACKFILLED).where(mine))
            connection.execute(insert(BACKFILLED).values(row))
