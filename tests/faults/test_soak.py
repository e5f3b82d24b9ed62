"""Five minutes of steady load: nothing is lost, nothing piles up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.soak import run

pytestmark = [pytest.mark.broker, pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(1_500)]

GROWTH = 0.2
"""Wider than over an hour: five minutes after the start of a busy machine are not settled."""


def test_five_minutes_leave_nothing_behind(tmp_path: Path) -> None:
    soak = run(tmp_path, load=0.5, minutes=5)
    assert soak.sent > 0
    assert soak.restarts == 0, (tmp_path / "worker.log").read_text(encoding="utf-8")[-2_000:]
    assert soak.drained_s is not None
    assert set(soak.states) == {"stored"}, soak.states
    for name in ("memory_mb", "engines_mb", "handles", "threads"):
        assert soak.growth(name) < GROWTH, name
    assert max(look.temporary for look in soak.looks[-5:]) <= 2
