"""``hushwire evaluate`` on result files: what it prints, writes and exits with."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agents.cli import main
from agents.reports.evaluation_report import write_html, write_json
from agents.reports.plots import curves, intervals
from pipeline.errors import StoreError
from pipeline.evaluation.figures.comparison import compare
from pipeline.evaluation.figures.statistics import Estimate
from pipeline.evaluation.scoring.results import CallScore, Evaluation, FoundSpan, Item, Point

pytestmark = pytest.mark.unit

FIRST = Evaluation(
    "live",
    "words",
    (
        Item("c1/a:CARD_NUMBER", "c1", "CARD_NUMBER", 16, 12, leaked=True, cause="found in part"),
        Item("c2/a:PERSON", "c2", "PERSON", 2, 2, leaked=False),
    ),
    (
        CallScore("c1", 10, 0),
        CallScore("c2", 10, 1),
        CallScore("n<1>", 5, 0, negative=True, tags=("price",)),
    ),
    spans=(FoundSpan("c1", "CARD_NUMBER", 1, 100, 900, 0.8),),
    curve=(Point("PERSON", 0.0, 0.5, 1.0), Point("PERSON", 0.5, 1.0, 0.5)),
)  # fmt: skip
SECOND = replace(
    FIRST,
    name="candidate",
    items=(replace(FIRST.items[0], covered=16, leaked=False, cause=""), FIRST.items[1]),
    spans=(FoundSpan("c1", "CARD_NUMBER", 1, 100, 1_500, 0.8),),
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    for evaluation in (FIRST, SECOND):
        write_json(tmp_path / f"{evaluation.name}.json", evaluation, None, [])
    return str(tmp_path / "live.json"), str(tmp_path / "candidate.json")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hushwire", "evaluate", *arguments])
    with pytest.raises(SystemExit) as caught:
        main.main()
    return int(caught.value.code or 0)


def test_two_results_are_compared(
    monkeypatch: pytest.MonkeyPatch, files: tuple[str, str], capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    out = tmp_path / "deep" / "out.json"
    page = tmp_path / "page.html"
    code = run(monkeypatch, "text", "--compare", *files, "--json", str(out), "--html", str(page))
    assert code == 0
    said = capsys.readouterr().out
    assert "second: candidate, against first: live" in said
    assert "stretches that detection silences" in said
    written = json.loads(out.read_text())
    assert written["comparison"]["audible"]["value"] == -4
    assert written["totals"]["leaked"] == 0
    assert written["entities"][0]["precision"]["value"] is None
    (stretch,) = written["comparison"]["stretches"]
    assert (stretch["start_ms"], stretch["end_ms"], stretch["only"]) == (900, 1_500, "second")
    assert "c1/a:CARD_NUMBER" in page.read_text()
    assert "Stretches that only one silences" in page.read_text()


@pytest.mark.parametrize(
    ("order", "gate", "code"),
    [(1, "card=1", 0), (-1, "card=1", 1), (-1, "card=0.75", 0), (1, "iban=0.5", 1)],
)
def test_the_gate_is_the_second_ones(
    monkeypatch: pytest.MonkeyPatch, files: tuple[str, str], order: int, gate: str, code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    arguments = ["text", "--compare", *files[::order], "--min-recall", gate]
    assert run(monkeypatch, *arguments) == code
    assert ("gate: " in capsys.readouterr().err) == bool(code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text"], "at least one file"),
        (["text", "nowhere.jsonl"], "cannot be read"),
        (["text", "x", "--min-recall", "card"], "card=0.98"),
        (["text", "x", "--compare", "a.json", "default"], "not one of each"),
        (["text", "x", "--compare", "a.json", "b.json"], "cannot be read"),
        (["audio", "m.jsonl"], "either --redacted DIR or --run"),
        (["audio", "m.jsonl", "--run", "--redacted", "d"], "either --redacted DIR or --run"),
        (["audio", "m.jsonl", "--redacted", "d"], "cannot be read"),
        (["audio", "m.jsonl", "--redacted", "d", "--compare", "pci", "hipaa"], "is one result"),
    ],
)
def test_what_is_wrong_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str],
    message: str,
) -> None:  # fmt: skip
    assert run(monkeypatch, *arguments) == 2
    assert message in capsys.readouterr().err


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_html(page, SECOND, compare(FIRST, SECOND), ["CARD_NUMBER: too little"])
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href)=["'](?!#)|url\(|<script""", text)
    assert "CARD_NUMBER: too little" in text
    assert "n<1>" not in text
    with pytest.raises(StoreError):
        write_html(page / "x.html", SECOND, None, [])


def test_both_axes_of_a_curve_have_numbers(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_html(page, FIRST, None, [])
    drawn = re.findall(r'<svg class="curve".*?</svg>', page.read_text(), re.DOTALL)
    assert drawn
    for curve in drawn:
        for number in ("0%", "50%", "100%"):
            assert curve.count(f">{number}</text>") == 2


def test_an_axis_begins_at_a_round_place() -> None:
    drawn = intervals([("A", 3, Estimate(0.9, 0.8, 1.0)), ("B", 1, Estimate(1.0, 1.0, 1.0))])
    assert [text for _, text in drawn.ticks] == ["75%", "80%", "85%", "90%", "95%", "100%"]
    assert (drawn.rows[0].low, drawn.rows[0].value, drawn.rows[1].value) == (
        pytest.approx(120), pytest.approx(360), 600,
    )  # fmt: skip
    assert intervals([("A", 3, Estimate(0.2, 0.1, 0.4))]).ticks[0] == (0, "0%")


def test_a_curve_runs_from_low_to_high_thresholds() -> None:
    (curve,) = curves(FIRST.curve)
    assert curve.line == "120.0,60.0 60.0,0.0"
    assert curve.dots[1][2] == "threshold 0.50: recall 50.0%, precision 100.0%"
