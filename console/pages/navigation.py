"""The pages that stand in the navigation, who may see them, and where somebody begins.

To add a page, add a ``Place``; its template says ``{% set here = "/its/address" %}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agents.access.roles import Permission, Role, permitted


@dataclass(frozen=True, slots=True)
class Place:
    """A page in the navigation."""

    label: str
    address: str
    permission: Permission
    first_for: Role | None = None
    """Who begins here after logging in."""


PLACES: Final = (
    Place("Calls", "/", Permission.LIST_CALLS, Role.ANALYST),
    Place("Analytics", "/analytics", Permission.READ_ANALYTICS),
    Place("Quarantine", "/quarantine", Permission.READ_QUARANTINE, Role.SECURITY),
    Place("Marks", "/marks", Permission.READ_MARKS),
    Place("Policy", "/policy", Permission.EDIT_POLICY),
    Place("Tokens", "/tokens", Permission.MANAGE_TOKENS),
    Place("Sessions", "/sessions", Permission.MANAGE_TOKENS),
    Place("Operations", "/operations", Permission.READ_STATE, Role.OPERATOR),
    Place("Dead letters", "/dead-letters", Permission.READ_STATE),
    Place("Compliance", "/compliance", Permission.READ_COMPLIANCE, Role.AUDITOR),
    Place("Certificates", "/certificates", Permission.READ_CERTIFICATE),
    Place("Audit log", "/audit", Permission.READ_AUDIT),
    Place("Retention", "/retention", Permission.READ_RETENTION),
)
"""In the order of the bar."""


MAY_DO: Final[Mapping[Permission, str]] = {
    Permission.WHO_AM_I: "see one's own account",
    Permission.LIST_CALLS: "list calls",
    Permission.READ_TRANSCRIPT: "read and search redacted transcripts",
    Permission.READ_AUDIO: "listen to redacted recordings",
    Permission.READ_CERTIFICATE: "read certificates",
    Permission.READ_QUARANTINE: "see quarantined calls",
    Permission.READ_AUDIT: "read and check the audit log",
    Permission.READ_COMPLIANCE: "read the compliance report",
    Permission.READ_METRICS: "read metrics",
    Permission.READ_STATE: "see how the installation is doing",
    Permission.READ_RETENTION: "see what is erased when",
    Permission.REPLAY_DEAD_LETTERS: "send dead letters again",
    Permission.END_QUARANTINE: "destroy the key of a quarantined call",
    Permission.CHECK_POLICY: "check a policy",
    Permission.EDIT_POLICY: "change the policy",
    Permission.APPROVE_POLICY: "approve another person's policy",
    Permission.MANAGE_TOKENS: "make and revoke tokens, end sessions",
    Permission.MARK_CALL: "mark mistakes in calls",
    Permission.MARK_QUARANTINE: "mark mistakes in quarantined calls",
    Permission.READ_MARKS: "read all marks",
    Permission.READ_ANALYTICS: "see analytics",
}
"""What each permission is, in words."""


def places_for(permissions: Iterable[Permission]) -> list[Place]:
    """What somebody sees in the bar."""
    may = set(permissions)
    return [place for place in PLACES if place.permission in may]


def first_for(roles: Iterable[Role]) -> str:
    """Where somebody begins: at the page of their role, else at the first that they may see."""
    have = list(roles)
    may = places_for(permitted(have))
    own = [place.address for place in may if place.first_for in have]
    return (own or [place.address for place in may] or ["/account"])[0]
