"""The demo makes its folder anew, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.demo import emptied

pytestmark = pytest.mark.unit


def test_a_vault_that_the_demo_did_not_make_stays(tmp_path: Path) -> None:
    ledger = tmp_path / "vault" / ".hushwire" / "ledger.db"
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes(b"theirs")
    assert not emptied(tmp_path)
    assert ledger.read_bytes() == b"theirs"


def test_what_the_demo_made_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    for _ in range(2):
        assert emptied(folder)
        assert not (folder / "vault").exists()
        (folder / "vault").mkdir()
