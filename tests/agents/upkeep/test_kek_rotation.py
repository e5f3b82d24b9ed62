"""A rotation destroys no wrapping key that another ledger's calls need."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli.main import app
from agents.crypto.envelope import KeyEncryptionKey
from agents.database.call_ledger import Ledger
from agents.upkeep.kek_rotation import rotate
from pipeline.errors import InputError
from tests.agents.storing import new_ledger

pytestmark = pytest.mark.unit


@pytest.fixture
def keyset(tmp_path: Path) -> Path:
    """The key file of a ledger with an open call."""
    ledger = new_ledger(tmp_path / "prod")
    ledger.open_call("call-1")
    ledger.dispose()
    return tmp_path / "prod" / "kek.json"


@pytest.mark.parametrize("command", [("list",), ("rotate",), ("wrap", "--with", "hcvault://x/t/k")])
@pytest.mark.parametrize("named", ["folder", "url"])
def test_a_misspelt_ledger_is_refused_and_not_made(
    keyset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    named: str,
) -> None:
    monkeypatch.setenv("HUSHWIRE_KEYSET", str(keyset))
    before, fresh = keyset.read_bytes(), tmp_path / "fresh"
    fresh.mkdir()
    if named == "url":
        monkeypatch.setenv("HUSHWIRE_LEDGER_URL", f"sqlite:///{fresh / 'ledger.db'}")
    result = CliRunner().invoke(app, ["keys", *command, "--state-dir", str(fresh)])
    assert isinstance(result.exception, InputError)
    assert "holds no ledger" in str(result.exception)
    assert keyset.read_bytes() == before
    assert list(fresh.iterdir()) == []


def test_a_ledger_that_does_not_know_the_file_s_keys_does_not_replace_them(
    keyset: Path, tmp_path: Path
) -> None:
    before = keyset.read_bytes()
    new_ledger(tmp_path / "other").dispose()
    other = Ledger(f"sqlite:///{tmp_path / 'other' / 'ledger.db'}", KeyEncryptionKey(keyset))
    with pytest.raises(InputError, match="opened no call with"):
        rotate(keyset, other.database)
    assert keyset.read_bytes() == before
    other.dispose()
    ours = Ledger.embedded(keyset.parent)
    rotate(keyset, ours.database)
    assert ours.seal("call-1")
    ours.dispose()
