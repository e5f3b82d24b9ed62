"""The console in a real browser: log in, find a call, listen from a turn, log out."""

from __future__ import annotations

import io
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import soundfile
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from console.server import silence_server
from pipeline.certificate import build_certificate, certificate_json
from pipeline.policy import load_policy
from pipeline.records import CallEnd, CallInfo, Check, Mute, Role, Span, Verdict
from pipeline.vaulting import StoredCall
from tests.browser.test_report import FLAGS
from tests.unit.serving import Console, console, transcript_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RATE = 8_000
CALL = "call-2026-03-01-a"


def spoken_call() -> StoredCall:
    """Ten seconds of tone on two channels with a muted number."""
    tone = 0.3 * np.sin(np.arange(10 * RATE) * 0.3)
    pcm = np.stack([tone, tone], axis=1)
    pcm[4 * RATE : 6 * RATE, 1] = 0
    flac = io.BytesIO()
    soundfile.write(flac, pcm, RATE, format="FLAC")
    files = {
        f"{CALL}.flac": flac.getvalue(),
        f"{CALL}.json": transcript_of("Yes, one moment <b>please</b>").encode(),
        f"{CALL}.vtt": b"WEBVTT\n",
    }
    span = Span("CARD_NUMBER", 1, 4 * RATE, 6 * RATE, 0.97, "spoken-numbers")
    verdict = Verdict(
        CallInfo(CALL, RATE, (Role.AGENT, Role.CUSTOMER), "2026-03-01T10:00:00+00:00"),
        passed=True,
        checks=(Check("leaks", passed=True, measured=0.0, limit=0.0),),
        end=CallEnd(CALL, 1, len(pcm)),
    )
    certificate = build_certificate(
        verdict,
        load_policy("default"),
        spans=[span],
        mutes={Mute(1, 4 * RATE, 6 * RATE, (span,))},
        models=set(),
        length=len(pcm),
        files=files,
    )
    files[f"{CALL}.certificate.json"] = certificate_json(certificate)
    return StoredCall(CALL, passed=True, certificate=certificate, files=files)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Console]]:
    """A console on a loopback port."""
    silence_server()
    with console(tmp_path_factory.mktemp("console")) as made:
        made.ledger.open_call(CALL)
        made.vault.store(spoken_call(), keep_days=30)
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(made.app, log_config=None, lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", made
        server.should_exit = True
        thread.join(15)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; a machine without it fails, since the pages would go out unseen."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "no chromium: `apt-get install chromium` (make test tries it)"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, served: tuple[str, Console]) -> Iterator[Page]:
    address, _ = served
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, base_url=address)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text))
    opened.on(
        "request",
        lambda request: (
            problems.append(request.url) if not request.url.startswith(address) else None
        ),
    )
    yield opened
    opened.close()
    # A refused page is told on the browser's own console; nothing else may be.
    assert [one for one in problems if "status of 40" not in one] == []


def log_in(page: Page, text: str) -> None:
    page.goto("/")
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Log in").click()


def test_from_the_token_to_the_sound_of_a_turn(
    page: Page, served: tuple[str, Console], tmp_path: Path
) -> None:
    log_in(page, served[1].token("analyst"))
    page.get_by_role("link", name=CALL).click()
    expect(page.get_by_role("heading", name=CALL)).to_be_visible()
    expect(page.locator("mark")).to_have_text("[CARD_NUMBER]")
    expect(page.get_by_text("one moment <b>please</b>")).to_be_visible()
    muted = page.locator(".track rect")
    expect(muted).to_have_count(1)
    expect(muted).to_have_class("pay")
    assert (muted.get_attribute("x"), muted.get_attribute("width")) == ("4000", "2000")
    box, track = muted.bounding_box(), page.locator(".track").nth(1).bounding_box()
    assert box
    assert track
    assert (box["x"] - track["x"]) / track["width"] == pytest.approx(0.4, abs=0.02)

    page.wait_for_function("document.getElementById('audio').readyState >= 1")
    assert page.evaluate("document.getElementById('audio').duration") == pytest.approx(10, abs=0.1)
    page.locator(".turn").nth(2).get_by_role("button").click()
    page.wait_for_function("document.getElementById('audio').currentTime >= 4")
    expect(page.locator(".turn").nth(2)).to_have_class(re.compile("heard"))
    shot = tmp_path / "call.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 10_000
    # Scripts never see the token.
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out").click()
    page.goto(f"/calls/{CALL}")
    expect(page.get_by_label("Token")).to_be_visible()


def test_by_keyboard_and_on_a_narrow_screen(page: Page, served: tuple[str, Console]) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto("/login")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(served[1].token("analyst"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=CALL)).to_be_visible()
    page.goto(f"/calls/{CALL}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    first = page.locator(".turn button").first
    first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("!document.getElementById('audio').paused")


def test_a_wrong_token_and_a_wrong_role_are_told(page: Page, served: tuple[str, Console]) -> None:
    log_in(page, "hushwire_wrong")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    log_in(page, served[1].token("auditor"))
    page.get_by_role("link", name=CALL).click()
    expect(page.get_by_role("alert")).to_contain_text("analyst")
    page.get_by_role("button", name="Log in with another token").click()
    expect(page.get_by_label("Token")).to_be_visible()
