"""Marks and the results of a shadow on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.database.call_ledger import CallState, Ledger
from agents.upkeep.erasure import REQUEST, erase
from agents.vault.mark_store import Marks
from agents.vault.shadow_results import Pair, ShadowResults
from agents.vault.vault import Vault
from pipeline.errors import UnknownCallError
from pipeline.evaluation.corpora.review_marks import Place
from pipeline.evaluation.figures.span_agreement import agreements
from pipeline.policy.model import Policy
from pipeline.records.model import Span
from tests.agents.storing import stored_call

PAIR = Pair.of(Policy(name="live", version="1"), Policy(name="tried", version="1"))
SPANS = (Span("PERSON", 0, 0, 8_000, 0.5, "x"), Span("URL", 0, 9_000, 9_800, 0.5, "x"))


@pytest.fixture
def vault(ledger: Ledger, tmp_path: Path) -> Vault:
    vault = Vault.opened(tmp_path / "vault", ledger)
    for call_id, state in (("one", CallState.STORED), ("two", CallState.QUARANTINED)):
        ledger.open_call(call_id)
        vault.store(stored_call(call_id, passed=state is CallState.STORED), keep_days=3)
        ledger.close_call(call_id, state)
    return vault


def test_marks_and_comparisons_are_kept_and_go_with_the_call(ledger: Ledger, vault: Vault) -> None:
    log = AuditLog(ledger.database)
    marks, results = Marks(ledger.database, log), ShadowResults(ledger.database)
    place = Place(0, 100, 900, "card")
    made = []
    for call_id in ("one", "two"):
        facts = vault.catalogue.get(call_id)
        made.append(marks.add(facts, vault.certificate, place, by="ann"))
        for _ in range(2):
            results.write(call_id, PAIR, agreements(SPANS, SPANS[:1], 8_000))
    known = marks.known()
    assert {one.mark_id for one in known} == {one.mark_id for one in made}
    assert marks.known(after=known[0].mark_id) == [known[1]]
    (report,) = results.reports()
    assert (report.calls, [one.entity for one in report.entities]) == (2, ["ALL", "PERSON", "URL"])
    assert [(one.both_ms, one.live_ms, one.differing) for one in report.entities] == [
        (2_000, 200, 2), (2_000, 0, 0), (0, 200, 2),
    ]  # fmt: skip
    one = vault.catalogue.get("one")
    erase(vault, ledger, log, "one", REQUEST)
    assert [mark.call_id for mark in marks.known()] == ["two"]
    assert results.reports()[0].calls == 1
    with pytest.raises(UnknownCallError):
        marks.add(one, lambda _: stored_call("one").files["one.certificate.json"], place, by="ann")
    two = vault.catalogue.get("two")
    ledger.end_quarantine("two")
    with pytest.raises(UnknownCallError):
        marks.add(two, vault.certificate, place, by="ann")
    marks.remove(marks.known()[0].mark_id, by="ann")
    assert (marks.known(), results.forget(PAIR.candidate)) == ([], 1)
