"""Who may do what through the console and its API: roles and permissions, as data.

Nothing is allowed that does not stand in ``MAY``. ``docs/access.md`` shows the same table; a test
compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import ClassVar, Final

from pipeline.errors import InputError


class Role(StrEnum):
    """What a person or a program is there for."""

    ANALYST = "analyst"
    """Reads redacted transcripts and listens to redacted calls."""
    SECURITY = "security"
    """Tunes policies, looks into quarantined calls, hands out tokens."""
    OPERATOR = "operator"
    """Keeps the installation running; sees no content."""
    AUDITOR = "auditor"
    """Proves what happened; sees no content."""


class Permission(StrEnum):
    """What a route asks for."""

    WHO_AM_I = "who-am-i"
    LIST_CALLS = "list-calls"
    READ_TRANSCRIPT = "read-transcript"
    READ_AUDIO = "read-audio"
    READ_CERTIFICATE = "read-certificate"
    READ_QUARANTINE = "read-quarantine"
    READ_AUDIT = "read-audit"
    READ_COMPLIANCE = "read-compliance"
    READ_METRICS = "read-metrics"
    READ_STATE = "read-state"
    READ_RETENTION = "read-retention"
    REPLAY_DEAD_LETTERS = "replay-dead-letters"
    END_QUARANTINE = "end-quarantine"
    CHECK_POLICY = "check-policy"
    EDIT_POLICY = "edit-policy"
    APPROVE_POLICY = "approve-policy"
    MANAGE_TOKENS = "manage-tokens"
    MARK_CALL = "mark-call"
    MARK_QUARANTINE = "mark-quarantine"
    READ_MARKS = "read-marks"
    READ_ANALYTICS = "read-analytics"


MAY: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ANALYST: frozenset(
        {
            Permission.WHO_AM_I,
            Permission.LIST_CALLS,
            Permission.READ_TRANSCRIPT,
            Permission.READ_AUDIO,
            Permission.MARK_CALL,
            Permission.READ_ANALYTICS,
        }
    ),
    Role.SECURITY: frozenset(
        {
            Permission.WHO_AM_I,
            Permission.READ_QUARANTINE,
            Permission.CHECK_POLICY,
            Permission.EDIT_POLICY,
            Permission.APPROVE_POLICY,
            Permission.MANAGE_TOKENS,
            Permission.MARK_QUARANTINE,
            Permission.END_QUARANTINE,
            Permission.READ_MARKS,
        }
    ),
    Role.OPERATOR: frozenset(
        {
            Permission.WHO_AM_I,
            Permission.READ_METRICS,
            Permission.READ_STATE,
            Permission.READ_RETENTION,
            Permission.REPLAY_DEAD_LETTERS,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            Permission.WHO_AM_I,
            Permission.LIST_CALLS,
            Permission.READ_CERTIFICATE,
            Permission.READ_QUARANTINE,
            Permission.READ_AUDIT,
            Permission.READ_COMPLIANCE,
            Permission.READ_RETENTION,
            Permission.READ_ANALYTICS,
        }
    ),
}


class AccessError(InputError):
    """A token that lets nobody in; ``reason`` is for logs, not for whoever showed it."""

    code: ClassVar[str] = "access"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "the token is not valid here: wrong, expired, revoked or not for this service"
        )
        self.reason = reason


def permitted(roles: Iterable[Role]) -> frozenset[Permission]:
    """What several roles may do together."""
    return frozenset(permission for role in roles for permission in MAY[role])
