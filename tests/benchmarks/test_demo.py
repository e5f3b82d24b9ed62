"""The demo makes its folder anew, and no other."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from agents.reports.call_report import ReportCall, ReportMute
from benchmarks import demo
from benchmarks.demo import _table, emptied
from pipeline.errors import InputError
from pipeline.evaluation.scoring.leak_scoring import LeakReport

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


def test_the_table_counts_muted_intervals_and_says_so() -> None:
    mutes = tuple(ReportMute(0, 0, 500, entity) for entity in ("PERSON", "PIN", "PIN"))
    call = ReportCall("order", ("mixed",), 1_000, (), mutes, verified=True)
    console = Console(file=io.StringIO(), width=200)
    console.print(_table([call], LeakReport(())))
    assert isinstance(console.file, io.StringIO)
    assert "muted intervals, by strongest type" in console.file.getvalue()
    assert "PIN 2, PERSON 1" in console.file.getvalue()


def test_it_says_at_once_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    def away(*_: object, **__: object) -> None:
        said.append(capsys.readouterr().out)
        raise InputError("no such samples")

    monkeypatch.setattr(demo, "run_folder", away)
    monkeypatch.setattr(sys, "argv", ["demo", "--to", str(tmp_path / "demo")])
    assert demo.main() == 2
    assert said[0].startswith("8 made-up calls")
