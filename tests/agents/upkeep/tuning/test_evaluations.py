"""Published figures: counts by type and threshold, never a case or a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.app.evaluation.run_texts import evaluate_text
from agents.database.call_ledger import Ledger
from agents.upkeep.tuning.evaluations import Evaluations
from pipeline.evaluation.corpora.labelled_texts import parse_cases
from pipeline.policy.loading import load_policy

pytestmark = pytest.mark.models

TEXT = """\
A: And a word only you would know?
C: Um, {PASSWORD|marmalade}, I think.
"""


def test_figures_are_stored_without_what_was_said(tmp_path: Path) -> None:
    ledger, policy = Ledger.embedded(tmp_path), load_policy("default")
    log = AuditLog(ledger.database)
    evaluations = Evaluations(ledger.database, log)
    assert evaluations.latest() is None
    cases = list(parse_cases(TEXT, origin="secret-name.txt"))
    evaluation = evaluate_text(cases, policy, curves=True)
    first = evaluations.publish(evaluation, policy, by="uid:7")
    assert evaluations.publish(evaluation, policy, by="uid:8") == first
    found = evaluations.latest()
    assert found is not None
    assert (found.by, found.policy, found.policy_digest) == ("uid:8", "default 1", policy.digest)
    assert [one["entity"] for one in found.figures["entities"]] == ["PASSWORD"]
    assert {point[0] for point in found.figures["curve"]} == {"PASSWORD"}
    assert not [word for word in ("marmalade", cases[0].id, "secret-name") if word in str(found)]
    assert not [word for word in ("marmalade", cases[0].id) if word in str(found.figures)]
