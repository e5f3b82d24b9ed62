"""The report on the console: for auditors, written down before it is shown, made once and kept."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from agents.access.audit_log import AuditLog
from agents.access.roles import Role
from agents.crypto.ed25519 import SigningKey
from agents.database.engine import Database
from agents.reports.compliance import events
from agents.reports.compliance.events import Read
from agents.reports.compliance.model import Month
from console.audit import compliance
from console.pages.rendering import POLICY
from pipeline.errors import StoreError
from tests.console.serving import HELD_BACK, STORED, Console, console
from tests.waiting import HANG_S

pytestmark = pytest.mark.unit
FORM = {"Sec-Fetch-Site": "same-origin"}


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


def test_a_page_comes_at_once_and_says_how_far_the_report_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on, reads = threading.Event(), list[int]()
    read = events.read_month

    def slowly(database: Database, month: Month, seen: Callable[[int, int], None]) -> Read:
        seen(30, 60)
        reads.append(1)
        assert going_on.wait(HANG_S)
        return read(database, month, seen)

    monkeypatch.setattr(events, "read_month", slowly)
    monkeypatch.setattr(compliance, "FILE_WAITS_S", 0.05)
    with console(tmp_path) as made:
        auditor = made.role("auditor")
        page = auditor.get("/compliance")
        assert 'data-live="/compliance/live?month=' in page.text
        assert "12 %, audit log of the month" in page.text
        assert 'class="report"' not in page.text
        other = auditor.get("/compliance?month=2026-01").text
        assert "once that of " in other
        told = auditor.get("/api/compliance")
        assert (told.status_code, told.json()["code"]) == (503, "busy")
        assert "12 %" in told.json()["detail"]
        assert auditor.get("/compliance/html").status_code == 503
        month = f"{made.ledger.database.now():%Y-%m}"
        far = auditor.get(f"/compliance/live?month={month}").text
        assert "data-over" not in far
        going_on.set()
        assert "data-load" in until(auditor, f"/compliance/live?month={month}", "data-over")
        # It waited for the first one, and is made by asking how far it is.
        until(auditor, "/compliance/live?month=2026-01", "data-load")
        assert 'class="report"' in auditor.get("/compliance").text
        assert len(reads) == 2


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs wait for a report as long as a busy machine takes to make it."""
    monkeypatch.setattr(compliance, "FILE_WAITS_S", HANG_S)


def until(auditor: TestClient, address: str, told: str) -> str:
    """The page at an address once it tells something."""
    for _ in range(1_000):
        text: str = auditor.get(address).text
        if told in text:
            return text
        time.sleep(0.01)
    raise AssertionError(text)


def test_it_is_kept_until_something_changes_or_an_age_is_over(tmp_path: Path) -> None:
    with console(tmp_path) as made:
        auditor = made.role("auditor")
        database = made.ledger.database
        key = SigningKey.load_or_create(tmp_path / "state" / "signing.pem")
        AuditLog(database).adopt(key, by="test")  # or the chain would be a part that is not read
        begin = database.now()

        def at(minutes: float) -> str:
            database.now = lambda: begin + timedelta(minutes=minutes)
            auditor.get(f"/compliance?month={begin:%Y-%m}")
            time.sleep(0.05)
            until(auditor, f"/compliance/live?month={begin:%Y-%m}&after=x", "data-over")
            return str(auditor.get(f"/api/compliance?month={begin:%Y-%m}").json()["made"])[11:19]

        first = at(0)
        assert at(59) == first  # looks alone were written
        second = at(60.5)
        assert second != first
        made.tokens.create(Role.ANALYST, "new", timedelta(days=9), by="test")
        assert at(70) == second
        assert "Since then more was written" in auditor.get(f"/compliance?month={begin:%Y-%m}").text
        assert at(71) not in {first, second}


def test_it_is_made_anew_by_a_button_and_handed_out_as_files(tmp_path: Path) -> None:
    with console(tmp_path) as made:
        auditor = made.visitor("auditor")
        month = f"{made.ledger.database.now():%Y-%m}"
        assert auditor.get("/api/compliance").status_code == 200
        first = auditor.get("/compliance").text
        assert '<details class="part">' in first
        assert 'name="month" value="' + month in first
        began = made.ledger.database.now()
        made.ledger.database.now = lambda: began + timedelta(seconds=90)
        answer = auditor.post("/compliance", data={"month": month}, headers=FORM)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/compliance?month={month}",
        )
        anew = until(auditor, f"/compliance/live?month={month}&after=x", "data-over")
        assert "A newer report is there" in anew
        file = auditor.get(f"/compliance/html?month={month}")
        assert f'filename="compliance-{month}.html"' in file.headers["content-disposition"]
        assert '<details class="part" open>' in file.text
        told = auditor.get(f"/compliance/json?month={month}")
        assert f'filename="compliance-{month}.json"' in told.headers["content-disposition"]
        assert told.json() == auditor.get(f"/api/compliance?month={month}").json()
        assert auditor.post("/compliance", data={"month": "x"}, headers=FORM).status_code == 400
        assert auditor.post("/compliance", data={"month": month}).status_code == 403


def test_why_it_can_not_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("agents.reports.compliance.report.figures", broken)
    with console(tmp_path) as made:
        auditor = made.role("auditor")
        page = auditor.get("/compliance").text
        assert "could not be made" in until(auditor, "/compliance/live", "data-over")
        assert "secret" not in page
        assert auditor.get("/api/compliance").status_code == 503


class Slow:
    """Holds the reading of audit logs until it is let go, and says of which months."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.months: list[str] = []
        self.go = threading.Event()
        self._read = events.read_month
        monkeypatch.setattr(events, "read_month", self._slowly)

    def _slowly(self, database: Database, month: Month, seen: Callable[[int, int], None]) -> Read:
        self.months.append(month.name)
        assert self.go.wait(HANG_S)
        return self._read(database, month, seen)


def within_a_month(made: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hours later it is still the same month, whenever the tests run."""
    now = made.ledger.database.now
    if (now() + timedelta(hours=3)).month != now().month:
        monkeypatch.setattr(made.ledger.database, "now", lambda: now() - timedelta(hours=4))


def later(made: Console, monkeypatch: pytest.MonkeyPatch, **ahead: float) -> None:
    """Let time go on."""
    now = made.ledger.database.now
    monkeypatch.setattr(made.ledger.database, "now", lambda: now() + timedelta(**ahead))


@pytest.mark.parametrize("address", ["/api/compliance", "/compliance/json", "/compliance/html"])
def test_programs_and_files_get_no_report_that_is_too_old(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with console(tmp_path) as made:
        within_a_month(made, monkeypatch)
        auditor = made.role("auditor")
        first = auditor.get("/api/compliance").json()["made"]
        slow = Slow(monkeypatch)
        monkeypatch.setattr(compliance, "FILE_WAITS_S", 0.05)
        later(made, monkeypatch, hours=2)
        told = auditor.get(address)
        assert (told.status_code, told.headers["retry-after"]) == (503, "5")
        assert "the report is being made (0 %)" in told.text
        if not address.endswith("/html"):
            assert told.headers["content-type"] == "application/problem+json"
            assert told.json()["code"] == "busy"
        assert "A new report is being made" in auditor.get("/compliance").text
        monkeypatch.setattr(compliance, "FILE_WAITS_S", 30.0)
        slow.go.set()
        assert auditor.get(address).status_code == 200
        assert auditor.get("/api/compliance").json()["made"] > first


def test_no_old_report_is_given_where_the_new_one_can_not_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    with console(tmp_path) as made:
        within_a_month(made, monkeypatch)
        auditor = made.role("auditor")
        assert auditor.get("/api/compliance").status_code == 200
        monkeypatch.setattr("agents.reports.compliance.report.figures", broken)
        later(made, monkeypatch, hours=2)
        told = auditor.get("/api/compliance")
        assert (told.status_code, told.json()["code"]) == (503, "store")
        assert told.headers["retry-after"] == "5"
        assert 'class="report"' in auditor.get("/compliance").text  # the old one, with its time
        assert "could not be made" in until(auditor, "/compliance/live?after=x", "data-over")


def test_what_is_asked_for_while_another_month_is_made_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with console(tmp_path) as made:
        auditor = made.visitor("auditor")
        for month in ("2026-01", "2026-02"):
            assert auditor.get(f"/api/compliance?month={month}").status_code == 200
        slow = Slow(monkeypatch)
        auditor.get("/compliance?month=2026-03")
        later(made, monkeypatch, seconds=90)
        for month in ("2026-02", "2026-01", "2026-02"):
            auditor.post("/compliance", data={"month": month}, headers=FORM)
        page = auditor.get("/compliance?month=2026-01").text
        assert "once that of March 2026 is" in page
        slow.go.set()
        live = "/compliance/live?month=2026-01&after=x"
        assert "A newer report is there" in until(auditor, live, "data-over")
        assert slow.months == ["2026-03", "2026-02", "2026-01"]


def test_a_page_whose_month_nobody_makes_has_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with console(tmp_path) as made:
        auditor = made.role("auditor")
        now = made.ledger.database.now().replace(microsecond=0)
        monkeypatch.setattr(made.ledger.database, "now", lambda: now)
        assert auditor.get("/api/compliance?month=2026-01").status_code == 200
        slow = Slow(monkeypatch)
        auditor.get("/compliance?month=2026-02")
        page = auditor.get("/compliance?month=2026-01").text
        assert "being made" not in page  # of this one, none is
        at = {"month": "2026-01", "after": now.isoformat()}
        assert "data-over" in auditor.get("/compliance/live", params=at).text
        slow.go.set()


def test_no_more_months_wait_than_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with console(tmp_path) as made:
        auditor = made.role("auditor")
        monkeypatch.setattr(compliance, "PAGE_WAITS_S", 0.0)
        slow = Slow(monkeypatch)
        answers = [
            auditor.get(f"/compliance?month={2024 + place // 12}-{place % 12 + 1:02}").status_code
            for place in range(14)
        ]
        assert answers == [200] * 13 + [503]
        slow.go.set()


def test_a_report_that_lacks_a_part_is_kept_for_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("the database is away")

    with console(tmp_path) as made:
        auditor = made.role("auditor")
        key = SigningKey.load_or_create(tmp_path / "state" / "signing.pem")
        AuditLog(made.ledger.database).adopt(key, by="test")
        with monkeypatch.context() as passing:
            passing.setattr(events, "read_month", away)
            first = auditor.get("/api/compliance").json()
        assert "calls" in first["unread"]
        assert "after a minute" in auditor.get("/compliance").text
        later(made, monkeypatch, seconds=30)
        assert auditor.get("/api/compliance").json()["made"] == first["made"]
        later(made, monkeypatch, seconds=31)
        assert auditor.get("/api/compliance").json()["unread"] == {}
        assert "after a minute" not in auditor.get("/compliance").text


def test_a_thread_that_can_not_start_blocks_no_later_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name == "hushwire-compliance":
            raise RuntimeError("can't start new thread")
        start(thread)

    with console(tmp_path) as made:
        auditor = made.role("auditor")
        with monkeypatch.context() as passing:
            passing.setattr(threading.Thread, "start", none_left)
            assert auditor.get("/api/compliance").json()["code"] == "store"
        assert auditor.get("/api/compliance").status_code == 200
