"""Faults on running calls: nothing is lost, and nothing leaks.

``make test`` has three kinds of them that no other test brings while calls run, on the embedded
broker; what a kill, a takeover and a crash of the broker do is in ``tests/broker/test_crash.py``
and ``tests/broker/test_leak_scan_faults.py``. One of every kind is part of ``make nightly``, 200 of
them are ``make chaos``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.kafka.embedded_broker import EmbeddedBroker
from tests.broker.canaries import WORDS
from tests.broker.harness import Installation, Script, script
from tests.faults import chaos
from tests.faults.judging import Outcome, judge
from tests.waiting import HANG_S

pytestmark = [pytest.mark.broker, pytest.mark.slow]

FEW = ("engine killed", "disk full", "ledger locked")
CALLS = 4


@dataclass(frozen=True)
class Calm:
    """Calls that nothing disturbed, and the broker that carried them."""

    bootstrap: str
    calls: list[Script]
    made: Installation


@pytest.fixture
def calm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calm]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("SCRIPTED_WORDS", " ".join(WORDS))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    calls = [script(f"slow-{number}", first=number, seconds=4) for number in range(CALLS)]
    with EmbeddedBroker() as broker:
        alone = chaos.installation(broker.bootstrap, tmp_path / "calm")
        chaos.run_alone(alone, calls, {})
        yield Calm(broker.bootstrap, calls, alone)
        alone.close()


def test_calls_survive_three_faults(
    calm: Calm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos, "BETWEEN_S", (0.1, 0.5))
    made = chaos.installation(calm.bootstrap, tmp_path / "chaos")
    try:
        running = chaos.Chaos(made, None, None, 1, only=FEW)
        outcome = running.run(calm.calls, len(FEW), HANG_S)
        outcome.orphans = running.orphans()
        judge(outcome, made, calm.calls, [calm.made], folders=[tmp_path])
    finally:
        made.close()
    assert_survived(outcome)
    assert not outcome.quarantined
    assert outcome.searched_mb > 0.1


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_calls_survive_one_of_every_kind_of_fault(tmp_path: Path) -> None:
    outcome = chaos.run(tmp_path, seed=1, faults=15, minutes=3, calls=16)
    assert_survived(outcome)
    assert len(outcome.quarantined) < outcome.calls / 2


def assert_survived(outcome: Outcome) -> None:
    assert all(line.times for line in outcome.faults.values())
    assert outcome.clean, outcome
