"""The report on the console: for auditors, written down before it is shown, one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from console.pages.rendering import POLICY
from pipeline.errors import StoreError
from tests.console.serving import HELD_BACK, STORED, Console, console

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(tmp_path_factory.mktemp("compliance")) as made:
        yield made


def test_an_auditor_sees_the_month_that_runs(served: Console) -> None:
    auditor = served.role("auditor")
    page = auditor.get("/compliance")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY
    month = f"{served.ledger.database.now():%Y-%m}"
    assert f'value="{month}"' in page.text
    assert 'href="/static/compliance.css"' in page.text
    assert "<style" not in page.text
    assert " style=" not in page.text
    assert "<script>" not in page.text
    assert 'href="/compliance"' in page.text
    assert STORED not in page.text
    assert HELD_BACK not in page.text
    told = auditor.get("/api/compliance", params={"month": month}).json()
    assert (told["month"], told["retention"]["stored"]) == (month, 2)
    assert told["quarantine"]["checks"] == [{"what": "leaks", "count": 1, "told": ""}]
    looks = [json.loads(facts) for _, facts in served.audited()]
    assert [(one["what"], one["month"]) for one in looks] == [("compliance", month)] * 2
    assert served.client().get("/static/compliance.css").status_code == 200


@pytest.mark.parametrize("role", ["analyst", "security", "operator"])
def test_nobody_else_does(role: str, served: Console) -> None:
    visitor = served.role(role)
    page = visitor.get("/compliance")
    assert page.status_code == 403
    assert "read-compliance" in page.text
    assert visitor.get("/api/compliance").json()["code"] == "forbidden"
    if role == "analyst":
        assert 'href="/compliance"' not in visitor.get("/").text


def test_who_is_not_logged_in_is_sent_to_the_way_in(served: Console) -> None:
    answer = served.client().get("/compliance")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fcompliance")
    browser = served.visitor("auditor")
    assert browser.get("/compliance").status_code == 200


@pytest.mark.parametrize("month", ["2026-13", "x", "2026-11-01", "%00"])
def test_what_is_no_month_is_told(month: str, served: Console) -> None:
    answer = served.role("auditor").get(f"/api/compliance?month={month}")
    assert answer.status_code == 422
    assert "month" in answer.json()["detail"]


def test_a_month_to_come_is_refused(served: Console) -> None:
    answer = served.role("auditor").get("/api/compliance?month=9999-12")
    assert (answer.status_code, answer.json()["code"]) == (400, "input")


def test_nothing_is_read_where_the_look_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("away")

    def asked(*_: object) -> None:
        raise AssertionError("the log was read")

    with console(tmp_path) as made:
        auditor = made.role("auditor")
        monkeypatch.setattr(AuditLog, "append", away)
        monkeypatch.setattr("agents.reports.compliance.events.read_month", asked)
        assert auditor.get("/compliance").status_code == 503
        assert auditor.get("/api/compliance").json()["code"] == "audit"


def test_one_report_is_made_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with console(tmp_path) as made:
        auditor = made.role("auditor")
        seen: list[int] = []

        def meanwhile(*_: object) -> None:
            seen.append(auditor.get("/api/compliance").status_code)
            raise StoreError("away")

        monkeypatch.setattr("agents.reports.compliance.events.read_month", meanwhile)
        told = auditor.get("/api/compliance").json()
        assert seen == [503]
        assert told["unread"]["calls"] == "away"
        assert auditor.get("/api/compliance").status_code == 200
