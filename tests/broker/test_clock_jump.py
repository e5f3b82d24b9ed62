"""The clock of a worker jumps 400 days ahead and back: nothing that is stored is destroyed."""

from __future__ import annotations

import signal
import time

import pytest

from agents.database.call_ledger import CallState
from tests.broker.harness import Installation, script
from tests.waiting import until

pytestmark = [pytest.mark.broker]

CALLS = ("slow-0", "slow-1")


def test_a_clock_that_jumps_destroys_nothing(installation: Installation) -> None:
    worker = installation.start()
    installation.interleave([script(name, first=place) for place, name in enumerate(CALLS)])
    assert set(installation.until_closed(CALLS).values()) == {CallState.STORED}
    installation.ledger.open_call("bad")
    installation.ledger.close_call("bad", CallState.QUARANTINED)
    before = installation.stored()
    worker.send_signal(signal.SIGUSR1)
    told = ("retention not swept", "quarantines not ended")
    until(lambda: all(one in installation.log() for one in told), installation.log)
    assert "sweep_refused" in installation.log()
    # A call that passes meanwhile dates the audit log anew: the clock is no better for it.
    installation.interleave([script("slow-2", first=2)])
    assert installation.until_closed(["slow-2"]) == {"slow-2": CallState.STORED}
    refused = installation.log().count("sweep_refused")
    until(lambda: installation.log().count("sweep_refused") > refused, installation.log)
    worker.send_signal(signal.SIGUSR2)
    time.sleep(2.0)
    after = installation.stored()
    assert {name: after[name] for name in before} == before
    assert installation.ledger.quarantined_seal("bad")
    installation.stop(worker)
