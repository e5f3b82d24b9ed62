"""What each of the four roles does all day, in a real browser: from the login to what they need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import log_in, until, watched
from tests.console.serving import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def desk(browser: Browser, busy: tuple[str, Console, str]) -> Iterator[Page]:
    """A page of somebody who has not logged in."""
    address = busy[0]
    elsewhere = lambda url: not url.startswith((address, "blob:"))  # noqa: E731 - said once
    with watched(browser, elsewhere, base_url=address) as (opened, problems):
        yield opened
    assert [one for one in problems if "status of 40" not in one] == []


def headed(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("heading", level=1, name=text)).to_be_visible()


def goes(page: Page, label: str) -> None:
    """By the navigation."""
    bar = page.get_by_role("navigation", name="Pages", exact=True)
    bar.get_by_role("link", name=label, exact=True).click()
    expect(bar.get_by_role("link", name=label, exact=True)).to_have_attribute(
        "aria-current", "page"
    )


def test_an_analyst_finds_reads_listens_and_counts(
    desk: Page, busy: tuple[str, Console, str]
) -> None:
    _, served, _ = busy
    log_in(desk, served.token("analyst"))
    headed(desk, "Calls")
    desk.get_by_role("searchbox").fill("complain invoice")
    desk.get_by_role("button", name="Find").click()
    found = desk.locator("table.calls tbody th a")
    expect(found.first).to_be_visible()
    assert 0 < found.count() < 50
    found.first.click()
    headed(desk, re.compile("call-"))
    turn = desk.locator(".turn", has_text="complain").first
    expect(turn).to_be_visible()
    until(desk, "document.getElementById('audio').readyState >= 1")
    turn.get_by_role("button").first.click()
    until(desk, "document.getElementById('audio').currentTime > 5")
    expect(desk.locator(".turn mark").first).to_be_visible()
    goes(desk, "Analytics")
    headed(desk, "Analytics")
    expect(desk.locator("main svg").first).to_be_visible()
    looks = [json.loads(facts) for _, facts in served.audited()]
    assert {"login", "page", "audio"} <= {one["what"] for one in looks}
    assert "invoice" not in str(looks)


def test_security_looks_into_quarantine_and_ends_a_session(
    desk: Page, busy: tuple[str, Console, str]
) -> None:
    _, served, _ = busy
    stolen = served.visitor("analyst")
    log_in(desk, served.token("security"))
    headed(desk, "Quarantined calls")
    desk.get_by_role("link", name=re.compile("^Look")).first.click()
    headed(desk, re.compile("call-"))
    desk.get_by_label("From, s").fill("1")
    desk.get_by_label("To, s").fill("2.5")
    desk.get_by_label("can be heard and should not").check()
    desk.get_by_label("Type").select_option("CARD_NUMBER")
    desk.get_by_role("button", name="Mark", exact=True).click()
    expect(desk.locator("#marks li").first).to_contain_text("Missed")
    goes(desk, "Marks")
    expect(desk.get_by_role("row", name=re.compile("Card number"))).to_have_count(1)
    goes(desk, "Sessions")
    row = desk.get_by_role("row", name=re.compile("192.0.2.7")).first
    assert stolen.get("/").status_code == 200
    for _ in range(desk.get_by_role("row", name=re.compile("192.0.2.7")).count()):
        row.get_by_role("button", name=re.compile("^End")).click()
    expect(desk.get_by_role("row", name=re.compile("192.0.2.7"))).to_have_count(0)
    assert stolen.get("/").status_code == 303


def test_an_operator_sees_what_runs_and_what_is_due(
    desk: Page, busy: tuple[str, Console, str]
) -> None:
    log_in(desk, busy[1].token("operator"))
    headed(desk, "Operations")
    expect(desk.get_by_text("Oldest call not through")).to_be_visible()
    for label in ("Dead letters", "Retention"):
        goes(desk, label)
        headed(desk, re.compile(label))
    assert desk.goto("/calls/call-1").status == 403  # type: ignore[union-attr]
    expect(desk.get_by_role("alert")).to_contain_text("role analyst")
    desk.get_by_role("link", name="Back to the start").click()
    headed(desk, "Operations")


def test_an_auditor_proves_what_happened(
    desk: Page, busy: tuple[str, Console, str], tmp_path: Path
) -> None:
    log_in(desk, busy[1].token("auditor"))
    expect(desk.get_by_role("textbox", name="Month")).to_be_visible()
    goes(desk, "Certificates")
    desk.locator("table a[href^='/certificates/']").first.click()
    headed(desk, re.compile("^Certificate of"))
    with desk.expect_download() as saved:
        desk.get_by_role("link", name="Download").click()
    file = tmp_path / "certificate.json"
    saved.value.save_as(file)
    assert json.loads(file.read_bytes())["call_id"].startswith("call-")
    goes(desk, "Audit log")
    desk.get_by_role("button", name="Verify the whole log").click()
    expect(desk.locator("[data-over]")).to_be_visible()
    with desk.expect_download() as saved:
        desk.get_by_role("link", name=re.compile("^Export")).click()
    saved.value.save_as(tmp_path / "audit.jsonl")
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert len(lines) >= 5
    assert "looked" in lines[-1]


def test_a_login_that_has_ended_leads_back(desk: Page, busy: tuple[str, Console, str]) -> None:
    _, served, call = busy
    text = served.token("analyst")
    log_in(desk, text)
    headed(desk, "Calls")
    for session in served.sessions.known():
        served.sessions.end(session.session_id, by="test")
    desk.goto(f"/calls/{call}#t=3")
    expect(desk.get_by_role("status").first).to_contain_text("not logged in any more")
    desk.get_by_label("Token").fill(text)
    desk.get_by_role("button", name="Log in", exact=True).click()
    headed(desk, call)
    assert desk.url.endswith(f"/calls/{call}#t=3")
    until(desk, "document.getElementById('audio').currentTime === 3")


def test_on_a_phone_the_page_is_seen_in_the_bar_and_days_stand_apart(
    desk: Page, busy: tuple[str, Console, str]
) -> None:
    _, served, _ = busy
    desk.set_viewport_size({"width": 390, "height": 844})
    log_in(desk, served.token("auditor"))
    for address in ("/analytics", "/certificates", "/audit"):
        desk.goto(address)
        tab = desk.locator(".places [aria-current]").bounding_box()
        assert tab is not None
        assert tab["x"] >= 0
        assert tab["x"] + tab["width"] <= 390
        days = [one.bounding_box() for one in desk.locator("input[type=date]").all()]
        shown = [one for one in days if one is not None]
        assert len(shown) >= 2
        first, second = shown[:2]
        assert first["x"] + first["width"] <= second["x"] or first["y"] != second["y"]
