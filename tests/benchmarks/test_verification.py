from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.quality.verification import KINDS, Result, page
from benchmarks.results import finish

pytestmark = pytest.mark.unit


def test_figures_are_written_and_told(tmp_path: Path) -> None:
    result = Result(calls=2, harmless_ms=10_000.0, more_muted_ms=100.0, first_cpu_s=2.0)
    result.planted[KINDS[0]] += 3
    result.silenced[KINDS[0]] += 2
    result.missed.append("order: name")
    stamped = {"machine": "a machine", "when": "2026-01-05"}
    finish(tmp_path, "verification", {**stamped, **result.figures()}, page(result, stamped))
    kept = json.loads((tmp_path / "verification.json").read_text(encoding="utf-8"))
    assert kept["planted"] == {KINDS[0]: 3}
    assert kept["missed"] == ["order: name"]
    told = (tmp_path / "verification.md").read_text(encoding="utf-8")
    assert f"| {KINDS[0]} | 3 | 2 | 0 | 1 |" in told
    assert "0.10 s of 10 s harmless speech muted in addition (1.00 %)" in told
