"""Whoever states the policy in force states the version that was published, or says why not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update

from agents.access.policy_versions import PolicyVersions
from agents.app.checks.doctor import examine
from agents.app.operations.overview import Operations
from agents.database.call_ledger import Ledger
from agents.database.policies.of_installation import policy_in_force, policy_of
from agents.database.tables import POLICY_VERSIONS
from agents.reports.compliance import rules
from agents.reports.gdpr_record import record_of
from agents.settings.model import Settings
from pipeline.errors import PolicyError, SealError, StoreError

pytestmark = pytest.mark.unit

DOCUMENT = 'name: acme\nversion: "7"\nextends: [default]\nretention: {default: 77}\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state")


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    assert settings.state_dir is not None
    return Ledger.embedded(settings.state_dir)


def publish(settings: Settings, ledger: Ledger) -> None:
    PolicyVersions.of(settings, ledger).publish(DOCUMENT, by="oidc:a", reason="a", laxer=True)


def test_reports_and_pages_state_the_version_that_was_published(
    settings: Settings, ledger: Ledger, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    publish(settings, ledger)
    assert policy_in_force(settings, ledger).name == policy_of(settings, state).name == "acme"
    assert rules.policy(settings, state, date(2026, 3, 1)).name == "acme"
    assert any("77" in row.told for row in record_of(settings, state, None).retention)
    (found,) = [one for one in examine(settings, state, None) if one.what == "policy"]
    assert "acme, version 7" in found.told
    assert Operations(settings, ledger).look().versions.policy == "acme 7"


def test_where_the_settings_are_to_count_they_are_stated(
    settings: Settings, ledger: Ledger, tmp_path: Path
) -> None:
    publish(settings, ledger)
    own = settings.model_copy(update={"policy_source": "settings"})
    assert policy_in_force(own, ledger).name == policy_of(own, tmp_path / "state").name == "default"


def test_without_a_version_no_ledger_and_no_key_is_needed(
    settings: Settings, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    assert policy_of(settings, state).name == "default"
    assert not state.exists()
    ledger = Ledger.embedded(state)
    ledger.open_call("a")
    (state / "kek.json").unlink()
    assert policy_of(settings, state).name == "default"
    publish(settings, ledger)
    with pytest.raises(StoreError):
        policy_of(settings, state)


def test_a_version_that_no_worker_takes_up_is_not_stated(
    settings: Settings, ledger: Ledger, tmp_path: Path
) -> None:
    publish(settings, ledger)
    two = settings.model_copy(update={"policy_approval": "two"})
    with pytest.raises(PolicyError, match="nobody else approved it"):
        policy_in_force(two, ledger)
    with ledger.database.writing() as connection:
        mine = POLICY_VERSIONS.c.number == 1
        connection.execute(update(POLICY_VERSIONS).where(mine).values(author="oidc:b"))
    with pytest.raises(SealError):
        policy_in_force(settings, ledger)
    (found,) = [one for one in examine(settings, tmp_path / "state", None) if one.what == "policy"]
    assert "no worker starts with it" in found.advice
    assert "acme" not in Operations(settings, ledger).look().versions.policy
