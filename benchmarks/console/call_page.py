"""How soon a one-hour call is on the screen, and how soon its player is elsewhere.

    python -m benchmarks.console.call_page [--seconds N] [--out DIR]

A made-up call with two speakers is stored by the vault and looked at in Chromium, through the
console with all that a look costs (key, decryption, audit entry). The yardstick of the same run is
the same page and the same FLAC as plain files of a server that does nothing else. Goals: first
paint in less than 1 s, a seek in less than 300 ms.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from benchmarks.results import finish, stamp
from console.server import silence_server
from pipeline.analytics.peaks import peaks
from pipeline.audio.files import FlacWriter
from pipeline.evidence.certificate import build_certificate, certificate_json
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Check, Mute, Role, Span, Verdict
from tests.browser.chromium import chromium
from tests.console.serving import Console, console

CALL: Final = "call-of-an-hour"
RATE: Final = 8_000
LOADS: Final = 7
SEEKS: Final = 25
PAINT_GOAL_MS: Final = 1_000.0
SEEK_GOAL_MS: Final = 300.0
_TEXT: Final = (
    "thank you for calling how can I help you today I would like to change the delivery of my "
    "order could you tell me the number first yes of course one moment let me look it up"
)
_SEEK: Final = """at => new Promise((done, failed) => {
  const audio = document.querySelector("audio");
  const begun = performance.now();
  audio.onseeked = () => done(performance.now() - begun);
  setTimeout(() => failed(new Error("no seek")), 30000);
  audio.currentTime = at;
})"""
_PAINT: Final = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""


@dataclass(frozen=True, slots=True)
class Made:
    """A made-up call: int16 samples of two channels, its transcript, and what was muted."""

    pcm: npt.NDArray[np.int16]
    transcript: bytes
    spans: tuple[Span, ...]


def made_call(seconds: int) -> Made:
    """Two people who speak in turns, with a muted number in about every fifth of them."""
    odds, noise = random.Random(1), np.random.default_rng(1)
    pcm = noise.normal(0, 9, (seconds * RATE, 2)).astype(np.int16)
    turns, spans, at, channel = list[dict[str, Any]](), list[Span](), 400, 0
    while at < (seconds - 12) * 1_000:
        end = at + odds.randint(1_500, 10_000)
        speech = _speech((end - at) * RATE // 1_000, (110, 190)[channel], noise)
        pcm[at * RATE // 1_000 :][: len(speech), channel] += speech
        items, muted = _items(odds, at, end), at if odds.random() < 0.2 else None
        if muted is not None:
            spans.append(Span("CARD_NUMBER", channel, at * 8, (at + 1_400) * 8, 0.9, "numbers"))
            pcm[at * 8 : (at + 1_400) * 8, channel] = 0
        who, text = ("AGENT", "CUSTOMER")[channel], " ".join(one["Content"] for one in items)
        times = {"BeginOffsetMillis": at, "EndOffsetMillis": end}
        said = {"ParticipantId": who, "ParticipantRole": who}
        turns.append({**said, **times, "Content": text, "Items": items})
        at, channel = end + odds.randint(100, 1_500), 1 - channel
    return Made(pcm, json.dumps({"Transcript": turns}).encode(), tuple(spans))


def _speech(count: int, pitch: int, noise: np.random.Generator) -> npt.NDArray[np.int16]:
    """Something with the loudness and the roughness of a voice."""
    at = np.arange(count) / RATE
    voice = sum(np.sin(2 * np.pi * pitch * one * at) / one for one in range(1, 9))
    loud = np.clip(np.sin(2 * np.pi * 3.7 * at) + 0.35, 0, 1)
    return np.asarray((voice * loud * 4_000 + noise.normal(0, 900, count) * loud), np.int16)


def _items(odds: random.Random, start: int, end: int) -> list[dict[str, Any]]:
    items, at = list[dict[str, Any]](), start
    while at < end - 500:
        word = odds.choice(_TEXT.split())
        times = {"BeginOffsetMillis": at, "EndOffsetMillis": at + 60 * len(word) + 100}
        items.append({"Type": "pronunciation", "Content": word, **times})
        at += 60 * len(word) + 180
    return items


def stored(made: Made) -> StoredCall:
    """The call as the vault stores it."""
    writer = FlacWriter(RATE, 2)
    for start in range(0, len(made.pcm), 10 * RATE):
        writer.write(made.pcm[start : start + 10 * RATE])
    files = {
        f"{CALL}.flac": writer.finish(),
        f"{CALL}.json": made.transcript,
        f"{CALL}.vtt": b"WEBVTT\n",
        f"{CALL}.peaks": peaks(made.pcm, RATE),
    }
    certificate = build_certificate(
        Verdict(
            CallInfo(CALL, RATE, (Role.AGENT, Role.CUSTOMER)),
            passed=True,
            checks=(Check("leaks", passed=True, measured=0.0, limit=0.0),),
            end=CallEnd(CALL, 1, len(made.pcm)),
        ),
        load_policy("default"),
        spans=made.spans,
        mutes={Mute(one.channel, one.start, one.end, (one,)) for one in made.spans},
        models=set(),
        length=len(made.pcm),
        files=files,
    )
    files[f"{CALL}.certificate.json"] = certificate_json(certificate)
    return StoredCall(CALL, passed=True, certificate=certificate, files=files)


@contextmanager
def listening(app: Any) -> Iterator[str]:  # noqa: ANN401 - any ASGI app
    """An app on a port of the loopback."""
    socket_ = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = Thread(target=server.run, kwargs={"sockets": [socket_]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{socket_.getsockname()[1]}"
    server.should_exit = True
    thread.join(15)


def measured(page: Page, address: str, places: list[float]) -> dict[str, list[float]]:
    """First paints of several loads, and seeks on the last of them, in ms."""
    paints = []
    for _ in range(LOADS):
        page.goto(address)
        page.wait_for_function("document.querySelector('audio').readyState >= 1")
        paints.append(float(page.evaluate(_PAINT)))
    return {"paint": paints, "seek": [float(page.evaluate(_SEEK, at)) for at in places]}


def compared(browser: Browser, made: Console, folder: Path, seconds: int) -> dict[str, Any]:
    """The console beside plain files, turn about."""
    odds = random.Random(2)
    places = [round(odds.uniform(1, seconds - 2), 1) for _ in range(SEEKS)]
    looker = made.role("analyst")
    html = looker.get(f"/calls/{CALL}").text
    (folder / "call.flac").write_bytes(looker.get(f"/api/calls/{CALL}/audio").content)
    plain = Starlette(
        routes=[
            Route(f"/calls/{CALL}", lambda _: HTMLResponse(html)),
            Route(f"/api/calls/{CALL}/audio", lambda _: FileResponse(folder / "call.flac")),
            Route("/static/{name}", _file_of(made)),
            Route(f"/api/calls/{CALL}/peaks", _file_of(made)),
        ]
    )
    found: dict[str, Any] = {}
    with listening(made.app) as ours, listening(plain) as theirs:
        headers = {"Authorization": f"Bearer {made.token('analyst')}"}
        for name, address in (("console", ours), ("plain", theirs)):
            context = browser.new_context(bypass_csp=True, extra_http_headers=headers)
            page = context.new_page()
            found[name] = measured(page, f"{address}/calls/{CALL}", places)
            found[name]["nodes"] = page.evaluate("document.querySelectorAll('*').length")
            context.close()
    return found


def _file_of(made: Console) -> Any:  # noqa: ANN401 - an endpoint
    looker, known = made.role("analyst"), dict[str, tuple[bytes, str]]()

    def answer(request: Any) -> Any:  # noqa: ANN401
        path = request.url.path
        if path not in known:
            got = looker.get(path)
            known[path] = got.content, got.headers["content-type"]
        return HTMLResponse(known[path][0], media_type=known[path][1])

    return answer


def table(found: dict[str, Any], machine: dict[str, str], seconds: int, size: int) -> str:
    """The page for people."""
    rows = []
    for what, title, goal in (
        ("paint", "first paint", PAINT_GOAL_MS),
        ("seek", "seek", SEEK_GOAL_MS),
    ):
        ours, theirs = (sorted(found[one][what]) for one in ("console", "plain"))
        middle, most = statistics.median(ours), ours[len(ours) * 9 // 10]
        ratio = middle / max(1.0, statistics.median(theirs))
        told = (middle, most, ours[-1], statistics.median(theirs))
        figures = " | ".join(f"{one:.0f}" for one in told)
        met = "yes" if most < goal else "no"
        rows.append(f"| {title} | {figures} | {ratio:.1f} | {goal:.0f} | {met} |")
    about = (
        f"{machine['machine']}, {machine['when']}; FLAC of {size / 1e6:.0f} MB, "
        f"{found['console']['nodes']} elements on the page. The goal is for nine of ten."
    )
    return f"""# A call of {seconds / 60:.0f} minutes in the browser

{about}

| what, ms | median | nine of ten | worst | plain files, median | ratio | goal | met |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}
"""


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=3_600)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    asked = parser.parse_args()
    silence_server()
    call = stored(made_call(asked.seconds))
    with tempfile.TemporaryDirectory() as name, console(Path(name) / "console") as made:
        made.ledger.open_call(CALL)
        made.vault.store(call, keep_days=30)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            found = compared(browser, made, Path(name), asked.seconds)
            browser.close()
    machine = stamp()
    size = len(call.files[f"{CALL}.flac"])
    result = {**machine, "seconds": asked.seconds, "flac_bytes": size, **found}
    finish(asked.out, "call-page", result, table(found, machine, asked.seconds, size))


if __name__ == "__main__":
    main()
