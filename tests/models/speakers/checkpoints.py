"""Checkpoints as PyTorch wrote them before 1.6, made without it."""

from __future__ import annotations

import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from models.speakers.voice_encoder import WIDTH

Table = NDArray[np.float32]
MAGIC = 0x1950A86A20F9469CFC6C


class _Tensor:
    def __init__(self, key: str, table: Table) -> None:
        self.key, self.table = key, table

    def __reduce__(self) -> tuple[object, ...]:
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        strides = tuple(one // 4 for one in self.table.strides)
        return rebuild, (_Storage(self), 0, self.table.shape, strides, False, OrderedDict())


class _Storage:
    def __init__(self, tensor: _Tensor) -> None:
        self.tensor = tensor


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        if not isinstance(obj, _Storage):
            return None
        kind = sys.modules["torch"].FloatStorage
        return ("storage", kind, obj.tensor.key, "cpu", obj.tensor.table.size, None)


@contextmanager
def _torch() -> Iterator[None]:
    """Names of PyTorch that a pickle may hold."""
    whole, utils = ModuleType("torch"), ModuleType("torch._utils")

    def rebuild(*_: object) -> None:
        raise AssertionError("only its name is used")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    storage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2, whole.FloatStorage = rebuild, storage  # type: ignore[attr-defined]
    with mock.patch.dict(sys.modules, {"torch": whole, "torch._utils": utils}):
        yield


def checkpoint(tables: Mapping[str, Table], *, magic: int = MAGIC) -> bytes:
    """A checkpoint whose model has these tables."""
    out = io.BytesIO()
    tensors = OrderedDict(
        (name, _Tensor(str(at), table)) for at, (name, table) in enumerate(tables.items())
    )
    with _torch():
        for part in (magic, 1001, {"little_endian": True}):
            pickle.dump(part, out, 2)
        _Pickler(out, 2).dump({"step": 1, "model_state": tensors})
    pickle.dump([one.key for one in tensors.values()], out, 2)
    for one in tensors.values():
        out.write(one.table.size.to_bytes(8, "little") + one.table.astype("<f4").tobytes())
    return out.getvalue()


def tables(seed: int = 0) -> dict[str, Table]:
    """Tables of the voice encoder's shapes."""
    rng = np.random.default_rng(seed)
    found: dict[str, Table] = {}
    for layer, width in enumerate((40, WIDTH, WIDTH)):
        for name, shape in (
            (f"weight_ih_l{layer}", (4 * WIDTH, width)),
            (f"weight_hh_l{layer}", (4 * WIDTH, WIDTH)),
            (f"bias_ih_l{layer}", (4 * WIDTH,)),
            (f"bias_hh_l{layer}", (4 * WIDTH,)),
        ):
            found[f"lstm.{name}"] = rng.uniform(-0.1, 0.1, shape).astype(np.float32)
    found["linear.weight"] = rng.uniform(-0.1, 0.1, (WIDTH, WIDTH)).astype(np.float32)
    found["linear.bias"] = rng.uniform(0, 0.1, WIDTH).astype(np.float32)
    return found
