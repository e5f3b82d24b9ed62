"""Analytics in a real browser: period, filter, charts, tables, files; both themes, both widths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.agents.vault.analytics.warehouse.facts_of_calls import enter, facts
from tests.browser.conftest import log_in
from tests.console.serving import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NARROW = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
DAYS = "from=2026-03-01&to=2026-03-31"


@pytest.fixture(scope="module")
def counted(served: tuple[str, Console]) -> tuple[str, Console]:
    """The console, with sixty calls of March and some before."""
    enter(served[1].ledger.database, _calls())
    return served


def _calls() -> Iterator[dict[str, object]]:
    for number in range(101, 191):
        day = f"2026-03-{number % 20 + 9:02}" if number <= 160 else f"2026-02-{number % 20 + 1:02}"
        row = facts(
            number,
            f"{day}T{8 + number % 9:02}:15:00+00:00",
            campaign=("spring", "search", "radio")[number % 3],
            line=("Sales", "Support")[number % 2],
            agent=("Ana", "Ben")[number % 2],
            outcome=("answered", "answered", "missed")[number % 3],
            direction="inbound",
            caller=f"party-{number % 20}",
            talk_agent_ms=20_000,
            talk_customer_ms=15_000,
            silence_ms=9_000,
            muted_ms=3_000,
            muted_share=25_000,
            redactions=[("CARD_NUMBER", 1, 2_000), ("PERSON", 2, 1_000)],
            topics=[("refund", 1)],
        )
        yield {**row, "call_id": f"counted-{number}"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_is_clear_to_everybody(
    page: Page,
    counted: tuple[str, Console],
    axe: Callable[[Page], None],
    theme: str,
    width: int,
) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    log_in(page, counted[1].token("analyst"))
    page.goto(f"/analytics?{DAYS}")
    assert page.locator(".chart svg").count() == 8
    page.locator("details summary").first.click()
    assert page.evaluate(NARROW)
    axe(page)


def test_an_analyst_compares_filters_and_takes_a_table(
    page: Page, counted: tuple[str, Console], axe: Callable[[Page], None]
) -> None:
    log_in(page, counted[1].token("analyst"))
    page.get_by_role("link", name="Analytics").click()
    # The calls were long ago: the page says so and leads there.
    page.get_by_role("heading", name="No calls in this period").wait_for()
    axe(page)
    page.get_by_role("link", name="30 days up to it").click()
    calls = page.locator(".stat", has_text="Calls").first
    assert "60" in calls.inner_text()
    assert "before: 30" in calls.inner_text()
    page.get_by_label("Campaign", exact=True).select_option("radio")
    page.get_by_label("Compare with").select_option("own")
    page.get_by_label("Own days from").fill("2026-02-01")
    page.get_by_label("to", exact=True).fill("2026-02-28")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**campaign=radio**")
    assert "direction=" not in page.url  # empty fields are left out
    assert "20" in calls.inner_text()
    assert "before: 10" in calls.inner_text()
    section = page.locator("section", has=page.get_by_role("heading", name="Calls by campaign"))
    section.locator("summary").click()
    assert section.get_by_role("row").count() == 2
    with page.expect_download() as download:
        section.get_by_role("link", name="CSV").click()
    named = download.value.suggested_filename
    assert re.fullmatch(r"hushwire-campaigns-[0-9-]{10}-to-[0-9-]{10}-[\w-]+\.csv", named)
    assert b"radio,20," in download.value.path().read_bytes()


def test_a_mark_says_what_it_is_beside_the_pointer(
    page: Page, counted: tuple[str, Console]
) -> None:
    log_in(page, counted[1].token("auditor"))
    page.goto(f"/analytics?{DAYS}&compare=none")
    page.locator('.chart [aria-label="spring: 20 calls"]').hover()
    tip = page.locator(".tip")
    assert tip.inner_text() == "spring: 20 calls"
    assert tip.is_visible()


def test_without_script_the_page_says_the_same(page: Page, counted: tuple[str, Console]) -> None:
    log_in(page, counted[1].token("analyst"))
    page.route(
        "**/static/*.js", lambda route: route.fulfill(body="", content_type="text/javascript")
    )
    page.goto(f"/analytics?{DAYS}")
    assert page.locator(".chart svg").count() == 8
    page.get_by_label("Campaign", exact=True).select_option("spring")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**campaign=spring**")
    assert "20" in page.locator(".stat").first.inner_text()


def test_nobody_else_is_shown_it(page: Page, counted: tuple[str, Console]) -> None:
    log_in(page, counted[1].token("operator"))
    assert page.get_by_role("link", name="Analytics").count() == 0
    page.goto("/analytics")
    page.get_by_text("read-analytics").wait_for()


def test_a_bar_leads_to_its_calls(page: Page, counted: tuple[str, Console]) -> None:
    log_in(page, counted[1].token("analyst"))
    page.goto(f"/analytics?{DAYS}")
    section = page.locator("section", has=page.get_by_role("heading", name="Calls by campaign"))
    bar = section.locator('.chart a:has([aria-label^="radio: "])')
    told = bar.locator("path").get_attribute("aria-label") or ""
    bar.click(position={"x": 8, "y": 8})  # beside the tick of the second period
    expect(page.get_by_role("heading", level=1, name="Calls")).to_be_visible()
    calls = told.removeprefix("radio: ")
    expect(page.get_by_role("status")).to_contain_text(calls)
    expect(page.get_by_role("link", name=re.compile("Campaign: radio"))).to_be_visible()
