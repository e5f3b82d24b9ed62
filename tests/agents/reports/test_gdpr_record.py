"""The record of processing says what is configured, and no more."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agents.cli import main
from agents.reports.gdpr_record import UNKNOWN, record_of
from agents.settings.model import Settings
from agents.settings.policies import read_policy

pytestmark = pytest.mark.unit

POLICY = """
name: own
version: "7"
retention: {default: 30, complaint: 400}
entities:
  CARD_NUMBER: {action: mute}
  PERSON: {action: keep}
  URL: {action: count}
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(POLICY, encoding="utf-8")
    return Settings(
        policy=str(tmp_path / "own.yaml"),
        policy_source="settings",
        purposes=("complaint",),
        raw_retention_seconds=7_200,
        audit_days=500,
        quarantine_hours=5,
        keyset="hcvault://vault.example/transit/keys/hush",
        ledger_url="postgresql+psycopg://user:secret@db.example/hushwire",
        topic_prefix="ours",
        controller_name="Example | Ltd",
        controller_purposes="quality; training",
    )


def test_it_states_policy_retention_and_measures(settings: Settings, tmp_path: Path) -> None:
    record = record_of(settings, tmp_path, "s3://bucket/calls")
    retention = {row.what: row.told for row in record.retention}
    assert retention["stored call, purpose default"].startswith("30 days")
    assert retention["stored call, purpose complaint"].startswith("400 days")
    assert retention["sealed raw audio and words on the broker"].startswith("2 hours")
    assert (retention["key of a quarantined call"], retention["audit log, without content"]) == (
        "5 hours",
        "500 days",
    )
    data = {row.what: row.told for row in record.data}
    assert data["Names: Person"] == "kept audible by the policy"
    assert data["Contact: URL"] == "kept audible and counted"
    assert "Card number" in next(what for what in data if what.startswith("Payment"))
    means = {row.what: row.told for row in record.means}
    assert read_policy(settings).digest in means["policy"]
    assert "ours.audio.raw" in means["topics"]
    assert means["vault"] == "s3://bucket/calls"
    security = {row.what: row.told for row in record.security}
    assert "hcvault://vault.example" in security["wrapping key"]
    assert record.purposes[:2] == ("quality", "training")


def test_it_holds_no_password_and_admits_what_it_can_not_know(
    settings: Settings, tmp_path: Path
) -> None:
    record = record_of(settings, tmp_path, None)
    page = record.markdown()
    assert "secret" not in page + json.dumps(record.as_json())
    assert all(one in page for one in UNKNOWN)
    assert "set HUSHWIRE_CONTROLLER_DPO" in page
    assert "| name | Example \\| Ltd |" in page
    assert "not de-identified" in page


def test_the_command_prints_both(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUSHWIRE_POLICY", settings.policy)
    monkeypatch.setenv("HUSHWIRE_PURPOSES", "complaint")
    for arguments in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["hushwire", "records-of-processing", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        if arguments:
            assert json.loads(shown)["schema"] == "hushwire.records-of-processing.v1"
        else:
            assert shown.startswith("# Record of processing activities")
