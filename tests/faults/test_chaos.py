"""One of every kind of fault on running calls: nothing is lost, and nothing leaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import chaos

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_calls_survive_one_of_every_kind_of_fault(tmp_path: Path) -> None:
    outcome = chaos.run(tmp_path, seed=1, faults=15, minutes=3, calls=16)
    assert all(line.times for line in outcome.faults.values())
    assert outcome.clean, outcome
    assert len(outcome.quarantined) < outcome.calls / 2
