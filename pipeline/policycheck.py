"""What a valid policy does that its author may not have meant.

Outcome of :func:`warnings`: a line for each doubt; it raises nothing. A policy is somebody's
decision, so none of this is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.entities import PAYMENT
from pipeline.policy import Policy
from pipeline.records import Action
from pipeline.verdicts import most, spoken


def warnings(policy: Policy) -> Iterator[str]:
    """Payment types that stay audible: not muted, or muted from a score that none reaches."""
    for entity in sorted(PAYMENT):
        action, reached = policy.rule(entity).action, most(entity)
        threshold = policy.threshold(entity, spoken(entity))
        if action is not Action.MUTE:
            yield f"{entity}: payment data stays audible (action: {action})"
        elif threshold > reached:
            yield (
                f"{entity}: payment data stays audible: no spoken number scores more than "
                f"{reached}, and the threshold is {threshold:g}"
            )
