"""Who is logged in on the pages: sessions that the server knows and can end.

A session is ``<id>.<secret>`` in a cookie: 64 bits by which its row is found, 256 random bits of
which the row holds the hash. It ends when nobody asked with it for a while, at the latest after a
working day, when somebody ends it, and with the token that it was opened with. What somebody may
do is what they might when they logged in: roles are looked at again by logging in again.

Outcomes: ``check`` returns the session, or None where it is none or has ended; ``StoreError``
where the database is away. An end that somebody asks for is an audit event, written before it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from agents.access.audit_log import AuditLog, Event
from agents.access.roles import Role
from agents.database.engine import Database
from agents.database.tables import API_TOKENS, PEOPLE, SESSIONS
from agents.system.clock import stamp

FORM: Final = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{64})")
SEEN: Final = timedelta(minutes=1)
"""How exactly it is known when somebody asked last."""
NAME_MOST: Final = 80
NAME_KEPT: Final = timedelta(days=366)
"""After somebody's last login at the issuer."""
EACH_MOST: Final = 20
"""Sessions of one person at once; a further one ends the oldest."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    session_id: str
    who: str
    """As in the audit log."""
    name: str
    """What people know them by; empty where nobody said."""
    roles: tuple[Role, ...]
    token_id: str | None
    origin: str
    """Address that they logged in from."""
    created: datetime
    seen: datetime
    expires: datetime


class Sessions:
    """The sessions of an installation.

    Args:
        database: the ledger's, with its schema up to date.
        log: where ends are written.
        idle: a session that nobody asked with for this long has ended.
        most: and so has one that is older.
    """

    def __init__(
        self, database: Database, log: AuditLog, *, idle: timedelta, most: timedelta
    ) -> None:
        self._database, self._log, self._idle, self._most = database, log, idle, most

    def open(
        self,
        who: str,
        name: str,
        roles: tuple[Role, ...],
        *,
        origin: str,
        token_id: str | None = None,
        issuer_session: str | None = None,
    ) -> str:
        """Open a session; those that have ended are forgotten, and so is the oldest of too many.

        Args:
            who: as in the audit log.
            name: what people know them by.
            roles: what they may do while it lives.
            origin: their address.
            token_id: the token that they showed; the session ends with it.
            issuer_session: hash of the session that they have at the issuer.

        Returns:
            What the browser keeps; it can't be had again.
        """
        for old in self.known(who)[EACH_MOST - 1 :]:
            self.end(old.session_id, by=who, why="too-many")
        session_id, secret = secrets.token_hex(8), secrets.token_hex(32)
        now = self._database.now()
        with self._database.writing() as connection:
            connection.execute(
                delete(SESSIONS).where(
                    or_(
                        SESSIONS.c.expires <= stamp(now),
                        SESSIONS.c.seen <= stamp(now - self._idle),
                    )
                )
            )
            connection.execute(
                insert(SESSIONS).values(
                    session_id=session_id,
                    digest=_digest(secret),
                    who=who,
                    name=name[:NAME_MOST],
                    roles=",".join(roles),
                    token_id=token_id,
                    origin=origin[:64],
                    created=stamp(now),
                    seen=stamp(now),
                    expires=stamp(now + self._most),
                    issuer_session=issuer_session,
                )
            )
            if token_id is None and name:
                called = {"name": name[:NAME_MOST], "seen": stamp(now)}
                # One statement, since somebody may log in twice at once.
                upsert = sqlite.insert if self._database.sqlite else postgresql.insert
                row = upsert(PEOPLE).values(who=who, **called)
                connection.execute(
                    row.on_conflict_do_update(index_elements=[PEOPLE.c.who], set_=called)
                )
            elif token_id is None:
                connection.execute(delete(PEOPLE).where(PEOPLE.c.who == who))
        return f"{session_id}.{secret}"

    def check(self, text: str, *, used: bool = True) -> Session | None:
        """The session that a browser shows; None: it is none, or has ended.

        Args:
            text: the cookie.
            used: whether somebody asks; False: a page does by itself, which keeps none alive.
        """
        found = FORM.fullmatch(text)
        if found is None:
            return None
        session_id, secret = found.groups()
        now = self._database.now()
        with self._database.reading() as connection:
            row = connection.execute(
                _living(now, self._idle).where(SESSIONS.c.session_id == session_id)
            ).one_or_none()
        # An unknown id is compared as well, so that it takes as long as a wrong secret.
        right = hmac.compare_digest(_digest(secret), row.digest if row is not None else "0" * 64)
        if row is None or not right:
            return None
        session = _session(row)
        if used and now - session.seen >= SEEN:
            change = update(SESSIONS).where(SESSIONS.c.session_id == session_id)
            with self._database.writing() as connection:
                connection.execute(change.values(seen=stamp(now)))
        return session

    def known(self, who: str | None = None) -> list[Session]:
        """Sessions that live, the newest first.

        Args:
            who: of whom; None: of everybody.
        """
        query = _living(self._database.now(), self._idle).order_by(
            SESSIONS.c.created.desc(), SESSIONS.c.session_id
        )
        if who is not None:
            query = query.where(SESSIONS.c.who == who)
        with self._database.reading() as connection:
            return [_session(row) for row in connection.execute(query)]

    def end(self, session_id: str, *, by: str, of: str | None = None, why: str = "") -> bool:
        """End a session.

        Args:
            session_id: its public part.
            by: who does it, for the audit log.
            of: whose it has to be; None: anybody's.
            why: for the audit log; empty: whoever's it was logged out, or somebody else ended it.

        Returns:
            False: there is none, or it is somebody else's.
        """
        query = select(SESSIONS.c.who).where(SESSIONS.c.session_id == session_id)
        with self._database.reading() as connection:
            who = connection.execute(query).scalar_one_or_none()
        if who is None or of not in {None, who}:
            return False
        kind = "hushwire.audit.session-ended.v1"
        told = {
            "at": stamp(self._database.now()),
            "what": "session-ended",
            "session": session_id,
            "who": who,
            "why": why or ("logout" if by == who else "ended"),
            "by": by,
        }
        self._log.append(Event(f"session/{session_id}/{uuid.uuid4()}", "", kind, told))
        with self._database.writing() as connection:
            done = connection.execute(delete(SESSIONS).where(SESSIONS.c.session_id == session_id))
        return bool(done.rowcount)

    def end_at_issuer(self, who: str, issuer_session: str, *, before: datetime) -> int:
        """End what the issuer says is over; how many there were.

        Args:
            who: of whom; empty: the issuer names the session alone.
            issuer_session: hash of the issuer's session; empty: all of theirs.
            before: those that were opened later stay, so that an old message ends nothing new.
        """
        table = SESSIONS.c
        query = select(table.session_id, table.who).where(
            table.token_id.is_(None), table.created <= stamp(before)
        )
        if who:
            query = query.where(table.who == who)
        if issuer_session:
            # A session that does not know its issuer's may be this one.
            this = table.issuer_session == issuer_session
            query = query.where(or_(this, table.issuer_session.is_(None)) if who else this)
        elif not who:
            return 0
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return sum(self.end(row.session_id, by=row.who, why="issuer") for row in rows)


def people(database: Database) -> dict[str, str]:
    """What those who logged in at the issuer are called, by what the audit log calls them."""
    with database.reading() as connection:
        found = connection.execute(select(PEOPLE.c.who, PEOPLE.c.name))
        return {row.who: row.name for row in found}


def forget_names(database: Database, now: datetime) -> None:
    """Forget what those are called whose last login is longer ago than ``NAME_KEPT``."""
    with database.writing() as connection:
        connection.execute(delete(PEOPLE).where(PEOPLE.c.seen <= stamp(now - NAME_KEPT)))


def _living(now: datetime, idle: timedelta) -> Any:  # noqa: ANN401 - a select of many columns
    """Sessions that have not ended, nor the token that they were opened with."""
    token = select(API_TOKENS.c.token_id).where(
        API_TOKENS.c.token_id == SESSIONS.c.token_id,
        API_TOKENS.c.revoked.is_(None),
        API_TOKENS.c.expires > stamp(now),
    )
    return select(SESSIONS).where(
        SESSIONS.c.expires > stamp(now),
        SESSIONS.c.seen > stamp(now - idle),
        or_(SESSIONS.c.token_id.is_(None), token.exists()),
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _session(row: Row[Any]) -> Session:
    return Session(
        row.session_id,
        row.who,
        row.name,
        tuple(Role(one) for one in row.roles.split(",") if one),
        row.token_id,
        row.origin,
        datetime.fromisoformat(row.created),
        datetime.fromisoformat(row.seen),
        datetime.fromisoformat(row.expires),
    )
