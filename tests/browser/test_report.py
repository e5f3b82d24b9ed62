"""The report in a real browser: it plays, seeks, can be used by keyboard, and fetches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page

from agents.reports.call_report import ReportCall, ReportLeak, ReportMute, ReportTurn, write_report
from agents.reports.entity_groups import KINDS
from tests.browser.conftest import watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    tone = 0.3 * np.sin(np.arange(10 * 8_000) * 0.3)
    soundfile.write(folder / "a.flac", np.stack([tone, tone], axis=1), 8_000)
    calls = [
        ReportCall(
            call_id=f"call-{name}",
            roles=("agent", "customer"),
            duration_ms=10_000,
            turns=(
                ReportTurn(0, "agent", 0, 2_000, "Your card number?"),
                ReportTurn(1, "customer", 3_000, 7_000, "It is [CARD_NUMBER] thanks"),
            ),
            mutes=(ReportMute(1, 4_000, 6_000, "CARD_NUMBER", 0.97, "spoken-numbers"),),
            verified=True,
            audio=folder / "a.flac",
            leak=ReportLeak(0, 16, 1.0, 0.02),
        )
        for name in ("one", "two")
    ]
    return write_report(folder / "report.html", calls, title="Redacted calls")


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    with watched(browser, lambda url: url.startswith(("http:", "https:"))) as (opened, problems):
        opened.goto(report.as_uri())
        yield opened
    assert problems == []


def _seconds(page: Page, call: int = 1) -> float:
    return float(page.evaluate(f"document.querySelector('#call-{call} audio').currentTime"))


def test_the_recording_can_be_played(page: Page) -> None:
    page.wait_for_function("document.querySelector('#call-1 audio').readyState >= 2")
    length = page.evaluate("document.querySelector('#call-1 audio').duration")
    assert length == pytest.approx(10.0, abs=0.05)
    assert page.evaluate("document.querySelector('#call-1 audio').error") is None


def test_overview_leads_to_the_call(page: Page) -> None:
    rows = page.locator("table.overview tbody tr")
    assert rows.count() == 2
    assert "all 16 digits silent" in rows.first.inner_text()
    page.get_by_role("link", name="call-two").click()
    assert page.locator("#call-2").bounding_box() is not None
    assert page.url.endswith("#call-2")


def test_a_muted_interval_stands_where_it_was_muted_and_says_why(page: Page) -> None:
    mute = page.locator("#call-1 .mute").first
    strip = page.locator("#call-1 .wave .strip").nth(1)
    inner, outer = mute.bounding_box(), strip.bounding_box()
    assert inner is not None
    assert outer is not None
    assert (inner["x"] - outer["x"]) / outer["width"] == pytest.approx(0.4, abs=0.01)
    assert inner["width"] / outer["width"] == pytest.approx(0.2, abs=0.01)
    mute.hover()
    tip = page.evaluate(
        "getComputedStyle(document.querySelector('#call-1 .mute'), '::after').content"
    )
    assert "Card number" in tip
    assert "0.97" in tip


def test_keyboard_reaches_and_uses_the_muted_interval(page: Page) -> None:
    mute = page.get_by_role("button", name="Card number, 4.0 to 6.0 seconds").first
    mute.focus()
    page.keyboard.press("Enter")
    assert _seconds(page) == pytest.approx(4.0, abs=0.1)
    page.wait_for_selector("#call-1 .turn.now")
    assert "It is" in page.locator("#call-1 .turn.now").inner_text()


def test_a_click_into_the_waveform_seeks(page: Page) -> None:
    strip = page.locator("#call-2 .wave .strip").first
    box = strip.bounding_box()
    assert box is not None
    strip.click(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    assert _seconds(page, 2) == pytest.approx(7.5, abs=0.1)
    assert _seconds(page, 1) == 0.0


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_nothing_runs_off_the_side(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(browser: Browser, report: Path, scheme: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for body text, placeholders and quiet text."""
    opened = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    opened.goto(report.as_uri())
    for selector in ("h1", ".turn .said", ".chip.pay", ".call .facts", ".state.good"):
        assert _contrast(opened, selector) >= 4.5, (scheme, selector)
    for kind in KINDS:
        opened.evaluate(f"document.querySelector('.turn .chip').className = 'chip {kind.name}'")
        assert _contrast(opened, ".turn .chip") >= 4.5, (scheme, kind)
    opened.close()


def _contrast(page: Page, selector: str) -> float:
    """Contrast of an element's text with what is painted behind it, measured on a canvas."""
    return float(
        page.evaluate(
            """selector => {
              const paint = document.createElement("canvas").getContext("2d");
              const over = (colour, below) => {
                paint.fillStyle = `rgb(${below})`; paint.fillRect(0, 0, 1, 1);
                paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
                return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
              };
              const light = rgb => {
                const [r, g, b] = rgb.map(v => v / 255)
                  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
              };
              const element = document.querySelector(selector);
              const chain = [];
              for (let at = element; at; at = at.parentElement) chain.unshift(at);
              let below = [255, 255, 255];
              for (const at of chain) below = over(getComputedStyle(at).backgroundColor, below);
              const above = over(getComputedStyle(element).color, below);
              const [high, low] = [light(above), light(below)].sort((a, b) => b - a);
              return (high + 0.05) / (low + 0.05);
            }""",
            selector,
        )
    )
