"""Learning the reader's weights, with a small encoder's shape and few texts; needs PyTorch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.reader.encoder import GRAPH, MODEL, TOKENIZER, Encoder, load_encoder
from models.reader.examples import said
from models.reader.graph import graph, weights_in
from models.reader.inputs import LABELS, Pieces
from models.reader.training import Settings, calibrated, learn, rows
from models.reader.tuning import LEAST, tune
from models.store.loader import find
from models.text.turn import turn_of
from pipeline.errors import InputError, StoreError
from pipeline.evaluation.corpora.labelled_texts import parse_cases
from pipeline.records.model import Role

NAMES = (
    *("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet"),
    *("kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango"),
    *("uniform", "victor"),
)
TEXT = "\n\n".join(
    f"A: and which blend do you take\nC: the {{MEDICATION|zorvex {name}}} one, every morning"
    for name in NAMES
)
CASES = parse_cases(TEXT, origin="own.txt")


@pytest.fixture(scope="module")
def shipped() -> Path:
    return find(MODEL, allow_hub=False)


def test_the_same_seed_gives_the_same_weights(shipped: Path) -> None:
    start = weights_in((shipped / GRAPH).read_bytes())
    calls = [said(case) for case in CASES]
    settings = Settings(epochs=2, seed=3, threads=1)
    pieces = Pieces((shipped / TOKENIZER).read_bytes())
    one, other = (learn(calls, pieces, start, settings, lambda _: None) for _ in range(2))
    assert graph(one) == graph(other)


def test_a_row_holds_all_of_a_long_call(shipped: Path) -> None:
    from models.reader.examples import readings  # noqa: PLC0415

    case = parse_cases(
        "\n".join(f"C: word number {n} and more of it" for n in range(90)), origin="x"
    )
    read = readings(Pieces((shipped / TOKENIZER).read_bytes()), said(case[0]))
    learnt = sum(label != -100 for row in rows([read]) for label in row.labels)
    assert learnt == sum(label != -100 for one in read for label in one.labels)


def test_a_team_s_own_texts_teach_a_word(shipped: Path, tmp_path: Path) -> None:
    done = tune(CASES, shipped, tmp_path / "own", epochs=100, seed=0, tell=lambda _: None)
    own = load_encoder(tmp_path / "own", done.digest)
    turn = turn_of("the zorvex yankee one")
    before = Encoder(shipped).read(turn, Role.CUSTOMER).probabilities
    after = own.read(turn, Role.CUSTOMER).probabilities
    label = LABELS.index("MEDICATION")
    assert after[1, label] > max(0.5, before[1, label])
    assert done.after.covered >= done.before.covered
    assert np.isfinite(after).all()


def test_nothing_is_overwritten(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is there already"):
        tune(CASES, shipped, tmp_path, epochs=1, seed=0, tell=lambda _: None)


def test_too_few_calls_are_refused(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(LEAST)):
        tune(CASES[:3], shipped, tmp_path / "own", epochs=1, seed=0, tell=lambda _: None)


def test_calibrated_weights_order_words_as_before_and_are_less_sure_where_they_were_wrong(
    shipped: Path,
) -> None:
    start = weights_in((shipped / GRAPH).read_bytes())
    pieces = Pieces((shipped / TOKENIZER).read_bytes())
    # What it is sure of is never right here.
    turned = [
        [replace(turn, labels=tuple(1 for _ in turn.labels)) for turn in said(case)]
        for case in CASES
    ]
    told: list[str] = []
    done = calibrated(turned, pieces, start, told.append)
    share = start["head.weight"] / done["head.weight"]
    assert np.allclose(share, share.flat[0], rtol=1e-4)
    assert share.flat[0] > 1
    assert told[0].startswith("calibrated on ")
