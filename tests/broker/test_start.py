"""A worker takes nothing before its models are there."""

from __future__ import annotations

import select
import signal
import time
from pathlib import Path

import pytest

from agents.crypto.pseudonym_secret import read_or_make_key
from agents.database.call_ledger import CallState
from agents.database.known_keys import known_token_key
from agents.system.fatal_exit import ExitCode
from tests.broker.harness import Installation, script
from tests.waiting import HANG_S, until

pytestmark = pytest.mark.broker

JOINED_S = 6.0
"""A worker that did not wait for its models would have joined and read by then."""


def until_loading(loaded: Path) -> None:
    """Wait until a worker has begun to load."""
    until(loaded.with_suffix(".begun").exists)


def test_nothing_is_taken_before_the_models_are_loaded(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = installation.folder / "loaded"
    monkeypatch.setenv("LOADING_OF_TEST", str(loaded))
    installation.interleave([script("waiting", seconds=4)])
    worker = installation.spawn()
    until_loading(loaded)
    assert not select.select([worker.stdout], [], [], JOINED_S)[0], installation.log()
    topics = installation.topics
    assert installation.ledger.state("waiting") is CallState.OPEN
    for topic in (topics.deadletter, topics.words):
        assert not installation.read(topic)
    loaded.touch()
    assert worker.stdout.readline() == "ready\n", installation.log()
    assert installation.until_closed(["waiting"]) == {"waiting": CallState.STORED}


@pytest.mark.parametrize("bootstrap", ["embedded"], indirect=True)
def test_a_missing_model_ends_the_worker_and_leaves_the_calls(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.interleave([script("left", seconds=2)])
    monkeypatch.setenv("LOADING_OF_TEST", "missing")
    worker = installation.spawn()
    assert worker.wait(HANG_S) != 0
    assert "a test's model is missing" in installation.log()
    assert installation.ledger.state("left") is CallState.OPEN
    assert not installation.committed("transcribe", installation.topics.audio_raw)


@pytest.mark.parametrize("bootstrap", ["embedded"], indirect=True)
def test_a_worker_stops_while_its_models_load(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = installation.folder / "loaded"
    monkeypatch.setenv("LOADING_OF_TEST", str(loaded))
    worker = installation.spawn()
    until_loading(loaded)
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    loaded.touch()
    assert worker.wait(HANG_S) == 0, installation.log()


def test_a_worker_ends_whose_token_key_is_replaced(installation: Installation) -> None:
    """What it names from then on nobody would find."""
    worker = installation.start()
    path = installation.folder / "state" / "tokens.key"
    path.unlink()
    known_token_key(installation.ledger.database).replace(read_or_make_key(path))
    assert worker.wait(HANG_S) == ExitCode.KEY, installation.log()
    assert "tokens.key: is another one" in installation.log()
    installation.start()
