"""What many calls need, from costs to workers, bytes and money; files that hold no measurement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.app.operations.sizing.costs import Basis, Costs, read_basis, shipped_costs
from agents.app.operations.sizing.need import MOST_PARTITIONS, calls_per_core, need
from agents.cli.main import app
from pipeline.errors import InputError

pytestmark = pytest.mark.unit

BENCH = {
    "measured": [
        {
            "model": name,
            "device": device,
            "seconds_per_audio_second": cost,
            "memory_mb": 900,
            "machine": "a machine",
            "date": "2026-01-01",
        }
        for name, device, cost in (
            ("base", "cpu", 0.2),
            ("tiny", "cuda", 0.007),
            ("base", "cuda", 0.01),
        )
    ],
    "advised": "base",
}  # fmt: skip


def file(folder: Path, content: object) -> Path:
    path = folder / "measured.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_what_ships_is_what_the_page_of_sizing_says() -> None:
    basis = Basis.of(shipped_costs())
    page = (Path(__file__).parents[5] / "docs" / "sizing.md").read_text("utf-8")
    assert f"One core bears {calls_per_core(basis):.1f} calls" in page
    for name, stage in basis.costs.stages.items():
        assert f"| {name} | {stage.cpu_s:.4f} |" in page
    for calls in (10, 1_000):
        found = need(calls, basis)
        assert f"| {calls:,} | {found.cores:,} | {found.engine_cores:,} |" in page


def test_two_thousand_calls() -> None:
    found = need(2_000, Basis.of(shipped_costs()), call_s=300.0)
    by_name = {one.name: one for one in found.stages}
    assert by_name["transcribe"].engines == 226  # 2000 * 0.0791 / 0.7
    assert {one.workers for one in found.stages} == {32}  # of 64 calls
    assert (found.partitions, found.calls_in_flight) == (64, 64)
    assert found.broker_mb_s == pytest.approx(192.6)
    assert found.broker_disk_gb == pytest.approx(192.6e6 * 86_400 * 3 / 1e9)
    assert found.ledger_calls_s == pytest.approx(2_000 / 300)
    assert found.machines == 10
    assert found.price(0.05) == pytest.approx(10 * 32 * 0.05)


def test_one_channel_is_half_and_says_so() -> None:
    basis = Basis.of(shipped_costs())
    both, one = need(2_000, basis), need(2_000, basis, channels=1)
    assert one.broker_mb_s == both.broker_mb_s / 2
    assert one.cores in range(both.cores // 2, both.cores // 2 + 2)
    assert any("proportional" in note for note in one.notes)
    assert not any("proportional" in note for note in both.notes)


def test_more_calls_than_partitions_bear_need_larger_workers() -> None:
    found = need(100_000, Basis.of(shipped_costs()))
    assert found.workers == found.partitions == MOST_PARTITIONS
    assert found.calls_in_flight > 100_000 / MOST_PARTITIONS
    assert any("more than 512 partitions bear" in note for note in found.notes)


def test_live_calls_take_more_engines() -> None:
    costs = shipped_costs().model_copy(update={"latency_factor": 1.5})
    live, stored = Basis.of(costs, live=True), Basis.of(costs)
    assert live.engines.transcribe_s == pytest.approx(1.5 * stored.engines.transcribe_s)
    assert live.engines.verify_s == stored.engines.verify_s
    assert need(100, live).engine_cores > need(100, stored).engine_cores
    assert "1.50 times" in need(100, live).notes[0]


def test_a_gpu_is_reckoned_from_a_measurement_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no GPU was measured by us, and no figure is made up"):
        read_basis(None, "cuda")
    with pytest.raises(InputError, match="is a measurement of CPUs"):
        read_basis(file(tmp_path, shipped_costs().model_dump(mode="json")), "cuda")
    basis = read_basis(file(tmp_path, BENCH), "cuda")
    costs = shipped_costs()
    share = costs.stages["verify"].cpu_s / costs.stages["transcribe"].cpu_s
    assert basis.engines.transcribe_s == 0.01  # the advised model, not the first
    assert basis.engines.verify_s == pytest.approx(share * 0.01)
    found = need(2_000, basis)
    assert found.gpus == -(-2_000 * 0.01 * (1 + share) // 0.7)
    assert found.engine_cores == 0
    rest = sum(costs.stages[name].cpu_s for name in ("detect", "mute", "vault"))
    assert found.cores == pytest.approx(2_000 * rest / 0.7 + found.gpus, abs=1)
    assert "the share that was measured on CPUs" in found.notes[0]


def test_engines_of_a_machine_of_ones_own(tmp_path: Path) -> None:
    basis = read_basis(file(tmp_path, BENCH), "cpu")
    assert (basis.engines.transcribe_s, basis.engines.engine_mb) == (0.2, 900)
    assert basis.engines.verify_s == shipped_costs().stages["verify"].cpu_s


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no json", "is no measurement"),
        ("[1]", "is no measurement"),
        ("{}", "is no measurement; `hushwire models bench --to FILE` writes one"),
        ({"measured": []}, "has no measurement of cpu, but of nothing"),
        ({"measured": [{"model": "x"}]}, "measured.0.device"),
        ({"when": "x", "stages": {}}, "machine: Field required"),
        (
            {
                "when": "x", "machine": "y", "stages": {}, "mb_per_call": 1, "broker_cpu_s": 1,
                "broker_bytes": 1, "vault_bytes": 1,
            },
            "stages without a cost: detect, mute",
        ),
    ],
)  # fmt: skip
def test_what_is_no_measurement_is_told(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_basis(file(tmp_path, content), "cpu")
    with pytest.raises(InputError, match="cannot be read"):
        read_basis(tmp_path / "none", "cpu")


def test_a_cost_of_nothing_is_refused(tmp_path: Path) -> None:
    costs = shipped_costs().model_dump(mode="json")
    costs["stages"]["mute"]["cpu_s"] = 0
    with pytest.raises(InputError, match=r"stages\.mute\.cpu_s"):
        read_basis(file(tmp_path, costs), "cpu")


def test_the_command() -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["size", "--calls", "2000", "--price-per-core-hour", "0.04"])
    assert done.exit_code == 0
    assert "transcribe\t32\t226\t226" in done.stdout
    assert "cost\t12.80 an hour" in done.stdout
    assert "note: speech engines: measured on" in done.stdout
    told = json.loads(runner.invoke(app, ["size", "--calls", "2000", "--json"]).stdout)
    found = need(2_000, Basis.of(shipped_costs()))
    assert (told["partitions"], told["cores"]) == (found.partitions, found.cores)
    assert "cost_per_hour" not in told
    assert isinstance(
        runner.invoke(app, ["size", "--calls", "5", "--device", "gpu"]).exception, InputError
    )


def test_a_measurement_is_read_as_it_was_written(tmp_path: Path) -> None:
    costs = shipped_costs()
    assert Costs.model_validate_json(costs.model_dump_json()) == costs
    assert read_basis(file(tmp_path, costs.model_dump(mode="json")), "cpu").costs == costs
