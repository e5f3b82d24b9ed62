"""A call in a real browser: hear a word, see why it is silent, follow, search, link, keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.analytics.peaks import peaks
from tests.browser.conftest import CALL, log_in, until, watched
from tests.console.serving import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AUDIO = "document.getElementById('audio')"
NOW = f"{AUDIO}.currentTime"
SLOWLY, AS_SPOKEN = f"{AUDIO}.playbackRate = 0.0625", f"{AUDIO}.playbackRate = 1"
"""So slow that a second lasts 16, while what is on the page is looked at."""


@pytest.fixture
def call(page: Page, served: tuple[str, Console]) -> Page:
    """The page, when it is drawn."""
    log_in(page, served[1].token("analyst"))
    page.goto(f"/calls/{CALL}")
    drawn(page)
    return page


def drawn(page: Page) -> None:
    until(page, "'drawn' in document.getElementById('call').dataset")
    until(page, f"{AUDIO}.readyState >= 1")


def at(page: Page) -> float:
    return float(page.evaluate(NOW))


def drawn_at(page: Page, share: float, lane: int, above: float) -> list[int]:
    """What is drawn in a lane of the waveform, RGBA.

    Args:
        page: with the waveform.
        share: of its width.
        lane: from the top.
        above: the lane's lower edge, as a share of its height.
    """
    return list(
        page.evaluate(
            """([share, lane, above]) => {
              const canvas = document.querySelector("#waves canvas");
              const height = (canvas.height * (1 - 18 / canvas.clientHeight)) / 2;
              const pen = new OffscreenCanvas(1, 1).getContext("2d");
              pen.drawImage(canvas, Math.round(share * canvas.width),
                Math.round(height * (lane + 1 - above)), 1, 1, 0, 0, 1, 1);
              return [...pen.getImageData(0, 0, 1, 1).data];
            }""",
            [share, lane, above],
        )
    )


def test_a_word_that_is_clicked_is_heard_and_the_transcript_follows(
    call: Page, tmp_path: Path
) -> None:
    words = call.locator(".turn").nth(1).locator("p > *")
    expect(words.nth(1)).to_have_text("one")
    call.evaluate(SLOWLY)
    words.nth(1).click()
    until(call, f"{NOW} >= 2.4 && !{AUDIO}.paused")
    assert at(call) < 4.0
    expect(call.locator(".turn").nth(1)).to_have_class(re.compile("heard"))
    # The word that is heard is marked as it goes on, and only that one.
    until(call, "document.querySelectorAll('.turn p > .now').length === 1")
    call.evaluate(AS_SPOKEN)
    until(call, f"{NOW} >= 4.1")
    call.evaluate(SLOWLY)
    expect(call.locator(".turn").nth(2)).to_have_class(re.compile("heard"))
    expect(call.locator(".turn").nth(1)).not_to_have_class(re.compile("heard"))
    call.get_by_role("button", name="Pause").click()
    expect(call.get_by_role("button", name="Play", exact=True)).to_be_visible()
    call.screenshot(path=tmp_path / "call.png")


def test_what_is_muted_says_what_it_was_and_why(call: Page) -> None:
    expect(call.get_by_role("list", name="Colours of muted stretches")).to_have_text("Payment")
    about = call.locator("#about")
    expect(about).to_be_hidden()
    call.locator(".turn mark").click()
    expect(about).to_contain_text("Card number, customer, 0:04.0 to 0:06.0 (2.0 s)")
    expect(about).to_contain_text("Recognised by spoken-numbers, score 0.97")
    call.get_by_role("button", name="Close").click()
    expect(about).to_be_hidden()
    # The same stretch in the waveform: 4 to 6 of 10 s on the lower lane.
    box = call.locator("#waves").bounding_box()
    assert box
    call.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6)
    expect(about).to_contain_text("Card number")
    call.evaluate(SLOWLY)
    call.get_by_role("button", name="Play from before it").click()
    until(call, f"!{AUDIO}.paused && {NOW} >= 2 && {NOW} < 5")
    call.get_by_role("button", name="Mark as wrong").click()
    expect(call.locator("form.mark").get_by_label("From, s")).to_have_value("4")
    expect(call.get_by_label("is silent and need not be")).to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_waveform_is_drawn_and_mutes_have_the_colour_of_their_kind(
    call: Page, scheme: Literal["light", "dark"]
) -> None:
    call.emulate_media(color_scheme=scheme)
    call.wait_for_timeout(200)
    pay = call.locator(".legend .swatch.pay").evaluate(
        "one => getComputedStyle(one).backgroundColor"
    )
    wanted = [int(part) for part in re.findall(r"\d+", pay)[:3]]
    assert drawn_at(call, 0.5, 1, 0.05) == [*wanted, 255]
    for share, lane in ((0.5, 0), (0.2, 1), (0.8, 1)):
        assert drawn_at(call, share, lane, 0.05)[:3] != wanted
    # The tone fills its lane; where it is muted, nothing is drawn but the stretch.
    assert drawn_at(call, 0.2, 0, 0.75)[3] == 255
    assert drawn_at(call, 0.2, 1, 0.75)[3] == 255
    assert 0 < drawn_at(call, 0.5, 1, 0.75)[3] < 128


def test_silence_is_passed_over_where_that_is_chosen(
    page: Page, served: tuple[str, Console]
) -> None:
    pcm = np.full((10 * 8_000, 2), 9_000, np.int16)
    pcm[3 * 8_000 : 8 * 8_000] = 50
    page.route("**/peaks", lambda route: route.fulfill(body=peaks(pcm, 8_000)))
    log_in(page, served[1].token("analyst"))
    page.goto(f"/calls/{CALL}#t=2.8")
    drawn(page)
    page.evaluate(
        f"window.jumps = []; {AUDIO}.addEventListener('seeking', () => window.jumps.push({NOW}))"
    )
    page.get_by_label("Skip silence").check()
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, f"{NOW} >= 8")
    [jump] = page.evaluate("window.jumps")
    assert 7 < jump <= 8
    page.get_by_label("Skip silence").uncheck()
    page.evaluate("location.hash = '#t=3.5'")
    until(page, f"{NOW} >= 4 && {NOW} < 8")
    assert page.evaluate("window.jumps.length") == 2


def test_a_call_plays_without_its_waveform(page: Page, served: tuple[str, Console]) -> None:
    page.route("**/peaks", lambda route: route.fulfill(body=b"no waveform"))
    log_in(page, served[1].token("analyst"))
    page.goto(f"/calls/{CALL}")
    expect(page.get_by_text("The waveform could not be loaded")).to_be_visible()
    expect(page.get_by_label("Skip silence")).to_be_disabled()
    page.keyboard.press("Space")
    until(page, f"{NOW} > 0.2")


def test_a_click_into_the_waveform_seeks_and_zoom_shows_less(call: Page) -> None:
    waves = call.locator("#waves")
    box = waves.bounding_box()
    assert box
    call.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + 10)
    assert at(call) == pytest.approx(2.5, abs=0.05)
    expect(call.locator(".overview")).to_be_hidden()
    call.get_by_role("button", name="Zoom in").click()
    expect(call.locator(".overview")).to_be_visible()
    # Half of the call is shown now, around the place: the same x is another time.
    box = waves.bounding_box()
    assert box
    call.mouse.click(box["x"] + box["width"] * 0.99, box["y"] + 10)
    assert at(call) < 7
    call.get_by_role("button", name="Whole").click()
    expect(call.locator(".overview")).to_be_hidden()
    # Dragging moves the head, and seeks once it is let go.
    box = waves.bounding_box()
    assert box
    call.mouse.move(box["x"] + 5, box["y"] + 10)
    call.mouse.down()
    call.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 10)
    call.mouse.up()
    assert at(call) == pytest.approx(9, abs=0.1)


def test_by_keys_alone(call: Page) -> None:
    keys = call.keyboard
    for key, wanted in (
        ("ArrowRight", 5),
        ("Shift+ArrowRight", 10),
        ("ArrowLeft", 5),
        ("Shift+ArrowLeft", 0),
        ("ArrowDown", 2),
        ("ArrowDown", 4),
        ("ArrowUp", 2),
        ("End", 10),
        ("Home", 0),
    ):
        keys.press(key)
        assert at(call) == pytest.approx(wanted, abs=0.2), key
    keys.press(".")
    assert call.evaluate(f"{AUDIO}.playbackRate") == 1.25
    expect(call.get_by_label("Speed")).to_have_value("1.25")
    keys.press(",")
    keys.press(",")
    assert call.evaluate(f"{AUDIO}.playbackRate") == 0.75
    keys.press("Space")
    until(call, f"!{AUDIO}.paused")
    keys.press("Space")
    until(call, f"{AUDIO}.paused")
    keys.press("?")
    expect(call.get_by_role("dialog", name="Keys")).to_be_visible()
    keys.press("ArrowRight")  # the dialog has the keys
    assert at(call) < 2
    keys.press("Escape")
    expect(call.get_by_role("dialog", name="Keys")).to_be_hidden()
    # m: it begins here, and ends there.
    keys.press("Home")
    keys.press("ArrowDown")
    keys.press("m")
    expect(call.get_by_label("From, s")).to_have_value("2")
    keys.press("ArrowDown")
    keys.press("m")
    expect(call.get_by_label("To, s")).to_have_value("4")
    expect(call.get_by_label("Type")).to_be_focused()
    # Where somebody types or chooses, letters are letters.
    keys.press("/")
    call.get_by_label("From, s").focus()
    before = at(call)
    keys.press("ArrowUp")
    assert at(call) == before


def test_a_link_of_another_site_leads_to_its_second(
    browser: Browser, served: tuple[str, Console]
) -> None:
    """Our cookie stays at home at first, and what stands behind ``#`` is never sent."""
    address, console = served
    with watched(browser, lambda _: False, base_url=address) as (page, _):
        page.goto(f"/calls/{CALL}#t=3")
        page.get_by_label("Token").fill(console.token("analyst"))
        page.get_by_role("button", name="Log in").click()
        until(page, f"{NOW} === 3")
        link = f'<a href="{address}/calls/{CALL}#t=4">what she said</a>'
        page.route("http://chat.example/", lambda route: route.fulfill(body=link))
        page.goto("http://chat.example/")
        page.get_by_role("link").click()
        until(page, f"location.origin === {address!r} && {NOW} === 4")


def test_the_end_is_reached_from_near_it(call: Page) -> None:
    """Chromium fails at a second seek into the last frames: the source is loaded anew."""
    call.evaluate(f"{AUDIO}.addEventListener('error', () => {{ window.failures = 1; }})")
    call.evaluate(f"{AUDIO}.playbackRate = 1.5")
    call.evaluate("location.hash = '#t=9'")
    until(call, f"{NOW} === 9 && !{AUDIO}.seeking")
    call.wait_for_timeout(300)  # it reads on to the end
    call.keyboard.press("End")
    until(call, "window.failures === 1")
    until(call, f"{AUDIO}.readyState >= 2 && !{AUDIO}.seeking")
    assert at(call) == pytest.approx(9.95, abs=0.01)
    expect(call.locator("#trouble")).to_be_hidden()
    assert call.evaluate(f"{AUDIO}.playbackRate") == 1.5
    call.keyboard.press("Home")
    call.keyboard.press("Space")
    until(call, f"{NOW} > 0.3")


def test_search_counts_and_goes_from_hit_to_hit(call: Page) -> None:
    call.keyboard.press("/")
    expect(call.get_by_label("Search in the transcript")).to_be_focused()
    call.keyboard.type("MOMENT <b>pl")
    hits = call.locator("#hits")
    expect(hits).to_have_text("1 found")
    call.keyboard.press("Enter")
    expect(hits).to_have_text("1 of 1 found")
    assert at(call) == pytest.approx(2.8, abs=0.05)
    painted = "[...CSS.highlights.get('hit')].map(String).join()"
    assert call.evaluate(painted) == "moment <b>pl"
    call.get_by_label("Search in the transcript").fill("ca")
    expect(hits).to_have_text("2 found")  # "card", "[CARD_NUMBER]"
    for _ in range(3):  # on from 0:02, and round
        call.keyboard.press("Enter")
    expect(hits).to_have_text(re.compile("of 2 found"))
    call.get_by_label("Search in the transcript").fill("nobody said this")
    expect(hits).to_have_text("0 found")
    expect(call.get_by_role("button", name="Next hit")).to_be_disabled()
    call.keyboard.press("Escape")
    expect(hits).to_have_text("")


def test_a_link_leads_to_a_second(page: Page, served: tuple[str, Console]) -> None:
    log_in(page, served[1].token("analyst"))
    page.goto(f"/calls/{CALL}#t=4.5")
    drawn(page)
    assert at(page) == pytest.approx(4.5, abs=0.01)
    expect(page.locator(".turn").nth(2)).to_have_class(re.compile("heard"))
    link = page.locator("#link")
    expect(link).to_have_text("Copy link at 0:04")
    assert page.evaluate("document.getElementById('link').dataset.copy").endswith(f"{CALL}#t=4.5")
    page.evaluate("location.hash = '#t=0:07'")
    until(page, f"Math.abs({NOW} - 7) < 0.01")
    for wrong in ("#t=x", "#t=-1", "#t=1e9", "#marks"):
        page.evaluate("wrong => { location.hash = wrong; }", wrong)
        assert at(page) == pytest.approx(7, abs=0.01)


def test_one_side_alone(call: Page) -> None:
    call.get_by_label("Side").select_option("Agent")
    expect(call.locator(".turn").nth(0)).to_be_visible()
    expect(call.locator(".turn").nth(1)).to_be_hidden()
    call.locator(".turn").nth(0).locator("p > *").nth(0).click()
    until(call, f"!{AUDIO}.paused && {NOW} > 0.2")  # through the graph that parts the channels
    call.get_by_label("Side").select_option("Both sides")
    expect(call.locator(".turn").nth(1)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_for_screen_readers_and_eyes(
    call: Page, axe: Callable[[Page], None], scheme: Literal["light", "dark"]
) -> None:
    call.emulate_media(color_scheme=scheme)
    call.locator(".turn mark").click()
    call.get_by_label("Search in the transcript").fill("moment")
    axe(call)
    slider = call.get_by_role("slider", name="Place in the call")
    expect(slider).to_have_attribute("aria-valuetext", "0:04 of 0:10")
    # Turns are told only to who asks for it.
    call.evaluate("document.getElementById('said').textContent = ''")
    call.keyboard.press("Escape")
    call.keyboard.press("Home")
    expect(call.locator("#said")).to_have_text("")
    call.get_by_label("Tell turns").check()
    call.keyboard.press("ArrowDown")
    expect(call.locator("#said")).to_contain_text("Customer: Yes, one moment")
    call.keyboard.press("?")
    axe(call)


def test_on_a_phone_nothing_is_cut_off(call: Page, tmp_path: Path) -> None:
    call.set_viewport_size({"width": 390, "height": 844})
    assert call.evaluate("document.documentElement.scrollWidth") <= 390
    expect(call.get_by_label("Speed")).to_be_hidden()
    call.get_by_role("button", name="Options").click()
    expect(call.get_by_label("Speed")).to_be_visible()
    assert call.evaluate("document.documentElement.scrollWidth") <= 390
    call.locator(".turn").nth(1).locator("p > *").nth(1).click()
    until(call, f"{NOW} >= 2.4")
    call.screenshot(path=tmp_path / "phone.png")
