"""The list of audit events is complete, by construction, and documented; exports hold them."""

from __future__ import annotations

import json
import re
import stat
import sys
from pathlib import Path

import pytest

from agents.access.audit_events import KINDS, table
from agents.access.audit_log import AuditLog, Event
from agents.cli import main
from agents.database.call_ledger import Ledger

pytestmark = pytest.mark.unit


def test_only_listed_kinds_can_be_written() -> None:
    for kind in ("hushwire.audit.made-up.v1", "call-closed", "hushwire.audit.call-closed.v2", ""):
        with pytest.raises(ValueError, match="not listed"):
            Event("id", "call-1", kind, {})


def test_every_kind_that_the_code_names_is_listed_and_the_page_shows_them_all() -> None:
    root = Path(__file__).parents[3]
    source = "".join(
        path.read_text("utf-8")
        for package in ("agents", "console")
        for path in sorted((root / package).rglob("*.py"))
    )
    named = set(re.findall(r"hushwire\.audit\.([a-z-]+)\.v1", source))
    named |= set(re.findall(r"\baudit\([^)\"]*\"([a-z-]+)\"", source))
    assert named - {"entry", "checkpoint"} <= set(KINDS)
    assert len(named) > 10
    page = (root / "docs" / "certificates.md").read_text("utf-8")
    assert table() in page


def test_an_export_to_a_file_is_written_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger.embedded(tmp_path / "state")
    kind = "hushwire.audit.call-closed.v1"
    for number in range(3):
        AuditLog(ledger.database).append(Event(f"{number}/{kind}", str(number), kind, {}))
    ledger.dispose()
    file = tmp_path / "audit.jsonl"
    state = ["--state-dir", str(tmp_path / "state")]
    for out in ([], ["--out", str(file)]):
        monkeypatch.setattr(sys, "argv", ["hushwire", "audit", "export", *out, *state])
        with pytest.raises(SystemExit) as ended:
            main.main()
        assert ended.value.code == 0
    assert file.read_text("utf-8") == capsys.readouterr().out
    assert [json.loads(line)["seq"] for line in file.open(encoding="utf-8")] == [1, 2, 3]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
