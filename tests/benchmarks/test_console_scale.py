"""The benchmark of lists and searches, with few calls: every question is answered."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from agents.database import migrate
from agents.database.engine import Database
from benchmarks.console import scale
from benchmarks.console.made_up import calls, word


@pytest.mark.unit
def test_made_up_calls_are_the_same_each_time_and_uneven() -> None:
    made = list(calls(300))
    assert made == list(calls(300))
    assert [one.started[:10] for one, _ in made] == sorted(one.started[:10] for one, _ in made)
    said = Counter(each for _, words in made for each in words)
    assert said[word(3)] > 10 * said[word(3_000)]
    assert len({one.call_id for one, _ in made}) == 300


def test_every_question_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "ROUNDS", 1)
    file = tmp_path / "ledger.db"
    database = Database(f"sqlite:///{file}")
    migrate.upgrade(database)
    taken = scale.fill(database, 120)
    answered = scale.measured(database, tmp_path / "installation")
    sizes = scale.sizes(database, file)
    database.dispose()
    assert set(answered) == {"yardstick", *(one.name for one in scale.QUESTIONS)}
    assert (
        answered["list"]["calls"] == answered["search: a word of nearly every call"]["calls"] == 50
    )
    assert answered["search: no call has it"]["calls"] == 0
    assert sizes["index_rows"] > 120
    result = {
        "machine": "m", "when": "w", "calls": 120,
        "databases": {"sqlite": {"fill_s": taken, "questions": answered, "sizes": sizes}},
    }  # fmt: skip
    assert "| list | 50 | " in scale.told(result)
    slow = {**answered, "list": {"median": 300.0, "worst": 300.0, "calls": 50.0}}
    result["databases"]["sqlite"]["questions"] = slow  # type: ignore[index]
    assert "missed by sqlite: list" in scale.told(result)
