"""The console in a real browser: log in, find a call, listen from a turn, log out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CALL, log_in, until
from tests.console.serving import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_from_the_token_to_the_sound_of_a_turn(
    page: Page, served: tuple[str, Console], tmp_path: Path
) -> None:
    log_in(page, served[1].token("analyst"))
    page.locator(f'a[title="{CALL}"]').click()
    expect(page.get_by_role("heading", name=CALL)).to_be_visible()
    expect(page.locator("mark")).to_have_text("[CARD_NUMBER]")
    expect(page.get_by_text("one moment <b>please</b>")).to_be_visible()
    until(page, "document.getElementById('audio').readyState >= 1")
    assert page.evaluate("document.getElementById('audio').duration") == pytest.approx(10, abs=0.1)
    page.locator(".turn").nth(2).get_by_role("button", name="0:04", exact=True).click()
    until(page, "document.getElementById('audio').currentTime >= 4")
    expect(page.locator(".turn").nth(2)).to_have_class(re.compile("heard"))
    shot = tmp_path / "call.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 10_000
    # Scripts never see the token.
    assert page.evaluate("document.cookie") == "hushwire_browser_zone=UTC"
    page.get_by_role("button", name="Log out").click()
    page.goto(f"/calls/{CALL}")
    expect(page.get_by_label("Token")).to_be_visible()


def test_by_keyboard_and_on_a_narrow_screen(page: Page, served: tuple[str, Console]) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto("/login")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(served[1].token("analyst"))
    page.keyboard.press("Enter")
    expect(page.locator(f'a[title="{CALL}"]')).to_be_visible()
    page.goto(f"/calls/{CALL}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    first = page.locator(".turn button").first
    first.focus()
    page.keyboard.press("Enter")
    until(page, "!document.getElementById('audio').paused")


def test_on_a_phone_what_can_be_done_is_not_beside_the_screen(
    page: Page, served: tuple[str, Console]
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, served[1].token("security"))
    for address, seen in (
        ("/tokens", page.get_by_text("Revoke…").first),
        ("/quarantine", page.locator("td[data-label='What to do next']").first),
        ("/sessions", page.get_by_text("this one", exact=True)),
    ):
        page.goto(address)
        box = seen.bounding_box()
        assert box is not None, address
        assert box["x"] >= 0, address
        assert box["x"] + box["width"] <= 390, address
    # A row says of each cell what it is.
    label = page.locator("td[data-label='Roles']").first
    assert "Roles" in label.evaluate("cell => getComputedStyle(cell, '::before').content")


def test_a_wrong_token_and_a_wrong_role_are_told(page: Page, served: tuple[str, Console]) -> None:
    log_in(page, "hushwire_wrong")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    log_in(page, served[1].token("auditor"))
    page.goto(f"/calls/{CALL}")
    expect(page.get_by_role("alert")).to_contain_text("analyst")
    page.get_by_role("button", name="Log in with another token").click()
    expect(page.get_by_label("Token")).to_be_visible()
