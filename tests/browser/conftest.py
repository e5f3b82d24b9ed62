"""A console on a port, and a browser that looks at it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import numpy as np
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from agents.access.audit_log import AuditLog
from agents.upkeep.erasure import REQUEST, erase
from console.server import silence_server
from pipeline.audio.files import FlacWriter
from pipeline.evidence.certificate import build_certificate, certificate_json
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Check, Mute, Role, Span, Verdict
from tests.browser.chromium import chromium
from tests.browser.made_up_calls import fill
from tests.console.serving import OTHER, STORED, Console, console, transcript_of
from tests.waiting import HANG_S

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
expect.set_options(timeout=HANG_S * 1_000)

RATE = 8_000
CALL = "call-2026-03-01-a"


def spoken_call() -> StoredCall:
    """Ten seconds of tone on two channels with a muted number."""
    tone = 0.3 * np.sin(np.arange(10 * RATE) * 0.3)
    tone += np.random.default_rng(7).normal(0, 0.01, len(tone))  # frames as long as those of speech
    pcm = np.stack([tone, tone], axis=1)
    pcm[4 * RATE : 6 * RATE, 1] = 0
    flac = FlacWriter(RATE, pcm.shape[1])
    flac.write(pcm)
    files = {
        f"{CALL}.flac": flac.finish(),
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
    with console(tmp_path_factory.mktemp("console")) as made:
        made.ledger.open_call(CALL)
        made.vault.store(spoken_call(), keep_days=30)
        with listening(made.app) as address:
            yield address, made


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Console, str]]:
    """A console with made-up calls, and the newest of them."""
    with console(tmp_path_factory.mktemp("busy"), per_minute=10**6) as made:
        for old in (STORED, OTHER):  # of another shape than those of today
            erase(made.vault, made.ledger, AuditLog(made.ledger.database), old, REQUEST)
        calls = fill(made, 60)
        with listening(made.app) as address:
            yield address, made, calls[-1]


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """Serve an app on a loopback port; its address."""
    silence_server()
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(HANG_S)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; a machine without it fails, since the pages would go out unseen."""
    program = chromium()
    assert program, "no chromium: `apt-get install chromium` (make test tries it)"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=list(FLAGS), timeout=HANG_S * 1_000
        )
        yield running
        running.close()


@contextmanager
def watched(
    browser: Browser, foreign: Callable[[str], bool], **options: str
) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what went wrong on it: errors, messages, requests to where it may not go."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
    opened.set_default_timeout(HANG_S * 1_000)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text))
    opened.on(
        "request",
        lambda request: problems.append(request.url) if foreign(request.url) else None,
    )
    yield opened, problems
    opened.close()


@pytest.fixture
def page(browser: Browser, served: tuple[str, Console]) -> Iterator[Page]:
    address, _ = served
    with watched(browser, lambda url: not url.startswith(address), base_url=address) as found:
        yield found[0]
    # A refused page is told on the browser's own console; nothing else may be.
    assert [one for one in found[1] if "status of 4" not in one] == []


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], None]:
    """Fails where axe-core finds something serious or critical on a page."""
    checker = Axe()

    def check(looked_at: Page) -> None:
        # Its colours count once nothing moves.
        looked_at.wait_for_timeout(150)
        found = [
            f"{one['id']} ({one['impact']}): {node['html'][:200]} {node.get('failureSummary', '')}"
            for one in checker.run(looked_at).response["violations"]
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"]
        ]
        assert found == [], looked_at.url

    return check


def log_in(page: Page, text: str) -> None:
    page.goto("/")
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Log in").click()


def until(page: Page, true: str) -> None:
    """Wait until an expression is true.

    ``wait_for_function`` looks again with ``eval``, which our content security policy forbids.
    """
    deadline = time.monotonic() + HANG_S
    while not _evaluated(page, true):
        assert time.monotonic() < deadline, true
        page.wait_for_timeout(50)


def _evaluated(page: Page, true: str) -> bool:
    """Whether an expression is true; what raises, such as on an element not there yet, is not."""
    try:
        return bool(page.evaluate(true))
    except Error:
        return False
