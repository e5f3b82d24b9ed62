"""What somebody who writes to the database and has no key does to the audit log."""

from __future__ import annotations

import json

from sqlalchemy import delete, insert, select, update

from agents.auditchain import BEGINNING, Entry
from agents.auditlog import Event
from agents.audittables import CHECKPOINTS, ENTRIES, HEAD
from agents.database import Database

KIND = "hushwire.audit.call-closed.v1"
DROPPED, CHANGED, KEPT = 3, 5, 6


def event(call: int, state: str = "stored") -> Event:
    """A call's end."""
    return Event(f"call-{call}/{KIND}", f"call-{call}", KIND, {"state": state})


def rewritten(database: Database) -> None:
    """Drop an entry, change another, number and hash all anew, delete every checkpoint."""
    with database.writing() as connection:
        rows = connection.execute(select(ENTRIES).order_by(ENTRIES.c.seq)).mappings().all()
        kept = [dict(row) for row in rows if row["seq"] != DROPPED]
        connection.execute(delete(CHECKPOINTS))
        connection.execute(delete(ENTRIES))
        last = BEGINNING.hash
        for seq, row in enumerate(kept, 1):
            if row["seq"] == CHANGED:
                row["facts"] = '{"state":"refused"}'
            row |= {"seq": seq, "previous": last}
            plain = {**row, "facts": json.loads(row["facts"])}
            del plain["fingerprint"]
            last = row["hash"] = Entry(**plain).own_hash()
            connection.execute(insert(ENTRIES).values(row))
        connection.execute(update(HEAD).values(seq=len(kept), hash=last))


def cut_back(database: Database) -> None:
    """Delete the end and every checkpoint of it."""
    with database.writing() as connection:
        connection.execute(delete(ENTRIES).where(ENTRIES.c.seq > KEPT))
        connection.execute(delete(CHECKPOINTS))
        hash_ = connection.scalar(select(ENTRIES.c.hash).where(ENTRIES.c.seq == KEPT))
        connection.execute(update(HEAD).values(seq=KEPT, hash=hash_))


def emptied(database: Database) -> None:
    """Delete all of it."""
    with database.writing() as connection:
        connection.execute(delete(ENTRIES))
        connection.execute(delete(CHECKPOINTS))
        connection.execute(update(HEAD).values(seq=BEGINNING.seq, hash=BEGINNING.hash))
