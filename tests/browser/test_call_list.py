"""The list of calls in a real browser: search, filter, sort, go on and back, keep a view."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.agents.vault.analytics.said_calls import keep_call, keeper, said_call
from tests.browser.conftest import listening, log_in, watched
from tests.console.serving import OTHER, STORED, Console, console

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COUNT = 60


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Console]]:
    """A console with more calls than fit on a page, with words and facts."""
    with console(tmp_path_factory.mktemp("many")) as made:
        for number in range(COUNT):
            call_id = f"call-{chr(97 + number // 26)}{chr(97 + number % 26)}"
            wish = "please cancel my order" if number % 2 else "a refund would be good"
            keep_call(made.vault, made.ledger, said_call(call_id, (wish, "it is 4111", "thanks")))
            said = {"campaign": ("spring", "brand")[number % 2], "agent": "A. Novak"}
            keeper(made.vault).keep(call_id, said | {"direction": "inbound", "outcome": "answered"})
        with listening(made.app) as address:
            yield address, made


@pytest.fixture
def page(browser: Browser, many: tuple[str, Console]) -> Iterator[Page]:
    address, made = many
    with watched(browser, lambda url: not url.startswith(address), base_url=address) as found:
        log_in(found[0], made.token("analyst"))
        expect(found[0].get_by_role("heading", name="Calls")).to_be_visible()
        yield found[0]
    # Refused pages are told on the browser's own console; the sound of these calls is none.
    assert [one for one in found[1] if not re.search("status of (4|503)", one)] == []


def rows(page: Page) -> list[str]:
    return [one.inner_text() for one in page.locator("tbody tr:first-child .id").all()]


def test_search_and_hear_it(page: Page, axe: Callable[[Page], None]) -> None:
    page.keyboard.press("/")
    expect(page.get_by_label("Words that were said")).to_be_focused()
    page.keyboard.type('"cancel my order"')
    page.keyboard.press("Enter")
    expect(page.locator("tr.snippet")).to_have_count(30)
    expect(page.locator("tr.snippet mark").first).to_have_text("cancel")
    expect(page.get_by_role("status")).to_contain_text("30 calls")
    assert "within" not in page.url
    assert "campaign" not in page.url
    axe(page)
    page.locator("tr.snippet a").first.click()
    expect(page).to_have_url(re.compile(r"/calls/call-\w+#t=\d"))
    assert page.evaluate("document.referrer") == ""
    page.go_back()
    expect(page.get_by_label("Words that were said")).to_have_value('"cancel my order"')


def test_filter_sort_and_pages(page: Page) -> None:
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Campaign").fill("spring")
    page.get_by_label("Card number").check()
    page.locator("details .primary").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("30 calls"))
    expect(page.locator("a.chip.on")).to_have_count(2)
    page.get_by_role("link", name=re.compile("Campaign: spring")).click()
    expect(page.get_by_role("status")).to_have_text(re.compile("60 calls"))
    page.get_by_role("link", name=re.compile("Type: Card number")).click()
    expect(page.get_by_role("status")).to_have_text(re.compile("62 calls"))
    page.get_by_role("link", name="Began").click()
    expect(page.get_by_role("columnheader", name="Began")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.wait_for_load_state()
    oldest = rows(page)
    assert oldest[:4] == [STORED, OTHER, "call-aa", "call-ab"]
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Previous")).to_be_visible()
    assert len(rows(page)) == 12
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("link", name="Next")).to_be_visible()
    page.wait_for_load_state()
    assert rows(page) == oldest
    page.go_back()
    expect(page.get_by_role("link", name="Previous")).to_be_visible()


def test_days_are_those_of_the_reader(page: Page) -> None:
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("From").fill("2020-01-01")
    page.locator("details .primary").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("62 calls"))
    zone = page.evaluate("encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone)")
    assert f"zone={zone}" in page.url


def test_a_view_is_kept_and_removed(page: Page) -> None:
    page.goto("/?q=cancel&campaign=brand")
    page.locator(".views > summary").click()
    expect(page.get_by_text("the words you searched for are not")).to_be_visible()
    page.get_by_label("Keep these filters as").fill("Brand calls")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(r"/\?campaign=brand$"))
    page.locator(".views > summary").click()
    page.locator(".rename > summary").click()
    page.get_by_label("New name of Brand calls").fill("Brand")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.goto("/?campaign=spring")
    page.locator(".views > summary").click()
    page.get_by_label("Keep these filters as").fill("Brand")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("There is a view “Brand” already")
    page.get_by_role("button", name="Replace it").click()
    expect(page).to_have_url(re.compile(r"/\?campaign=spring$"))
    page.locator(".views > summary").click()
    page.get_by_role("button", name="Remove the view Brand").click()
    expect(page.locator(".views > summary")).to_have_text("Saved views")


def test_what_can_not_be_asked_and_what_is_not_there(page: Page) -> None:
    page.goto("/?campaign=misspelt")
    expect(page.get_by_text("Campaign: no stored call has it")).to_be_visible()
    page.goto("/?q=zebra")
    expect(page.get_by_text("No call matches")).to_be_visible()
    page.get_by_role("link", name="Clear all filters").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("62 calls"))


@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_and_is_accessible(width: int, page: Page, axe: Callable[[Page], None]) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for address in ("/", "/?q=refund&campaign=spring", "/?q=zebra"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto("/?q=refund")
    page.locator(".filters summary").click()
    page.locator(".views > summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    axe(page)
