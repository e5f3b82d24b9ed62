"""Writes the encoder as an ONNX graph with weights of 7 bits, and reads the weights back out of it.

The same weights give the same bytes. Needs the package ``onnx`` (the extra ``train``).

Weights lie between -63 and 63 so that processors without VNNI can't saturate when they add products
up: every processor computes the same sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.reader.inputs import LABELS, LONGEST, PLACEHOLDERS
from models.reader.shape import EPSILON, HEADS, LAYERS, WIDTH
from pipeline.errors import ModelError

Weights = dict[str, NDArray[np.float32]]

_STEPS: Final = 63
_OPSET: Final = 20
_IR: Final = 10
_DEPTH: Final = WIDTH // HEADS
_JOINT: Final = (
    ("query", np.float32(_DEPTH**-0.5)),
    ("key", np.float32(1)),
    ("value", np.float32(1)),
)
"""What is computed in one go, and what each part of it is multiplied by."""


class _Graph:
    """Collects nodes and tables."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tables: list[onnx.TensorProto] = []

    def table(self, name: str, values: NDArray[np.generic]) -> str:
        self.tables.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def add(
        self,
        kind: str,
        *inputs: str,
        to: str | tuple[str, ...] = "",
        **how: Any,  # noqa: ANN401 - attributes of any kind
    ) -> str:
        """Add a node; returns its first output."""
        outputs = [to] if isinstance(to, str) and to else list(to) or [f"n{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, **how))
        return outputs[0]

    def linear(
        self, hidden: str, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> str:
        """``hidden @ weight.T + bias``, both factors in integers."""
        scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / _STEPS
        steps = np.clip(np.rint(weight / scale[:, None]), -_STEPS, _STEPS).astype(np.int8)
        quantized = (f"{name}.q", f"{name}.s", f"{name}.z")
        self.add("DynamicQuantizeLinear", hidden, to=quantized)
        table = self.table(f"{name}.w", steps.T)
        product = self.add("MatMulInteger", quantized[0], table, quantized[2])
        product = self._cast(product)
        factor = self.add("Mul", quantized[1], self.table(f"{name}.f", scale.astype(np.float32)))
        scaled = self.add("Mul", product, factor)
        return self.add("Add", scaled, self.table(f"{name}.b", bias))

    def _cast(self, name: str) -> str:
        output = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [name], [output], to=TensorProto.FLOAT))
        return output

    def norm(self, hidden: str, name: str, weights: Weights) -> str:
        """Layer normalisation."""
        tables = [
            self.table(f"{name}.{end}", weights[f"{name}.{end}"]) for end in ("weight", "bias")
        ]
        return self.add("LayerNormalization", hidden, *tables, axis=-1, epsilon=EPSILON)

    def embedded(self, weights: Weights) -> str:
        """The sum of what words and their places stand for."""
        words = weights["embeddings.word_embeddings.weight"].copy()
        words[PLACEHOLDERS.start : PLACEHOLDERS.stop] = weights["own.weight"]
        scale = np.maximum(np.abs(words).max(axis=1), 1e-12) / _STEPS
        steps = np.clip(np.rint(words / scale[:, None]), -_STEPS, _STEPS).astype(np.int8)
        rows = self._cast(self.add("Gather", self.table("words", steps), "ids"))
        scales = self.add("Gather", self.table("words.f", scale[:, None].astype(np.float32)), "ids")
        places = weights["embeddings.position_embeddings.weight"][:LONGEST]
        placed = self.add("Gather", self.table("places.w", places), "places")
        return self.add("Add", self.add("Mul", rows, scales), placed)

    def parted(self, name: str, table: str) -> str:
        """Pieces by width to heads by pieces by depth."""
        shaped = self.add("Reshape", name, table)
        return self.add("Transpose", shaped, perm=[1, 0, 2])


def graph(weights: Weights) -> bytes:
    """The encoder for one reading behind what was read before.

    Inputs: ``ids`` and ``places`` (pieces), ``past_keys`` and ``past_values`` (layers, heads,
    pieces before, depth), ``bias`` (heads, 1, pieces before and now). Outputs: ``probabilities``
    (pieces, labels), ``keys`` and ``values`` (layers, heads, pieces, depth).
    """
    g = _Graph()
    heads = g.table("heads", np.array([-1, HEADS, _DEPTH], np.int64))
    whole = g.table("whole", np.array([-1, WIDTH], np.int64))
    hidden = g.norm(g.embedded(weights), "embeddings.LayerNorm", weights)
    keys: list[str] = []
    values: list[str] = []
    for at in range(LAYERS):
        prefix = f"encoder.layer.{at}."
        weight, bias = (
            np.concatenate([weights[f"{prefix}attention.self.{p}.{end}"] * f for p, f in _JOINT])
            for end in ("weight", "bias")
        )
        joint = g.linear(hidden, f"{prefix}qkv", weight, bias)
        split = tuple(f"{prefix}{one}" for one in "qkv")
        g.add("Split", joint, to=split, axis=-1, num_outputs=3)
        query, key, value = (g.parted(one, heads) for one in split)
        keys.append(key)
        values.append(value)
        index = g.table(f"{prefix}at", np.array(at, np.int64))
        all_keys = g.add("Concat", g.add("Gather", "past_keys", index), key, axis=1)
        all_values = g.add("Concat", g.add("Gather", "past_values", index), value, axis=1)
        scores = g.add("MatMul", query, g.add("Transpose", all_keys, perm=[0, 2, 1]))
        share = g.add("Softmax", g.add("Add", scores, "bias"), axis=-1)
        seen = g.add("Transpose", g.add("MatMul", share, all_values), perm=[1, 0, 2])
        name = f"{prefix}attention.output.dense"
        out = g.linear(
            g.add("Reshape", seen, whole), name, weights[f"{name}.weight"], weights[f"{name}.bias"]
        )
        hidden = g.norm(g.add("Add", hidden, out), f"{prefix}attention.output.LayerNorm", weights)
        name = f"{prefix}intermediate.dense"
        up = g.add(
            "Gelu", g.linear(hidden, name, weights[f"{name}.weight"], weights[f"{name}.bias"])
        )
        name = f"{prefix}output.dense"
        down = g.linear(up, name, weights[f"{name}.weight"], weights[f"{name}.bias"])
        hidden = g.norm(g.add("Add", hidden, down), f"{prefix}output.LayerNorm", weights)
    logits = g.add("MatMul", hidden, g.table("head.w", weights["head.weight"].T))
    logits = g.add("Add", logits, g.table("head.b", weights["head.bias"]))
    g.add("Softmax", logits, to="probabilities", axis=-1)
    first = g.table("first", np.array([0], np.int64))
    for name, each in (("keys", keys), ("values", values)):
        g.add("Concat", *(g.add("Unsqueeze", one, first) for one in each), to=name, axis=0)
    past: list[str | int | None] = [LAYERS, HEADS, "before", _DEPTH]
    now: list[str | int | None] = [LAYERS, HEADS, "pieces", _DEPTH]
    given = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["pieces"]),
        helper.make_tensor_value_info("places", TensorProto.INT64, ["pieces"]),
        helper.make_tensor_value_info("past_keys", TensorProto.FLOAT, past),
        helper.make_tensor_value_info("past_values", TensorProto.FLOAT, past),
        helper.make_tensor_value_info("bias", TensorProto.FLOAT, [HEADS, 1, "all"]),
    ]
    told = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["pieces", len(LABELS)]),
        helper.make_tensor_value_info("keys", TensorProto.FLOAT, now),
        helper.make_tensor_value_info("values", TensorProto.FLOAT, now),
    ]
    made = helper.make_graph(g.nodes, "reader", given, told, g.tables)
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="hushwire",
    )
    told_labels = model.metadata_props.add()
    told_labels.key, told_labels.value = "labels", " ".join(LABELS)
    onnx.checker.check_model(model)
    done: bytes = model.SerializeToString(deterministic=True)
    return done


def weights_in(model: bytes) -> Weights:
    """The weights of a graph that was written here, as far as 7 bits tell them.

    Raises:
        ModelError: it is something else.
    """
    try:
        tables = {
            one.name: numpy_helper.to_array(one)
            for one in onnx.load_model_from_string(model).graph.initializer
        }
        return dict(_named(tables))
    except (DecodeError, KeyError, ValueError) as error:
        raise ModelError("these are no weights of a reader; name its reader.onnx") from error


def _named(tables: dict[str, NDArray[np.float32]]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    words = tables["words"].astype(np.float32) * tables["words.f"]
    yield "own.weight", words[PLACEHOLDERS.start : PLACEHOLDERS.stop]
    yield "embeddings.word_embeddings.weight", words
    yield "embeddings.position_embeddings.weight", tables["places.w"]
    yield "head.weight", tables["head.w"].T
    yield "head.bias", tables["head.b"]
    for name, table in tables.items():
        if "LayerNorm" in name:
            yield name, table
        elif name.endswith(".w") and f"{name[:-2]}.f" in tables and name != "words":
            whole = table.T.astype(np.float32) * tables[f"{name[:-2]}.f"][:, None]
            bias = tables[f"{name[:-2]}.b"]
            if not name.endswith(".qkv.w"):
                yield f"{name[:-2]}.weight", whole
                yield f"{name[:-2]}.bias", bias
                continue
            prefix = name.removesuffix("qkv.w") + "attention.self."
            for at, (part, factor) in enumerate(_JOINT):
                rows = slice(at * WIDTH, (at + 1) * WIDTH)
                yield f"{prefix}{part}.weight", whole[rows] / factor
                yield f"{prefix}{part}.bias", bias[rows] / factor
