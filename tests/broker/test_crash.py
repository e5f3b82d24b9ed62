"""Killed and started again, the vault is the same, byte by byte, and the audit log whole."""

from __future__ import annotations

import hashlib
import random
import time
import uuid

import pytest

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import Stated, read_export
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState
from agents.upkeep.audit_checkpoints import KIND, VaultCheckpoints, certified
from agents.vault.file_store import open_place
from tests.broker.brokers import on_both
from tests.broker.harness import Installation, script

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SIGNED = KIND.encode()
CALLS = tuple(f"slow-{number}" for number in range(6))


def _sent(installation: Installation) -> None:
    installation.interleave([script(name, first=place) for place, name in enumerate(CALLS)])


@pytest.fixture(scope="module")
def undisturbed(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The vault of the same calls when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = Installation(bootstrap, folder, f"u{uuid.uuid4().hex[:8]}")
    try:
        made.start()
        _sent(made)
        assert set(made.until_closed(CALLS).values()) == {CallState.STORED}
        return made.stored()
    finally:
        made.close()


@on_both
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_kill_nine_changes_nothing(
    installation: Installation, undisturbed: dict[str, str], times: int
) -> None:
    dice = random.Random(7)
    worker = installation.start()
    _sent(installation)
    for _ in range(times):
        time.sleep(dice.uniform(0.5, 2.5))
        worker.kill()
        worker.wait()
        worker = installation.start()
    states = installation.until_closed(CALLS)
    assert set(states.values()) == {CallState.STORED}, installation.log()
    assert len(undisturbed) == 6 * len(CALLS)
    _assert_same(installation.stored(), undisturbed)
    assert not installation.read(installation.topics.deadletter)
    installation.stop(worker)
    _assert_audited(installation)


@on_both
def test_a_second_worker_takes_over(
    installation: Installation, undisturbed: dict[str, str]
) -> None:
    first = installation.start()
    _sent(installation)
    installation.start()
    installation.stop(first)
    states = installation.until_closed(CALLS)
    assert set(states.values()) == {CallState.STORED}, installation.log()
    _assert_same(installation.stored(), undisturbed)
    assert not installation.read(installation.topics.deadletter)


def _assert_audited(installation: Installation) -> None:
    """Every call's end is in the chain once, with its certificate, and all of it is signed."""
    key = SigningKey.load(installation.folder / "state" / "signing.pem").public
    log = AuditLog(installation.ledger.database)
    seen = log.verify({key.key_id: key})
    assert (seen.first, seen.last, seen.unsigned, seen.problems) == (1, len(CALLS), 0, ())
    entries, _ = read_export(log.export())
    calls = installation.folder / "vault" / "calls"
    assert {one.subject: one.facts["certificate"] for one in entries} == {
        name: hashlib.sha256((calls / name / f"{name}.certificate.json").read_bytes()).hexdigest()
        for name in CALLS
    }
    told = [
        (dict(one.headers()), one.value()) for one in installation.read(installation.topics.audit)
    ]
    ids = {headers["ce_id"].decode() for headers, _ in told if headers["ce_type"] != SIGNED}
    assert ids == {one.event_id for one in entries}
    # The last checkpoint lies outside the database too.
    place = open_place(installation.folder / "vault")
    last = VaultCheckpoints(place).all()[-1]
    assert (last.seq, last.hash) == (seen.last, entries[-1].hash)
    published = [value for headers, value in told if headers["ce_type"] == SIGNED]
    assert last in read_export(published)[1]
    named = [one for one in certified(place, {key.key_id: key}) if isinstance(one, Stated)]
    assert len(named) == len(CALLS)
    assert log.verify({key.key_id: key}, kept=[last], outside=named).problems == ()


def _assert_same(stored: dict[str, str], undisturbed: dict[str, str]) -> None:
    assert set(stored) == set(undisturbed)
    for name, content in stored.items():
        assert content.splitlines() == undisturbed[name].splitlines(), name
