"""Who looked at what: an entry of the audit log before a single byte goes out.

Outcomes: ``write`` returns once the entry is durable, or raises ``Refusal`` 503: no audit log, no
look. Entries hold no content: who (a token's id, or the hash of a person's subject), with which
roles, from which address, at which call, what.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import IntegrityError

from agents.access.audit_log import AuditLog, Event
from agents.access.roles import Permission, Role, permitted
from console.http.errors import UNAVAILABLE, Refusal
from pipeline.errors import HushwireError

LOOKED: Final = "hushwire.audit.looked.v1"
"""Somebody was shown something."""
DENIED: Final = "hushwire.audit.denied.v1"
"""Somebody who is known asked for what their roles do not allow."""
LOGIN_REFUSED: Final = "hushwire.audit.login-refused.v1"
"""Somebody showed a token that lets nobody in."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was let in."""

    who: str
    """``token:<id>``, or ``oidc:`` and the hash of issuer and subject."""
    roles: tuple[Role, ...]
    origin: str
    """Address of the caller."""
    name: str = ""
    """What people know them by; empty where nobody said."""
    session: str = ""
    """Public id of the session that they asked with; empty: they showed a token."""
    zone: str = "UTC"
    """Time zone in which their pages tell times (IANA)."""

    @property
    def permissions(self) -> frozenset[Permission]:
        """What they may do."""
        return permitted(self.roles)


class Looks:
    """Writes looks and refused attempts.

    Args:
        log: the installation's audit log.
    """

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def write(self, principal: Principal, what: str, call_id: str = "", **facts: str | int) -> None:
        """Write a look.

        Args:
            principal: who looks.
            what: at what of it.
            call_id: at which call; empty for what concerns none.
            **facts: short and content-free, such as a range of bytes.

        Raises:
            Refusal: the log can't be written.
        """
        self._append(LOOKED, call_id, {**_of(principal), "what": what, **facts})

    def denied(self, principal: Principal, permission: Permission) -> None:
        """Write that somebody may not; raises as ``write`` does."""
        self._append(DENIED, "", {**_of(principal), "what": permission.value})

    def login_refused(self, origin: str, reason: str) -> None:
        """Write that a token was none; raises as ``write`` does."""
        self._append(LOGIN_REFUSED, "", {"origin": origin[:64], "what": "login", "reason": reason})

    def _append(self, kind: str, call_id: str, facts: dict[str, str | int]) -> None:
        at = self._log.stamp()
        try:
            self._log.append(Event(f"look/{uuid.uuid4()}", call_id, kind, {"at": at, **facts}))
        except (HushwireError, IntegrityError):
            raise Refusal(
                UNAVAILABLE,
                "audit",
                "the audit log can't be written, so nothing may be shown: try again; if it lasts, "
                "tell the operator",
                {"Retry-After": "5"},
            ) from None


def _of(principal: Principal) -> dict[str, str | int]:
    return {
        "who": principal.who,
        "roles": ",".join(principal.roles),
        "origin": principal.origin[:64],
    }
