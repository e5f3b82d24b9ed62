"""Quarantined calls: why they failed, and the end of their keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.database.call_ledger import CallState
from tests.console.serving import HELD_BACK, STORED, Console, console

pytestmark = pytest.mark.unit

FORM = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        made.ledger.close_call(HELD_BACK, CallState.QUARANTINED)
        yield made


def keys(served: Console) -> list[str]:
    return [one.call_id for one in served.ledger.quarantined()]


def test_checks_are_told_in_words_with_measure_limit_and_what_to_do(served: Console) -> None:
    page = served.role("security").get("/quarantine").text
    assert HELD_BACK in page
    assert STORED not in page
    assert "key lives" in page
    assert f"/quarantine/{HELD_BACK}/end" in page
    one = served.role("security").get(f"/quarantine/{HELD_BACK}").text
    for text in (page, one):
        assert "What to do next" in text
        assert "Leaks" in text  # the made-up check's name, which has no words
    # Auditors see it, and have no action.
    auditor = served.role("auditor").get("/quarantine").text
    assert f"/quarantine/{HELD_BACK}/end" not in auditor


def test_a_key_ends_after_a_question_and_it_is_written_down_by_whom(served: Console) -> None:
    security = served.visitor("security")
    address = f"/quarantine/{HELD_BACK}/end"
    assert "can't be taken back" in security.get(address).text.replace("&#39;", "'")
    assert keys(served) == [HELD_BACK]
    done = security.post(address, headers=FORM)
    assert (done.status_code, done.headers["location"]) == (303, "/quarantine?ended=true")
    assert keys(served) == []
    [(subject, facts)] = served.audited("quarantine-ended")
    assert subject == HELD_BACK
    assert json.loads(facts)["why"] == "dropped"
    assert json.loads(facts)["by"].startswith("token:")
    assert "key destroyed" in security.get("/quarantine?ended=true").text
    # A repeat changes nothing.
    assert security.post(address, headers=FORM).status_code == 303
    again = served.role("security").delete(f"/api/quarantine/{HELD_BACK}/key")
    assert again.json() == {"destroyed": False}


def test_a_legal_hold_keeps_the_key(served: Console) -> None:
    served.vault.catalogue.hold(HELD_BACK, served.ledger.database.now())
    answer = served.visitor("security").post(f"/quarantine/{HELD_BACK}/end", headers=FORM)
    assert answer.status_code == 409
    assert "legal hold" in answer.text
    assert keys(served) == [HELD_BACK]
    assert served.audited("quarantine-ended") == []


def test_only_security_ends_one_and_only_of_a_quarantined_call(served: Console) -> None:
    for role in ("analyst", "operator", "auditor"):
        answer = served.role(role).delete(f"/api/quarantine/{HELD_BACK}/key")
        assert answer.status_code == 403
    security = served.role("security")
    for call in (STORED, "never-was", "..%2f"):
        assert security.delete(f"/api/quarantine/{call}/key").status_code == 404
    assert keys(served) == [HELD_BACK]


def test_one_whose_certificate_is_damaged_is_listed_all_the_same(
    served: Console, tmp_path: Path
) -> None:
    [file] = (tmp_path / "vault" / "quarantine").rglob("*.certificate.json")
    file.write_bytes(b"{}")
    page = served.role("security").get("/quarantine")
    assert page.status_code == 200
    assert "its certificate can" in page.text
