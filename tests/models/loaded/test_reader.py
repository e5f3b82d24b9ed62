"""The shipped weights: what they refuse, and that the same words are read the same each time."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest

from models.reader.encoder import GRAPH, MODEL, TOKENIZER, Encoder, Kept, digest_of, load_encoder
from models.reader.graph import graph, weights_in
from models.reader.inputs import LABELS, LONGEST, LOOKED_BACK
from models.store.loader import find
from models.store.model_catalogue import entry
from models.text.turn import turn_of
from pipeline.errors import ModelError
from pipeline.records.model import Role

CALL = (
    (Role.AGENT, "Could I take the long number across the front of your card?"),
    (Role.CUSTOMER, "sure it's four four one seven one two three four"),
    (Role.AGENT, "And your name as it stands there?"),
    (Role.CUSTOMER, "Tunde Abiola."),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped reader."""
    return Path(shutil.copytree(find(MODEL, allow_hub=False), tmp_path / "reader"))


def read_call(encoder: Encoder) -> list[np.ndarray]:
    kept: tuple[Kept, ...] = ()
    found = []
    for role, text in CALL:
        reading = encoder.read(turn_of(text), role, kept)
        kept += reading.kept
        found.append(reading.probabilities)
    return found


def test_a_name_that_was_asked_for_is_one() -> None:
    likely = read_call(load_encoder())[-1]
    assert (likely[:, LABELS.index("PERSON")] > 0.5).all()


def test_the_same_call_is_read_the_same_each_time(folder: Path) -> None:
    first, again = read_call(load_encoder()), read_call(Encoder(folder))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


def test_each_word_has_probabilities_that_add_up() -> None:
    for likely in read_call(load_encoder()):
        assert likely.shape[1] == len(LABELS)
        assert likely.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_which_figures_a_number_has_makes_no_difference() -> None:
    encoder = load_encoder()
    one = encoder.read(turn_of("it is 4417 and then nine two"), Role.CUSTOMER)
    other = encoder.read(turn_of("it is 8302 and then five six"), Role.CUSTOMER)
    assert (one.probabilities == other.probabilities).all()


def test_a_turn_of_five_thousand_words_is_read_to_its_end() -> None:
    reading = load_encoder().read(turn_of("and so on " * 1_666 + "my name is Tunde"), Role.CUSTOMER)
    assert len(reading.probabilities) == 5_002
    assert all(len(kept) <= LONGEST for kept in reading.kept)
    assert reading.probabilities[-1, LABELS.index("PERSON")] > 0.5


TALK = (
    "the van came at noon and the lads carried it up the stairs, but the door of the thing was on "
    "the wrong side, so they took it down again and said somebody would ring me about another one "
)


@pytest.mark.parametrize("size", [20, 60, 1_000])
@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.MIXED])
def test_a_name_behind_long_talk_of_its_speaker_is_a_name(role: Role, size: int) -> None:
    """Read in turns of so many words, as detection cuts them, or in one."""
    words = f"{TALK * 5}anyway, my name is Tunde Okafor".split()
    before: tuple[Kept, ...] = ()
    for at in range(0, len(words), size):
        reading = load_encoder().read(turn_of(" ".join(words[at : at + size])), role, before)
        before += reading.kept
    assert reading.probabilities[-1, LABELS.index("PERSON")] > 0.5


@pytest.mark.parametrize("text", ["", "...", " / "])
def test_an_empty_turn_has_no_words(text: str) -> None:
    assert load_encoder().read(turn_of(text), Role.AGENT).probabilities.shape == (0, len(LABELS))


def test_a_script_that_the_vocabulary_does_not_know_is_read_as_unknown_words() -> None:
    reading = load_encoder().read(turn_of("ᚠᚢᚦ ᚨᚱᚲ"), Role.CUSTOMER)
    assert reading.probabilities.shape == (2, len(LABELS))


def test_no_more_is_looked_back_on_than_there_is_room_for() -> None:
    encoder = load_encoder()
    kept: tuple[Kept, ...] = ()
    for _ in range(12):
        kept += encoder.read(
            turn_of("well that is what they told me at the depot " * 4), Role.AGENT
        ).kept
    room = 0
    within = tuple(one for one in reversed(kept) if (room := room + len(one)) <= LOOKED_BACK)[::-1]
    turn = turn_of("it's Tunde")
    far = encoder.read(turn, Role.CUSTOMER, kept).probabilities
    assert (far == encoder.read(turn, Role.CUSTOMER, within).probabilities).all()


def test_altered_weights_are_refused(folder: Path) -> None:
    digest = digest_of(folder)
    data = bytearray((folder / GRAPH).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / GRAPH).write_bytes(data)
    with pytest.raises(ModelError, match="not the reader of reader_digest"):
        load_encoder(folder, digest)


def test_missing_weights_are_refused(folder: Path) -> None:
    digest = digest_of(folder)
    (folder / TOKENIZER).unlink()
    with pytest.raises(ModelError, match=TOKENIZER):
        load_encoder(folder, digest)


def test_weights_of_another_label_set_are_refused(folder: Path) -> None:
    model = onnx.load_model(folder / GRAPH)
    model.metadata_props[0].value = "O PERSON"
    onnx.save_model(model, folder / GRAPH)
    with pytest.raises(ModelError, match="labels are not those of this version"):
        Encoder(folder)


def test_what_is_no_graph_is_refused(folder: Path) -> None:
    (folder / GRAPH).write_bytes(b"no graph")
    with pytest.raises(ModelError, match="holds no reader"):
        Encoder(folder)


def test_the_shipped_weights_are_no_larger_than_told() -> None:
    folder = find(MODEL, allow_hub=False)
    size = sum((folder / name).stat().st_size for name in entry(MODEL).files)
    assert size == entry(MODEL).bytes
    assert size <= 25_000_000


def test_a_graph_that_was_read_back_reads_nearly_the_same(folder: Path) -> None:
    """Seven bits once more lose nothing: what they tell lies on the same steps."""
    before = read_call(Encoder(folder))
    model = graph(weights_in((folder / GRAPH).read_bytes()))
    assert model == graph(weights_in((folder / GRAPH).read_bytes()))
    (folder / GRAPH).write_bytes(model)
    after = read_call(Encoder(folder))
    assert max(np.abs(a - b).max() for a, b in zip(before, after, strict=True)) < 0.02


def test_other_bytes_are_no_weights() -> None:
    with pytest.raises(ModelError, match=r"name its reader\.onnx"):
        weights_in(b"other")


def test_what_lies_further_back_counts_no_more_than_what_was_just_said() -> None:
    from models.reader.shape import fading  # noqa: PLC0415 - a detail of the weights

    for head in fading(np.arange(12)):
        assert all(near >= far for near, far in pairwise(head))
