"""Killed and started again, the vault is the same, byte by byte, and the audit log whole."""

from __future__ import annotations

import hashlib
import random
import re
import signal
import uuid
from functools import partial
from pathlib import Path

import pytest

from agents.access.audit_log import AuditLog
from agents.access.hash_chain import Stated, read_export
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import CallState
from agents.upkeep.audit_checkpoints import KIND, VaultCheckpoints, certified
from agents.vault.file_store import open_place
from tests.broker.brokers import on_several_workers
from tests.broker.forked import Worker
from tests.broker.harness import Installation, script
from tests.waiting import until

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SIGNED = KIND.encode()
CALLS = tuple(f"slow-{number}" for number in range(6))


SCRIPTS = [script(name, first=place) for place, name in enumerate(CALLS)]


def _seed(worker: Worker) -> str:
    """In which order it goes through sets."""
    environment = Path(f"/proc/{worker.pid}/environ").read_bytes().decode()
    (found,) = re.findall(r"PYTHONHASHSEED=(\d+)", environment)
    return str(found)


def _are_heard(installation: Installation, windows: int) -> bool:
    return len(installation.read(installation.topics.words)) >= windows


@pytest.fixture(scope="module")
def undisturbed(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The vault of the same calls when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = Installation(bootstrap, folder, f"u{uuid.uuid4().hex[:8]}")
    try:
        made.start()
        made.interleave(SCRIPTS)
        assert set(made.until_closed(CALLS).values()) == {CallState.STORED}
        return made.stored()
    finally:
        made.close()


@on_several_workers
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_kill_nine_changes_nothing(
    installation: Installation, undisturbed: dict[str, str], times: int
) -> None:
    dice = random.Random(7)
    worker = installation.start()
    # The last call is open until it has its end, which comes after the kills.
    installation.interleave(SCRIPTS[:-1])
    installation.send(CALLS[-1], SCRIPTS[-1].chunks)
    installation.producer.flush()
    for heard in sorted(dice.sample(range(1, 2 * len(CALLS)), times)):
        until(partial(_are_heard, installation, heard), installation.log)
        assert worker.poll() is None
        worker.kill()
        assert worker.wait() == -signal.SIGKILL
        worker = installation.start()
    assert installation.ledger.state(CALLS[-1]) is CallState.OPEN
    installation.send(CALLS[-1], [SCRIPTS[-1].end])
    installation.producer.flush()
    states = installation.until_closed(CALLS)
    assert set(states.values()) == {CallState.STORED}, installation.log()
    assert len(undisturbed) == 6 * len(CALLS)
    _assert_same(installation.stored(), undisturbed)
    assert not installation.read(installation.topics.deadletter)
    installation.stop(worker)
    _assert_audited(installation)


@on_several_workers
def test_a_second_worker_takes_over(
    installation: Installation, undisturbed: dict[str, str]
) -> None:
    first = installation.start()
    installation.interleave(SCRIPTS)
    second = installation.start()
    assert _seed(first) != _seed(second)
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
