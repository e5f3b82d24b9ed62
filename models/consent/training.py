"""Learns the weights: logistic regression by label over what features come often enough.

The same examples and seed give the same weights. NumPy only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEAST: Final = 5
"""In so many texts a feature comes at least, or it is not learnt."""

Table = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """What is learnt from."""

    features: Sequence[int]
    truth: Sequence[float]
    """1 or 0 of each label; -1: not known."""
    weight: float = 1.0
    text: int = 0
    """The text that it is made from: variants of one count once."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to learn."""

    epochs: int = 7
    rate: float = 0.08
    decay: float = 1e-3
    batch: int = 128
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learnt."""

    keys: NDArray[np.uint32]
    """Sorted hashes of features."""
    table: Table
    """Features by labels."""
    bias: Table


class Rows:
    """Examples as places in the table."""

    def __init__(self, examples: Sequence[Example], keys: NDArray[np.uint32]) -> None:
        lengths, places = [], []
        for one in examples:
            found = places_of(one.features, keys)
            lengths.append(len(found))
            places.append(found)
        self.starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.places = np.concatenate(places) if places else np.zeros(0, np.int64)

    def batch(self, which: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of some rows, and the row of each."""
        parts = [self.places[self.starts[at] : self.starts[at + 1]] for at in which]
        rows = np.repeat(np.arange(len(which)), [len(part) for part in parts])
        return np.concatenate(parts), rows


def places_of(features: Sequence[int], keys: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Where in sorted ``keys`` the features are that are there."""
    wanted = np.array(features, np.uint32)
    at = np.searchsorted(keys, wanted)
    at[at == len(keys)] = 0
    found: NDArray[np.int64] = at[keys[at] == wanted].astype(np.int64)
    return found


def vocabulary(examples: Sequence[Example]) -> NDArray[np.uint32]:
    """The features that come in enough texts."""
    texts: dict[int, set[int]] = {}
    for one in examples:
        texts.setdefault(one.text, set()).update(one.features)
    counts = Counter(feature for each in texts.values() for feature in each)
    return np.array(sorted(f for f, count in counts.items() if count >= LEAST), np.uint32)


def learn(
    examples: Sequence[Example], keys: NDArray[np.uint32], labels: int, how: Settings
) -> Weights:
    """Weights over ``keys``, by AdaGrad."""
    rng = np.random.default_rng(how.seed)
    rows = Rows(examples, keys)
    truth = np.array([one.truth for one in examples], np.float32)
    weight = np.array([one.weight for one in examples], np.float32)
    table, bias = np.zeros((len(keys), labels), np.float32), np.full(labels, -3, np.float32)
    seen, seen_bias = np.full_like(table, 1e-2), np.full_like(bias, 1e-2)
    for _ in range(how.epochs):
        order = rng.permutation(len(examples))
        for start in range(0, len(order), how.batch):
            which = order[start : start + how.batch]
            places, row = rows.batch(which)
            sums = np.zeros((len(which), labels), np.float32)
            np.add.at(sums, row, table[places])
            told = truth[which]
            off = (sigmoid(sums + bias) - told) * (told >= 0) * weight[which, None]
            unique, back = np.unique(places, return_inverse=True)
            step = np.zeros((len(unique), labels), np.float32)
            np.add.at(step, back, off[row])
            step += how.decay * len(which) * table[unique]
            seen[unique] += step**2
            table[unique] -= how.rate * step / np.sqrt(seen[unique])
            whole = off.sum(axis=0)
            seen_bias += whole**2
            bias -= how.rate * whole / np.sqrt(seen_bias)
    return Weights(keys, table, bias)


def sigmoid(sums: Table) -> Table:
    """Of sums, without overflow."""
    return (1 / (1 + np.exp(-np.clip(sums, -30, 30)))).astype(np.float32)
