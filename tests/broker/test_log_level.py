"""The level of a process's log changes by signals, while it works; its children are left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.crypto.transit_hybrid import TransitPrivate, write_public
from tests.broker.harness import Installation, script
from tests.ports import free_port
from tests.waiting import HANG_S, until

pytestmark = [pytest.mark.broker]


class Process:
    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agents", *command],
                env={**os.environ, **environment},
                stderr=file,
            )

    def lines(self, event: str) -> list[dict[str, Any]]:
        text = self._log.read_text("utf-8")
        lines = [json.loads(one) for one in text.splitlines() if one.startswith("{")]
        return [one for one in lines if one["event"] == event]

    def until(self, event: str, count: int = 1) -> dict[str, Any]:
        def look() -> list[dict[str, Any]]:
            ended = self.process.poll() is not None
            found = self.lines(event)
            assert found[count - 1 :] or not ended, self._log.read_text("utf-8")
            return found[count - 1 :]

        return until(look, lambda: self._log.read_text("utf-8"), every_s=0.1)[0]

    def level(self, number: signal.Signals, count: int) -> str:
        """Send a signal; the level that the process tells."""
        self.process.send_signal(number)
        return str(self.until("log level changed", count)["state"])


@contextmanager
def running(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[Process]:
    made = Process(command, folder / "log", environment)
    try:
        yield made
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(HANG_S) == 0
    finally:
        made.process.kill()
        made.process.wait()


def walk(one: Process) -> None:
    """From info to debug and back; debug is the most there is."""
    assert one.level(signal.SIGUSR1, 1) == "debug"
    assert one.level(signal.SIGUSR1, 2) == "debug"
    assert one.level(signal.SIGUSR2, 3) == "info"


def test_of_a_worker(installation: Installation, tmp_path: Path) -> None:
    state = tmp_path / "state"
    told = {
        "HUSHWIRE_STATE_DIR": str(state),
        "HUSHWIRE_BOOTSTRAP": installation.bootstrap,
        "HUSHWIRE_TOPIC_PREFIX": installation.prefix,
        "HUSHWIRE_PARTITIONS": str(installation.partitions),
    }
    with running(["worker", "mute"], tmp_path, told) as worker:
        worker.until("worker ready")
        one = script("quiet")
        installation.send("quiet", one.chunks[:2])
        installation.producer.flush()
        time.sleep(2)
        assert not worker.lines("record taken")
        assert worker.level(signal.SIGUSR1, 1) == "debug"
        installation.send("quiet", one.chunks[2:4])
        installation.producer.flush()
        taken = worker.until("record taken", 2)
        assert (taken["level"], taken["stage"], taken["call_id"]) == ("debug", "mute", "quiet")
        assert worker.level(signal.SIGUSR2, 2) == "info"
        before = len(worker.lines("record taken"))
        installation.send("quiet", one.chunks[4:6])
        installation.producer.flush()
        time.sleep(2)
        assert len(worker.lines("record taken")) == before
        for number in range(200):  # in the middle of whatever it does
            worker.process.send_signal(signal.SIGUSR1 if number % 2 else signal.SIGUSR2)
        worker.until("log level changed", 3)


def test_of_a_gateway(installation: Installation, tmp_path: Path) -> None:
    public = tmp_path / "public.json"
    private = TransitPrivate.load_or_create(tmp_path / "transit-private.json")
    write_public(public, private.public)
    secrets = tmp_path / "secrets"
    secrets.write_text("token a-token-of-a-test\n")
    secrets.chmod(0o600)
    told = {
        "HUSHWIRE_BOOTSTRAP": installation.bootstrap,
        "HUSHWIRE_TOPIC_PREFIX": installation.prefix,
        "HUSHWIRE_TRANSIT_PUBLIC_KEY": str(public),
        "HUSHWIRE_GATEWAY_TELNYX_SECRETS": str(secrets),
        "HUSHWIRE_GATEWAY_PORT": str(free_port()),
        "HUSHWIRE_GATEWAY_HEALTH_PORT": str(free_port()),
    }
    with running(["gateway"], tmp_path, told) as gateway:
        gateway.until("serving")
        walk(gateway)


def test_of_a_console(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir(exist_ok=True)
    told = {"HUSHWIRE_STATE_DIR": str(tmp_path / "state"), "HUSHWIRE_API_PORT": str(free_port())}
    with running(["serve", "--vault", str(tmp_path / "vault")], tmp_path, told) as console:
        console.until("serving")
        walk(console)
