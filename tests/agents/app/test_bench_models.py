"""Which model a machine should take, and what is counted as a wrong word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agents.app.evaluation import bench_models
from agents.app.evaluation.bench_models import (
    Measured,
    advised,
    as_data,
    carried,
    distance,
    plain_words,
    spoken_of,
)
from agents.system.engine_sizing import memory_bytes
from pipeline.errors import InputError

ONE = Measured(
    model="base",
    device="cpu",
    compute_type="int8",
    second_model=None,
    seconds_per_audio_second=0.1,
    memory_mb=400,
    alone_seconds_per_audio_second=0.05,
    alone_memory_mb=300,
    load_seconds=1.0,
    engines=4,
    calls=28,
    word_error=20.0,
    audio_seconds=47.0,
    machine="a machine",
    date="2026-01-01",
)


def like(name: str, cost: float, calls: int, error: float | None) -> Measured:
    return replace(
        ONE,
        model=name,
        seconds_per_audio_second=cost,
        alone_seconds_per_audio_second=cost / 2,
        calls=calls,
        word_error=error,
    )


SMALL, TINY, LARGE = (
    like("small", 0.3, 9, 10.0),
    like("tiny", 0.05, 56, 30.0),
    like("large", 0.9, 0, 6.0),
)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("cost", "engines", "calls"),
    [(0.1, 4, 28), (0.7, 4, 4), (0.701, 4, 0), (2.0, 64, 0), (0.001, 1, 700)],
)
def test_an_engine_that_cannot_follow_one_call_carries_none(
    cost: float, engines: int, calls: int
) -> None:
    assert carried(cost, engines) == calls


@pytest.mark.unit
@pytest.mark.parametrize(
    ("calls", "name"), [(1, "small"), (9, "small"), (10, "base"), (29, "tiny"), (57, None)]
)
def test_the_one_that_errs_least_of_those_that_carry_enough(calls: int, name: str | None) -> None:
    taken = advised([ONE, SMALL, TINY, LARGE], calls)
    assert (taken.model if taken else None) == name


@pytest.mark.unit
def test_within_a_point_the_cheaper_one_and_without_truth_the_larger_one() -> None:
    assert advised([SMALL, like("medium", 0.5, 5, 9.2)], 1) == SMALL
    unknown = [replace(one, word_error=None) for one in (ONE, SMALL, TINY, LARGE)]
    assert getattr(advised(unknown, 1), "model", "") == "small"


@pytest.mark.unit
def test_numbers_are_one_word_however_they_are_written() -> None:
    said = ["my", "card", "is", "#", "thank", "you"]
    assert plain_words("My card is four one one, thank you.", "en") == said
    assert plain_words("my card is 4-1 1 — thank you", "en") == said
    assert distance(["a", "b", "c"], ["a", "c"]) == 1
    assert distance(["a", "b"], ["c", "b", "d"]) == 2
    assert distance([], ["a"]) == 1


@pytest.mark.unit
def test_memory_is_what_is_free_within_the_containers_limit(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 100 kB\nMemAvailable: 50 kB\n")
    assert memory_bytes(tmp_path, meminfo) == 51_200
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes(tmp_path, meminfo) == 51_200
    (tmp_path / "memory.max").write_text("20000\n")
    assert memory_bytes(tmp_path, meminfo) == 20_000


@pytest.mark.unit
def test_the_file_for_sizing_has_the_fields_that_the_page_names() -> None:
    data = as_data([ONE], ONE, 4)
    page = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    assert [name for name in data["measured"][0] if f"`{name}`" not in page] == []
    assert (data["advised"], data["calls_wanted"]) == ("base", 4)
    json.dumps(data)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "there is no recording"),
        ({"a.wav": "x"}, "a.wav"),
        ({"a.wav": "x", "manifest.jsonl": "{}"}, "no manifest of what is said"),
    ],
)
def test_audio_that_is_none_is_told(tmp_path: Path, files: dict[str, str], told: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=told):
        spoken_of(tmp_path, "throughput", "en")


@pytest.mark.models
@pytest.mark.slow
def test_a_model_is_measured_on_the_sample_call_that_ships() -> None:
    spoken = spoken_of(None, "throughput", "en")
    assert spoken.seconds == pytest.approx(47.0)
    found = bench_models.bench_model(
        bench_models.TranscriberSettings(main="whisper-tiny.en"), spoken, 1
    )
    assert 0 < found.alone_seconds_per_audio_second <= found.seconds_per_audio_second * 1.2
    assert found.seconds_per_audio_second < 5
    assert found.memory_mb > 100
    assert found.second_model is None
    assert found.word_error is not None
    assert found.word_error < 60
