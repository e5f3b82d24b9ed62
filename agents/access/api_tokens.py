"""API tokens: made once, stored as a hash, expiring, revocable.

A token is ``hushwire_<id>_<secret>``: a name that secret scanners can look for, 64 bits by which
its row is found, and 256 random bits. The row holds the sha256 of the whole. A slow password hash
would gain nothing: nobody can go through 2^256 secrets, however fast one try is, and a slow hash
on every request would let anybody keep the server busy.

Outcomes: ``check`` returns the token or raises ``AccessError``; every method raises ``StoreError``
where the database is away. Making and revoking are audit events, written before they take effect.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from agents.access.audit_log import AuditLog, Event
from agents.access.roles import AccessError, Role
from agents.database.engine import Database
from agents.database.tables import API_TOKENS, SAVED_VIEWS
from agents.system.clock import Clock, stamp
from pipeline.errors import InputError

PREFIX: Final = "hushwire_"
FORM: Final = re.compile(r"hushwire_([0-9a-f]{16})_[0-9a-f]{64}")
"""What a token looks like; the group is its id."""
MOST_DAYS: Final = 366
"""A token that lives longer is forgotten before it ends."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,79}")
_TAKEN: Final = re.compile(
    r"(person|user|unknown token) .*|.* on the command line|nobody named", re.IGNORECASE
)
"""What the audit log's pages call those who are no token."""
_NOBODYS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; never its secret."""

    token_id: str
    name: str
    role: Role
    created: datetime
    expires: datetime
    revoked: datetime | None
    made_by: str | None = None
    """As the audit log names them; None: nobody knows."""

    def state(self, now: datetime) -> str:
        """``valid``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "valid" if now < self.expires else "expired"


class Tokens:
    """The tokens of an installation.

    Args:
        database: the ledger's, with its schema up to date.
        log: where making and revoking is written.
        now: the time; the database's clock where none is given.
    """

    def __init__(
        self,
        database: Database,
        log: AuditLog,
        *,
        now: Clock | None = None,
    ) -> None:
        self.database, self._log, self.now = database, log, now or database.now

    def create(self, role: Role, name: str, lives: timedelta, *, by: str) -> tuple[Token, str]:
        """Make a token.

        Args:
            role: what it may do.
            name: what people know it by.
            lives: until it expires.
            by: who makes it, for the audit log.

        Returns:
            What is known of it, and the token itself, which can't be had again.

        Raises:
            InputError: the name or the time is not allowed, or a token that lives has the name.
        """
        if not _NAME.fullmatch(name):
            raise InputError("a token's name has 1 to 80 letters, digits, blanks or . _ @ -")
        if _TAKEN.fullmatch(name):
            raise InputError("a token's name that reads like somebody else's: take another")
        if not timedelta(0) < lives <= timedelta(days=MOST_DAYS):
            raise InputError(f"a token lives for more than nothing and at most {MOST_DAYS} days")
        now = self.now()
        if any(
            one.name.lower() == name.lower() and one.state(now) == "valid" for one in self.known()
        ):
            raise InputError("a token that lives has this name: take another, or revoke that one")
        now = now.replace(microsecond=now.microsecond // 1_000 * 1_000)  # as it is stored
        token_id = secrets.token_hex(8)
        text = f"{PREFIX}{token_id}_{secrets.token_hex(32)}"
        token = Token(token_id, name, role, now, now + lives, None, by)
        self._audit("token-created", token_id, by, role=role.value, expires=stamp(token.expires))
        with self.database.writing() as connection:
            connection.execute(
                insert(API_TOKENS).values(
                    token_id=token_id,
                    name=name,
                    role=role.value,
                    digest=_digest(text),
                    created=stamp(now),
                    expires=stamp(token.expires),
                    made_by=by,
                )
            )
        return token, text

    def known(self) -> list[Token]:
        """Every token, the newest first."""
        query = select(API_TOKENS).order_by(API_TOKENS.c.created.desc(), API_TOKENS.c.token_id)
        with self.database.reading() as connection:
            return [_token(row) for row in connection.execute(query)]

    def revoke(self, token_id: str, *, by: str) -> bool:
        """End a token, and remove the views that it kept; ``False`` where it was revoked before.

        Args:
            token_id: its public part.
            by: who does it, for the audit log.

        Raises:
            InputError: there is no such token.
        """
        query = select(API_TOKENS).where(API_TOKENS.c.token_id == token_id)
        with self.database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise InputError("there is no token with this id: `hushwire tokens list` shows them")
        if row.revoked is not None:
            return False
        self._audit("token-revoked", token_id, by, role=row.role)
        change = update(API_TOKENS).where(
            API_TOKENS.c.token_id == token_id, API_TOKENS.c.revoked.is_(None)
        )
        views = delete(SAVED_VIEWS).where(SAVED_VIEWS.c.owner == f"token:{token_id}")
        with self.database.writing() as connection:
            connection.execute(views)
            return bool(connection.execute(change.values(revoked=stamp(self.now()))).rowcount)

    def check(self, text: str) -> Token:
        """The token that somebody shows.

        Raises:
            AccessError: it is none, not ours, expired or revoked.
        """
        found = FORM.fullmatch(text)
        if found is None:
            raise AccessError("malformed")
        query = select(API_TOKENS).where(API_TOKENS.c.token_id == found.group(1))
        with self.database.reading() as connection:
            row = connection.execute(query).one_or_none()
        # An unknown id is compared as well, so that it takes as long as a wrong secret.
        right = hmac.compare_digest(_digest(text), row.digest if row is not None else _NOBODYS)
        if row is None or not right:
            raise AccessError("unknown")
        token = _token(row)
        state = token.state(self.now())
        if state != "valid":
            raise AccessError(state)
        return token

    def _audit(self, what: str, token_id: str, by: str, **facts: str) -> None:
        kind = f"hushwire.audit.{what}.v1"
        stated = {"at": stamp(self.now()), "what": what, "token": token_id, "by": by, **facts}
        self._log.append(Event(f"token/{token_id}/{kind}", "", kind, stated))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _token(row: Row[Any]) -> Token:
    return Token(
        row.token_id,
        row.name,
        Role(row.role),
        datetime.fromisoformat(row.created),
        datetime.fromisoformat(row.expires),
        datetime.fromisoformat(row.revoked) if row.revoked else None,
        row.made_by,
    )
