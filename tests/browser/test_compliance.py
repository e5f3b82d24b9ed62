"""The report of a month in a real browser: on the console, and as a file of its own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from agents.access.audit_log import AuditLog
from agents.reports.compliance.model import Month
from agents.reports.compliance.page import html_file
from agents.reports.compliance.report import Sources, report_of
from agents.settings.model import Settings
from tests.agents.storing import new_ledger
from tests.browser.conftest import log_in, watched
from tests.console.serving import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WIDTHS = (1440, 390)
WIDE = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def test_an_auditor_goes_from_month_to_month(page: Page, served: tuple[str, Console]) -> None:
    log_in(page, served[1].token("auditor"))
    page.get_by_role("link", name="Compliance").click()
    page.get_by_role("heading", name="Compliance, ").wait_for()
    page.get_by_role("textbox", name="Month").fill("2026-01")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("heading", name="Compliance, January 2026").wait_for()
    # The style sheet is let through, and the page fits a narrow screen.
    summary = page.locator(".summary")
    assert summary.evaluate("one => getComputedStyle(one).borderLeftWidth") == "4px"
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(WIDE), width


def test_nobody_else_is_shown_it(page: Page, served: tuple[str, Console]) -> None:
    log_in(page, served[1].token("analyst"))
    assert page.get_by_role("link", name="Compliance").count() == 0
    page.goto("/compliance")
    page.get_by_text("read-compliance").wait_for()


def test_the_file_needs_no_network_and_fits_screen_and_paper(
    browser: Browser, tmp_path: Path
) -> None:
    ledger = new_ledger(tmp_path / "state")
    sources = Sources(Settings(), ledger.database, AuditLog(ledger.database), tmp_path / "state")
    file = tmp_path / "report.html"
    file.write_text(html_file(report_of(sources, Month(date(2026, 1, 1)))), encoding="utf-8")
    ledger.dispose()
    with watched(browser, lambda url: not url.startswith("file:")) as (page, problems):
        page.goto(file.as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(WIDE), width
        page.get_by_role("link", name="Controls").click()
        assert page.url.endswith("#controls")
        page.set_viewport_size({"width": 703, "height": 900})  # what A4 leaves between margins
        page.emulate_media(media="print")
        assert page.evaluate(WIDE)
        assert not page.locator(".parts").is_visible()
    assert problems == []
