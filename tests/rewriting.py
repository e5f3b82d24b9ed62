"""What somebody who writes to the database and has no key does to the audit log."""

from __future__ import annotations

import json

from sqlalchemy import delete, insert, select, update

from agents.access.audit_log import Event
from agents.access.hash_chain import BEGINNING, Entry
from agents.database.engine import Database
from agents.database.tables import CHECKPOINTS, ENTRIES, HEAD
from agents.system.clock import stamp
from pipeline.evidence.canonical_json import canonical_json

KIND = "hushwire.audit.call-closed.v1"
DROPPED, CHANGED, KEPT = 3, 5, 6
LONG_AGO = "2025-01-01T00:00:00.000+00:00"


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
            entry = Entry(**{**row, "facts": json.loads(row["facts"])})
            last = row["hash"] = entry.own_hash()
            row["fingerprint"] = entry.own_fingerprint()
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


def begun_anew(database: Database) -> None:
    """Delete all of it, say that it was pruned, and go on with an old entry and another history."""
    with database.writing() as connection:
        head = connection.execute(select(HEAD.c.seq, HEAD.c.hash)).one()
        connection.execute(delete(ENTRIES))
        connection.execute(delete(CHECKPOINTS))
        says = {"seq": head.seq, "kind": "start", "hash": head.hash, "at": LONG_AGO}
        signature = {"algorithm": "Ed25519", "key_id": "0" * 64, "signature": "AA=="}
        connection.execute(insert(CHECKPOINTS).values({**says, **signature}))
        seq, last = head.seq, head.hash
        for call, recorded in ((901, LONG_AGO), (902, stamp(database.now()))):
            made, seq = event(call), seq + 1
            names = (made.event_id, made.subject, made.kind)
            entry = Entry(seq, recorded, *names, dict(made.facts), last, "")
            last = entry.own_hash()
            row = {name: value for name, value in entry.document.items() if name != "schema"}
            row |= {"facts": canonical_json(entry.facts).decode(), "hash": last}
            connection.execute(insert(ENTRIES).values({**row, "fingerprint": made.fingerprint}))
        connection.execute(update(HEAD).values(seq=seq, hash=last))
