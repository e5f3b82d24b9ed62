"""The learnt tagger: what tells of a word, how weights are applied, and what is refused."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attributes import attributes, is_small, kind_of, masked, of_place, places
from models.spoken import OfLastTurn, Turn, turn_of
from models.tagging import NOTHING, Tagger, Weights
from pipeline.errors import ModelError

pytestmark = pytest.mark.unit

LABELS = (NOTHING, "PASSWORD", "PERSON")


def weights(told: dict[str, tuple[float, ...]], follows: np.ndarray | None = None) -> Weights:
    state = np.array(list(told.values()), np.float32).reshape(-1, len(LABELS))
    between = np.zeros((3, 3), np.float32) if follows is None else follows.astype(np.float32)
    return Weights(LABELS, tuple(told), state, between)


def test_a_word_is_told_by_itself_and_by_those_round_it() -> None:
    told = attributes(turn_of("it is Plum, okay"))
    assert {"w=plum@0", "w=is@-1", "w=okay@1", "v=is_plum@-1", "v=plum_okay@0"} <= set(told[2])
    assert {"raised", "mark=,", "index=2|r"} <= set(told[2])
    assert "before=," in told[3]
    assert "last" in told[3]


def test_what_the_other_side_said_is_told_by_kind_of_word() -> None:
    turn = turn_of("plum")
    turn = turn.given(
        (("PASSWORD", 0),), frozenset(), medical=True, said={}, recent=frozenset(),
        heard=("your", "memorable", "word"), secret=True, lately=frozenset({"PIN"}),
    )  # fmt: skip
    told = set(attributes(turn)[0])
    assert {"secret|r", "lately=PIN|r"} <= told
    assert {"q=memorable|r", "qv=memorable_word|r", "asked=PASSWORD|r", "medical|r"} <= told
    assert "q=your|r" not in told  # it says little by itself


@pytest.mark.parametrize(
    ("key", "kind"),
    [("4111", "d"), ("b", "l"), ("a", "s"), ("the", "s"), ("water", "c"), ("tolpuddle", "r")],
)
def test_kinds(key: str, kind: str) -> None:
    assert kind_of(key) == kind


def test_small_words_say_little() -> None:
    assert is_small("the")
    assert not is_small("plum")


@given(st.lists(st.text("0123456789", min_size=1, max_size=19), min_size=1, max_size=6))
def test_no_value_of_a_number_is_told(numbers: list[str]) -> None:
    turn = turn_of(" ".join(numbers))
    for told in attributes(turn):
        for one in told:
            value = re.sub(r"@-?\d$|^(?:index|length)=\d|\bs=d\d", "", one)
            assert set(re.findall(r"\d", value)) <= {"0"}
    assert masked("4x11") == "0x00"


def test_a_place_holds_no_word() -> None:
    turn = turn_of("Yes. Tolpuddle, like the martyrs")
    for place in places(turn, [kind_of(key) for key in turn.all_keys]):
        assert "tolpuddle" not in " ".join(of_place(place)).lower()


WORDS = st.lists(st.sampled_from(["it", "is", "plum", "rex", "a", "7"]), min_size=1, max_size=5)
NUMBERS = st.floats(-3, 3, allow_nan=False, width=16)


@given(
    WORDS, st.lists(NUMBERS, min_size=27, max_size=27), st.lists(NUMBERS, min_size=9, max_size=9)
)
def test_likelihoods_are_those_of_all_ways_to_label(
    words: list[str], state: list[float], between: list[float]
) -> None:
    turn = turn_of(" ".join(words))
    names = ["any", "w=plum@0", "w=is@-1", "w=is@1", "v=it_is@-1", "v=is_plum@0", "last", "mark=,",
             "index=0|r"]  # fmt: skip
    rows = [tuple(state[at : at + 3]) for at in range(0, 27, 3)]
    follows = np.array(between).reshape(3, 3)
    learnt = weights(dict(zip(names, rows, strict=True)), follows)
    known = dict(zip(names, np.array(rows), strict=True))
    scores = np.array(
        [
            sum((known[one] for one in told if one in known), np.zeros(3))
            for told in attributes(turn)
        ]
    )
    expected = np.zeros((len(words), 3))
    for way in itertools.product(range(3), repeat=len(words)):
        score = sum(scores[at, label] for at, label in enumerate(way))
        score += sum(follows[a, b] for a, b in itertools.pairwise(way))
        for at, label in enumerate(way):
            expected[at, label] += np.exp(score)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(Tagger(learnt).probabilities(turn), expected, atol=1e-4)


def test_a_long_turn_stays_within_numbers() -> None:
    learnt = weights({"w=plum@0": (-300.0, 0.0, 300.0)}, np.full((3, 3), -20.0))
    found = Tagger(learnt).probabilities(turn_of("plum it " * 400))
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(axis=1), 1.0)


def test_what_is_said_of_one_kind_of_word_holds_for_no_other() -> None:
    learnt = weights({"q=pet|r": (0.0, 5.0, 0.0)})
    turn = turn_of("tolpuddle the").given(
        (), frozenset(), medical=False, said={}, recent=frozenset(), heard=("pet",)
    )
    found = Tagger(learnt).probabilities(turn)[:, 1]
    assert found[0] > 0.9
    assert found[1] == pytest.approx(1 / 3)


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    saved = weights({"w=plum@0": (-1.5, 2.0, 0.0), "mark=@": (0.0, 0.5, 0.0)}, np.eye(3))
    saved.save(tmp_path / "one.npz")
    found = Weights.load(tmp_path / "one.npz")
    assert found.labels == LABELS
    assert found.attributes == saved.attributes
    assert np.array_equal(found.state, saved.state)
    assert np.array_equal(found.transitions, saved.transitions)
    Tagger(found)


def test_what_is_no_tagger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "en.npz"
    with pytest.raises(ModelError, match=r"en\.npz: is no tagger"):
        Weights.load(path)
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelError, match="is no tagger"):
        Weights.load(path)
    np.savez(path, labels=np.zeros(2))
    with pytest.raises(ModelError, match="is no tagger"):
        Weights.load(path)


def test_tables_of_other_sizes_are_refused(tmp_path: Path) -> None:
    wrong = Weights(LABELS, ("any",), np.zeros((2, 3), np.float32), np.zeros((3, 3), np.float32))
    wrong.save(tmp_path / "en.npz")
    with pytest.raises(ModelError, match="do not fit each other"):
        Weights.load(tmp_path / "en.npz")


def test_the_last_turn_is_worked_out_once_and_never_taken_for_another() -> None:
    seen: list[str] = []
    other = turn_of("other")

    def length(turn: Turn) -> int:
        seen.append(turn.text)
        if turn is not other:
            last(other)  # as another thread would, meanwhile
        return len(turn.tokens)

    last = OfLastTurn(length)
    turn = turn_of("it is plum")
    assert last(turn) == 3
    assert last(turn) == 3
    assert seen == ["it is plum", "other"]
