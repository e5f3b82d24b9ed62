"""A call keeps the policy that it began with, whatever the workers are told meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from agents.database.call_ledger import CallState, Ledger
from agents.database.policies.pins import Pins
from agents.database.tables import TRANSIT_KEYS
from agents.system.metrics import Metrics
from pipeline.errors import PolicyError, SealError
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EchoRule, Policy

pytestmark = pytest.mark.unit

ONE = load_policy("default")
OTHER = load_policy("pci+hipaa")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.embedded(tmp_path / "state")
    for call in ("call-1", "call-2"):
        made.open_call(call)
    return made


def pinned(
    ledger: Ledger, policy: Policy, call_id: str = "call-1", metrics: Metrics | None = None
) -> Policy:
    """What a worker with a policy works on a call by."""
    pins = Pins(ledger.database, lambda: policy, metrics or Metrics())
    return pins.policy(call_id, ledger.seal(call_id))


def test_the_first_worker_s_policy_stands_for_all_of_the_call(ledger: Ledger) -> None:
    assert pinned(ledger, ONE) is ONE
    found = pinned(ledger, OTHER)
    assert (found.digest, found.rule("PIN"), found.hold) == (ONE.digest, ONE.rule("PIN"), ONE.hold)
    assert pinned(ledger, OTHER, "call-2") is OTHER
    assert pinned(ledger, ONE, "call-2").digest == OTHER.digest


def test_a_version_that_another_thread_takes_up_meanwhile_does_not_mix_in(ledger: Ledger) -> None:
    new = [ONE]
    pins = Pins(ledger.database, lambda: new[0], Metrics())
    pin = pins._pin

    def meanwhile(call_id: str, pinned: bytes) -> None:
        pins._pin = pin  # type: ignore[method-assign]
        new[0] = OTHER
        pins.policy("call-2", ledger.seal("call-2"))
        pin(call_id, pinned)

    pins._pin = meanwhile  # type: ignore[method-assign]
    worked_by = pins.policy("call-1", ledger.seal("call-1"))
    assert worked_by.digest == pinned(ledger, OTHER).digest == ONE.digest


def test_calls_under_another_policy_are_counted(ledger: Ledger) -> None:
    metrics = Metrics()
    pinned(ledger, ONE)
    for call in ("call-1", "call-2"):
        pinned(ledger, OTHER, call, metrics)
    assert metrics.registry.get_sample_value("hushwire_calls_pinned_otherwise_total") == 1.0


def test_a_policy_of_an_older_version_keeps_its_digest(ledger: Ledger) -> None:
    content = ONE.content.replace(f'"echo":{ONE.echo.model_dump_json()},', "")
    older = Policy.restored(content)
    assert older.echo == EchoRule()
    assert older.digest != ONE.digest
    pinned(ledger, older)
    assert pinned(ledger, ONE).digest == older.digest


def test_a_copy_with_a_change_has_a_digest_of_its_own() -> None:
    restored = Policy.restored(ONE.content)
    assert restored.digest == restored.model_copy().digest == ONE.digest
    assert restored.model_copy(update={"version": "2"}).digest != ONE.digest


def test_a_policy_of_a_newer_version_is_left_to_newer_workers(ledger: Ledger) -> None:
    newer = Policy.restored(ONE.content)
    newer._content = newer.content[:-1] + ',"added_later":{}}'
    pinned(ledger, newer)
    with pytest.raises(PolicyError, match=r"added_later.*upgrade"):
        pinned(ledger, ONE)


@pytest.mark.parametrize("what", ["changed", "another call's", "in clear"])
def test_a_pin_that_its_call_s_key_did_not_seal_does_not_open(ledger: Ledger, what: str) -> None:
    for call in ("call-1", "call-2"):
        pinned(ledger, ONE, call)
    with ledger.database.writing() as connection:
        pins = dict(connection.execute(select(TRANSIT_KEYS.c.call_id, TRANSIT_KEYS.c.policy)).all())
        forged = {
            "changed": pins["call-1"][:-1] + bytes([pins["call-1"][-1] ^ 1]),
            "another call's": pins["call-2"],
            "in clear": OTHER.content.encode(),
        }[what]
        mine = TRANSIT_KEYS.c.call_id == "call-1"
        connection.execute(update(TRANSIT_KEYS).where(mine).values(policy=forged))
    with pytest.raises(SealError):
        pinned(ledger, OTHER, "call-1")
    assert pinned(ledger, OTHER, "call-2").digest == ONE.digest


def test_the_pin_goes_with_the_key(ledger: Ledger) -> None:
    pinned(ledger, ONE, "call-1")
    ledger.close_call("call-1", CallState.STORED)
    with ledger.database.reading() as connection:
        left = connection.scalars(select(TRANSIT_KEYS.c.call_id)).all()
    assert left == ["call-2"]


def test_a_call_that_was_reset_is_pinned_anew(ledger: Ledger) -> None:
    pinned(ledger, ONE)
    ledger.forget_open(["call-1"])
    ledger.open_call("call-1")
    assert pinned(ledger, OTHER) is OTHER
