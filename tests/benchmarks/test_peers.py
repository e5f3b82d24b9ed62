"""What the side-by-side benchmark does around its peers, on literal words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import compare
from benchmarks.peers.baseline import Heard
from pipeline.evaluation.corpora.labelled_texts import LabelledCase, LabelledTurn
from pipeline.evaluation.scoring.text_scoring import lay_out
from pipeline.records.model import Role

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_words_of_a_finding_are_muted_with_a_tenth_of_a_second_around() -> None:
    words = ((" my", 0.5, 0.8), (" card", 1.0, 1.5), (" is", 1.6, 1.8))
    heard = Heard(np.ones((16_000, 2), np.int16), 8_000, (words, ()))
    assert heard.texts == (" my card is", "")
    muted = heard.muted(lambda text: [(4, 8)] if text else [])
    assert np.flatnonzero(muted[:, 0] == 0).tolist() == list(range(7_200, 12_800))
    assert muted[:, 1].all()
    assert heard.pcm.all()


def test_a_finding_at_the_start_is_muted_from_the_first_sample() -> None:
    heard = Heard(np.ones((8_000, 1), np.int16), 8_000, (((" Ann", 0.0, 0.5),),))
    muted = heard.muted(lambda _: [(0, 4)])
    assert np.flatnonzero(muted[:, 0] == 0).tolist() == list(range(4_800))


def test_places_in_a_turn_become_spans_of_its_words() -> None:
    turn = LabelledTurn(role=Role.CUSTOMER, text="call five five now", labels=())
    case = lay_out(LabelledCase(id="c", turns=(turn,)))
    words = [one.word for one in case.words[0]]
    spans = list(compare.placed(case, lambda text: [(text.index("five"), text.index(" now"))]))
    assert [(one.start, one.end) for one in spans] == [(w.start, w.end) for w in words[1:3]]
    assert {one.channel for one in spans} == {1}


def test_types_count_that_the_default_policy_mutes() -> None:
    types = ["CREDIT_CARD", "PERSON", "TITLE", "NRP"]
    assert compare.muted_types(types) == ["CREDIT_CARD", "PERSON"]


def test_the_page_has_a_column_for_everyone() -> None:
    leaks: dict[str, Any] = {
        "digits": [{"kind": "CARD", "digits": 16, "audible": 4}],
        "types": [{"silenced_ms": 500, "sensitive_ms": 1_000}],
        "harmless_muted_share": 0.05,
    }
    share = {"value": 0.25}
    texts = {
        "totals": {"coverage": share, "negatives_flagged": share, "harmless_muted": share},
        "entities": [{"entity": "CARD_NUMBER", "coverage": {"value": 0.75}}],
    }
    one = {"precision": 0.5, "recall": 0.25, "f2": 0.28}
    result = {
        "machine": "m",
        "when": "w",
        "packages": ["p==1"],
        "calls": dict.fromkeys(compare.ENGINES, leaks),
        "texts": dict.fromkeys(compare.ENGINES, texts),
        "sentences": {"sentences": 9, "judged": {"all types": dict.fromkeys(compare.ENGINES, one)}},
    }
    text = compare.page(result)
    assert "| CARD digits audible | 4 of 16 | 4 of 16 | 4 of 16 |" in text
    assert "| sensitive time silenced % | 50.0 | 50.0 | 50.0 |" in text
    assert "| CARD_NUMBER | 75.0 | 75.0 | 75.0 |" in text
    assert "| all types | scrubadub | 0.50 | 0.25 | 0.28 |" in text


@pytest.mark.parametrize("name", ["scrubadub", "presidio-evaluator"])
def test_peers_stay_out_of_the_locks(name: str) -> None:
    assert any(package.startswith(f"{name}==") for package in compare.PACKAGES)
    for lock in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
        assert not any(line.startswith(f"{name}==") for line in lines)
