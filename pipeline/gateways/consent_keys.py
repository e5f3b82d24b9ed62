"""A key that agrees or withdraws becomes a piece of evidence among what is stated of consent.

Outcome: the JSON of ``pipeline.consent.metadata.Stated``, with one piece more. What was stated and
can't be understood stays as it is: whoever decides then goes by the strictest rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline.gateways.events import KeyPressed
from pipeline.records.consent import MOST_EVIDENCE, Answer, Kind, Party
from pipeline.records.model import Role


def says(key: KeyPressed, role: Role, *, agree_until: int) -> bool:
    """Whether a key that stands alone says something of consent.

    One that withdraws always does. One that agrees may have been asked for by any menu: it counts
    where the announcement asks, at the beginning, and where it is known who is on the channel.

    Args:
        key: at its place in the call.
        role: of its channel.
        agree_until: the sample until which a key agrees.
    """
    asked = key.at <= agree_until and role is not Role.MIXED
    return key.withdraws or (key.agrees and asked)


def with_key(stated: bytes, key: KeyPressed, role: Role, *, at_ms: int) -> bytes:
    """What is stated, and that a party pressed a key.

    Args:
        stated: a JSON object or nothing.
        key: that ``says`` something; where it is both, it withdraws.
        role: of its channel; on a mixed one it is the customer's.
        at_ms: since the call's first sample.
    """
    try:
        said = json.loads(stated or b"{}")
    except ValueError:
        return stated
    evidence = said.get("evidence", []) if isinstance(said, dict) else None
    if not isinstance(evidence, list):
        return stated
    answer = Answer.WITHDRAWN if key.withdraws else Answer.YES
    party = Party.AGENT if role is Role.AGENT else Party.CUSTOMER
    piece = {
        "kind": Kind.KEY.value, "party": party.value, "answer": answer.value, "at_ms": at_ms,
    }  # fmt: skip
    if evidence and _same(evidence[-1], piece):
        return stated  # pressed again: it says nothing new
    return json.dumps(said | {"evidence": [*evidence[: MOST_EVIDENCE - 1], piece]}).encode()


def _same(one: object, piece: Mapping[str, object]) -> bool:
    return isinstance(one, dict) and all(
        one.get(name) == piece[name] for name in ("kind", "party", "answer")
    )
