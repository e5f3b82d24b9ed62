"""Webhooks that wait for their delivery, in the ledger's database; no content.

They are made from the audit log, in the same transaction that notes how far it was read: none is
lost and none is made twice, whoever writes to the log and however many workers read it. Of a call
only the earliest that waits is handed out, so that its end never overtakes its beginning.

Outcomes: every method raises ``StoreError`` where the database is away. ``claim`` hands a row to
one process alone, until its lease ends; ``delivered`` and ``failed`` change nothing of a row that
somebody else finished meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from agents.database.engine import Database
from agents.database.tables import ENTRIES, FOLLOWERS, HEAD, WEBHOOKS
from agents.system.clock import stamp

FOLLOWER: Final = "webhooks"
MOST_READ: Final = 1_000
"""Entries of the audit log that are read at once."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What is read of an audit entry."""

    seq: int
    recorded: str
    event_id: str
    call_id: str
    kind: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told."""

    message_id: str
    """The same for a repeat."""
    seq: int
    call_id: str
    kind: str
    """Such as ``call.stored``."""
    at: str
    """When it happened, ISO 8601 in UTC."""
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that waits, or that is given up."""

    notice: Notice
    queued: datetime
    due: datetime
    attempts: int
    problem: str | None
    """Why it was not taken the last time: a fixed word, or ``http_`` and the status."""
    dead: datetime | None


class WebhookQueue:
    """The queue of one installation.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(
        self, kinds: Iterable[str], told: Callable[[LogEntry], Notice | None], since: datetime
    ) -> int:
        """Queue what the audit log has behind the place where it was read last.

        The first time that place is its end: what happened before is told to nobody.

        Args:
            kinds: which entries are looked at.
            told: what is told of one, if anything.
            since: what was recorded earlier is not told any more.

        Returns:
            How many were queued.
        """
        try:
            return self._follow(list(kinds), told, since)
        except IntegrityError:
            return 0  # another worker noted the place first; the next look goes on from it

    def _follow(
        self, kinds: list[str], told: Callable[[LogEntry], Notice | None], since: datetime
    ) -> int:
        now, queued = stamp(self._database.now()), 0
        with self._database.writing() as connection:
            mine = FOLLOWERS.c.name == FOLLOWER
            place = connection.scalar(select(FOLLOWERS.c.seq).where(mine).with_for_update())
            end = int(connection.scalar(select(HEAD.c.seq)) or 0)
            if place is None:
                connection.execute(insert(FOLLOWERS).values(name=FOLLOWER, seq=end))
                return 0
            stop = min(end, place + MOST_READ)
            if stop <= place:
                return 0
            for entry in _entries(connection, place, stop, kinds):
                notice = told(entry) if entry.recorded >= stamp(since) else None
                if notice is None:
                    continue
                known = select(WEBHOOKS.c.message_id).where(
                    WEBHOOKS.c.message_id == notice.message_id
                )
                if connection.scalar(known) is None:
                    connection.execute(insert(WEBHOOKS).values(_row(notice, now)))
                    queued += 1
            connection.execute(update(FOLLOWERS).where(mine).values(seq=stop))
        return queued

    def behind(self) -> bool:
        """Whether the audit log goes on behind the place where it was read last."""
        with self._database.reading() as connection:
            place = connection.scalar(select(FOLLOWERS.c.seq).where(FOLLOWERS.c.name == FOLLOWER))
            return place is None or int(connection.scalar(select(HEAD.c.seq)) or 0) > place

    def claim(self, most: int, lease: timedelta) -> list[Waiting]:
        """Take notices that are due; nobody else gets them until the lease ends."""
        now = self._database.now()
        earlier = WEBHOOKS.alias()
        first = ~exists().where(
            earlier.c.call_id == WEBHOOKS.c.call_id,
            earlier.c.seq < WEBHOOKS.c.seq,
            earlier.c.dead.is_(None),
        )
        query = (
            select(WEBHOOKS)
            .where(WEBHOOKS.c.dead.is_(None), WEBHOOKS.c.due <= stamp(now), first)
            .order_by(WEBHOOKS.c.due, WEBHOOKS.c.seq)
            .limit(most)
        )
        taken = []
        with self._database.writing() as connection:
            for row in connection.execute(query).all():
                mine = (WEBHOOKS.c.message_id == row.message_id) & (WEBHOOKS.c.due == row.due)
                leased = update(WEBHOOKS).where(mine).values(due=stamp(now + lease))
                if connection.execute(leased).rowcount:
                    taken.append(_waiting(row))
        return taken

    def delivered(self, message_id: str) -> None:
        """It was taken: nothing of it is kept."""
        with self._database.writing() as connection:
            connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.message_id == message_id))

    def failed(self, message_id: str, problem: str, again: datetime | None) -> None:
        """It was not taken.

        Args:
            message_id: which.
            problem: a fixed word, or ``http_`` and the status.
            again: when it is tried next; None: it is given up.
        """
        now = self._database.now()
        values: dict[str, Any] = {"attempts": WEBHOOKS.c.attempts + 1, "problem": problem}
        values |= {"dead": stamp(now)} if again is None else {"due": stamp(again)}
        mine = (WEBHOOKS.c.message_id == message_id) & WEBHOOKS.c.dead.is_(None)
        with self._database.writing() as connection:
            connection.execute(update(WEBHOOKS).where(mine).values(values))

    def release(self, message_ids: Iterable[str]) -> None:
        """Hand back what was claimed and not tried."""
        mine = WEBHOOKS.c.message_id.in_(list(message_ids)) & WEBHOOKS.c.dead.is_(None)
        with self._database.writing() as connection:
            now = stamp(self._database.now())
            connection.execute(update(WEBHOOKS).where(mine).values(due=now))

    def waiting(self, *, dead: bool | None = None, call_id: str | None = None) -> list[Waiting]:
        """What is not delivered, the earliest first; with ``dead`` only such, or only others."""
        query = select(WEBHOOKS).where(*_wanted(dead, call_id)).order_by(WEBHOOKS.c.seq)
        with self._database.reading() as connection:
            return [_waiting(row) for row in connection.execute(query).all()]

    def counts(self) -> tuple[int, int]:
        """How many wait, and how many are given up."""
        query = select(func.count(), func.count(WEBHOOKS.c.dead))
        with self._database.reading() as connection:
            every, dead = connection.execute(query).one()
        return int(every) - int(dead), int(dead)

    def revive(self, *, call_id: str | None = None) -> int:
        """Try again what is given up, and at once what waits; how many there are."""
        now = stamp(self._database.now())
        fresh = {"dead": None, "queued": now, "due": now, "attempts": 0}
        with self._database.writing() as connection:
            change = update(WEBHOOKS).where(*_wanted(None, call_id)).values(fresh)
            return int(connection.execute(change).rowcount)

    def drop(self, *, call_id: str | None = None) -> int:
        """Forget what is given up; how many there were."""
        with self._database.writing() as connection:
            gone = delete(WEBHOOKS).where(*_wanted(True, call_id))  # noqa: FBT003 - the dead ones
            return int(connection.execute(gone).rowcount)


class Follower:
    """A place in the audit log of somebody who tells by other means than the queue.

    Args:
        database: the ledger's.
        name: whose place it is; at most 16 characters.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name

    def new(self, kinds: Iterable[str]) -> tuple[list[LogEntry], int]:
        """What came behind the place, and the place behind that.

        The first time it is the log's end, which is noted.
        """
        mine = FOLLOWERS.c.name == self._name
        with self._database.reading() as connection:
            place = connection.scalar(select(FOLLOWERS.c.seq).where(mine))
            end = int(connection.scalar(select(HEAD.c.seq)) or 0)
            if place is not None:
                stop = min(end, place + MOST_READ)
                return list(_entries(connection, place, stop, kinds)), max(stop, place)
        with suppress(IntegrityError), self._database.writing() as connection:
            connection.execute(insert(FOLLOWERS).values(name=self._name, seq=end))
        return [], end

    def move(self, seq: int) -> None:
        """All up to here was told; the place never moves back."""
        mine = (FOLLOWERS.c.name == self._name) & (FOLLOWERS.c.seq < seq)
        with self._database.writing() as connection:
            connection.execute(update(FOLLOWERS).where(mine).values(seq=seq))


def _entries(connection: Any, place: int, stop: int, kinds: Iterable[str]) -> Iterable[LogEntry]:  # noqa: ANN401 - SQLAlchemy's
    between = ENTRIES.c.seq.between(place + 1, stop) & ENTRIES.c.kind.in_(list(kinds))
    for row in connection.execute(select(ENTRIES).where(between).order_by(ENTRIES.c.seq)).all():
        yield LogEntry(
            int(row.seq), row.recorded, row.event_id, row.subject, row.kind, json.loads(row.facts)
        )


def _row(notice: Notice, now: str) -> dict[str, Any]:
    return {
        "message_id": notice.message_id,
        "seq": notice.seq,
        "call_id": notice.call_id,
        "kind": notice.kind,
        "at": notice.at,
        "facts": json.dumps(dict(notice.facts), sort_keys=True),
        "queued": now,
        "due": now,
        "attempts": 0,
    }


def _wanted(dead: bool | None, call_id: str | None) -> list[ColumnElement[bool]]:  # noqa: FBT001
    found: list[ColumnElement[bool]] = []
    if dead is not None:
        found.append(WEBHOOKS.c.dead.is_not(None) if dead else WEBHOOKS.c.dead.is_(None))
    if call_id is not None:
        found.append(or_(WEBHOOKS.c.call_id == call_id, WEBHOOKS.c.message_id == call_id))
    return found


def _waiting(row: Row[Any]) -> Waiting:
    notice = Notice(
        row.message_id, int(row.seq), row.call_id, row.kind, row.at, json.loads(row.facts)
    )
    return Waiting(
        notice,
        datetime.fromisoformat(row.queued),
        datetime.fromisoformat(row.due),
        int(row.attempts),
        row.problem,
        datetime.fromisoformat(row.dead) if row.dead else None,
    )
