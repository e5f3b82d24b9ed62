"""``hushwire keys new``: keys for workers that find them as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.cli.main import app
from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import Ledger
from pipeline.errors import StoreError

pytestmark = pytest.mark.unit


def new(state: Path) -> Result:
    return CliRunner().invoke(app, ["keys", "new", "--state-dir", str(state)])


def test_both_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    first = new(tmp_path)
    assert first.exit_code == 0
    assert first.output.count("is made, and belongs into a backup") == 2
    files = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    assert files.keys() == {"kek.json", "tokens.key"}
    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}
    again = new(tmp_path)
    assert again.output.count("was there already") == 2
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == files
    # Nothing of them is shown.
    assert files["tokens.key"].decode().strip() not in first.output + again.output


def test_a_key_that_calls_need_is_not_made_anew(tmp_path: Path) -> None:
    new(tmp_path)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = Ledger(url, KeyEncryptionKey(tmp_path / "kek.json"))
    ledger.open_call("call")
    ledger.dispose()
    (tmp_path / "kek.json").unlink()
    refused = new(tmp_path)
    assert isinstance(refused.exception, StoreError)
    assert "is missing" in str(refused.exception)
    assert not (tmp_path / "kek.json").exists()
