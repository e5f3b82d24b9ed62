"""A policy that is laxer than what is in force: whoever publishes it has to accept that, in words.

Outcome: ``LaxerPolicyError`` where nobody did, with what it is laxer in.
"""

from __future__ import annotations

from pipeline.errors import InputError
from pipeline.evaluation.change.policies import policy_diff
from pipeline.evaluation.change.words import Direction
from pipeline.policy.model import Policy


class LaxerPolicyError(InputError):
    """Nobody accepted what a policy is laxer in; nothing was published."""

    code = "laxer"

    def __init__(self, changes: list[str]) -> None:
        self.changes = changes
        told = "; ".join(changes)
        super().__init__(
            f"nothing was published, for it is laxer than what is in force: {told}. To publish "
            'it anyway: --laxer on the command line, "laxer": true in a request, the box of a page'
        )


def laxer(old: Policy, new: Policy) -> list[str]:
    """What a policy is laxer in than another one, in words."""
    return [one.text for one in policy_diff(old, new) if one.direction is Direction.LAXER]


def require_accepted(old: Policy, new: Policy, *, accepted: bool) -> None:
    """Refuse a policy that is laxer than another one, unless somebody accepted it."""
    found = [] if accepted else laxer(old, new)
    if found:
        raise LaxerPolicyError(found)
