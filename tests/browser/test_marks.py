"""Marking in a real browser: from words, from a turn, from a mute, from the player; by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agents.access.audit_log import AuditLog
from agents.vault.mark_store import Marks
from pipeline.evaluation.corpora.review_marks import Kind, Mark
from tests.browser.conftest import CALL, log_in, until
from tests.console.serving import HELD_BACK, Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def made(served: tuple[str, Console]) -> Iterator[Marks]:
    """The marks, without those that a test made when it ends."""
    ledger = served[1].ledger
    marks = Marks(ledger.database, AuditLog(ledger.database))
    yield marks
    for one in marks.known():
        marks.remove(one.mark_id, by="test")


@pytest.fixture
def call(page: Page, served: tuple[str, Console]) -> Page:
    """A call's page, as an analyst sees it."""
    log_in(page, served[1].token("analyst"))
    page.locator(f'a[title="{CALL}"]').click()
    page.wait_for_url(f"**/calls/{CALL}")  # and until its scripts have run
    until(page, "document.getElementById('audio').readyState >= 1")
    return page


def placed(mark: Mark) -> tuple[str, str, int, int, int]:
    return mark.kind.value, mark.entity, mark.channel, mark.start_ms, mark.end_ms


def has_values(page: Page, begins: str, ends: str) -> None:
    form = page.locator("form.mark")
    expect(form.get_by_label("From, s")).to_have_value(begins)
    expect(form.get_by_label("To, s")).to_have_value(ends)


def test_words_that_are_selected_are_marked(call: Page, made: Marks, tmp_path: Path) -> None:
    words = call.locator(".turn").nth(1).locator("p span")
    first, last = words.nth(1).bounding_box(), words.nth(2).bounding_box()
    assert first
    assert last
    middle = first["y"] + first["height"] / 2
    call.mouse.move(first["x"] + 2, middle)
    call.mouse.down()
    call.mouse.move(last["x"] + last["width"] - 2, middle)
    call.mouse.up()
    call.get_by_role("button", name="Mark in the turn at 0:02").click()
    # "one moment": from the first word's beginning to the last one's end.
    has_values(call, "2.4", "3.1")
    expect(call.get_by_label("Speaker")).to_have_value("1")
    expect(call.get_by_label("Type")).to_be_focused()
    call.get_by_label("Type").select_option("Password")
    call.screenshot(path=tmp_path / "marking.png")
    call.get_by_role("button", name="Mark", exact=True).click()
    marks = call.get_by_role("region", name="Marks")
    expect(marks).to_contain_text("Missed: Password, customer, 0.7 s; stays audible")
    assert [placed(one) for one in made.known(CALL)] == [("missed", "PASSWORD", 1, 2_400, 3_100)]
    call.screenshot(path=tmp_path / "marked.png", full_page=True)
    # What is touched at its edge only, here "Yes," and "please", is not meant.
    call.evaluate(
        """() => {
          const words = document.querySelectorAll(".turn.side1 p span");
          const range = document.createRange();
          range.setStart(words[0].firstChild, words[0].firstChild.length);
          range.setEnd(words[3].firstChild, 0);
          document.getSelection().removeAllRanges();
          document.getSelection().addRange(range);
        }"""
    )
    call.get_by_role("button", name="Mark in the turn at 0:02").click()
    has_values(call, "2.4", "3.1")
    call.get_by_role("button", name="Take back the mark at 0:02").click()
    expect(marks).to_contain_text("No marks.")
    assert made.known() == []


def test_a_mute_is_marked_as_wrong_by_keyboard_alone(call: Page, made: Marks) -> None:
    wrong = call.get_by_role("button", name="Wrong mute: mark it")
    wrong.focus()
    call.keyboard.press("Enter")
    has_values(call, "4", "6")
    expect(call.get_by_label("is silent and need not be")).to_be_checked()
    expect(call.get_by_label("Type")).to_be_disabled()
    expect(call.get_by_role("button", name="Mark", exact=True)).to_be_focused()
    call.keyboard.press("Enter")
    expect(call.get_by_role("region", name="Marks")).to_contain_text(
        "Wrong mute, customer, 2.0 s; stays silent; found there: Card number 0.97"
    )
    (mark,) = made.known(CALL)
    assert mark.kind is Kind.WRONG


def test_a_turn_is_marked_by_keyboard_alone(call: Page, made: Marks) -> None:
    call.locator(".turn").nth(0).locator("[data-pick]").focus()
    call.keyboard.press("Space")
    has_values(call, "0", "1.9")
    call.keyboard.type("Street")  # the type has the focus: a letter chooses
    for _ in range(6):  # who speaks, from, now, to, now, and the button that sends
        call.keyboard.press("Tab")
    expect(call.get_by_role("button", name="Mark", exact=True)).to_be_focused()
    call.keyboard.press("Enter")
    expect(call.get_by_role("region", name="Marks")).to_contain_text("Missed: Street address")
    assert [placed(one) for one in made.known(CALL)] == [("missed", "STREET_ADDRESS", 0, 0, 1_900)]


def test_the_player_says_where(call: Page, made: Marks) -> None:
    seek = "at => { document.getElementById('audio').currentTime = at; }"
    call.evaluate(seek, 6.5)
    call.get_by_role("button", name="Now is where it begins").click()
    call.evaluate(seek, 7.25)
    call.get_by_role("button", name="Now is where it ends").click()
    has_values(call, "6.5", "7.25")
    call.get_by_role("button", name="Listen to it").click()
    until(
        call,
        "(audio => audio.paused && audio.currentTime >= 7.25)(document.getElementById('audio'))",
    )
    assert call.evaluate("document.getElementById('audio').currentTime") < 8.25
    # No type was chosen: the browser says so, and nothing is sent.
    call.get_by_role("button", name="Mark", exact=True).click()
    assert call.evaluate("document.querySelector('form.mark').checkValidity()") is False
    expect(call).to_have_url(re.compile(f"/calls/{CALL}$"))
    assert made.known() == []


def test_a_place_that_is_refused_keeps_what_was_filled_in(call: Page, made: Marks) -> None:
    form = call.locator("form.mark")
    form.get_by_label("From, s").fill("4.1")
    form.get_by_label("To, s").fill("4.9")
    form.get_by_label("Speaker").select_option("Customer")
    form.get_by_label("Type").select_option("PIN")
    call.get_by_role("button", name="Mark", exact=True).click()
    expect(call.get_by_role("alert")).to_contain_text("silent already")
    has_values(call, "4.1", "4.9")
    expect(call.get_by_label("Type")).to_have_value("PIN")
    assert made.known() == []


def test_security_marks_a_quarantined_call_and_reads_all(
    page: Page, served: tuple[str, Console], made: Marks, tmp_path: Path
) -> None:
    log_in(page, served[1].token("security"))
    page.get_by_role("link", name=HELD_BACK).click()
    expect(page.get_by_role("heading", name=HELD_BACK)).to_be_visible()
    assert page.locator("audio").count() == 0
    expect(page.get_by_role("button", name="Listen to it")).to_be_hidden()
    expect(page.get_by_label("is silent and need not be")).to_be_checked()
    page.get_by_label("can be heard and should not").check()
    page.get_by_label("Type").select_option("Card number")
    page.get_by_label("From, s").fill("1")
    page.get_by_label("To, s").fill("2.5")
    page.screenshot(path=tmp_path / "quarantined.png", full_page=True)
    page.get_by_role("button", name="Mark", exact=True).click()
    expect(page.get_by_role("region", name="Marks")).to_contain_text("Missed: Card number")
    page.get_by_role("link", name="Marks").click()
    row = page.get_by_role("row", name=HELD_BACK)
    expect(row).to_contain_text("Missed Card number")
    expect(row).to_contain_text("quarantine")
    page.screenshot(path=tmp_path / "marks.png", full_page=True)


def test_on_a_narrow_dark_screen_nothing_is_cut_off(
    call: Page, made: Marks, tmp_path: Path
) -> None:
    call.set_viewport_size({"width": 380, "height": 800})
    call.emulate_media(color_scheme="dark")
    call.locator(".turn").nth(1).locator("[data-pick]").click()
    call.get_by_label("Type").select_option("Password")
    call.get_by_role("button", name="Mark", exact=True).click()
    expect(call.get_by_role("region", name="Marks")).to_contain_text("Missed: Password")
    assert len(made.known(CALL)) == 1
    assert call.evaluate("document.documentElement.scrollWidth") <= 380
    call.screenshot(path=tmp_path / "narrow.png", full_page=True)
