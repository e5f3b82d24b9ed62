"""The arithmetic behind the delay from live edge to release."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.calls.planting import Labelled
from benchmarks.cost import releases
from benchmarks.cost.delay import Summary, live_chunks
from benchmarks.cost.releases import Release, growth, judged, match
from pipeline.records.model import CallInfo, Role
from pipeline.transcription.voice_activity import LoudnessVoice

pytestmark = pytest.mark.unit

EDGES = {("a", 0): 101.0, ("a", 1): 102.0, ("b", 0): 101.5, ("b", 1): 102.5}


def test_chunks_are_matched_by_call_and_number_and_repeats_count_once() -> None:
    came = [(("b", 0), 105.0), (("a", 1), 104.0), (("a", 0), 104.5), (("b", 0), 103.5)]
    assert match(EDGES, came) == [Release(101.0, 3.5), Release(101.5, 2.0), Release(102.0, 2.0)]


def test_a_chunk_that_was_never_sent_is_no_release() -> None:
    with pytest.raises(KeyError):
        match(EDGES, [(("c", 0), 105.0)])


def test_median_p95_and_longest_by_hand() -> None:
    found = Summary.of([20.0, *(float(number) for number in range(20))])
    assert found == Summary(21, 10.0, 19.0, 20.0)
    assert found.cells == "10.0 | 19.0 | 20.0"
    assert Summary.of([]) is None


def test_growth_is_seconds_of_delay_in_a_second() -> None:
    steady = [Release(1_000.0 + second, 3.0) for second in range(60)]
    behind = [Release(1_000.0 + second, 3.0 + 0.5 * second) for second in range(60)]
    assert growth(steady, 30.0) == pytest.approx(0.0)
    assert growth(behind, 30.0) == pytest.approx(0.5)


def test_windows_close_together_tell_no_growth() -> None:
    close = [Release(1_000.0 + second, 3.0 + second) for second in range(10)]
    assert growth(close, 30.0) is None
    assert growth([], 0.0) is None


def _judged(delays: list[float], wait: float = 0.0) -> dict[str, Any]:
    edges = {("a", number): 100.0 + number for number in range(60)}
    came = [Release(100.0 + number, delay) for number, delay in enumerate(delays)]
    waited = [Release(100.0 + number, 1.0 + wait * number) for number in range(60)]
    return judged(edges, words=came, waited=waited, redacted=came, verified=came)


def test_a_load_that_is_borne() -> None:
    found = _judged([3.0] * 60)
    assert found["kept_up"]
    assert found["verified"] == {"count": 60, "p50": 3.0, "p95": 3.0, "longest": 3.0}
    assert (found["left_s"], found["missing"]) == (3.0, 0)


@pytest.mark.parametrize(
    ("delays", "wait"),
    [
        pytest.param([3.0] * 60, 0.2, id="windows wait longer and longer"),
        pytest.param([120.0 - number for number in range(60)], 0.0, id="too much is left"),
        pytest.param([3.0] * 59, 0.0, id="a chunk never comes"),
        pytest.param([], 0.0, id="nothing comes"),
    ],
)
def test_a_load_that_is_too_much(delays: list[float], wait: float) -> None:
    assert not _judged(delays, wait)["kept_up"]


def test_what_a_call_holds_back_until_its_end_is_no_backlog() -> None:
    found = _judged([70.0 - number for number in range(60)])
    assert found["kept_up"]
    assert found["left_s"] == 11.0


def test_a_window_has_its_last_sample_and_the_chunk_that_closed_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The agent speaks in the second second, and the window closes in the fourth; the customer
    # speaks in the last half second.
    monkeypatch.setattr(releases, "SileroVoice", LoudnessVoice)
    rng = np.random.default_rng(7)
    pcm = np.zeros((40_000, 2), np.int16)
    pcm[8_000:16_000, 0] = rng.integers(-9_000, 9_000, 8_000)
    pcm[28_000:32_000, 1] = rng.integers(-9_000, 9_000, 4_000)
    call = Labelled(CallInfo("a", 8_000, (Role.AGENT, Role.CUSTOMER)), pcm, {})
    chunks = list(live_chunks(call, 1.0, 4.0))
    edges = {("a", chunk.seq): 101.0 + chunk.seq for chunk in chunks}
    spoken, closed = releases._windows([chunks], edges, "latency")
    assert [round(edge, 1) for edge in spoken.values()] == [102.2, 104.0]
    assert closed == {next(iter(spoken)): 104.0}


def test_the_page_tells_what_did_not_come_and_what_was_too_much() -> None:
    borne = {**_judged([3.0] * 60), "growth": 0.04} | {
        "pace": "latency", "calls": 1, "load_before": 0.25,
    }  # fmt: skip
    nothing = {**_judged([]), "growth": None} | {
        "pace": "throughput", "calls": 5, "load_before": 6.0,
    }  # fmt: skip
    text = releases.page(
        {
            "machine": "2 cores, A, B",
            "when": "2026-01-01",
            "seconds": 60.0,
            "engines": 2,
            "runs": [borne, nothing],
        }
    )
    assert text.startswith("2 cores, A, B; 2026-01-01.")
    assert (
        "| latency | 1 | 3.0 | 3.0 | 3.0 | 3.0 | 3.0 | 3.0 "
        "| 3.0 | 3.0 | 3.0 | +0.04 | 3.0 | 0 of 60 | yes | 0.2 |"
    ) in text
    assert (
        "| throughput | 5 | none | | | none | | | none | | | none | 0.0 | 60 of 60 "
        "| **no: the backlog grew** | 6.0 |"
    ) in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_a_short_recording_begins_anew_and_chunks_stay_whole() -> None:
    pcm = np.arange(25, dtype=np.int16).repeat(2).reshape(25, 2)
    info = CallInfo("a", 10, (Role.AGENT, Role.CUSTOMER))
    chunks = list(live_chunks(Labelled(info, pcm, {}), 1.0, 5.0))
    assert [(chunk.seq, chunk.start, chunk.end) for chunk in chunks] == [
        (0, 0, 10), (1, 10, 20), (2, 20, 30), (3, 30, 40), (4, 40, 50),
    ]  # fmt: skip
    assert [int(chunk.pcm[0, 0]) for chunk in chunks] == [0, 10, 0, 10, 0]
