"""How the tagger learns: turns get their words' labels, weights find what they were shown."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from benchmarks import tagger as bench
from benchmarks.tagger import NUMBERS, Example, _labelled, check, learn, ship
from models.spoken import Turn, turn_of
from models.tagging import NOTHING, Tagger, Weights
from pipeline.evaluation.labelled import parse_cases
from pipeline.evaluation.texts import lay_out

pytestmark = pytest.mark.unit

DIALOGUE = """\
A: Your word, and the last four?
C: It's {PASSWORD|plum tree}, and {CARD_NUMBER|4 4 1 2}.
"""


def answer(word: str) -> Example:
    turn = turn_of(f"it is {word}").given(
        (), frozenset(), medical=False, said={}, recent=frozenset(), heard=("your", "pet")
    )
    return Example(turn, (NOTHING, NOTHING, "PASSWORD"), (False, False, False))


def remark(word: str) -> Example:
    return Example(turn_of(f"it is {word}"), (NOTHING,) * 3, (False,) * 3)


def learnt() -> Weights:
    return learn([[answer("tolpuddle"), remark("tuesday")], [answer("rex"), remark("noisy")]] * 8)


def test_a_turn_gets_the_labels_of_its_words() -> None:
    (case,) = parse_cases(DIALOGUE, origin="calls.txt")
    spoken = [turn_of(turn.text) for turn in case.turns]
    asked, told = _labelled(lay_out(case), spoken)
    assert set(asked.labels) == {NOTHING}
    assert told.labels == (
        NOTHING, "PASSWORD", "PASSWORD", NOTHING, NUMBERS, NUMBERS, NUMBERS, NUMBERS,
    )  # fmt: skip


def test_a_turn_that_is_read_with_what_came_before_gets_them_too() -> None:
    (case,) = parse_cases("C: {PASSWORD|plum}.\nC: I think.\n", origin="calls.txt")
    longer: list[Turn] = [turn_of("plum."), turn_of("plum. / I think.")]
    first, second = _labelled(lay_out(case), longer)
    assert first.labels == ("PASSWORD",)
    assert second.labels == ("PASSWORD", NOTHING, NOTHING)


def test_what_was_learnt_is_found_in_other_words() -> None:
    weights = learnt()
    assert weights.labels == (NOTHING, "PASSWORD")
    found = Tagger(weights).probabilities(answer("marmalade").turn)
    assert found[2, 1] > 0.5 > found[1, 1]
    assert Tagger(weights).probabilities(remark("marmalade").turn)[2, 1] < 0.5


def test_the_same_examples_give_the_same_weights(tmp_path: Path) -> None:
    for name in ("one.npz", "two.npz"):
        learnt().save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_the_check_counts_by_share_of_harmless_words() -> None:
    table = check([[answer("marmalade"), remark("noisy")]], learnt())
    assert "PASSWORD" in table.splitlines()[0]
    assert table.splitlines()[-1].split()[-1] == "100.0%"


def test_shipped_weights_are_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(Path(bench._CATALOGUE).read_text("utf-8"), "utf-8")
    before = yaml.safe_load(catalogue.read_text("utf-8"))["models"]
    monkeypatch.setattr(bench, "_FILE", tmp_path / "tagger" / "en.npz")
    monkeypatch.setattr(bench, "_CATALOGUE", catalogue)
    digest = ship(learnt())
    file = tmp_path / "tagger" / "en.npz"
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    *others, tagger = yaml.safe_load(catalogue.read_text("utf-8"))["models"]
    assert others == before[:-1]
    assert tagger == before[-1] | {"files": {"en.npz": digest}, "bytes": file.stat().st_size}
