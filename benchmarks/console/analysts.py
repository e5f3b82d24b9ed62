"""Twenty analysts at once on one `hushwire serve`: that nothing fails, and how slow it gets.

    python -m benchmarks.console.analysts [--seconds N] [--analysts N] [--calls N] [--out DIR]

The server is the real process on a port of the loopback, with SQLite and a vault of made-up calls
of a minute, each with its audio, waveform, transcript, certificate, facts and words. Every analyst
logs in with a token of their own and works on: a list, a search, a call's page with waveform and
three ranges of its audio, analytics; between two of these they wait as people do. One of them alone
comes first: how much slower all together are is told as a ratio. Any answer that is not the one
wanted, or none, is an error, and ends the benchmark with 1.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import Role as Access
from agents.database.call_ledger import CallState, Ledger
from agents.database.known_keys import known_token_key
from agents.settings.model import Settings
from agents.vault.analytics.fact_keeper import FactKeeper
from agents.vault.analytics.search_index import SearchIndex
from agents.vault.vault import Vault
from benchmarks.console.made_up import word
from benchmarks.results import finish, stamp
from pipeline.analytics.peaks import peaks
from pipeline.analytics.topics import shipped_topics
from pipeline.audio.files import FlacWriter
from pipeline.evidence.certificate import build_certificate, certificate_json
from pipeline.evidence.stored_call import StoredCall
from pipeline.evidence.transcript import build_transcript, to_call_analytics, to_json
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallEnd, CallInfo, Check, Role, Verdict, Word
from tests.ports import free_port

SECONDS: Final = 300.0
ANALYSTS: Final = 20
CALLS: Final = 200
LENGTH_S: Final = 60
RATE: Final = 8_000
WORDS: Final = 2_000
START_S: Final = 60.0
RANGE: Final = 128 * 1024
RANGES: Final = 3
PAUSE_S: Final = (1.0, 4.0)
"""How long somebody looks at what they got."""
ALONE_MOST_S: Final = 60.0
KINDS: Final = ("list", "search", "call page", "waveform", "audio range", "analytics")
OWN_SITE: Final = {"Sec-Fetch-Site": "same-origin"}


@dataclass(slots=True)
class Seen:
    """What one or many analysts met."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds by kind, of answers that were the one wanted."""
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: Seen) -> None:
        """Take in what another met."""
        for kind, times in other.times.items():
            self.times[kind] += times
        self.errors += other.errors


class Analyst:
    """Somebody at a browser.

    Args:
        address: of the server.
        token: their own.
        calls: ids.
        seed: of what they do.
    """

    def __init__(self, address: str, token: str, calls: list[str], seed: int) -> None:
        self._address, self._token, self._calls = address, token, calls
        self._odds, self.seen = random.Random(seed), Seen()

    def work(self, until: float) -> Seen:
        """Work until a time of the monotonic clock."""
        with httpx.Client(base_url=self._address, trust_env=False, timeout=60) as browser:
            self._ask(browser, "login", "/login", 303, data={"token": self._token})
            deeds = (self._list, self._search, self._look, self._figures)
            self._list(browser)  # where everybody begins
            while time.monotonic() < until:
                time.sleep(self._odds.uniform(*PAUSE_S))
                self._odds.choice(deeds)(browser)
        return self.seen

    def _list(self, browser: httpx.Client) -> None:
        chosen = self._odds.choice(("", "?sort=-duration", "?sort=-muted", "?shortest=30"))
        self._ask(browser, "list", f"/{chosen}", 200)

    def _search(self, browser: httpx.Client) -> None:
        self._ask(browser, "search", f"/?q={word(self._odds.randrange(WORDS // 4))}", 200)

    def _look(self, browser: httpx.Client) -> None:
        call = self._odds.choice(self._calls)
        self._ask(browser, "call page", f"/calls/{call}", 200)
        self._ask(browser, "waveform", f"/api/calls/{call}/peaks", 200)
        for _ in range(RANGES):
            begin = self._odds.randrange(RANGE)
            wanted = {"Range": f"bytes={begin}-{begin + RANGE - 1}"}
            self._ask(browser, "audio range", f"/api/calls/{call}/audio", 206, headers=wanted)

    def _figures(self, browser: httpx.Client) -> None:
        self._ask(browser, "analytics", "/analytics", 200)

    def _ask(
        self,
        browser: httpx.Client,
        kind: str,
        path: str,
        status: int,
        *,
        headers: dict[str, str] | None = None,
        data: dict[str, str] | None = None,
    ) -> None:
        began = time.perf_counter()
        try:
            method = "GET" if data is None else "POST"
            answer = browser.request(
                method, path, headers={**OWN_SITE, **(headers or {})}, data=data
            )
        except httpx.HTTPError as error:
            self.seen.errors[f"{kind}: {type(error).__name__}"] += 1
            return
        if answer.status_code != status or (status == 206 and len(answer.content) != RANGE):
            self.seen.errors[f"{kind}: {answer.status_code}, {len(answer.content)} bytes"] += 1
            return
        self.seen.times[kind].append(time.perf_counter() - began)


def fill(folder: Path, calls: int, analysts: int) -> tuple[list[str], list[str]]:
    """Store calls and make tokens; ids of the calls, and the tokens."""
    state = folder / "state"
    ledger = Ledger.embedded(state)
    try:
        vault = Vault.opened(folder / "vault", ledger)
        token = Settings().token_key_file(state)
        key = known_token_key(ledger.database).ensured(token)
        keeper = FactKeeper(vault, SearchIndex(key), shipped_topics())
        pcm = np.random.default_rng(1).normal(0, 900, (LENGTH_S * RATE, 2)).astype(np.int16)
        writer = FlacWriter(RATE, 2)
        writer.write(pcm)
        audio, waveform = writer.finish(), peaks(pcm, RATE)
        names = [f"call-{number:05}" for number in range(calls)]
        for seed, name in enumerate(names):
            ledger.open_call(name)
            vault.store(_stored(name, seed, audio, waveform), keep_days=3_650)
            keeper.keep(name, {"agent": f"Agent {'ABCDEFGH'[seed % 8]}", "direction": "inbound"})
            ledger.close_call(name, CallState.STORED)
        tokens = Tokens(ledger.database, AuditLog(ledger.database))
        lives = timedelta(days=1)
        return names, [
            tokens.create(Access.ANALYST, f"Analyst {number}", lives, by="bench")[1]
            for number in range(analysts)
        ]
    finally:
        ledger.dispose()


def _stored(name: str, seed: int, audio: bytes, waveform: bytes) -> StoredCall:
    odds, call = random.Random(seed), CallInfo(name, RATE, (Role.AGENT, Role.CUSTOMER))
    said = [
        Word(place // 8 % 2, at, at + RATE // 3, word(int(odds.paretovariate(0.7)) % WORDS), 0.9)
        for place, at in enumerate(range(0, (LENGTH_S - 1) * RATE, RATE // 2))
    ]
    length = LENGTH_S * RATE
    files = {
        f"{name}.flac": audio,
        f"{name}.json": to_json(to_call_analytics(build_transcript(call, length, said, ()))),
        f"{name}.vtt": b"WEBVTT\n",
        f"{name}.peaks": waveform,
    }
    certificate = build_certificate(
        Verdict(
            call,
            passed=True,
            checks=(Check("leaks", passed=True, measured=0.0, limit=0.0),),
            end=CallEnd(name, 1, length),
        ),
        load_policy("default"),
        spans=[],
        mutes=set(),
        models=set(),
        length=length,
        files=files,
    )
    files[f"{name}.certificate.json"] = certificate_json(certificate)
    return StoredCall(name, passed=True, certificate=certificate, files=files)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """`hushwire serve` over what ``fill`` made; its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "agents", "serve", "--vault", str(folder / "vault")]
    command += ["--state-dir", str(folder / "state"), "--port", str(port)]
    with (folder / "serve.log").open("wb") as told:
        process = subprocess.Popen(command, stderr=told, env={**os.environ, "COLUMNS": "200"})
        try:
            _until_up(address, process)
            yield address
            if process.poll() is not None:
                raise SystemExit(f"the server ended by itself: {process.returncode}")
        finally:
            process.terminate()
            process.wait(30)


def _until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{address}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise SystemExit("the server does not start")


def together(address: str, tokens: list[str], calls: list[str], seconds: float) -> Seen:
    """What analysts meet who work at the same time."""
    until, met = time.monotonic() + seconds, Seen()
    with ThreadPoolExecutor(len(tokens)) as threads:
        for one in threads.map(
            lambda pair: Analyst(address, pair[1], calls, pair[0]).work(until), enumerate(tokens)
        ):
            met.add(one)
    return met


def figures(met: Seen) -> dict[str, dict[str, float]]:
    """How many there were of each kind, and median and 95th percentile in ms."""
    return {
        kind: {
            "answers": len(times),
            "p50": statistics.median(times) * 1_000,
            "p95": sorted(times)[min(len(times) - 1, int(0.95 * len(times)))] * 1_000,
        }
        for kind in KINDS
        if (times := met.times.get(kind))
    }


def told(result: dict[str, Any]) -> str:
    """The page."""
    alone, all_of_them = result["alone"], result["together"]
    failed = "; ".join(f"{count} of {what}" for what, count in result["errors"].items())
    about = (
        f"{result['machine']}, {result['when']}; SQLite, {result['calls']} calls of {LENGTH_S} s. "
        f"Errors: {failed or 'none'}. The ratio is that of the medians, to one analyst alone in "
        "the same run."
    )
    lines = [
        f"# {result['analysts']} analysts at once for {result['seconds']:.0f} s",
        "",
        about,
        "",
        "| what | answers | p50, ms | p95, ms | alone: p50, ms | p95, ms | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for kind, one in all_of_them.items():
        first = alone.get(kind)
        compared = "- | - | -"  # one alone has not come to it
        if first:
            ratio = one["p50"] / first["p50"]
            compared = f"{first['p50']:.0f} | {first['p95']:.0f} | {ratio:.1f}"
        lines.append(
            f"| {kind} | {one['answers']} | {one['p50']:.0f} | {one['p95']:.0f} | {compared} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure; 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--analysts", type=int, default=ANALYSTS)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--out", type=Path, default=Path("build/console"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        calls, tokens = fill(folder, asked.calls, asked.analysts)
        with serving(folder) as address:
            alone = together(address, tokens[:1], calls, min(asked.seconds, ALONE_MOST_S))
            met = together(address, tokens, calls, asked.seconds)
    result = {
        **stamp(),
        "analysts": asked.analysts,
        "seconds": asked.seconds,
        "calls": asked.calls,
        "alone": figures(alone),
        "together": figures(met),
        "errors": dict(alone.errors + met.errors),
    }
    finish(asked.out, "console-analysts", result, told(result))
    return 1 if result["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
