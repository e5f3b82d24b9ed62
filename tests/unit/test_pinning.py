"""A call keeps the policy that it began with, whatever the workers are told meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, update

from agents.ledger import Ledger
from agents.metrics import Metrics
from agents.pinning import Pins
from agents.tables import CALLS, POLICIES
from pipeline.errors import PolicyError, StoreError
from pipeline.policy import EchoRule, Policy, load_policy

pytestmark = pytest.mark.unit

ONE = load_policy("default")
OTHER = load_policy("pci+hipaa")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.embedded(tmp_path / "state")
    for call in ("call-1", "call-2"):
        made.open_call(call)
    return made


def pins(ledger: Ledger, policy: Policy) -> Pins:
    return Pins(ledger.database, policy, Metrics())


def test_the_first_worker_s_policy_stands_for_all_of_the_call(ledger: Ledger) -> None:
    one, other = pins(ledger, ONE), pins(ledger, OTHER)
    assert one.policy("call-1") is ONE
    found = other.policy("call-1")
    assert (found.digest, found.rule("PIN"), found.hold) == (ONE.digest, ONE.rule("PIN"), ONE.hold)
    assert other.policy("call-2") is OTHER
    assert one.policy("call-2").digest == OTHER.digest
    # After a restart, too.
    assert pins(ledger, OTHER).policy("call-1").digest == ONE.digest


def test_calls_under_another_policy_are_counted(ledger: Ledger) -> None:
    metrics = Metrics()
    pins(ledger, ONE).policy("call-1")
    other = Pins(ledger.database, OTHER, metrics)
    for call in ("call-1", "call-2"):
        other.policy(call)
    assert metrics.registry.get_sample_value("hushwire_calls_pinned_otherwise_total") == 1.0


def test_a_policy_of_an_older_version_keeps_its_digest(ledger: Ledger) -> None:
    content = ONE.content.replace(f'"echo":{ONE.echo.model_dump_json()},', "")
    older = Policy.restored(content)
    assert older.echo == EchoRule()
    assert older.digest not in {
        ONE.digest,
        Policy.restored(ONE.content).model_copy(update={"version": "2"}).digest,
    }
    pins(ledger, older).policy("call-1")
    assert pins(ledger, ONE).policy("call-1").digest == older.digest


def test_a_copy_with_a_change_has_a_digest_of_its_own() -> None:
    restored = Policy.restored(ONE.content)
    assert restored.digest == restored.model_copy().digest == ONE.digest
    assert restored.model_copy(update={"version": "2"}).digest != ONE.digest


def test_a_policy_of_a_newer_version_is_left_to_newer_workers(ledger: Ledger) -> None:
    newer = Policy.restored(ONE.content)
    newer._content = newer.content[:-1] + ',"added_later":{}}'
    pins(ledger, newer).policy("call-1")
    with pytest.raises(PolicyError, match=r"added_later.*upgrade"):
        pins(ledger, ONE).policy("call-1")


@pytest.mark.parametrize("what", ["missing", "changed"])
def test_a_policy_that_is_missing_or_changed_in_the_ledger_is_refused(
    ledger: Ledger, what: str
) -> None:
    pins(ledger, ONE).policy("call-1")
    with ledger.database.writing() as connection:
        if what == "missing":
            connection.execute(delete(POLICIES))
        else:
            connection.execute(update(POLICIES).values(content=OTHER.content))
    with pytest.raises(StoreError, match=what):
        pins(ledger, OTHER).policy("call-1")


def test_a_call_that_was_reset_is_pinned_anew(ledger: Ledger) -> None:
    pins(ledger, ONE).policy("call-1")
    ledger.reset_open_calls()
    ledger.open_call("call-1")
    assert pins(ledger, OTHER).policy("call-1") is OTHER


def test_calls_of_before_there_were_pins_are_pinned_when_they_are_read(ledger: Ledger) -> None:
    with ledger.database.writing() as connection:
        connection.execute(update(CALLS).values(policy=None))
    assert pins(ledger, OTHER).policy("call-1") is OTHER
