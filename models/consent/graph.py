"""Writes the consent reader as an ONNX graph. Needs the package ``onnx`` (the extra ``train``)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.consent.inputs import LABELS
from models.encoder.graph import Graph, Weights, integers, numbers
from pipeline.consent.spoken import Said


def graph(weights: Weights, least: Mapping[Said, float] | None = None) -> bytes:
    """The encoder for one utterance.

    Inputs: ``ids``, ``places`` and ``kinds`` (pieces), ``now`` (1, pieces), which adds the pieces
    of the utterance itself up to their mean. Output: ``probabilities`` (1, labels).

    Args:
        weights: as they were learnt.
        least: from which probability on each label counts; it becomes 0.5.
    """
    g = Graph()
    embedded = g.embedded(weights["words"], weights["places"])
    kinds = g.add("Gather", g.table("kinds.w", weights["kinds"]), "kinds")
    hidden = g.norm(g.add("Add", embedded, kinds), "embeddings.LayerNorm", weights)
    layers = sum(name.endswith("intermediate.dense.bias") for name in weights)
    for at in range(layers):
        hidden = g.layer(hidden, at, weights)
    first = g.add("Gather", hidden, g.table("first", np.array([0], np.int64)))
    mean = g.add("MatMul", "now", hidden)
    whole = g.add("Concat", first, mean, axis=1)
    bias = weights["head.bias"].copy()
    for at, label in enumerate(LABELS if least else ()):
        share = (least or {})[label]
        bias[at] -= np.log(share / (1 - share))
    logits = g.add("MatMul", whole, g.table("head.w", weights["head.weight"].T))
    logits = g.add("Add", logits, g.table("head.b", bias))
    g.add("Sigmoid", logits, to="probabilities")
    given = [integers(name, "pieces") for name in ("ids", "places", "kinds")]
    told = [numbers("probabilities", 1, len(LABELS))]
    return g.written("consent", [*given, numbers("now", 1, "pieces")], told, LABELS)
