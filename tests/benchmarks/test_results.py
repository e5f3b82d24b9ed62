"""How benchmarks end, and how the one of the whole pipeline sets work apart from start and stop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as whole
from benchmarks.__main__ import Cost
from benchmarks.results import finish, stamp

pytestmark = pytest.mark.unit


def test_a_result_is_written_twice_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result: dict[str, Any] = {**stamp(), "ratio": 0.5}
    finish(tmp_path / "new", "made", result, "# A page\n")
    assert json.loads((tmp_path / "new" / "made.json").read_text()) == result
    assert (tmp_path / "new" / "made.md").read_text() == "# A page\n"
    assert "# A page" in capsys.readouterr().out
    assert "cores" in result["machine"]


def test_work_is_what_is_left_without_start_and_stop() -> None:
    ours, start = [Cost(30, 50, 9), Cost(40, 50, 9), Cost(31, 52, 9)], [Cost(10, 20, 5)] * 3
    peer, begun = [Cost(40, 40, 9)] * 3, [Cost(2, 10, 5)] * 3
    assert whole._ratios(ours, peer) == {"wall": 31 / 40, "cpu": 1.25}
    less = whole._ratios(whole._less(ours, start), whole._less(peer, begun))
    assert less == {"wall": 21 / 38, "cpu": 1.0}


def test_a_command_that_fails_is_no_figure() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    cost = whole._cost([sys.executable, "-c", burn])
    assert cost.cpu_s >= 0.2
    assert cost.peak_mb > 1
    with pytest.raises(subprocess.CalledProcessError):
        whole._cost([sys.executable, "-c", "raise SystemExit(1)"])


def test_the_page_states_both_ratios() -> None:
    cost = {"wall_s": 50.0, "cpu_s": 60.0, "peak_mb": 400.0}
    begun = {"wall_s": 10.0, "cpu_s": 15.0, "peak_mb": 300.0}
    both = {"whole": {"wall": 0.9, "cpu": 1.2}, "work": {"wall": 0.7, "cpu": 1.1}}
    leaks = {"digits": [], "types": [], "harmless_muted_share": 0.05}
    result: dict[str, Any] = {
        "machine": "2 cores", "when": "2026-01-01", "load": [0.1, 2.0], "calls": 8,
        "audio_seconds": 400.0, "repeats": 3, "leaks": {"hushwire": leaks, "baseline": leaks},
        "whole": dict.fromkeys(whole.ENGINES, cost), "start": dict.fromkeys(whole.ENGINES, begun),
        "ratios": {"baseline": both, "bare": both},
    }  # fmt: skip
    text = whole.page(result)
    assert "| hushwire | 50.0 | 10.0 | 60.0 | 15.0 | 10.0 | 400 |" in text
    assert "| baseline | 0.90 | 0.70 | 1.20 | 1.10 |" in text
    assert "load of the machine before and after 0.1 and 2.0" in text
