"""A key that agrees or withdraws becomes a piece of evidence among what is stated of consent.

Outcome: the JSON of ``pipeline.consent.metadata.Stated``, with one piece more. What was stated and
can't be understood stays as it is: whoever decides then goes by the strictest rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline.records.consent import MOST_EVIDENCE, Answer, Kind, Party


def with_key(stated: bytes, *, party: Party, agrees: bool, at_ms: int) -> bytes:
    """What is stated, and that a party pressed a key.

    Args:
        stated: a JSON object or nothing.
        party: who pressed it.
        agrees: whether the key agrees; otherwise it withdraws.
        at_ms: since the call's first sample.
    """
    try:
        said = json.loads(stated or b"{}")
    except ValueError:
        return stated
    evidence = said.get("evidence", []) if isinstance(said, dict) else None
    if not isinstance(evidence, list):
        return stated
    answer = Answer.YES if agrees else Answer.WITHDRAWN
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
