"""Learning the consent reader's weights from few texts; needs PyTorch."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models.consent.graph import graph
from models.consent.inputs import LABELS, Pieces, Row
from models.consent.reader import TOKENIZER, ConsentReader
from models.consent.training import Settings, Weights, learn, own_tokenizer
from models.encoder.layers import start_folder
from pipeline.consent.spoken import Said
from pipeline.records.model import Role

TOLD = "this call is zorvexed, by the way"
PLAIN = ("good morning to you", "how may I help", "your parcel is on its way", "is that all")


@cache
def learnt(seed: int) -> tuple[Weights, bytes]:
    whole = (start_folder() / TOKENIZER).read_bytes()
    parts = Tokenizer.from_str(whole.decode())
    parts.no_padding()
    texts = [parts.encode(text, add_special_tokens=False).ids for text in (TOLD, *PLAIN)]
    tokenizer, kept = own_tokenizer(whole, texts)
    pieces = Pieces(tokenizer)
    rows = []
    for text in (TOLD, TOLD, *PLAIN):
        read = pieces.read((Role.AGENT, text), ())
        assert read is not None
        truth = [float(text == TOLD and label is Said.NOTICE) for label in LABELS]
        rows.append(Row(read, tuple(truth)))
    settings = Settings(epochs=40, seed=seed, rate=2e-4)
    start = load_file(start_folder() / "model.safetensors")
    return learn(lambda _: rows, start, kept, settings, lambda _: None), tokenizer


def test_texts_teach_a_word() -> None:
    weights, tokenizer = learnt(0)
    reader = ConsentReader(graph(weights), tokenizer)
    told = reader.probabilities((Role.AGENT, TOLD.upper()), ())[Said.NOTICE]
    plain = [reader.probabilities((Role.AGENT, text), ())[Said.NOTICE] for text in PLAIN]
    assert max(plain) < 0.5 < told


def test_the_same_seed_gives_the_same_weights() -> None:
    first, _ = learnt(0)
    again, _ = learnt.__wrapped__(0)
    assert graph(first) == graph(again) != graph(learnt(1)[0])


def test_a_threshold_becomes_a_half() -> None:
    weights, tokenizer = learnt(0)
    now = (Role.AGENT, "this call is on its way")
    before = ConsentReader(graph(weights), tokenizer).probabilities(now, ())[Said.NOTICE]
    least = dict.fromkeys(Said, before)
    after = ConsentReader(graph(weights, least), tokenizer).probabilities(now, ())[Said.NOTICE]
    assert after == pytest.approx(0.5, abs=1e-3)


def test_what_is_not_known_teaches_nothing() -> None:
    weights, tokenizer = learnt(0)
    read = Pieces(tokenizer).read((Role.AGENT, TOLD), ())
    assert read is not None
    unknown = [Row(read, (-1.0,) * len(LABELS)), Row(read, (0.0,) * len(LABELS))]
    start = load_file(start_folder() / "model.safetensors")
    kept = list(range(len(weights["words"])))
    done = learn(lambda _: unknown, start, kept, Settings(epochs=1), lambda _: None)
    assert all(np.isfinite(one).all() for one in done.values())
