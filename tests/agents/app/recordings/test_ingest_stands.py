"""How a call stands: the one way of judging for all that send recordings."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from agents.app.recordings.ingest import STAGE, Outcome, digest_of, stands
from agents.database.call_ledger import CallState, Ledger
from agents.database.tables import CATALOGUE
from agents.system.owners import owner
from agents.vault.vault import Vault
from tests.agents.app.recordings.test_ingest import record, send
from tests.agents.storing import stored_call

pytestmark = pytest.mark.unit


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.embedded(tmp_path / "state")


def test_half_a_recording_that_was_stored_is_no_stored_recording(
    tmp_path: Path, ledger: Ledger
) -> None:
    """Its sender was killed, and workers ended what they had of it."""
    path = record(tmp_path / "c1.wav")
    ledger.open_call("c1", recording=digest_of(path), owner=owner(embedded=False))
    ledger.close_call("c1", CallState.STORED)
    result, sent = send(path, ledger)
    assert (result.outcome, result.call_id, sent) == (Outcome.STORED_IN_PART, "c1", [])
    assert not result.outcome.good
    assert "c1.wav: call c1: only a part of it is stored; --again" in result.problem
    result, sent = send(path, ledger, again=True)
    assert (result.outcome, result.call_id) == (Outcome.SENT, "c1.again2")
    assert len(sent) == 4
    ledger.close_call("c1.again2", CallState.STORED)
    for again in (False, True):
        result, sent = send(path, ledger, again=again)
        assert (result.outcome, result.call_id, sent) == (Outcome.STORED_BEFORE, "c1.again2", [])


@pytest.mark.parametrize(
    ("marks", "outcome"),
    [
        ((), Outcome.STORED_BEFORE),
        (("clipped",), Outcome.STORED_BEFORE),
        (("idle",), Outcome.STORED_IN_PART),
        (("clipped", "gap"), Outcome.STORED_IN_PART),
        (("incomplete",), Outcome.STORED_IN_PART),
    ],
)
@pytest.mark.parametrize("ended", [True, False])
def test_whether_all_is_stored_is_what_the_vault_says(
    tmp_path: Path, ledger: Ledger, marks: tuple[str, ...], outcome: Outcome, *, ended: bool
) -> None:
    """Also of a sender that was killed after the end, and of one whose records came too late."""
    path = record(tmp_path / "c1.wav")
    ledger.open_call("c1", recording=digest_of(path), owner=owner(embedded=False))
    if ended:
        ledger.finish("c1", STAGE)
    vault = Vault.opened(tmp_path / "vault", ledger)
    vault.store(stored_call("c1"), keep_days=30)
    with ledger.database.writing() as connection:
        connection.execute(update(CATALOGUE).values(marks=",".join(marks) or None))
    ledger.close_call("c1", CallState.STORED)
    told = vault.catalogue.get("c1")
    assert told.whole is (outcome is Outcome.STORED_BEFORE)  # what `watch` is told
    assert send(path, ledger)[0].outcome is outcome


def test_many_calls_are_judged_at_once(ledger: Ledger) -> None:
    names = [f"c{number}" for number in range(1_001)]
    for name in names[:3]:
        ledger.open_call(name)
    ledger.finish("c1", STAGE)
    assert stands(ledger.database, names) == {
        "c0": Outcome.SENT,
        "c1": Outcome.SENT_BEFORE,
        "c2": Outcome.SENT,
    }
    assert stands(ledger.database, []) == {}
