"""Writes the reader's encoder as an ONNX graph, and reads the weights back out of it.

The same weights give the same bytes. Needs the package ``onnx`` (the extra ``train``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from models.encoder.graph import Graph, Weights, integers, layers_in, numbers, tables_in
from models.encoder.shape import DEPTH, HEADS
from models.reader.inputs import LABELS, LONGEST, PLACEHOLDERS
from models.reader.shape import LAYERS
from pipeline.errors import ModelError


def graph(weights: Weights) -> bytes:
    """The encoder for one reading behind what was read before.

    Inputs: ``ids`` and ``places`` (pieces), ``past_keys`` and ``past_values`` (layers, heads,
    pieces before, depth), ``bias`` (heads, 1, pieces before and now). Outputs: ``probabilities``
    (pieces, labels), ``keys`` and ``values`` (layers, heads, pieces, depth).
    """
    g = Graph()
    hidden = g.norm(_embedded(g, weights), "embeddings.LayerNorm", weights)
    keys: list[str] = []
    values: list[str] = []

    def back(at: int, key: str, value: str) -> tuple[str, str]:
        keys.append(key)
        values.append(value)
        index = g.table(f"encoder.layer.{at}.at", np.array(at, np.int64))
        return (
            g.add("Concat", g.add("Gather", "past_keys", index), key, axis=1),
            g.add("Concat", g.add("Gather", "past_values", index), value, axis=1),
        )

    for at in range(LAYERS):
        hidden = g.layer(hidden, at, weights, back, "bias")
    logits = g.add("MatMul", hidden, g.table("head.w", weights["head.weight"].T))
    logits = g.add("Add", logits, g.table("head.b", weights["head.bias"]))
    g.add("Softmax", logits, to="probabilities", axis=-1)
    first = g.table("first", np.array([0], np.int64))
    for name, each in (("keys", keys), ("values", values)):
        g.add("Concat", *(g.add("Unsqueeze", one, first) for one in each), to=name, axis=0)
    given = [
        integers("ids", "pieces"),
        integers("places", "pieces"),
        numbers("past_keys", LAYERS, HEADS, "before", DEPTH),
        numbers("past_values", LAYERS, HEADS, "before", DEPTH),
        numbers("bias", HEADS, 1, "all"),
    ]
    told = [
        numbers("probabilities", "pieces", len(LABELS)),
        numbers("keys", LAYERS, HEADS, "pieces", DEPTH),
        numbers("values", LAYERS, HEADS, "pieces", DEPTH),
    ]
    return g.written("reader", given, told, LABELS)


def _embedded(g: Graph, weights: Weights) -> str:
    """The sum of what words and their places stand for."""
    words = weights["embeddings.word_embeddings.weight"].copy()
    words[PLACEHOLDERS.start : PLACEHOLDERS.stop] = weights["own.weight"]
    return g.embedded(words, weights["embeddings.position_embeddings.weight"][:LONGEST])


def weights_in(model: bytes) -> Weights:
    """The weights of a graph that was written here, as far as 7 bits tell them.

    Raises:
        ModelError: it is something else.
    """
    try:
        return dict(_named(tables_in(model)))
    except (DecodeError, KeyError, ValueError) as error:
        raise ModelError("these are no weights of a reader; name its reader.onnx") from error


def _named(tables: Weights) -> Iterator[tuple[str, NDArray[np.float32]]]:
    words = tables["words"].astype(np.float32) * tables["words.f"]
    yield "own.weight", words[PLACEHOLDERS.start : PLACEHOLDERS.stop]
    yield "embeddings.word_embeddings.weight", words
    yield "embeddings.position_embeddings.weight", tables["places.w"]
    yield "head.weight", tables["head.w"].T
    yield "head.bias", tables["head.b"]
    yield from layers_in(tables)
