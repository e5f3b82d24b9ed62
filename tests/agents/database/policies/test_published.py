"""A worker takes up what is published for new calls, and nothing that it can't prove or read."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, update

from agents.access.audit_log import AuditLog
from agents.access.policy_versions import PolicyVersions
from agents.database.call_ledger import Ledger
from agents.database.policies.pins import Pins
from agents.database.policies.published import Following, InForce
from agents.database.tables import POLICY_VERSIONS
from agents.system.metrics import Metrics
from pipeline.errors import PolicyError, SealError, StoreError
from pipeline.policy.known_names import BUILT_IN, Known
from pipeline.policy.loading import load_policy

pytestmark = pytest.mark.unit

OWN = load_policy("default")
FIRST = 'name: first\nversion: "1"\n'
SECOND = 'name: second\nversion: "1"\n'
OWN_TYPE = 'name: third\nversion: "1"\nentities: {LOYALTY_ID: {threshold: 0.2}}\n'
FOLLOWING = Following(BUILT_IN)
WIDER = Known(entities=BUILT_IN.entities | {"LOYALTY_ID"})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.embedded(tmp_path / "state")


def versions(ledger: Ledger, *, two: bool = False) -> PolicyVersions:
    log = AuditLog(ledger.database)
    return PolicyVersions(ledger.database, ledger.kek, log, WIDER, OWN, two=two)


def worker(
    ledger: Ledger,
    metrics: Metrics | None = None,
    following: Following | None = FOLLOWING,
) -> InForce:
    return InForce(ledger.database, ledger.kek, OWN, following, metrics or Metrics())


def gauge(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"hushwire_policy_version{name}")


def test_until_something_is_published_the_settings_count(ledger: Ledger) -> None:
    versions(ledger).save_draft(FIRST, by="a")
    versions(ledger, two=True).publish(SECOND, by="a", reason="waits", laxer=True)
    assert worker(ledger).start() is OWN


def test_the_next_new_call_gets_what_was_published_and_an_open_one_keeps_its_own(
    ledger: Ledger,
) -> None:
    metrics = Metrics()
    in_force = worker(ledger, metrics)
    in_force.start()
    pins = Pins(ledger.database, in_force.policy, metrics)
    seals = {call: ledger.open_call(call).seal for call in ("before", "after")}
    assert pins.policy("before", seals["before"]) is OWN
    versions(ledger).publish(FIRST, by="a", reason="a", laxer=True)
    assert pins.policy("after", seals["after"]).name == "first"
    assert pins.policy("before", seals["before"]).digest == OWN.digest
    assert (in_force.number, in_force.current.name, gauge(metrics, "")) == (1, "first", 1.0)
    # Another stage, which was not told of anything, and one that follows nothing.
    for following in (FOLLOWING, None):
        other = Pins(ledger.database, worker(ledger, following=following).policy, Metrics())
        assert other.policy("after", seals["after"]).name == "first"
        assert other.policy("before", seals["before"]).digest == OWN.digest


def test_a_worker_that_is_told_to_go_by_its_settings_does(ledger: Ledger) -> None:
    versions(ledger).publish(FIRST, by="a", reason="a", laxer=True)
    assert worker(ledger, following=None).start() is OWN


def test_a_worker_begins_with_what_is_published(ledger: Ledger) -> None:
    versions(ledger).publish(FIRST, by="a", reason="a", laxer=True)
    assert worker(ledger).start().name == "first"


def test_a_version_that_was_changed_is_refused_with_an_alarm_and_the_old_one_stays(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = Metrics()
    in_force = worker(ledger, metrics)
    versions(ledger).publish(FIRST, by="a", reason="a", laxer=True)
    assert in_force.start().name == "first"
    second = versions(ledger).publish(SECOND, by="a", reason="b", laxer=True)
    with ledger.database.writing() as connection:
        mine = POLICY_VERSIONS.c.number == second.number
        connection.execute(update(POLICY_VERSIONS).where(mine).values(content=OWN.content))
    for _ in range(3):
        assert in_force.policy().name == "first"
    assert (gauge(metrics, ""), gauge(metrics, "_refused")) == (1.0, 2.0)
    with pytest.raises(SealError):
        worker(ledger).start()
    third = versions(ledger)
    with ledger.database.writing() as connection:
        connection.execute(delete(POLICY_VERSIONS).where(mine))
    third.publish(SECOND, by="a", reason="b", laxer=True)
    assert in_force.policy().name == "second"
    assert gauge(metrics, "_refused") == 0.0


def test_a_name_that_the_worker_does_not_know_is_refused(ledger: Ledger) -> None:
    metrics = Metrics()
    in_force = worker(ledger, metrics)
    versions(ledger).publish(OWN_TYPE, by="a", reason="a", laxer=True)
    assert in_force.policy() is OWN
    assert gauge(metrics, "_refused") == 1.0
    with pytest.raises(PolicyError, match=r"entities\.LOYALTY_ID is not known to this worker"):
        worker(ledger).start()
    assert worker(ledger, following=Following(WIDER)).start().name == "third"


def test_where_two_have_to_agree_one_person_s_version_is_refused(ledger: Ledger) -> None:
    metrics = Metrics()
    two = worker(ledger, metrics, Following(BUILT_IN, two=True))
    versions(ledger).publish(FIRST, by="a", reason="a", laxer=True)
    assert two.policy() is OWN
    assert gauge(metrics, "_refused") == 1.0
    made = versions(ledger, two=True).publish(SECOND, by="oidc:a", reason="a", laxer=True)
    assert two.policy() is OWN
    versions(ledger, two=True).approve(made.number, by="oidc:b")
    assert two.policy().name == "second"


def test_who_removes_the_newest_version_brings_no_older_one_back(ledger: Ledger) -> None:
    metrics = Metrics()
    in_force = worker(ledger, metrics)
    versions(ledger).publish(FIRST, by="a", reason="a", laxer=True)
    versions(ledger).publish(SECOND, by="a", reason="b", laxer=True)
    assert in_force.policy().name == "second"
    with ledger.database.writing() as connection:
        connection.execute(delete(POLICY_VERSIONS).where(POLICY_VERSIONS.c.number == 2))
    assert in_force.policy().name == "second"
    assert gauge(metrics, "_refused") == 1.0


def test_a_worker_that_starts_tells_of_a_newer_version_that_is_gone(
    ledger: Ledger,
) -> None:
    versions(ledger).publish(FIRST, by="a", reason="a", laxer=True)
    versions(ledger).publish(SECOND, by="a", reason="b", laxer=True)
    whole = Metrics()
    worker(ledger, whole).start()
    assert gauge(whole, "_refused") == 0.0
    with ledger.database.writing() as connection:
        mine = POLICY_VERSIONS.c.number == 2
        connection.execute(update(POLICY_VERSIONS).where(mine).values(state="withdrawn"))
    metrics = Metrics()
    in_force = worker(ledger, metrics)
    assert in_force.start().name == "first"
    assert gauge(metrics, "_refused") == 2.0
    with pytest.raises(PolicyError, match="version 2"):
        in_force.certain()
    versions(ledger).publish(SECOND, by="a", reason="c", laxer=True)
    assert in_force.certain().name == "second"


def test_a_version_that_was_never_written_is_no_alarm(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions(ledger).publish(FIRST, by="a", reason="a", laxer=True)

    def away(*_: object) -> None:
        raise StoreError("away")

    monkeypatch.setattr(PolicyVersions, "_seal", away)
    with pytest.raises(StoreError):
        versions(ledger).publish(SECOND, by="a", reason="b", laxer=True)
    metrics = Metrics()
    worker(ledger, metrics).start()
    assert gauge(metrics, "_refused") == 0.0
