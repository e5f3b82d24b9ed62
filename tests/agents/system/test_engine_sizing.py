"""How many engines a machine bears, and what a pace and a device mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.system.engine_sizing import Batch, batching, cores, engine_count, window_settings

pytestmark = pytest.mark.unit


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 8),
        ("300000 100000", 3),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("1600000 100000", 8),
        ("", 8),
        ("nonsense", 8),
        ("100000 0", 8),
    ],
)
@pytest.mark.usefixtures("eight")
def test_the_containers_limit_counts(tmp_path: Path, quota: str, expected: int) -> None:
    write(tmp_path / "cpu.max", quota)
    assert cores(tmp_path) == expected


@pytest.mark.usefixtures("eight")
def test_the_older_layout_of_limits_counts_too(tmp_path: Path) -> None:
    write(tmp_path / "cpu" / "cpu.cfs_quota_us", "200000\n")
    write(tmp_path / "cpu" / "cpu.cfs_period_us", "100000\n")
    assert cores(tmp_path) == 2
    write(tmp_path / "cpu" / "cpu.cfs_quota_us", "-1\n")
    assert cores(tmp_path) == 8


@pytest.mark.usefixtures("eight")
def test_a_gpu_is_fed_by_one_process_and_what_is_set_counts(tmp_path: Path) -> None:
    assert engine_count(0, "cpu", cgroup=tmp_path) == 8
    assert engine_count(0, "cuda", cgroup=tmp_path) == 1
    assert engine_count(5, "cuda", cgroup=tmp_path) == 5


def test_a_free_process_waits_for_a_batch_only_on_a_gpu() -> None:
    assert batching("throughput", "cpu") == Batch(8, 0.0)
    assert batching("latency", "cpu") == Batch(4, 0.0)
    assert batching("latency", "cuda").wait_s < batching("throughput", "cuda").wait_s


def test_a_quicker_pace_closes_windows_sooner() -> None:
    quick, even, slow = (
        window_settings("latency"),
        window_settings("balanced"),
        window_settings("throughput"),
    )
    assert quick.span_ms < even.span_ms < slow.span_ms
    assert quick.pause_ms < even.pause_ms < slow.pause_ms
    assert quick.silent_ms < slow.silent_ms
