"""What analysts meet is counted: answers that were wanted by kind, all else as errors."""

from __future__ import annotations

import time

import pytest

from benchmarks.console import analysts
from benchmarks.console.analysts import Analyst, Seen, figures, told
from tests.ports import free_port

pytestmark = pytest.mark.unit


def test_what_nobody_answers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysts, "PAUSE_S", (0.0, 0.01))
    somebody = Analyst(f"http://127.0.0.1:{free_port()}", "token", ["call-1"], 1)
    met = somebody.work(time.monotonic() + 0.2)
    assert met.times == {}
    assert met.errors["login: ConnectError"] == 1
    assert met.errors["list: ConnectError"] >= 1


def test_the_page_names_errors_and_the_ratio_to_one_alone() -> None:
    alone, met = Seen(), Seen()
    alone.times["list"] = [0.01] * 10
    met.times["list"] = [0.02] * 19 + [0.5]
    met.times["search"] = [0.1]
    met.errors["audio range: 503, 40 bytes"] = 2
    page = told(
        {
            "machine": "two cores", "when": "2026-03-01", "analysts": 20, "seconds": 60.0,
            "calls": 9, "alone": figures(alone), "together": figures(met),
            "errors": dict(met.errors),
        }
    )  # fmt: skip
    assert "Errors: 2 of audio range: 503, 40 bytes." in page
    assert "| list | 20 | 20 | 500 | 10 | 10 | 2.0 |" in page
    assert "| search | 1 | 100 | 100 | - | - | - |" in page
