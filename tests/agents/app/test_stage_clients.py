"""The stages of a worker that also takes archives' calls."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents.app.stage_clients import Loaded, made_readings
from agents.app.wiring import worker_config
from agents.runtime.batching import LiveFirst
from agents.settings.model import Settings
from agents.system.metrics import Metrics

pytestmark = pytest.mark.unit


def test_an_archive_holds_half_of_what_live_calls_hold(tmp_path: Path) -> None:
    settings = Settings(
        bootstrap="127.0.0.1:1", state_dir=tmp_path / "state", backfill=True, calls_in_flight=10
    )
    config = worker_config(["mute"], None, settings)
    first = LiveFirst()
    parts: Any = SimpleNamespace(ledger=None, metrics=Metrics(), key=None, store=None, live=first)
    live, archive = made_readings(config, parts, Loaded(None, None))
    assert (live.after, archive.after) == (None, first)
    assert (live.config.limits.calls, archive.config.limits.calls) == (10, 5)
    assert archive.config.limits.held_bytes * 2 == live.config.limits.held_bytes
