"""Figures of evaluations that somebody published, for those who choose thresholds.

Counts and shares by type and threshold, without a word and without the names of cases. Outcomes:
``latest`` returns the newest, or None; ``StoreError`` where the database is away.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from agents.access.audit_log import AuditLog, Event
from agents.database.engine import Database
from agents.database.tables import EVALUATIONS
from pipeline.evaluation.figures.summary import by_entity, totals
from pipeline.evaluation.scoring.results import Evaluation
from pipeline.evidence.canonical_json import finite
from pipeline.policy.model import Policy

PUBLISHED = "hushwire.audit.evaluation-published.v1"


@dataclass(frozen=True, slots=True)
class Figures:
    """An evaluation's figures as they are stored."""

    stored: datetime
    by: str
    policy: str
    """Name and version of the policy that was evaluated."""
    policy_digest: str
    figures: dict[str, Any] = field(repr=False)
    """See ``figures_of``."""


def figures_of(evaluation: Evaluation) -> dict[str, Any]:
    """What is stored of an evaluation: ``unit``, ``totals``, ``entities`` and ``curve``.

    A point of the curve is ``[type, threshold, precision, recall]``.
    """
    return {
        "unit": evaluation.unit,
        "totals": asdict(totals(evaluation)),
        "entities": [asdict(one) for one in by_entity(evaluation)],
        "curve": [[p.entity, p.threshold, p.precision, p.recall] for p in evaluation.curve],
    }


class Evaluations:
    """The published evaluations of an installation.

    Args:
        database: the ledger's, with its schema up to date.
        log: where publishing is written.
    """

    def __init__(self, database: Database, log: AuditLog) -> None:
        self._database, self._log = database, log

    def publish(self, evaluation: Evaluation, policy: Policy, *, by: str) -> str:
        """Store figures; the same again replace themselves. Returns their sha256."""
        figures = json.dumps(finite(figures_of(evaluation)), separators=(",", ":"))
        sha256 = hashlib.sha256(figures.encode()).hexdigest()
        at = self._database.stamp()
        facts = {"at": at, "what": "evaluation-published", "sha256": sha256}
        facts |= {"policy": policy.digest, "by": by}
        self._log.append(Event(f"evaluation/{sha256}/{at}", "", PUBLISHED, facts))
        row = {
            "sha256": sha256,
            "stored": at,
            "by": by,
            "policy": f"{policy.name} {policy.version}",
            "policy_digest": policy.digest,
            "figures": figures,
        }
        with self._database.writing() as connection:
            connection.execute(delete(EVALUATIONS).where(EVALUATIONS.c.sha256 == sha256))
            connection.execute(insert(EVALUATIONS).values(row))
        return sha256

    def latest(self) -> Figures | None:
        """The figures that were published last."""
        query = select(EVALUATIONS).order_by(EVALUATIONS.c.stored.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        stored = datetime.fromisoformat(row.stored)
        return Figures(stored, row.by, row.policy, row.policy_digest, json.loads(row.figures))
