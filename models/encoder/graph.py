"""Writes an encoder as an ONNX graph with weights of 7 bits, and reads the weights back out of it.

The same weights give the same bytes. Needs the package ``onnx`` (the extra ``train``).

Weights lie between -63 and 63 so that processors without VNNI can't saturate when they add products
up: every processor computes the same sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.encoder.shape import DEPTH, EPSILON, HEADS, WIDTH

Weights = dict[str, NDArray[np.float32]]

_STEPS: Final = 63
_OPSET: Final = 20
_IR: Final = 10
_JOINT: Final = (
    ("query", np.float32(DEPTH**-0.5)),
    ("key", np.float32(1)),
    ("value", np.float32(1)),
)
"""What is computed in one go, and what each part of it is multiplied by."""

Attends = Callable[[int, str, str], tuple[str, str]]
"""A layer's number, its keys and values; gives all that are attended to."""


class Graph:
    """Collects nodes and tables."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tables: list[onnx.TensorProto] = []
        self._heads = self.table("heads", np.array([-1, HEADS, DEPTH], np.int64))
        self._whole = self.table("whole", np.array([-1, WIDTH], np.int64))

    def table(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a table."""
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
        steps, scale = _stepped(weight)
        quantized = (f"{name}.q", f"{name}.s", f"{name}.z")
        self.add("DynamicQuantizeLinear", hidden, to=quantized)
        table = self.table(f"{name}.w", steps.T)
        product = self.add("MatMulInteger", quantized[0], table, quantized[2])
        product = self._cast(product)
        factor = self.add("Mul", quantized[1], self.table(f"{name}.f", scale))
        scaled = self.add("Mul", product, factor)
        return self.add("Add", scaled, self.table(f"{name}.b", bias))

    def _named(self, hidden: str, name: str, weights: Weights) -> str:
        return self.linear(hidden, name, weights[f"{name}.weight"], weights[f"{name}.bias"])

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

    def embedded(self, words: NDArray[np.float32], places: NDArray[np.float32]) -> str:
        """What the pieces of the input ``ids`` stand for, and the ``places`` that they are at.

        Args:
            words: a row for each piece of the vocabulary; kept in integers.
            places: a row for each place.
        """
        steps, scale = _stepped(words)
        rows = self._cast(self.add("Gather", self.table("words", steps), "ids"))
        scales = self.add("Gather", self.table("words.f", scale[:, None]), "ids")
        placed = self.add("Gather", self.table("places.w", places), "places")
        return self.add("Add", self.add("Mul", rows, scales), placed)

    def _parted(self, name: str) -> str:
        """Pieces by width to heads by pieces by depth."""
        shaped = self.add("Reshape", name, self._heads)
        return self.add("Transpose", shaped, perm=[1, 0, 2])

    def layer(
        self, hidden: str, at: int, weights: Weights, attends: Attends | None = None, bias: str = ""
    ) -> str:
        """One layer.

        Args:
            hidden: pieces by width.
            at: its number.
            weights: of the encoder.
            attends: what is attended to; without it the pieces themselves.
            bias: what is added to how much each head attends; without it nothing.
        """
        prefix = f"encoder.layer.{at}."
        weight, joint_bias = (
            np.concatenate([weights[f"{prefix}attention.self.{p}.{end}"] * f for p, f in _JOINT])
            for end in ("weight", "bias")
        )
        joint = self.linear(hidden, f"{prefix}qkv", weight, joint_bias)
        split = tuple(f"{prefix}{one}" for one in "qkv")
        self.add("Split", joint, to=split, axis=-1, num_outputs=3)
        query, keys, values = map(self._parted, split)
        if attends:
            keys, values = attends(at, keys, values)
        scores = self.add("MatMul", query, self.add("Transpose", keys, perm=[0, 2, 1]))
        if bias:
            scores = self.add("Add", scores, bias)
        share = self.add("Softmax", scores, axis=-1)
        seen = self.add("Transpose", self.add("MatMul", share, values), perm=[1, 0, 2])
        out = self._named(
            self.add("Reshape", seen, self._whole), f"{prefix}attention.output.dense", weights
        )
        summed = self.add("Add", hidden, out)
        hidden = self.norm(summed, f"{prefix}attention.output.LayerNorm", weights)
        up = self.add("Gelu", self._named(hidden, f"{prefix}intermediate.dense", weights))
        down = self._named(up, f"{prefix}output.dense", weights)
        return self.norm(self.add("Add", hidden, down), f"{prefix}output.LayerNorm", weights)

    def written(
        self,
        name: str,
        given: Sequence[onnx.ValueInfoProto],
        told: Sequence[onnx.ValueInfoProto],
        labels: Sequence[str],
    ) -> bytes:
        """The graph as a file."""
        model = helper.make_model(
            helper.make_graph(self.nodes, name, given, told, self.tables),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR,
            producer_name="hushwire",
        )
        told_labels = model.metadata_props.add()
        told_labels.key, told_labels.value = "labels", " ".join(labels)
        onnx.checker.check_model(model)
        done: bytes = model.SerializeToString(deterministic=True)
        return done


def numbers(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """An input or output of real numbers."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def integers(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """An input of whole numbers."""
    return helper.make_tensor_value_info(name, TensorProto.INT64, shape)


def _stepped(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Rows of weights as steps, and how large a step is in each."""
    scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / _STEPS
    steps = np.clip(np.rint(weight / scale[:, None]), -_STEPS, _STEPS).astype(np.int8)
    return steps, scale.astype(np.float32)


def tables_in(model: bytes) -> dict[str, NDArray[np.float32]]:
    """The tables of a graph.

    Raises:
        DecodeError: it is none, by protobuf.
        ValueError: the same, by one of its tables.
    """
    return {
        one.name: numpy_helper.to_array(one)
        for one in onnx.load_model_from_string(model).graph.initializer
    }


def layers_in(tables: Weights) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The weights of layers that were written here, as far as 7 bits tell them."""
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
